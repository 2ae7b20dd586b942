//! Calls kernels of two programs and of another crate, and looks at what they give. Run by tests/embedded.rs.
#![deny(unsafe_code)]
#![deny(warnings)]

use microtome_runtime::half::{bf16, f16};
use microtome_runtime::ndarray::{Array1, Array2, array, s};
use microtome_runtime::{Control, Error, control, set_threads};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

#[forbid(unsafe_code)]
mod kernels {
    include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
}
#[forbid(unsafe_code)]
mod second {
    include!(concat!(env!("OUT_DIR"), "/second.rs"));
}

fn main() -> Result<(), Error> {
    values()?;
    targets()?;
    errors()?;
    controls()?;
    println!("app: all is well");
    Ok(())
}

fn values() -> Result<(), Error> {
    let (x, w) = (array![[1.0, 2.0], [3.0, 4.0]], array![1.0, 10.0]);
    assert_eq!(kernels::rows(x.view(), w.view(), 0.5)?, array![21.5, 43.5]);
    assert_eq!(kernels::rows(x.t(), w.view(), 0.0)?, array![31.0, 42.0]);
    assert_eq!(kernels::rows(x.slice(s![..;-1, ..;-1]), w.view(), 0.0)?, array![34.0, 12.0]);
    assert_eq!(other::kernels::rows(x.view())?, array![3.0, 7.0]);
    assert_eq!(kernels::norm(array![3f32, 4.0].view())?, 5.0);
    assert_eq!(kernels::r#loop(array![1, 2].view(), true)?, (array![2, 3], true));
    assert_eq!(kernels::spread(w.view(), (1.0, 4.0))?, array![3.0, 30.0]);
    assert_eq!(second::three()?, 3);

    let halves =
        second::halves(array![1.5, -2.0].mapv(f16::from_f64).view(), array![1.0, 2.5].mapv(bf16::from_f64).view());
    assert_eq!(halves?, (array![3.0, -4.0].mapv(f16::from_f64), bf16::from_f64(3.5)));
    assert_eq!(second::positive(array![1.0, -1.0, 2.0].view())?, array![1.0, 2.0]);
    assert_eq!(second::summary(array![1.0, 2.0, 6.0].view())?, (3.0, array![false, false, true], (9.0, 3)));

    // No rows, no columns, no elements.
    let none = Array2::<f64>::zeros((0, 2));
    assert_eq!(kernels::rows(none.view(), w.view(), 0.5)?, Array1::<f64>::zeros(0));
    assert_eq!(other::kernels::rows(Array2::zeros((2, 0)).view())?, array![0.0, 0.0]);
    assert_eq!(second::positive(Array1::zeros(0).view())?.len(), 0);

    // A size that only the call knows, large enough for several threads; the same bits for every number of them.
    let (a, b) =
        (Array2::from_shape_fn((300, 200), |(i, j)| ((i * 7 + j) % 13) as f32), Array2::<f32>::ones((200, 100)));
    let all = second::product(a.view(), b.view())?;
    set_threads(Some(1));
    assert_eq!(second::product(a.view(), b.view())?, all);
    set_threads(None);
    assert_eq!(all.row(3).sum(), 100.0 * a.row(3).sum());
    Ok(())
}

fn targets() -> Result<(), Error> {
    let (x, w) = (array![[1.0, 2.0], [3.0, 4.0]], array![1.0, 10.0]);
    let mut table = Array2::zeros((2, 3));
    kernels::kernel::rows().call_into((x.view(), w.view(), 0.0), table.column_mut(1))?;
    assert_eq!(table, array![[0.0, 21.0, 0.0], [0.0, 43.0, 0.0]]);
    let (mut mean, mut large, mut sum, mut count) = (0.0, Array1::from_elem(2, false), 0.0, 0);
    let x = array![1.0, 3.0];
    second::kernel::summary().call_into(x.view(), (&mut mean, large.view_mut(), (&mut sum, &mut count)))?;
    assert_eq!((mean, large, sum, count), (2.0, array![false, true], 4.0, 2));
    let mut found = Array1::zeros(1);
    second::kernel::positive().call_into(array![-1.0, 4.0].view(), found.view_mut())?;
    assert_eq!(found, array![4.0]);
    let refused = second::kernel::positive().call_into(array![1.0, 4.0].view(), found.view_mut());
    fails(refused, &["positive: error[E0401]: result 0 of `positive` has the shape [2]"]);
    fails(
        kernels::kernel::rows()
            .call_into((table.view(), array![1.0, 1.0, 1.0].view(), 0.0), Array1::zeros(3).view_mut()),
        &["error[E0401]: result 0 of `rows` has the shape [2], the array to write to has the shape [3]"],
    );
    Ok(())
}

fn errors() -> Result<(), Error> {
    let x = array![[1.0, 2.0], [3.0, 4.0]];
    let wrong = kernels::rows(x.view(), array![1.0].view(), 0.5);
    assert_eq!(wrong.as_ref().err().map(Error::code), Some("E0401"));
    fails(
        wrong,
        &["rows: error[E0401]: axis 0 of `w` (f64[d]) has size 1, but d is 2", "note: d = 2 comes from axis 1 of `x`"],
    );
    let checked = second::checked(array![1.0, -1.0].view());
    assert_eq!(checked.as_ref().err().and_then(Error::place), Some("src/second.tome:16:5"));
    fails(
        checked,
        &[
            "src/second.tome:16:5: error[E0503]: weights are positive",
            "\n    assert all(x > 0), \"weights are positive\"\n    ^^^^^^",
            "^ this does not hold",
        ],
    );
    fails(
        second::pick(array![1.0, 2.0].view(), 2),
        &["src/second.tome:13:39: error[E0501]: the index 2 is outside axis 0 of size 2", "help: indexes start at 0"],
    );
    let many = array![1.0];
    let many = many.broadcast(1usize << 30).map(|many| second::table(many));
    fails(many.unwrap_or(Ok(Array2::zeros((0, 0)))), &["table: error[E0504]", "are needed"]);
    Ok(())
}

fn controls() -> Result<(), Error> {
    let own = Arc::new(Control::default());
    let long = second::kernel::long().under(own.clone());
    let worker = std::thread::spawn(move || long.call(1_000_000_000_000));
    std::thread::sleep(Duration::from_millis(50));
    assert!(own.progress().is_some() && !control().is_interrupted());
    own.interrupt();
    fails(worker.join().unwrap_or(Ok(0.0)), &["error[E0505]"]);
    second::long(1000)?;
    control().interrupt();
    fails(second::long(1000), &["long: error[E0505]: the kernel was asked to stop"]);
    control().clear();

    let small = Arc::new(Control::default());
    small.limit_memory(Some(1 << 20));
    let table = second::kernel::table().under(small);
    fails(table.call(Array1::ones(1000).view()), &["table: error[E0504]", "1.0 MiB are allowed"]);
    assert_eq!(table.call(Array1::ones(100).view())?.len(), 10_000);
    Ok(())
}

fn fails<T: Debug>(result: Result<T, Error>, wanted: &[&str]) {
    let text = result.map(|value| format!("{value:?}")).expect_err("an error").to_string();
    wanted.iter().for_each(|words| assert!(text.contains(words), "{text}\nwithout\n{words}"));
}
