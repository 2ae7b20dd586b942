//! Every elementwise operator and every conversion.

use super::*;
use crate::ops::elementwise::{ADD, EXP, MULTIPLY, TANH, all, find};
use crate::ops::{Code, Signature};

const FLOATS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    3.0,
    1e-310,
    -1e300,
    1e300,
    1e18,
    -1e19,
    88.9,
    709.9,
    -745.2,
    2.5,
    -3.5,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];
const INTEGERS: &[i64] = &[0, 1, -1, 2, -3, 7, 10, -12, 63, 64, i64::MAX, i64::MIN, i64::MIN + 1, 1 << 53, -(1 << 40)];

/// Every tuple of special values.
fn special(dtypes: &[DType]) -> Vec<Memory> {
    let of = |dtype: DType| -> Memory {
        match dtype {
            DType::Bool => vec![Element::Bool(false), Element::Bool(true)],
            DType::I64 => INTEGERS.iter().map(|v| Element::Int(*v)).collect(),
            _ => FLOATS.iter().map(|v| Element::F64(*v).cast(dtype)).collect(),
        }
    };
    let mut columns: Vec<Memory> = vec![Vec::new(); dtypes.len()];
    let counts: Vec<usize> = dtypes.iter().map(|dtype| of(*dtype).len()).collect();
    for mut index in 0..counts.iter().product() {
        for (column, dtype) in columns.iter_mut().zip(dtypes) {
            let values = of(*dtype);
            column.push(values[index % values.len()]);
            index /= values.len();
        }
    }
    columns
}

/// `out[i] = op(in0[i], in1[i], ...)`.
fn map_kernel(op: &'static crate::ops::Elementwise, dtypes: &[DType], result: DType) -> Kernel {
    let mut buffers: Vec<(DType, Size)> = dtypes.iter().map(|dtype| (*dtype, n())).collect();
    buffers.push((result, n()));
    let mut body: Vec<Inst> = (0..dtypes.len()).map(|buffer| Inst::Load(buffer, at(0))).collect();
    body.push(Inst::Map(op, (0..dtypes.len()).collect()));
    let sink = Sink::Store { value: dtypes.len(), buffer: dtypes.len(), offset: at(0) };
    kernel(&buffers, vec![nest(vec![n()], body, sink)])
}

/// The types that are computed with; the 16-bit floats are only stored.
fn computed() -> Vec<DType> {
    DType::ALL.into_iter().filter(|dtype| !dtype.is_half()).collect()
}

/// The operand types that an operator takes.
fn signatures(op: &crate::ops::Elementwise) -> Vec<(Vec<DType>, DType)> {
    let same = |dtypes: &[DType], result: Option<DType>| -> Vec<(Vec<DType>, DType)> {
        dtypes.iter().map(|dtype| (vec![*dtype; op.arity], result.unwrap_or(*dtype))).collect()
    };
    match op.signature {
        Signature::Number => same(&[DType::I64, DType::F32, DType::F64], None),
        Signature::Float => same(&[DType::F32, DType::F64], None),
        Signature::Predicate => same(&computed(), Some(DType::Bool)),
        Signature::FloatPredicate => same(&[DType::F32, DType::F64], Some(DType::Bool)),
        Signature::Logic => same(&[DType::Bool], None),
        Signature::Integer => same(&[DType::I64], None),
        Signature::IntegerToFloat => same(&[DType::I64], Some(DType::F64)),
        Signature::Select => computed().iter().map(|dtype| (vec![DType::Bool, *dtype, *dtype], *dtype)).collect(),
    }
}

fn tolerance(op: &crate::ops::Elementwise) -> f64 {
    if matches!(op.code, Code::Kernel) { op.ulp.max(8.0) } else { 0.0 }
}

#[test]
fn operators_agree_with_their_evaluation() {
    for op in all() {
        for (dtypes, result) in signatures(op) {
            let kernel = map_kernel(op, &dtypes, result);
            let mut inputs = special(&dtypes);
            let count = inputs[0].len();
            if matches!(op.code, Code::Kernel) && dtypes[0] == DType::F32 {
                // Single precision near its limits is the business of the kernels' own tests.
                inputs
                    .iter_mut()
                    .flatten()
                    .for_each(|v| *v = if v.f64().abs() > 80.0 { Element::F32(1.5) } else { *v });
            }
            inputs.push(data(result, count as i64, 9));
            check_on(&kernel, &inputs, &[count as i64, 3], tolerance(op));
            check(&kernel, tolerance(op).max(if op.name == "tan" { 64.0 } else { 0.0 }));
        }
    }
}

#[test]
fn operators_agree_as_vectors_inside_a_float_nest() {
    // Predicates and logic have truth values only as lanes here: `where(p(x, y) and not p(y, x), x, y)`.
    let (and, not, select) = (find("and").unwrap(), find("not").unwrap(), find("where").unwrap());
    for dtype in [DType::I64, DType::F32, DType::F64] {
        for name in ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"] {
            let compare = find(name).unwrap();
            let body = vec![
                Inst::Load(0, at(0)),
                Inst::Load(1, at(0)),
                Inst::Map(compare, vec![0, 1]),
                Inst::Map(compare, vec![1, 0]),
                Inst::Map(not, vec![3]),
                Inst::Map(and, vec![2, 4]),
                Inst::Map(compare, vec![2, 5]),
                Inst::Map(select, vec![6, 0, 1]),
            ];
            let buffers = [(dtype, n()), (dtype, n()), (dtype, n())];
            let sink = Sink::Store { value: 7, buffer: 2, offset: at(0) };
            let kernel = kernel(&buffers, vec![nest(vec![n()], body, sink)]);
            check(&kernel, 0.0);
            let mut inputs = special(&[dtype, dtype]);
            let count = inputs[0].len();
            inputs.push(data(dtype, count as i64, 1));
            check_on(&kernel, &inputs, &[count as i64, 3], 0.0);
        }
    }
}

