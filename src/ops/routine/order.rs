//! Routines that depend on the order of elements: sorting, searching, compaction.
//!
//! In: rows of numbers or truth values. Out: the same in order, or positions.
//! Always holds: the rows themselves are computed by `runtime::rows::order`.

use super::{Derivative, Routine, linear, one_type};
use crate::graph::{Size, Type};
use crate::ops::rules::Cotangent;
use crate::runtime::array::DType;
use crate::runtime::rows;

pub(super) const ALL: &[&Routine] = &[&SORT, &ARGSORT, &SEARCHSORTED_LEFT, &SEARCHSORTED_RIGHT, &COMPACT, &RUN_STARTS];

/// About the logarithm of a row's length, in comparisons per element.
const DEPTH: i64 = 16;

/// A row in ascending order.
pub static SORT: Routine = Routine {
    name: "sort",
    doc: "The row in ascending order.",
    cores: &[1],
    typing: |types| one_type(types).cloned(),
    work: |cores| linear(cores, DEPTH),
    derivative: Derivative::Rule(|g, id, ct| {
        let x = g.node(id).inputs[0];
        let shape = g.shape(x).to_vec();
        let order = g.routine(&ARGSORT, &[x]);
        vec![Some(Cotangent { node: g.add_in_rows(&shape, order, ct.node), ..ct })]
    }),
    run: rows::order::sort,
};

/// The positions of a row's elements in ascending order.
pub static ARGSORT: Routine = Routine {
    name: "argsort",
    doc: "The positions of the row's elements in ascending order.",
    cores: &[1],
    typing: |types| Ok(Type::array(DType::I64, one_type(types)?.shape.clone())),
    work: |cores| linear(cores, DEPTH),
    derivative: Derivative::Zero,
    run: rows::order::argsort,
};

macro_rules! searchsorted {
    ($id:ident, $name:literal, $doc:literal, $run:expr) => {
        #[doc = $doc]
        pub static $id: Routine = Routine {
            name: $name,
            doc: $doc,
            cores: &[1, 1],
            typing: search_type,
            work: |cores| cores.last().map_or(Size::one(), |core| Size::product(core.iter())).times(&Size::from(DEPTH)),
            derivative: Derivative::Zero,
            run: $run,
        };
    };
}

searchsorted!(
    SEARCHSORTED_LEFT,
    "searchsorted_left",
    "For each of the second operand the number of elements of the first, which is sorted, that are smaller.",
    rows::order::searchsorted_left
);
searchsorted!(
    SEARCHSORTED_RIGHT,
    "searchsorted_right",
    "For each of the second operand the number of elements of the first, which is sorted, that are not greater.",
    rows::order::searchsorted_right
);

/// The positions of true elements, then zeros.
pub static COMPACT: Routine = Routine {
    name: "compact",
    doc: "The positions of the row's true elements in order, then zeros.",
    cores: &[1],
    typing: |types| match one_type(types)? {
        ty if ty.dtype == DType::Bool => Ok(Type::array(DType::I64, ty.shape.clone())),
        ty => Err(format!("expected truth values, found {ty}")),
    },
    work: |cores| linear(cores, 1),
    derivative: Derivative::Zero,
    run: rows::order::compact,
};

/// Whether each element is another one than the element before it.
pub static RUN_STARTS: Routine = Routine {
    name: "run_starts",
    doc: "Whether each element differs from the one before it; one NaN is like another.",
    cores: &[1],
    typing: |types| Ok(Type::array(DType::Bool, one_type(types)?.shape.clone())),
    work: |cores| linear(cores, 1),
    derivative: Derivative::Zero,
    run: rows::order::run_starts,
};

/// Two rows of one element type, of any lengths, give positions for the second.
fn search_type(types: &[Type]) -> Result<Type, String> {
    match types {
        [sorted, values] if sorted.dtype == values.dtype => Ok(Type::array(DType::I64, values.shape.clone())),
        [sorted, values] => Err(format!("the rows are {sorted} and {values}")),
        _ => Err("expected two operands".to_string()),
    }
}
