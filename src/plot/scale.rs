//! Axes: which values they span, where their ticks are and what the ticks say.
//!
//! In: data, limits. Out: [`Scale`], which maps a value to a fraction of the axis.
//! Always holds: a scale's ends are finite and differ, and a scale has at most [`MOST_TICKS`] ticks.

/// Values beyond this are as good as infinite: differences of two such would be.
const HUGE: f64 = 1e300;
/// Differences below this cannot be divided up.
const TINY: f64 = 1e-290;
const MOST_TICKS: usize = 64;

/// An axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub from: f64,
    pub to: f64,
    pub log: bool,
}

/// A value that is pointed out on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub at: f64,
    pub label: String,
}

fn drawable(value: f64, log: bool) -> bool {
    value.abs() <= HUGE && (!log || value >= TINY)
}

impl Scale {
    /// The scale of `limits`, or that of the data with `margin` of their extent left free on both sides.
    pub fn fit(values: impl Iterator<Item = f64>, limits: Option<(f64, f64)>, log: bool, margin: f64) -> Scale {
        if let Some((from, to)) = limits {
            return Scale { from, to, log };
        }
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|&value| drawable(value, log)) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            return Scale { from: if log { 1.0 } else { 0.0 }, to: if log { 10.0 } else { 1.0 }, log };
        }
        if log {
            let (low, high) = (low.log10(), high.log10());
            let extent = high - low;
            let room = if extent < 1e-9 { 0.5 } else { margin * extent };
            let power = |e: f64| 10f64.powf(e).clamp(TINY, HUGE);
            return Scale { from: power(low - room), to: power(high + room), log };
        }
        let size = low.abs().max(high.abs());
        let extent = high - low;
        let room = if extent > size * 1e-12 && extent > TINY {
            margin * extent
        } else if size == 0.0 {
            1.0
        } else {
            (0.1 * size).max(TINY)
        };
        Scale { from: (low - room).max(-HUGE), to: (high + room).min(HUGE), log }
    }

    /// Where the value is: 0 at the axis' beginning, 1 at its end; `None` for what cannot be shown.
    pub fn fraction(&self, value: f64) -> Option<f64> {
        if !drawable(value, self.log) {
            return None;
        }
        let fraction = if self.log {
            (value / self.from).log10() / (self.to / self.from).log10()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        fraction.is_finite().then_some(fraction)
    }

    fn ends(&self) -> (f64, f64) {
        (self.from.min(self.to), self.from.max(self.to))
    }

    /// About `count` round values on the axis.
    pub fn ticks(&self, count: usize) -> Vec<Tick> {
        if self.log { self.log_ticks(count) } else { self.linear_ticks(count, 0.0) }
    }

    /// About `count` whole numbers on the axis.
    pub fn whole_ticks(&self, count: usize) -> Vec<Tick> {
        self.linear_ticks(count, 1.0)
    }

    /// Nice numbers: P. Heckbert, "Nice numbers for graph labels", Graphics Gems (1990).
    fn linear_ticks(&self, count: usize, least_step: f64) -> Vec<Tick> {
        let (low, high) = self.ends();
        let step = nice((high - low) / count.max(2) as f64).max(least_step);
        let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        if !(step > 0.0 && first.is_finite() && last.is_finite()) {
            return Vec::new();
        }
        let number = ((last - first).max(-1.0) as usize + 1).min(MOST_TICKS);
        let values: Vec<f64> = (0..number).map(|k| (first + k as f64) * step).collect();
        let largest = values.iter().fold(0.0f64, |most, value| most.max(value.abs()));
        values.into_iter().map(|at| Tick { at, label: written(at, step, largest) }).collect()
    }

    fn log_ticks(&self, count: usize) -> Vec<Tick> {
        let (low, high) = self.ends();
        let (first, last) = ((low.log10() - 1e-9).ceil() as i32, (high.log10() + 1e-9).floor() as i32);
        let decades = (last - first + 1).max(0) as usize;
        if decades > 2 {
            let stride = decades.div_ceil(count.max(2)).max(1);
            let exponents = (first..=last).filter(|e| e.rem_euclid(stride as i32) == 0);
            return exponents.map(|e| Tick { at: 10f64.powi(e), label: power_of_ten(e) }).collect();
        }
        let multiples: Vec<f64> = (first - 1..=last + 1)
            .flat_map(|e| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(e)))
            .filter(|&value| value >= low * (1.0 - 1e-9) && value <= high * (1.0 + 1e-9))
            .collect();
        if multiples.len() < 2 {
            return self.linear_ticks(count, 0.0).into_iter().filter(|tick| tick.at > 0.0).collect();
        }
        multiples.into_iter().map(|at| Tick { at, label: written(at, at, at) }).collect()
    }

    /// On a logarithmic axis of a few decades, the multiples of powers of ten that have no label.
    pub fn minor_ticks(&self) -> Vec<f64> {
        let (low, high) = self.ends();
        if !self.log || high / low > 1e8 {
            return Vec::new();
        }
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let all = (first..=last).flat_map(|e| (2..10).map(move |m| f64::from(m) * 10f64.powi(e)));
        all.filter(|&value| value >= low && value <= high).collect()
    }
}