#[test]
fn conversions_agree() {
    for from in DType::ALL {
        for to in DType::ALL {
            let body = vec![Inst::Load(0, at(0)), Inst::Cast(0, to)];
            let sink = Sink::Store { value: 1, buffer: 1, offset: at(0) };
            let kernel = kernel(&[(from, n()), (to, n())], vec![nest(vec![n()], body, sink)]);
            check(&kernel, 0.0);
            let mut inputs = special(&[from]);
            let count = inputs[0].len();
            inputs.push(data(to, count as i64, 1));
            check_on(&kernel, &inputs, &[count as i64, 3], 0.0);
        }
    }
}

#[test]
fn conversions_of_lanes_agree() {
    // x + to_float(x > y) and to_int(x > y): masks become numbers.
    for dtype in [DType::I64, DType::F32, DType::F64] {
        let greater = find("greater").unwrap();
        let body = vec![
            Inst::Load(0, at(0)),
            Inst::Load(1, at(0)),
            Inst::Map(greater, vec![0, 1]),
            Inst::Cast(2, dtype),
            Inst::Map(&ADD, vec![0, 3]),
            Inst::Cast(4, DType::Bool),
            Inst::Map(find("where").unwrap(), vec![5, 4, 1]),
        ];
        let sink = Sink::Store { value: 6, buffer: 2, offset: at(0) };
        check(&kernel(&[(dtype, n()), (dtype, n()), (dtype, n())], vec![nest(vec![n()], body, sink)]), 0.0);
    }
    // Positions as numbers, with a step and a start.
    let index = at(0).times(&Size::from(3)).plus(&Affine::constant(n()));
    let body = vec![Inst::Index(index), Inst::Cast(0, DType::F64), Inst::Load(0, at(0)), Inst::Map(&ADD, vec![1, 2])];
    let sink = Sink::Store { value: 3, buffer: 1, offset: at(0) };
    check(&kernel(&[(DType::F64, n()), (DType::F64, n())], vec![nest(vec![n()], body, sink)]), 0.0);
}

#[test]
fn functions_of_tiles_are_chained() {
    for dtype in [DType::F32, DType::F64] {
        // tanh(exp(x) * y) + exp(x) + pow(y, 2) with x read again after the functions, and a mask across stages.
        let body = vec![
            Inst::Load(0, at(0)),
            Inst::Load(1, at(0)),
            Inst::Map(&EXP, vec![0]),
            Inst::Map(&MULTIPLY, vec![2, 1]),
            Inst::Map(&TANH, vec![3]),
            Inst::Map(&ADD, vec![4, 2]),
            constant(2.0, dtype),
            Inst::Map(find("pow").unwrap(), vec![1, 6]),
            Inst::Map(&ADD, vec![5, 7]),
            Inst::Map(find("greater").unwrap(), vec![2, 6]),
            Inst::Map(find("where").unwrap(), vec![9, 8, 0]),
        ];
        let buffers = [(dtype, n()), (dtype, n()), (dtype, n())];
        let sink = Sink::Store { value: 10, buffer: 2, offset: at(0) };
        check(&kernel(&buffers, vec![nest(vec![n()], body.clone(), sink)]), 32.0);
        // The same on columns of a matrix, so that nothing is contiguous.
        let column = at(0).times(&Size::var("k")).plus(&Affine::constant(Size::from(1)));
        let strided = |inst: &Inst| match inst {
            Inst::Load(buffer, _) => Inst::Load(*buffer, column.clone()),
            other => other.clone(),
        };
        let body = body.iter().map(strided).collect();
        let buffers = [(dtype, 0), (dtype, 0), (dtype, 0)].map(|(dtype, _)| (dtype, n().times(&Size::var("k"))));
        let sink = Sink::Store { value: 10, buffer: 2, offset: column.clone() };
        check(&kernel(&buffers, vec![nest(vec![n()], body, sink)]), 32.0);
    }
}

#[test]
fn a_function_alone_writes_in_place_of_the_store() {
    for dtype in [DType::F32, DType::F64] {
        let body = vec![
            Inst::Load(0, at(0)),
            constant(0.5, dtype),
            Inst::Map(&MULTIPLY, vec![0, 1]),
            Inst::Map(&TANH, vec![2]),
        ];
        let sink = Sink::Store { value: 3, buffer: 1, offset: at(0) };
        check(&kernel(&[(dtype, n()), (dtype, n())], vec![nest(vec![n()], body, sink)]), 8.0);
        // A reduction of functions: the sum of exp(x).
        let body = vec![Inst::Load(0, at(0)), Inst::Map(&EXP, vec![0])];
        let offset = Affine::default();
        let kind = &crate::ops::reduction::SUM;
        let sink = Sink::Reduce { kind, loops: 1, value: 1, position: None, buffer: 1, offset };
        let limit = if dtype == DType::F32 { 200.0 } else { 2000.0 };
        check(&kernel(&[(dtype, n()), (dtype, Size::one())], vec![nest(vec![n()], body, sink)]), limit);
        // A function of what the loop does not change.
        let body = vec![
            Inst::Load(0, Affine::default()),
            Inst::Map(&EXP, vec![0]),
            Inst::Load(0, at(0)),
            Inst::Map(&MULTIPLY, vec![1, 2]),
        ];
        let sink = Sink::Store { value: 3, buffer: 1, offset: at(0) };
        check(&kernel(&[(dtype, n()), (dtype, n())], vec![nest(vec![n()], body, sink)]), 8.0);
    }
}
