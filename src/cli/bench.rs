//! `microtome bench`: how long a function takes, and how much memory.
//!
//! In: a file, the name of a function, and what feeds its parameters. Out: median, minimum and spread of a call, on standard
//! output.
//! Always holds: what is measured prints and writes nothing.

use super::measure::{lines, object};
use super::report::{Console, Status, print};
use super::run::{Resources, input_source, program};
use super::{interrupt, terminal};
use clap::Args;
use microtome::RunOptions;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// How long calls are repeated.
const BUDGET: Duration = Duration::from_secs(1);

/// What to measure.
#[derive(Args)]
pub(super) struct Bench {
    /// The program; `-` is standard input.
    file: PathBuf,
    /// The function to measure. Without one, everything that the program prints, saves and draws is computed as one kernel, again
    /// and again, but not printed, saved or drawn.
    #[arg(long = "fn", value_name = "NAME")]
    function: Option<String>,
    /// A parameter of the function, or an input of the program, by name: `x=file.npy`, `k=3`, or `all.npz`, whose every key feeds
    /// the parameter of that name. Files are .npy, .npz, .csv, .mat and .safetensors.
    #[arg(long, value_name = "INPUT")]
    input: Vec<String>,
    #[command(flatten)]
    resources: Resources,
}

pub(super) const EXAMPLES: &str = "With --json one object: `median_s`, `min_s` and `compile_s` in seconds, `spread` (the distance of the quartiles over
the median), `peak_bytes` (the most memory of a call beyond its inputs), `calls`, `threads`, `file` and `function`.

Examples:
  microtome bench network.tome --fn second_moment --input batch.npz
  microtome bench fit.tome --fn residuals --input x=points.npy --input k=3 --threads 1
  microtome bench --json examples/second_moment.tome";

/// Measures it.
pub(super) fn run(arguments: &Bench, console: &Console) -> Status {
    let session = arguments.resources.session();
    let done = program(&session, &arguments.file, &mut Vec::new()).and_then(|module| {
        interrupt::on_ctrl_c(&session.control());
        let inputs = arguments.input.iter().map(|text| input_source(text)).collect();
        let options = RunOptions { inputs, interpret: false, terminal: terminal::of_stdout() };
        module.measure(arguments.function.as_deref(), &options, BUDGET, &mut |warning| console.warning(&warning))
    });
    console.finish(done.map(|measured| {
        let threads = session.threads();
        print(&match console.json() {
            true => {
                let file = arguments.file.display().to_string();
                object(&measured, threads, json!({ "file": file, "function": arguments.function }))
            }
            false => lines(&measured, threads),
        });
    }))
}
