//! The library as a program uses it.
//!
//! In: source text and ndarray views. Out: arrays and errors.
//! Always holds: a kernel serves every size, from every thread, with views of any strides.
#![allow(clippy::unwrap_used, clippy::panic)]

use microtome::{Array, ArrayView, DType, RunOptions, Session};
use ndarray::{Array1, Array2, array, s};

const ROWS: &str = "fn rows(x: f64[n, d], w: f64[d]) -> f64[n] = [sum(x[i] * w) for i in 0:n]";

#[test]
fn one_kernel_serves_every_size_and_stride() {
    let module = Session::new().compile("t", ROWS).unwrap();
    let kernel = module.kernel("rows").unwrap();
    for (n, d) in [(3, 4), (1, 1), (0, 5), (4, 0), (100, 17)] {
        let x = Array2::from_shape_fn((n, d), |(i, j)| (i * 7 + j) as f64 / 3.0);
        let w = Array1::from_shape_fn(d, |j| 1.0 / (1.0 + j as f64));
        let expected = x.dot(&w);
        let columns = x.t().as_standard_layout().into_owned();
        for view in [ArrayView::from(&x), ArrayView::from(columns.t())] {
            let result = kernel.call(&[view, ArrayView::from(&w)]).unwrap();
            assert_eq!(result[0].shape(), [n]);
            for (a, b) in result[0].to_f64_vec().iter().zip(&expected) {
                assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{a} {b}");
            }
        }
    }
    let wide = Array2::from_shape_fn((6, 8), |(i, j)| (i + j) as f64);
    let every_other = wide.slice(s![..;2, ..;-2]);
    let w = Array1::<f64>::ones(4);
    let result = kernel.call(&[ArrayView::from(every_other), ArrayView::from(&w)]).unwrap();
    assert_eq!(result[0].to_f64_vec(), every_other.sum_axis(ndarray::Axis(1)).to_vec());
}

#[test]
fn kernels_are_shared_between_threads() {
    let kernel = Session::with_threads(2).compile("t", ROWS).unwrap().kernel("rows").unwrap();
    let workers: Vec<_> = (1..5)
        .map(|n| {
            let kernel = kernel.clone();
            std::thread::spawn(move || {
                let (x, w) = (Array2::<f64>::ones((n, 3)), array![1.0, 2.0, 3.0]);
                kernel.call(&[ArrayView::from(&x), ArrayView::from(&w)]).unwrap()[0].to_f64_vec()
            })
        })
        .collect();
    for (n, worker) in (1..5).zip(workers) {
        assert_eq!(worker.join().unwrap(), vec![6.0; n]);
    }
}

