//! That there is a Rust test makes `cargo test` build the library, which the tests in Python load: `cargo xtask test`.
//!
//! In: nothing. Out: whether the package's version is the library's.
//! Always holds: nothing of the library is linked here, as only a Python interpreter has what it needs.
#![allow(clippy::unwrap_used)]

#[test]
fn the_version_is_the_library_s() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")).unwrap();
    let version = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    assert_eq!(version.unwrap().trim_matches('"'), env!("CARGO_PKG_VERSION"));
}
