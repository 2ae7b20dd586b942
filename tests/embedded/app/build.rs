fn main() {
    microtome::embed::compile("src/kernels.tome");
    microtome::embed::Program::new("src/second.tome").size("n", 100).compile();
}
