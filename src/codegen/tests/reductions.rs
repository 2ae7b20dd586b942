//! Reductions and accumulation.

use super::*;
use crate::ops::elementwise::MULTIPLY;
use crate::ops::reduction::{SUM, TABLE};

fn k() -> Size {
    Size::var("k")
}

fn result(kind: &crate::ops::Reduction, dtype: DType) -> DType {
    kind.result(dtype)
}

/// The dtypes that a reduction is applied to.
fn dtypes(kind: &crate::ops::Reduction) -> &'static [DType] {
    match kind.name {
        "any" | "all" => &[DType::Bool],
        _ => &[DType::I64, DType::F32, DType::F64],
    }
}

/// Sums of a few thousand terms differ by their order.
fn tolerance(kind: &crate::ops::Reduction, dtype: DType) -> f64 {
    match (kind.name, dtype) {
        ("sum" | "prod", DType::F32 | DType::F64) => 1e6,
        _ => 0.0,
    }
}

#[test]
fn over_everything_and_rows_and_outer_axes() {
    for kind in TABLE {
        for &dtype in dtypes(kind) {
            let all = n().times(&k());
            let buffers = [(dtype, all.clone()), (result(kind, dtype), n().plus(&k()))];
            let body = vec![Inst::Load(0, row_major(&k())), Inst::Index(at(1)), Inst::Index(row_major(&k()))];
            let reduce = |loops: usize, position: usize, offset: Affine| Sink::Reduce {
                kind,
                loops,
                value: 0,
                position: kind.positional.then_some(position),
                buffer: 1,
                offset,
            };
            let rows = nest(vec![n(), k()], body.clone(), reduce(1, 1, at(0)));
            let whole = nest(vec![n(), k()], body.clone(), reduce(2, 2, Affine::default()));
            let columns = vec![Inst::Load(0, at(1).times(&k()).plus(&at(0))), Inst::Index(at(1))];
            let columns = nest(vec![k(), n()], columns, reduce(1, 1, at(0)));
            for step in [rows, whole, columns] {
                let kernel = kernel(&buffers, vec![step]);
                for sizes in [[1, 0], [0, 4], [3, 0], [1, 1], [2, 3], [3, 17], [40, 9], [5, 1000], [600, 300]] {
                    check_on(&kernel, &memory(&kernel, &sizes), &sizes, tolerance(kind, dtype));
                }
            }
        }
    }
}

#[test]
fn nan_infinities_and_ties() {
    let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, 1.0, -1.0, 0.0, -0.0];
    for kind in TABLE.iter().filter(|kind| !matches!(kind.name, "any" | "all")) {
        for dtype in [DType::F32, DType::F64] {
            let body = vec![Inst::Load(0, at(0)), Inst::Index(at(0))];
            let position = kind.positional.then_some(1);
            let offset = Affine::default();
            let sink = Sink::Reduce { kind, loops: 1, value: 0, position, buffer: 1, offset };
            let buffers = [(dtype, n()), (result(kind, dtype), Size::one())];
            let kernel = kernel(&buffers, vec![nest(vec![n()], body, sink)]);
            for length in [1usize, 2, 3, 9, 40] {
                for shift in 0..special.len() {
                    for period in [1, 2, 3, 5, 8] {
                        let at = |i: usize| Element::F64(special[(shift + i % period) % special.len()]).cast(dtype);
                        let inputs = vec![(0..length).map(at).collect(), data(buffers[1].0, 1, 1)];
                        let sizes = [length as i64, 0];
                        let expected = reference::run(&kernel, &inputs, &sizes).unwrap()[0];
                        let found = run_with(&kernel, &inputs, &sizes, &Threads::new(1)).unwrap()[0];
                        // The sign of zero depends on the order.
                        assert!(found == expected || distance(found, expected) < 4.0, "{}: {found:?}", kind.name);
                    }
                }
            }
        }
    }
}

