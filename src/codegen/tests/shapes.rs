//! Loops of several dimensions: strides, broadcasts, transposes, no loops at all.

use super::*;
use crate::ops::elementwise::{ADD, EXP, MULTIPLY};

fn k() -> Size {
    Size::var("k")
}

/// At several shapes, from empty to long rows.
fn check_shapes(kernel: &Kernel, ulps: f64) {
    for sizes in [[0, 0], [0, 5], [5, 0], [1, 1], [2, 3], [3, 2], [17, 5], [5, 17], [4, 1000], [1000, 4], [300, 1025]] {
        check_on(kernel, &memory(kernel, &sizes), &sizes, ulps);
    }
}

#[test]
fn broadcast_and_transpose() {
    for dtype in [DType::I64, DType::F32, DType::F64] {
        let transposed = at(1).times(&n()).plus(&at(0));
        // a[i, j] * b[j] + c[i] + d[j, i]
        let body = vec![
            Inst::Load(0, row_major(&k())),
            Inst::Load(1, at(1)),
            Inst::Map(&MULTIPLY, vec![0, 1]),
            Inst::Load(2, at(0)),
            Inst::Map(&ADD, vec![2, 3]),
            Inst::Load(3, transposed.clone()),
            Inst::Map(&ADD, vec![4, 5]),
        ];
        let all = n().times(&k());
        let buffers = [all.clone(), k(), n(), all.clone(), all].map(|elements| (dtype, elements));
        let sink = Sink::Store { value: 6, buffer: 4, offset: row_major(&k()) };
        check_shapes(&kernel(&buffers, vec![nest(vec![n(), k()], body.clone(), sink)]), 0.0);
        let sink = Sink::Store { value: 4, buffer: 4, offset: transposed };
        check_shapes(&kernel(&buffers, vec![nest(vec![n(), k()], body, sink)]), 0.0);
    }
}

#[test]
fn rows_of_functions() {
    // exp(a[i, j] - c[i]) * exp(c[i]) with short rows and long ones.
    for dtype in [DType::F32, DType::F64] {
        let body = vec![
            Inst::Load(0, row_major(&k())),
            Inst::Load(1, at(0)),
            Inst::Map(crate::ops::elementwise::find("subtract").unwrap(), vec![0, 1]),
            Inst::Map(&EXP, vec![2]),
            Inst::Map(&EXP, vec![1]),
            Inst::Map(&MULTIPLY, vec![3, 4]),
        ];
        let all = n().times(&k());
        let buffers = [all.clone(), n(), all].map(|elements| (dtype, elements));
        let sink = Sink::Store { value: 5, buffer: 2, offset: row_major(&k()) };
        check_shapes(&kernel(&buffers, vec![nest(vec![n(), k()], body, sink)]), 16.0);
    }
}

#[test]
fn known_extents() {
    for extent in [1, 2, 3, 4, 7, 8, 10, 16, 31] {
        let width = Size::from(extent);
        for dtype in [DType::F32, DType::F64] {
            let body = vec![Inst::Load(0, row_major(&width)), Inst::Load(1, at(1)), Inst::Map(&ADD, vec![0, 1])];
            let all = n().times(&width);
            let buffers = [(dtype, all.clone()), (dtype, width.clone()), (dtype, all)];
            let sink = Sink::Store { value: 2, buffer: 2, offset: row_major(&width) };
            check_shapes(&kernel(&buffers, vec![nest(vec![n(), width.clone()], body.clone(), sink)]), 0.0);
            let kind = &crate::ops::reduction::MAX;
            let sink = Sink::Reduce { kind, loops: 1, value: 2, position: None, buffer: 2, offset: at(0) };
            check_shapes(&kernel(&buffers, vec![nest(vec![n(), width.clone()], body, sink)]), 0.0);
        }
    }
}

#[test]
fn no_loops() {
    for dtype in [DType::F32, DType::F64] {
        let body = vec![
            Inst::Load(0, Affine::default()),
            Inst::Map(&EXP, vec![0]),
            constant(3.0, dtype),
            Inst::Map(&ADD, vec![1, 2]),
        ];
        let buffers = [(dtype, Size::one()), (dtype, Size::one())];
        for sink in [
            Sink::Store { value: 3, buffer: 1, offset: Affine::default() },
            Sink::Accumulate {
                kind: &crate::ops::reduction::SUM,
                value: 3,
                buffer: 1,
                offset: Affine::default(),
                partial: None,
            },
        ] {
            check(&kernel(&buffers, vec![nest(vec![], body.clone(), sink)]), 8.0);
        }
    }
}

#[test]
fn gather() {
    // out[i, j] = table[index[i] * k + j] and out[i] = table[index[i]]
    for dtype in DType::ALL {
        let row = Affine::of_value(0).times(&k()).plus(&at(1));
        let body = vec![Inst::Load(0, at(0)), Inst::Load(1, row)];
        let all = n().times(&k());
        let buffers = [(DType::I64, n()), (dtype, all.clone()), (dtype, all)];
        let sink = Sink::Store { value: 1, buffer: 2, offset: row_major(&k()) };
        let rows = kernel(&buffers, vec![nest(vec![n(), k()], body, sink)]);
        let body = vec![Inst::Load(0, at(0)), Inst::Load(1, Affine::of_value(0)), Inst::Index(Affine::of_value(0))];
        let sink = Sink::Store { value: 1, buffer: 2, offset: at(0) };
        let elements = kernel(&buffers, vec![nest(vec![n()], body, sink)]);
        for sizes in [[0, 3], [1, 3], [7, 3], [1000, 2], [1000, 9]] {
            let mut inputs = memory(&rows, &sizes);
            inputs[0] = (0..sizes[0]).map(|i| Element::Int((i * 7919) % sizes[0])).collect();
            check_on(&rows, &inputs, &sizes, 0.0);
            check_on(&elements, &inputs, &sizes, 0.0);
        }
    }
}
