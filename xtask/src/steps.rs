//! `cargo xtask test`: what has to hold before a change goes in.
//!
//! In: the folder of the workspace. Out: nothing, or the name of the first step that failed.
//! Always holds: the steps run in order, each under its heading, and none runs after one that failed.

use crate::python;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A call of cargo with a heading.
struct Step {
    heading: &'static str,
    arguments: &'static [&'static str],
    /// Environment variables, set for this step alone.
    environment: &'static [(&'static str, &'static str)],
}

/// Cheapest first. Lints and documentation need metadata of the dependencies only, and share it; the last two compile
/// them to code, once.
const STEPS: &[Step] = &[
    Step { heading: "formatting", arguments: &["fmt", "--all", "--check"], environment: &[] },
    Step {
        heading: "lints, warnings denied",
        arguments: &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        environment: &[],
    },
    Step {
        heading: "documentation, warnings denied",
        arguments: &["doc", "--workspace", "--no-deps"],
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
    },
    Step {
        heading: "programs in canonical form",
        arguments: &["run", "--quiet", "--", "fmt", "--check", "examples", "benches"],
        environment: &[],
    },
    Step { heading: "unit, file, law, example and doc tests", arguments: &["test", "--workspace"], environment: &[] },
];

/// Runs every step, and then the tests of the Python package.
pub fn test(root: &Path) -> Result<(), String> {
    let start = Instant::now();
    let count = STEPS.len() + 1;
    for (number, step) in STEPS.iter().enumerate() {
        println!("\n=== {} of {count}: {} ===", number + 1, step.heading);
        println!("    cargo {}\n", step.arguments.join(" "));
        run(step, root)?;
    }
    println!("\n=== {count} of {count}: the Python package ===\n    cargo xtask python\n");
    python::test(root, &[])?;
    println!("\n=== all {count} steps passed, in {:.0} s ===", start.elapsed().as_secs_f64());
    Ok(())
}

fn run(step: &Step, root: &Path) -> Result<(), String> {
    let status = cargo(root).args(step.arguments).envs(step.environment.iter().copied()).status();
    let status = status.map_err(|error| format!("cargo does not start: {error}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("failed: {} (cargo {})", step.heading, step.arguments.join(" "))),
    }
}

/// The cargo that called us, in the folder of the workspace.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    command
}
