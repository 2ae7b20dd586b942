//! Checks: what is reported, and that nothing is touched beyond them.

use super::*;
use crate::graph::CheckKind;
use crate::ops::elementwise::find;

fn site(kind: CheckKind) -> FaultSite {
    FaultSite { kind, span: Span::default() }
}

/// `out[i] = table[check(index[i])]`, the table of length k.
fn gather(check: CheckKind) -> Kernel {
    let body = vec![
        Inst::Load(0, at(0)),
        Inst::Index(Affine::constant(Size::var("k"))),
        Inst::Check { fault: 1, args: vec![0, 1] },
        Inst::Load(1, Affine::of_value(2)),
    ];
    let buffers = [(DType::I64, n()), (DType::F64, Size::var("k")), (DType::F64, n())];
    let sink = Sink::Store { value: 3, buffer: 2, offset: at(0) };
    let mut kernel = kernel(&buffers, vec![nest(vec![n()], body, sink)]);
    kernel.faults = vec![site(CheckKind::NonZero), site(check)];
    kernel
}

#[test]
fn an_index_is_counted_from_the_front_or_reported() {
    let kernel = gather(CheckKind::Index { axis: 0 });
    for (bad, at) in [(7, 3), (-8, 5), (i64::MAX, 0), (i64::MIN, 900), (7, 999)] {
        let sizes = [1000, 7];
        let mut inputs = memory(&kernel, &sizes);
        inputs[0] = (0..1000).map(|i| Element::Int(i % 14 - 7)).collect();
        check_on(&kernel, &inputs, &sizes, 0.0);
        inputs[0][at] = Element::Int(bad);
        check_on(&kernel, &inputs, &sizes, 0.0);
        let fault = run_with(&kernel, &inputs, &sizes, &Threads::new(1)).unwrap_err();
        assert_eq!(fault, Fault { site: 1, values: [bad, 7] });
    }
    let sizes = [1, 0];
    let inputs = vec![vec![Element::Int(0)], vec![], vec![Element::F64(0.0)]];
    check_on(&kernel, &inputs, &sizes, 0.0);
}

#[test]
fn the_first_fault_is_reported_for_any_number_of_threads() {
    let kernel = gather(CheckKind::Index { axis: 0 });
    let sizes = [3_000_000, 7];
    let mut inputs = vec![vec![Element::Int(1); 3_000_000], data(DType::F64, 7, 1), vec![Element::F64(0.0); 3_000_000]];
    for at in [2_999_999, 2_000_000, 1_000_123] {
        inputs[0][at] = Element::Int(at as i64);
        for threads in [1, 2, 3] {
            let fault = run_with(&kernel, &inputs, &sizes, &Threads::new(threads)).unwrap_err();
            assert_eq!(fault, Fault { site: 1, values: [at as i64, 7] });
        }
    }
}

#[test]
fn checks_in_loops_that_do_not_run_are_not_made() {
    // sum over j < k of table[check(index[0])], and of x[j] / check(d[0]); with k = 0 nothing is checked or loaded.
    let body = vec![
        Inst::Load(0, Affine::default()),
        Inst::Index(Affine::constant(n())),
        Inst::Check { fault: 0, args: vec![0, 1] },
        Inst::Load(1, Affine::of_value(2)),
    ];
    let buffers = [(DType::I64, Size::one()), (DType::F64, n()), (DType::F64, Size::from(2))];
    let kind = &crate::ops::reduction::SUM;
    let sink = Sink::Reduce { kind, loops: 1, value: 3, position: None, buffer: 2, offset: at(0) };
    let mut kernel = kernel(&buffers, vec![nest(vec![Size::from(2), Size::var("k")], body, sink)]);
    kernel.faults = vec![site(CheckKind::Index { axis: 0 })];
    for sizes in [[5, 0], [5, 4], [0, 0], [100, 3]] {
        let inputs = vec![vec![Element::Int(50)], data(DType::F64, sizes[0], 1), data(DType::F64, 2, 3)];
        check_on(&kernel, &inputs, &sizes, 4.0);
    }
}

#[test]
fn zero_divisors_and_assertions() {
    for name in ["floor_divide", "remainder"] {
        let body = vec![
            Inst::Load(0, at(0)),
            Inst::Load(1, at(0)),
            Inst::Check { fault: 0, args: vec![1] },
            Inst::Map(find(name).unwrap(), vec![0, 2]),
        ];
        let sink = Sink::Store { value: 3, buffer: 2, offset: at(0) };
        let buffers = [(DType::I64, n()), (DType::I64, n()), (DType::I64, n())];
        let mut kernel = kernel(&buffers, vec![nest(vec![n()], body, sink)]);
        kernel.faults = vec![site(CheckKind::NonZero)];
        check(&kernel, 0.0);
    }
    let body = vec![Inst::Load(0, at(0)), Inst::Check { fault: 0, args: vec![0] }, Inst::Cast(1, DType::I64)];
    let sink = Sink::Store { value: 2, buffer: 1, offset: at(0) };
    let mut kernel = kernel(&[(DType::Bool, n()), (DType::I64, n())], vec![nest(vec![n()], body, sink)]);
    kernel.faults = vec![site(CheckKind::Assert { message: None })];
    check(&kernel, 0.0);
    let inputs = vec![vec![Element::Bool(true); 9], vec![Element::Int(0); 9]];
    check_on(&kernel, &inputs, &[9, 0], 0.0);
}
