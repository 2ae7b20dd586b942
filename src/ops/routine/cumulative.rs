//! Routines that run along a row and keep a state: cumulative sums, products and extrema, and linear recurrences.
//!
//! In: rows of numbers. Out: the state behind each element.
//! Always holds: the rows themselves are computed by `runtime::rows::cumulative`.

use super::{Derivative, Routine, linear, one_type};
use crate::graph::{Graph, NodeId, Size, Type};
use crate::ops::elementwise::{MULTIPLY, STRONG_MULTIPLY};
use crate::ops::rules::Cotangent;
use crate::runtime::array::DType;
use crate::runtime::rows;

pub(super) const ALL: &[&Routine] = &[&CUMSUM, &CUMPROD, &CUMMAX, &CUMMIN, &ARGCUMMAX, &ARGCUMMIN, &LINEAR_RECURRENCE];

/// The sums of a row's beginnings.
pub static CUMSUM: Routine = Routine {
    name: "cumsum",
    doc: "The sum up to each element, with it.",
    cores: &[1],
    typing: number,
    work: |cores| linear(cores, 1),
    derivative: Derivative::Rule(|g, _, ct| {
        // x[i] is in the sums from i on: a cumulative sum from the back.
        let back = flipped(g, ct.node);
        let sums = g.routine(&CUMSUM, &[back]);
        vec![Some(Cotangent { node: flipped(g, sums), ..ct })]
    }),
    run: rows::cumulative::sum,
};

/// The products of a row's beginnings.
pub static CUMPROD: Routine = Routine {
    name: "cumprod",
    doc: "The product up to each element, with it.",
    cores: &[1],
    typing: number,
    work: |cores| linear(cores, 1),
    // dx[i] = (x[0] ⋯ x[i-1]) · R[i] with R[i] = ct[i] + x[i+1] · R[i+1]: nothing is divided, so zeros do no harm.
    derivative: Derivative::Rule(|g, id, ct| {
        let x = g.node(id).inputs[0];
        let rest = adjoint(g, x, ct.node);
        let before = shifted(g, id, 1.0);
        vec![Some(times(g, Cotangent { node: rest, ..ct }, before))]
    }),
    run: rows::cumulative::product,
};

macro_rules! extremum {
    ($id:ident, $name:literal, $doc:literal, $run:expr, $arg:ident, $arg_name:literal, $arg_doc:literal, $arg_run:expr) => {
        #[doc = $doc]
        pub static $id: Routine = Routine {
            name: $name,
            doc: $doc,
            cores: &[1],
            typing: number,
            work: |cores| linear(cores, 1),
            derivative: Derivative::Rule(|g, id, ct| {
                let x = g.node(id).inputs[0];
                let shape = g.shape(x).to_vec();
                let first = g.routine(&$arg, &[x]);
                vec![Some(Cotangent { node: g.add_in_rows(&shape, first, ct.node), ..ct })]
            }),
            run: $run,
        };

        #[doc = $arg_doc]
        pub static $arg: Routine = Routine {
            name: $arg_name,
            doc: $arg_doc,
            cores: &[1],
            typing: |types| Ok(Type::array(DType::I64, number(types)?.shape)),
            work: |cores| linear(cores, 1),
            derivative: Derivative::Zero,
            run: $arg_run,
        };
    };
}

extremum!(
    CUMMAX,
    "cummax",
    "The largest element up to each, with it.",
    rows::cumulative::max,
    ARGCUMMAX,
    "argcummax",
    "The position of the largest element up to each, the first of equals.",
    rows::cumulative::argmax
);
extremum!(
    CUMMIN,
    "cummin",
    "The smallest element up to each, with it.",
    rows::cumulative::min,
    ARGCUMMIN,
    "argcummin",
    "The position of the smallest element up to each, the first of equals.",
    rows::cumulative::argmin
);

/// `y[i] = a[i] · y[i-1] + b[i]`, with `y[-1] = 0`. A state of 0 stays 0 whatever multiplies it, so that what a `where`
/// cut off stays cut off.
pub static LINEAR_RECURRENCE: Routine = Routine {
    name: "linear_recurrence",
    doc: "y[i] = a[i] * y[i - 1] + b[i] from y[-1] = 0; a state of 0 stays 0 whatever multiplies it.",
    cores: &[1, 1],
    typing: |types| match one_type(types)? {
        ty if ty.dtype.is_float() => Ok(ty.clone()),
        ty => Err(format!("expected floats, found {ty}")),
    },
    work: |cores| linear(cores, 2),
    derivative: Derivative::Rule(|g, id, ct| {
        let (a, shape) = (g.node(id).inputs[0], g.shape(id).to_vec());
        let operands = g.node(id).inputs.clone();
        let a_full = in_full(g, a, &shape);
        let states = adjoint(g, a_full, ct.node);
        let before = shifted(g, id, 0.0);
        let by_b = Cotangent { node: states, ..ct };
        let by_a = times(g, by_b, before);
        let by = [by_a, by_b];
        operands.iter().zip(by).map(|(&x, by)| Some(Cotangent { node: summed_to(g, by.node, x), ..by })).collect()
    }),
    run: rows::cumulative::linear_recurrence,
};

/// One row of numbers.
fn number(types: &[Type]) -> Result<Type, String> {
    match one_type(types)? {
        ty if ty.dtype != DType::Bool => Ok(ty.clone()),
        ty => Err(format!("expected numbers, found {ty}")),
    }
}

/// The last axis reversed.
fn flipped(g: &mut Graph, x: NodeId) -> NodeId {
    let last = g.ty(x).rank().saturating_sub(1);
    g.flip(x, last)
}

/// Each row moved on by one, with `first` in front and without its last element.
fn shifted(g: &mut Graph, x: NodeId, first: f64) -> NodeId {
    let shape = g.shape(x).to_vec();
    let last = shape.len().saturating_sub(1);
    let mut lead = shape.clone();
    lead[last] = Size::one();
    let first = g.constant_like(x, first);
    let first = g.broadcast(first, &[], &lead);
    let longer = g.concat(&[first, x], last);
    let zeros = vec![Size::from(0); shape.len()];
    g.slice(longer, &zeros, &vec![1; shape.len()], &shape)
}

/// The adjoint states of a recurrence with factors `a`: `s[i] = ct[i] + a[i+1] · s[i+1]`, from the back.
fn adjoint(g: &mut Graph, a: NodeId, ct: NodeId) -> NodeId {
    let (factors, values) = (flipped(g, a), flipped(g, ct));
    let factors = shifted(g, factors, 0.0);
    let states = g.routine(&LINEAR_RECURRENCE, &[factors, values]);
    flipped(g, states)
}

fn times(g: &mut Graph, ct: Cotangent, factor: NodeId) -> Cotangent {
    let product = if ct.masked { &STRONG_MULTIPLY } else { &MULTIPLY };
    Cotangent { node: g.map(product, &[ct.node, factor]), ..ct }
}

/// A row that may be shared by the batch, repeated for it.
fn in_full(g: &mut Graph, x: NodeId, shape: &[Size]) -> NodeId {
    let lead = shape.len() - g.ty(x).rank();
    let axes: Vec<usize> = (lead..shape.len()).collect();
    g.broadcast(x, &axes, shape)
}

/// The transpose of [`in_full`]: the sum over the batch axes that the operand does not have.
fn summed_to(g: &mut Graph, by: NodeId, operand: NodeId) -> NodeId {
    let lead = g.ty(by).rank() - g.ty(operand).rank();
    let axes: Vec<usize> = (0..lead).collect();
    g.sum(by, &axes)
}
