//! How long compiling takes, and how it grows with the program.
//!
//! In: programs of 10, 100 and 1000 layers or statements, made here; the network's second moment. Out: figures of the groups
//! `compile time` and `first value`.
//! Always holds: each time is that of a new session and of a text that the process has not seen, but where it is said to be
//! the same again.

use super::{NETWORK, Options, double, magnitude, network_inputs, print, single};
use microtome::{Array, ArrayView, Error, Session};
use std::fmt::Write;
use std::time::Instant;

/// Programs of different lengths: source text to a first value, on small arrays.
pub fn growth(options: &Options) -> Result<(), Error> {
    let lengths: &[usize] = if options.quick { &[10, 100] } else { &[10, 100, 1000] };
    for &length in lengths {
        let inputs = vec![double(16, -1.0, 1.0)];
        timed(&format!("{length} statements"), length, "f64", &statements(length), &inputs, options)?;
        let inputs = vec![single(&[8, 16], -1.0, 1.0), single(&[16, 16], -0.3, 0.3)];
        timed(&format!("{length} layers"), length, "f32", &layers(length, false), &inputs, options)?;
        timed(&format!("gradient of {length} layers"), length, "f32", &layers(length, true), &inputs, options)?;
    }
    Ok(())
}

/// `let v1 = …`, each of the last two.
fn statements(count: usize) -> String {
    let mut text = String::from("fn f(x: f64[n]) -> f64[n] {\n    let v0 = x\n    let v1 = x * 0.5\n");
    for k in 2..count {
        let operation = ["+", "-", "*"][k % 3];
        writeln!(text, "    let v{k} = v{} * 0.5 {operation} v{}", k - 1, k - 2).expect("text grows");
    }
    writeln!(text, "    v{}\n}}", count.max(2) - 1).expect("text grows");
    text
}

/// A chain of layers with the same weights, or the gradient of the sum of what it gives.
fn layers(count: usize, gradient: bool) -> String {
    let mut text = String::from("fn f(x: f32[n, d], w: f32[d, d]) -> f32[d, d] {\n    let a0 = x\n");
    for k in 1..=count {
        writeln!(text, "    let a{k} = tanh(a{} @ w)", k - 1).expect("text grows");
    }
    let result = if gradient { format!("grad(sum(a{count}), w)") } else { format!("transpose(a{count}) @ x") };
    writeln!(text, "    {result}\n}}").expect("text grows");
    text
}

fn timed(name: &str, n: usize, dtype: &str, source: &str, inputs: &[Array], options: &Options) -> Result<(), Error> {
    let views: Vec<ArrayView<'_>> = inputs.iter().map(Array::view).collect();
    let (mut times, mut check) = (Vec::new(), 0.0);
    let began = Instant::now();
    while times.len() < 3 || (times.len() < 9 && began.elapsed() < options.patience().0) {
        let text = format!("# {}\n{source}", times.len());
        let start = Instant::now();
        let results = Session::with_threads(options.threads).compile("made.tome", &text)?.kernel("f")?.call(&views)?;
        times.push(start.elapsed().as_secs_f64());
        check = magnitude(&results);
    }
    print("compile time", name, n, dtype, times, check);
    Ok(())
}

/// From a new session and the text of a program to the second moment of 256 examples; the process is warm. Once more for a
/// text that has been compiled before.
pub fn first_value(options: &Options) -> Result<(), Error> {
    let start_of_others = NETWORK.find("fn plain_gradient").unwrap_or(0);
    let wanted = NETWORK.find("fn second_moment").unwrap_or(0)..NETWORK.find("# Centred").unwrap_or(NETWORK.len());
    let source = format!("{}{}", &NETWORK[..start_of_others], &NETWORK[wanted]);
    let inputs = network_inputs(256);
    let views: Vec<ArrayView<'_>> = inputs.iter().map(Array::view).collect();
    let once = |text: &str| -> Result<Vec<Array>, Error> {
        let session = Session::with_threads(options.threads);
        session.compile("second_moment.tome", text)?.kernel("second_moment")?.call(&views)
    };
    let check = magnitude(&once(&source)?);
    for (name, is_new) in [("second moment", true), ("second moment, the same text again", false)] {
        let mut times = Vec::new();
        for round in 0..if options.quick { 3 } else { 9 } {
            let text = if is_new { format!("# {round}\n{source}") } else { source.clone() };
            let start = Instant::now();
            std::hint::black_box(once(&text)?);
            times.push(start.elapsed().as_secs_f64());
        }
        print("first value", name, 256, "f32", times, check);
    }
    Ok(())
}
