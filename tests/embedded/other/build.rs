fn main() {
    microtome::embed::compile("src/kernels.tome");
}