#[test]
fn dot_product_is_close() {
    for (dtype, bound) in [(DType::F32, 1e-4), (DType::F64, 1e-12)] {
        let body = vec![Inst::Load(0, at(0)), Inst::Load(1, at(0)), Inst::Map(&MULTIPLY, vec![0, 1])];
        let offset = Affine::default();
        let sink = Sink::Reduce { kind: &SUM, loops: 1, value: 2, position: None, buffer: 2, offset };
        let kernel = kernel(&[(dtype, n()), (dtype, n()), (dtype, Size::one())], vec![nest(vec![n()], body, sink)]);
        for &length in LENGTHS {
            let inputs = memory(&kernel, &[length, 0]);
            let exact: f64 = inputs[0].iter().zip(&inputs[1]).map(|(a, b)| a.f64() * b.f64()).sum();
            let found = run_with(&kernel, &inputs, &[length, 0], &Threads::new(1)).unwrap()[0].f64();
            assert!((found - exact).abs() <= bound * (1.0 + exact.abs()), "{found} {exact}");
        }
    }
}

#[test]
fn masks_are_reduced_as_vectors() {
    // any(x > 1.9) and all(x > -3) over f32 and f64.
    for dtype in [DType::F32, DType::F64, DType::I64] {
        for (name, limit) in [("any", 1.9), ("all", -3.0), ("all", 0.0)] {
            let kind = crate::ops::reduction::find(name).unwrap();
            let greater = crate::ops::elementwise::find("greater").unwrap();
            let body = vec![Inst::Load(0, at(0)), constant(limit, dtype), Inst::Map(greater, vec![0, 1])];
            let offset = Affine::default();
            let sink = Sink::Reduce { kind, loops: 1, value: 2, position: None, buffer: 1, offset };
            check(&kernel(&[(dtype, n()), (DType::Bool, Size::one())], vec![nest(vec![n()], body, sink)]), 0.0);
        }
    }
}

#[test]
fn accumulation() {
    for kind in TABLE.iter().filter(|kind| !kind.positional && kind.name != "any" && kind.name != "all") {
        for dtype in [DType::I64, DType::F32, DType::F64] {
            let all = n().times(&k());
            let body = vec![Inst::Load(0, row_major(&k()))];
            let offsets = [
                at(1),                       // out[j] += a[i, j]: vectors
                at(0),                       // out[i] += a[i, j]: in a register
                at(1).times(&Size::from(2)), // strided
                Affine::default(),
            ];
            for offset in offsets {
                let buffers = [(dtype, all.clone()), (dtype, n().plus(&k()).times(&Size::from(2)).plus(&Size::one()))];
                let sink = Sink::Accumulate { kind, value: 0, buffer: 1, offset, partial: None };
                let step = Step::Nest(Nest {
                    loops: vec![n(), k()],
                    parallel: false,
                    body: body.clone(),
                    sink,
                    span: Span::default(),
                });
                let kernel = kernel(&buffers, vec![step]);
                for sizes in [[0, 4], [3, 0], [1, 1], [3, 17], [17, 3], [20, 100]] {
                    check_on(&kernel, &memory(&kernel, &sizes), &sizes, 0.0);
                }
            }
        }
    }
}

#[test]
fn scatter_add_with_equal_indexes() {
    for dtype in [DType::I64, DType::F32, DType::F64] {
        let body = vec![Inst::Load(0, at(0)), Inst::Load(1, at(0))];
        let sink = Sink::Accumulate { kind: &SUM, value: 1, buffer: 2, offset: Affine::of_value(0), partial: None };
        let step = Step::Nest(Nest { loops: vec![n()], parallel: false, body, sink, span: Span::default() });
        let kernel = kernel(&[(DType::I64, n()), (dtype, n()), (dtype, Size::from(4))], vec![step]);
        for &length in LENGTHS {
            let mut inputs = memory(&kernel, &[length, 0]);
            inputs[0] = (0..length).map(|i| Element::Int((i * i + 1) % 4)).collect();
            check_on(&kernel, &inputs, &[length, 0], 0.0);
        }
    }
}

