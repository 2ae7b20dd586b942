//! Compiles the kernels when the crate is built.
//!
//! In: `src/kernels.tome`. Out: `kernels.rs` and a static library in cargo's output directory.
//! Always holds: a mistake in the program is an error of the build.

fn main() {
    microtome::embed::Program::new("src/kernels.tome").size("n", 1000).size("d", 10).compile();
}
