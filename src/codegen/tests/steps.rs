//! Matrix products, kernels of several steps, and handles.

use super::*;
use crate::loops::{Call, Matrix, Product, Rows};
use crate::ops::elementwise::{ADD, MULTIPLY};
use crate::ops::routine;

fn product(dtype: DType, shape: [i64; 4], a_transposed: bool, b_transposed: bool) -> Kernel {
    scaled_product_of_squares(dtype, shape, (a_transposed, b_transposed), &[], None)
}

/// With the numbers of the operands that are squared, and of the buffer that holds a factor.
fn scaled_product_of_squares(
    dtype: DType,
    [batch, m, n, k]: [i64; 4],
    (a_transposed, b_transposed): (bool, bool),
    squared: &[usize],
    scale: Option<usize>,
) -> Kernel {
    let size = |value: i64| Size::from(value);
    let matrix = |buffer: usize, rows: i64, columns: i64, transposed: bool| Matrix {
        buffer,
        offset: size(if buffer == 2 { 3 } else { 0 }),
        batch: size(rows * columns),
        row: size(if transposed { 1 } else { columns }),
        column: size(if transposed { rows } else { 1 }),
        squared: squared.contains(&buffer),
    };
    let step = Step::Product(Product {
        dtype,
        batch: size(batch),
        m: size(m),
        n: size(n),
        k: size(k),
        a: matrix(0, m, k, a_transposed),
        b: matrix(1, k, n, b_transposed),
        c: matrix(2, m, n, false),
        scale,
        span: Span::default(),
    });
    let result = (dtype, size(3 + batch * m * n));
    let buffers = [(dtype, size(batch * m * k)), (dtype, size(batch * k * n)), result, (dtype, size(1))];
    kernel(&buffers, vec![step])
}

#[test]
fn products_agree() {
    let shapes = [
        [1, 1, 1, 1],
        [1, 3, 4, 5],
        [2, 7, 5, 3],
        [1, 0, 4, 4],
        [1, 4, 0, 4],
        [2, 4, 4, 0],
        [0, 4, 4, 4],
        [1, 1, 17, 40],
        [1, 40, 1, 17],
        [3, 33, 20, 9],
        [1, 70, 65, 64],
    ];
    for dtype in [DType::F32, DType::F64] {
        for shape in shapes {
            for (a, b) in [(false, false), (true, false), (false, true), (true, true)] {
                let kernel = product(dtype, shape, a, b);
                let inputs = memory(&kernel, &[0, 0]);
                let expected = reference::run(&kernel, &inputs, &[0, 0]).unwrap();
                let found = run_with(&kernel, &inputs, &[0, 0], &Threads::new(1)).unwrap();
                let bound = if dtype == DType::F32 { 1e-4 } else { 1e-12 };
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found.f64() - expected.f64()).abs() < bound, "{shape:?}: {found:?} {expected:?}");
                }
            }
        }
    }
}

