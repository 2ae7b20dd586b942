//! The first example of the README, against numbers that NumPy worked out on its own.
//!
//! In: examples/second_moment.tome and tests/reference/second_moment.txt. Out: agreement to nine digits.
//! Always holds: the reference comes from formulas written out by hand (tests/reference/second_moment.py), never from a
//! run of this program.

use std::path::Path;
use std::process::Command;

/// Labels that the example prints, with the names in the reference.
const VALUES: [(&str, &str); 4] = [
    ("mean cost", "mean_cost"),
    ("gradient norm", "gradient_norm"),
    ("second moment norm", "second_moment_norm"),
    ("gradient noise scale", "gradient_noise_scale"),
];

#[test]
fn compiled() {
    compare(&[]);
}

#[test]
fn interpreted() {
    compare(&["--interpret"]);
}

fn compare(options: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = std::fs::read_to_string(root.join("tests/reference/second_moment.txt")).expect("the reference");
    let output = Command::new(env!("CARGO_BIN_EXE_microtome"))
        .current_dir(root)
        .args(["run", "examples/second_moment.tome"])
        .args(options)
        .output()
        .expect("the binary starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    for (label, name) in VALUES {
        let actual = value(&printed, label);
        let expected = value(&reference, name);
        let distance = (actual - expected).abs() / expected.abs();
        assert!(distance < 1e-9, "{label}: {actual}, expected {expected}, in\n{printed}");
    }
}

/// The number on the line that starts with a label; not a number when there is none.
fn value(text: &str, label: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}