/// The 1, 2 or 5 times a power of ten that is nearest.
fn nice(step: f64) -> f64 {
    if !(step > 0.0 && step.is_finite()) {
        return 0.0;
    }
    let power = 10f64.powf(step.log10().floor());
    let lead = step / power;
    let round = match lead {
        _ if lead < 1.5 => 1.0,
        _ if lead < 3.0 => 2.0,
        _ if lead < 7.0 => 5.0,
        _ => 10.0,
    };
    round * power
}

/// A tick's value with the digits that tell it from its neighbours.
fn written(value: f64, step: f64, largest: f64) -> String {
    let exponent = |x: f64| if x > 0.0 { (x.log10() + 1e-9).floor() as i32 } else { 0 };
    let decimals = (-exponent(step)).max(0) as usize;
    if value == 0.0 {
        return if largest < 1e7 && decimals <= 5 { format!("{:.decimals$}", 0.0) } else { "0".into() };
    }
    if largest < 1e7 && decimals <= 5 {
        return format!("{value:.decimals$}");
    }
    let digits = (exponent(value.abs()) - exponent(step)).clamp(0, 15) as usize;
    format!("{value:.digits$e}")
}

/// `10³`; small powers as they are spoken.
fn power_of_ten(exponent: i32) -> String {
    let raised = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32(0x2070 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
    };
    match exponent {
        -2 => "0.01".into(),
        -1 => "0.1".into(),
        0 => "1".into(),
        1 => "10".into(),
        2 => "100".into(),
        _ => format!("10{}", exponent.to_string().chars().map(raised).collect::<String>()),
    }
}

/// A number in at most four digits, for the ends of a colour bar.
pub(super) fn short(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e6).contains(&value.abs()) {
        return format!("{value:.3e}");
    }
    let whole = value.abs().max(1e-4).log10().floor() as i32;
    let text = format!("{value:.*}", (3 - whole).max(0) as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(from: f64, to: f64, log: bool) -> Vec<String> {
        Scale { from, to, log }.ticks(6).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(0.0, 1.0, false), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(-3.0, 7.4, false), ["-2", "0", "2", "4", "6"]);
        assert_eq!(labels(7.4, -3.0, false), ["-2", "0", "2", "4", "6"]);
        assert_eq!(labels(0.0, 3e8, false), ["0", "5e7", "1.0e8", "1.5e8", "2.0e8", "2.5e8", "3.0e8"]);
        assert_eq!(labels(0.0, 2e-7, false), ["0", "5e-8", "1.0e-7", "1.5e-7", "2.0e-7"]);
        assert_eq!(labels(1e-3, 1e3, true), ["0.01", "1", "100"]);
        assert_eq!(labels(1e-5, 2e-3, true), ["10⁻⁵", "10⁻⁴", "10⁻³"]);
        assert_eq!(labels(2.0, 60.0, true), ["2", "5", "10", "20", "50"]);
    }

    #[test]
    fn every_data_has_a_scale() {
        let samples = [0.0, -0.0, 1.0, -7.5, 1e-320, 5e-324, 1e300, -1e308, f64::MAX, f64::NAN, f64::INFINITY, 1e16];
        for a in samples {
            for b in samples {
                for log in [false, true] {
                    let scale = Scale::fit([a, b].into_iter(), None, log, 0.05);
                    assert!(scale.from < scale.to && (scale.to - scale.from).is_finite(), "{a} {b} {log} {scale:?}");
                    let ticks = scale.ticks(6);
                    assert!(ticks.len() <= MOST_TICKS && !ticks.is_empty(), "{a} {b} {log} {scale:?} {ticks:?}");
                    for tick in ticks {
                        let fraction = scale.fraction(tick.at).unwrap_or(0.5);
                        assert!((-1e-6..=1.0 + 1e-6).contains(&fraction), "{a} {b} {log} {tick:?}");
                    }
                }
            }
        }
    }
}