#[test]
fn scaled_products_of_squares_agree_for_any_number_of_threads() {
    let shapes = [[1, 1, 1, 1], [2, 7, 5, 3], [1, 4, 4, 0], [1, 100, 30, 600], [3, 20, 33, 257], [1, 600, 530, 20]];
    for (dtype, bound) in [(DType::F32, 1e-3), (DType::F64, 1e-10)] {
        for shape in shapes {
            for transposed in [(false, false), (true, false), (false, true), (true, true)] {
                for (squared, scale) in [(&[0][..], None), (&[1], Some(3)), (&[0, 1], Some(3)), (&[], Some(3))] {
                    let kernel = scaled_product_of_squares(dtype, shape, transposed, squared, scale);
                    let inputs = memory(&kernel, &[0, 0]);
                    let expected = reference::run(&kernel, &inputs, &[0, 0]).unwrap();
                    let one = run_with(&kernel, &inputs, &[0, 0], &Threads::new(1)).unwrap();
                    let two = run_with(&kernel, &inputs, &[0, 0], &Threads::new(2)).unwrap();
                    assert!(one.iter().zip(&two).all(|(a, b)| same_bits(*a, *b)), "{shape:?}");
                    for (found, expected) in one.iter().zip(&expected) {
                        assert!((found.f64() - expected.f64()).abs() < bound, "{shape:?}: {found:?} {expected:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn products_are_the_same_for_any_number_of_threads() {
    for dtype in [DType::F32, DType::F64] {
        for shape in [[1, 300, 200, 150], [1, 20, 700, 300], [40, 50, 40, 60], [3, 400, 100, 100]] {
            for (a, b) in [(false, false), (true, false), (false, true)] {
                let kernel = product(dtype, shape, a, b);
                let inputs = memory(&kernel, &[0, 0]);
                let one = run_with(&kernel, &inputs, &[0, 0], &Threads::new(1)).unwrap();
                for threads in [2, 3] {
                    let more = run_with(&kernel, &inputs, &[0, 0], &Threads::new(threads)).unwrap();
                    assert!(one.iter().zip(&more).all(|(a, b)| same_bits(*a, *b)), "{shape:?}");
                }
            }
        }
    }
}

#[test]
fn routines_agree_for_any_number_of_threads() {
    let rows = |buffer, core: Vec<Size>, shared| Rows { buffer, core, shared };
    let k = Size::var("k");
    let elements = n().times(&k);
    for dtype in DType::ALL.into_iter().filter(|dtype| !dtype.is_half()) {
        let (work, result) = (Size::from(64).times(&k), rows(1, vec![k.clone()], false));
        let call = |routine, operands, result| {
            Step::Routine(Call { routine, rows: n(), work: work.clone(), operands, result, span: Span::default() })
        };
        let operand = rows(0, vec![k.clone()], false);
        let buffers = [(dtype, elements.clone()), (dtype, elements.clone())];
        let sorting = kernel(&buffers, vec![call(&routine::SORT, vec![operand.clone()], result.clone())]);
        let buffers = [(dtype, elements.clone()), (dtype, k.clone()), (DType::I64, elements.clone())];
        let (shared, places) = (rows(1, vec![k.clone()], true), rows(2, vec![k.clone()], false));
        let search = call(&routine::SEARCHSORTED_LEFT, vec![shared, operand], places);
        let searching = kernel(&buffers, vec![search]);
        for kernel in [sorting, searching] {
            for sizes in [[0, 5], [1, 0], [1, 9], [7, 3], [3000, 20]] {
                check_on(&kernel, &memory(&kernel, &sizes), &sizes, 0.0);
            }
        }
    }
}

#[test]
fn steps_run_in_order_and_work_is_split() {
    // scratch = x * x; out = scratch + x, for sizes that are split among threads.
    let step = |inputs: [usize; 2], op, buffer| {
        let body = vec![Inst::Load(inputs[0], at(0)), Inst::Load(inputs[1], at(0)), Inst::Map(op, vec![0, 1])];
        nest(vec![n()], body, Sink::Store { value: 2, buffer, offset: at(0) })
    };
    let buffers = [(DType::F64, n()), (DType::F64, n()), (DType::F64, n())];
    let kernel = kernel(&buffers, vec![step([0, 0], &MULTIPLY, 1), step([1, 0], &ADD, 2)]);
    for length in [0, 10, 500_000] {
        check_on(&kernel, &memory(&kernel, &[length, 0]), &[length, 0], 0.0);
    }
}

#[test]
fn handles_are_shared_and_wrong_calls_are_refused() {
    fn is_shared<T: Send + Sync + Clone>(_: &T) {}
    let kernel = kernel(&[(DType::F64, n()), (DType::F64, n())], vec![]);
    let compiled = compile(&kernel).unwrap();
    is_shared(&compiled);
    let other = compiled.clone();
    drop(compiled);
    // SAFETY: the call is refused before any address is used.
    let refused = unsafe { other.run(&[], &[1], &Threads::new(1)) };
    assert!(refused.unwrap_err().is_internal());
}

#[test]
fn texts_show_every_function() {
    let body = vec![Inst::Load(0, at(0)), Inst::Load(0, at(0)), Inst::Map(&ADD, vec![0, 1])];
    let sink = Sink::Store { value: 2, buffer: 1, offset: at(0) };
    let kernel = kernel(&[(DType::F64, n()), (DType::F64, n())], vec![nest(vec![n()], body, sink)]);
    let text = clif_text(&kernel).unwrap();
    assert!(text.contains("; nest0") && text.contains("; entry") && text.contains("f64x2"), "{text}");
    assert_eq!(text.matches("load.f64x2").count(), 2, "equal loads are one, unrolled twice:\n{text}");
    assert!(assembly_text(&kernel).unwrap().contains("ret"));
}

#[test]
fn malformed_kernels_are_refused() {
    let body = vec![Inst::Load(9, at(0))];
    let sink = Sink::Store { value: 0, buffer: 1, offset: at(0) };
    let unknown_buffer = kernel(&[(DType::F64, n()), (DType::F64, n())], vec![nest(vec![n()], body, sink)]);
    assert!(compile(&unknown_buffer).is_err());
    let body = vec![Inst::Load(0, at(0))];
    let sink = Sink::Store { value: 0, buffer: 1, offset: at(0) };
    let unknown_size = kernel(&[(DType::F64, n()), (DType::F64, n())], vec![nest(vec![Size::var("z")], body, sink)]);
    assert!(compile(&unknown_size).is_err());
}
