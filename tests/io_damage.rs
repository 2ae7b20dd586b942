//! Files with damaged bytes and missing ends.
//!
//! In: every file under `tests/data`, changed in many places. Out: what reading takes.
//! Always holds: reading neither panics nor asks for memory out of proportion. One test to a process, since it measures it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used)]

use std::path::{Path, PathBuf};

/// The most address space the process has had, in bytes; only Linux tells.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

fn originals() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut found = Vec::new();
    for folder in ["io", "mat", "mat/matlab", "programs"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let extension = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
            if ["npy", "npz", "mat", "safetensors", "csv"].contains(&extension.as_str()) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() > 100);
    found
}

#[test]
fn damage_costs_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let before = peak();
    for path in originals() {
        let whole = std::fs::read(&path).unwrap();
        let damaged = folder.path().join(path.file_name().unwrap());
        let try_reading = |bytes: &[u8]| {
            std::fs::write(&damaged, bytes).unwrap();
            let _ = microtome::io::load(&damaged);
        };
        let step = (whole.len() / 12).max(1);
        for position in (0..whole.len()).step_by(step) {
            try_reading(&whole[..position]);
            for change in [0x40, 0xff] {
                let mut bytes = whole.clone();
                bytes[position] ^= change;
                try_reading(&bytes);
            }
        }
        // Sizes stand in the headers: all bytes of some length are set together.
        for position in (0..whole.len().min(320)).step_by(8) {
            let mut bytes = whole.clone();
            let end = (position + 4).min(bytes.len());
            bytes[position..end].fill(0x7f);
            try_reading(&bytes);
        }
        std::fs::remove_file(&damaged).unwrap();
    }
    // A sparse matrix may be expanded to 64 MiB.
    let grown = peak().saturating_sub(before);
    assert!(grown < 300 << 20, "reading took {grown} bytes");
}
