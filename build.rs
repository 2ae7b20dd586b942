//! Generates the parser's tables.
//!
//! In: `grammar/microtome.lalrpop`. Out: `microtome.rs` in cargo's output directory, which
//! `src/syntax/mod.rs` includes. Always holds: it runs again only when the grammar has changed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=grammar");
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    lalrpop::Configuration::new().set_in_dir("grammar").set_out_dir(out).process()
}