/// `y[i, j]` = kind of `x[i + a, j + b] * w[a, b]`: neighbouring results read neighbouring memory, so they are the lanes.
#[test]
fn windows() {
    for dtype in [DType::F64, DType::F32, DType::I64] {
        for kind in TABLE.iter().filter(|kind| !kind.positional && !matches!(kind.name, "any" | "all")) {
            for (high, wide) in [(Size::from(3), Size::from(5)), (Size::from(2), k()), (k(), Size::one())] {
                // An image of (n + high) by (2 n + wide).
                let columns = n().times(&Size::from(2)).plus(&wide);
                let row = at(0).plus(&at(2)).times(&columns);
                let body = vec![
                    Inst::Load(0, row.plus(&at(1)).plus(&at(3))),
                    Inst::Load(1, at(2).times(&wide).plus(&at(3))),
                    Inst::Map(&MULTIPLY, vec![0, 1]),
                ];
                let offset = at(0).times(&n().times(&Size::from(2))).plus(&at(1));
                let sink = Sink::Reduce { kind, loops: 2, value: 2, position: None, buffer: 2, offset };
                let loops = vec![n(), n().times(&Size::from(2)), high.clone(), wide.clone()];
                let image = n().plus(&high).times(&columns);
                let results = n().times(&n()).times(&Size::from(2));
                let buffers = [(dtype, image), (dtype, high.times(&wide)), (result(kind, dtype), results)];
                let kernel = kernel(&buffers, vec![nest(loops, body, sink)]);
                for sizes in [[0, 3], [1, 1], [1, 0], [3, 2], [9, 4], [21, 3]] {
                    check_on(&kernel, &memory(&kernel, &sizes), &sizes, tolerance(kind, dtype));
                }
            }
        }
    }
}

#[test]
fn a_window_along_the_outermost_axis_is_shared_among_threads() {
    let body = vec![Inst::Load(0, at(0).plus(&at(1))), Inst::Load(1, at(1)), Inst::Map(&MULTIPLY, vec![0, 1])];
    let sink = Sink::Reduce { kind: &SUM, loops: 1, value: 2, position: None, buffer: 2, offset: at(0) };
    let buffers = [(DType::F64, n().plus(&k())), (DType::F64, k()), (DType::F64, n())];
    let kernel = kernel(&buffers, vec![nest(vec![n(), k()], body, sink)]);
    for sizes in [[1, 7], [37, 5], [5000, 200]] {
        check_on(&kernel, &memory(&kernel, &sizes), &sizes, 1e6);
    }
}

/// Reductions over a few elements, whose number is literal: straight code.
#[test]
fn over_short_loops_of_literal_extents() {
    for kind in TABLE {
        for &dtype in dtypes(kind) {
            for (rows, columns) in [(1, 1), (1, 3), (2, 2), (3, 3), (4, 8), (5, 7), (1, 0)] {
                for lane in [1, 3, 4, 5, 16, 33] {
                    let (rows, columns, lane) = (Size::from(rows), Size::from(columns), Size::from(lane));
                    let each = rows.times(&columns);
                    let body = vec![
                        // Windows over all of it, far from the beginning; neighbours share all but one element.
                        Inst::Load(0, at(0).times(&k()).plus(&at(1)).plus(&at(2)).plus(&at(3).times(&Size::from(2)))),
                        Inst::Index(at(2).times(&columns).plus(&at(3))),
                    ];
                    let position = kind.positional.then_some(1);
                    let offset = at(0).times(&lane).plus(&at(1)).plus(&Affine::constant(Size::from(2)));
                    let sink = Sink::Reduce { kind, loops: 2, value: 0, position, buffer: 1, offset };
                    let loops = vec![n(), lane.clone(), rows.clone(), columns.clone()];
                    let read = n().times(&k()).plus(&lane).plus(&each.times(&Size::from(2)));
                    let written = n().times(&lane).plus(&Size::from(2));
                    let kernel =
                        kernel(&[(dtype, read), (result(kind, dtype), written)], vec![nest(loops, body, sink)]);
                    for sizes in [[0, 3], [1, 1], [2, 3], [40, 2]] {
                        check_on(&kernel, &memory(&kernel, &sizes), &sizes, tolerance(kind, dtype));
                    }
                }
            }
        }
    }
}
