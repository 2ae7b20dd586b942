#[test]
fn go() {
    let e = microtome::embed::module(std::path::Path::new("tests/golden/kernels.tome"));
    match e { Ok(e) => std::fs::write("tests/golden/kernels.rs", e.text).unwrap(), Err(e) => panic!("{e}") }
}