#[test]
fn wrong_arguments_are_errors_that_name_what_is_wrong() {
    let module = Session::new().compile("t", ROWS).unwrap();
    let kernel = module.kernel("rows").unwrap();
    let (x, w, single, whole) =
        (Array2::<f64>::ones((2, 3)), array![1.0, 2.0], array![1f32, 2.0, 3.0], array![1i64, 2, 3]);
    let call = |arguments: &[ArrayView<'_>]| kernel.call(arguments).unwrap_err().to_string();
    let sizes = call(&[ArrayView::from(&x), ArrayView::from(&w)]);
    assert!(sizes.contains("E0401") && sizes.contains("axis 0 of `w`") && sizes.contains("d = 3"), "{sizes}");
    for wrong in [ArrayView::from(&single), ArrayView::from(&whole)] {
        let text = call(&[ArrayView::from(&x), wrong]);
        assert!(text.contains("E0301") && text.contains("`w`"), "{text}");
    }
    let rank = call(&[ArrayView::from(&w), ArrayView::from(&w)]);
    assert!(rank.contains("E0303") && rank.contains("`x`"), "{rank}");
    assert!(call(&[ArrayView::from(&x)]).contains("takes 2 arrays, 1 given"));
    assert!(module.kernel("row").unwrap_err().to_string().contains("did you mean `rows`"));
}

#[test]
fn a_failed_call_leaves_the_kernel_usable() {
    let source = "fn pick(x: f64[n], at: i64[m]) -> f64[m] = [x[at[j]] for j in 0:m]";
    let kernel = Session::new().compile("pick.tome", source).unwrap().kernel("pick").unwrap();
    let x = array![1.0, 2.0, 3.0];
    for (at, expected) in [(array![2i64, -3], Some([3.0, 1.0])), (array![0i64, 3], None), (array![-4i64, 0], None)] {
        match (kernel.call(&[ArrayView::from(&x), ArrayView::from(&at)]), expected) {
            (Ok(result), Some(expected)) => assert_eq!(result[0].to_f64_vec(), expected),
            (Err(error), None) => {
                let text = error.to_string();
                assert!(text.contains("E0501") && text.contains("pick.tome:1") && text.contains("of size 3"), "{text}");
            }
            (result, _) => panic!("{at}: {result:?}"),
        }
    }
}

#[test]
fn compiled_and_interpreted_agree() {
    let source = "
        fn second_moment(x: f32[n, d], y: f32[n], w: f32[d]) -> f32[d] {
            let c = [(sum(x[i] * w) - y[i])^2 for i in 0:n]
            mean(grad(c[i], w)^2 for i in 0:n)
        }";
    let kernel = Session::new().compile("t", source).unwrap().kernel("second_moment").unwrap();
    let x = Array2::from_shape_fn((9, 5), |(i, j)| ((i * 5 + j) as f32 * 0.37).sin());
    let (y, w) = (Array1::from_shape_fn(9, |i| i as f32 * 0.1), Array1::from_shape_fn(5, |j| 0.2 * j as f32 - 0.3));
    let arguments = [ArrayView::from(&x), ArrayView::from(&y), ArrayView::from(&w)];
    let (fast, slow) = (kernel.call(&arguments).unwrap(), kernel.interpret(&arguments).unwrap());
    assert_eq!(fast[0].dtype(), DType::F32);
    let by_hand = |j: usize| {
        let gradient = |i: usize| 2.0 * (x.row(i).dot(&w) - y[i]) * x[[i, j]];
        (0..9).map(|i| f64::from(gradient(i)).powi(2)).sum::<f64>() / 9.0
    };
    for (j, (a, b)) in fast[0].to_f64_vec().into_iter().zip(slow[0].to_f64_vec()).enumerate() {
        assert!((a - b).abs() <= 1e-5 * b.abs(), "{a} {b}");
        assert!((a - by_hand(j)).abs() <= 1e-5 * b.abs(), "{a} {}", by_hand(j));
    }
}

#[test]
fn too_much_memory_is_refused_with_both_numbers() {
    let source = "fn table(x: f64[n], y: f64[m]) -> f64[n, m] = [x[i] * y[j] for i in 0:n, j in 0:m]";
    let kernel = Session::new().compile("t", source).unwrap().kernel("table").unwrap();
    let x = Array1::<f64>::zeros(4_000_000);
    let text = kernel.call(&[ArrayView::from(&x), ArrayView::from(&x)]).unwrap_err().to_string();
    assert!(text.contains("E0504") && text.contains("TiB are needed") && text.contains("are free"), "{text}");
}

#[test]
fn results_of_a_tuple_come_in_order() {
    let source = "fn both(x: f64[n]) { (sum(x), (x * 2, len(x))) }";
    let kernel = Session::new().compile("t", source).unwrap().kernel("both").unwrap();
    let x = array![1.0, 2.0];
    let results = kernel.call(&[ArrayView::from(&x)]).unwrap();
    assert_eq!(results, [Array::from(3.0), Array::from(array![2.0, 4.0]), Array::from(2i64)]);
}

#[test]
fn what_is_saved_can_be_loaded_below() {
    let folder = std::env::temp_dir().join(format!("microtome-api-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("pair.npz").display().to_string().replace('\\', "/");
    let source =
        format!("let x = [1.0, 2.0]\nsave(\"{path}\", a=x, b=x * 2)\nlet d = load(\"{path}\")\nprint(d.b - d.a)\n");
    let mut out = Vec::new();
    Session::new().compile("t", &source).unwrap().run(&RunOptions::default(), &mut out, &mut |_| {}).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), "[1. 2.]\n");
}

#[test]
fn a_kernel_serves_arrays_that_are_too_short_for_a_slice_only_where_it_is_cut_off() {
    let source = "fn head(x: f64[n]) = x[:3]\n\
        fn steps(x: f64[n]) = x[1:] - x[:-1]\n\
        fn cut(x: f64[n]) = x[:min(3, n)]\n\
        fn kept(x: f64[n]) = x[x > 0][1:]\n\
        fn guarded(x: f64[n]) = if n > 90000000 { sum(x[:90000000]) + sum(concat(zeros(n-5), x[1:])) } else { x[-1] }\n";
    let module = Session::new().compile("t", source).unwrap();
    let call = |name: &str, x: &Array1<f64>| {
        let result = module.kernel(name).unwrap().call(&[ArrayView::from(x)]);
        result.map(|results| results[0].to_f64_vec()).map_err(|error| error.to_string())
    };
    let (none, two, four) = (array![], array![1.0, 2.0], array![1.0, 2.0, 4.0, 8.0]);
    assert_eq!(call("head", &four).unwrap(), [1.0, 2.0, 4.0]);
    let error = call("head", &two).unwrap_err();
    assert!(error.contains("the slice 0:3 ends behind the axis of size n: write min(3, n)"), "{error}");
    assert_eq!(call("steps", &two).unwrap(), [1.0]);
    assert!(call("steps", &none).unwrap_err().contains("ends before it starts"));
    assert_eq!(call("cut", &two).unwrap(), [1.0, 2.0]);
    assert_eq!(call("kept", &none).unwrap(), [0.0; 0]);
    assert_eq!(call("kept", &four).unwrap(), [2.0, 4.0, 8.0]);
    // What a condition keeps from being used reads nothing outside of the array.
    assert_eq!(call("guarded", &two).unwrap(), [2.0]);
}
