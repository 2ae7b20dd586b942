//! Measurements as text: `microtome bench`, and `:bench` and `:time` of the session.
//!
//! In: a [`Measurement`]. Out: lines for a person, or an object for a script.
//! Always holds: times are in seconds where a script reads them, and have three digits and a unit where a person does.

use microtome::Measurement;
use microtome::runtime::memory::show_bytes;
use serde_json::{Value, json};
use std::time::Duration;

/// Three digits and a unit.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let (value, unit) = match seconds {
        s if s < 1e-6 => (s * 1e9, "ns"),
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let decimals = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {unit}")
}

/// What a measurement says, on two lines.
pub(super) fn lines(measured: &Measurement, threads: usize) -> String {
    let [median, low, high, fastest] = [0.5, 0.25, 0.75, 0.0].map(|q| duration(measured.quantile(q)));
    let count = measured.runs.len();
    let runs = if count == 1 { "1 run".to_string() } else { format!("{count} runs") };
    let threads = if threads == 1 { "1 thread".to_string() } else { format!("{threads} threads") };
    let memory = measured.peak_bytes.map_or_else(String::new, |bytes| format!(", {} of memory", show_bytes(bytes)));
    format!(
        "median {median}, middle half {low} to {high}, fastest {fastest}\n\
         {runs} on {threads}, compiled in {}{memory}\n",
        duration(measured.compile)
    )
}

/// The same for a script. Fields of what was measured come first.
pub(super) fn object(measured: &Measurement, threads: usize, what: Value) -> String {
    let mut fields = what;
    if let Value::Object(fields) = &mut fields {
        let figures = json!({
            "threads": threads,
            "calls": measured.runs.len(),
            "median_s": measured.median().as_secs_f64(),
            "min_s": measured.minimum().as_secs_f64(),
            "spread": measured.spread(),
            "compile_s": measured.compile.as_secs_f64(),
            "peak_bytes": measured.peak_bytes,
        });
        if let Value::Object(figures) = figures {
            fields.extend(figures);
        }
    }
    format!("{fields}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        for (nanos, text) in [
            (5, "5.00 ns"),
            (12_300, "12.3 µs"),
            (999_000, "999 µs"),
            (1_500_000, "1.50 ms"),
            (61_000_000_000, "61.0 s"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), text);
        }
    }
}
