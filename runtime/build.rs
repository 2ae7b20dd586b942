//! Gives the library an identity that is part of the names of its symbols.
//!
//! In: the version, and all sources. Out: `MICROTOME_RUNTIME_IDENTITY`, `0_1_0_` and sixteen digits.
//! Always holds: other sources have another identity.

use std::path::Path;

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=Cargo.toml");
    // FNV-1a: nobody is kept out by it, it only tells builds apart.
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    add(&std::fs::read("Cargo.toml")?);
    sources(Path::new("src"), &mut add)?;
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default().replace(['.', '-', '+'], "_");
    println!("cargo::rustc-env=MICROTOME_RUNTIME_IDENTITY={version}_{hash:016x}");
    Ok(())
}

fn sources(folder: &Path, add: &mut impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            sources(&path, add)?;
        } else {
            add(path.to_string_lossy().as_bytes());
            add(&std::fs::read(&path)?);
        }
    }
    Ok(())
}
