//! Reductions: sum, product, extrema, any and all, and the position of an extremum.
//!
//! In: an array and the axes that go. Out: the array without them.
//! Always holds: extrema of floats give NaN if any element is NaN, and positions take the first.

use super::elementwise::{self, Elementwise};
use super::rules::{Cotangent, Tangent};
use crate::graph::{Graph, NodeId, Op, Size, Type};
use crate::runtime::array::DType;
use std::hash::{Hash, Hasher};

/// A reduction.
pub struct Reduction {
    /// The name in programs and printed graphs.
    pub name: &'static str,
    /// One sentence for help and docs.
    pub doc: &'static str,
    /// A program that prints something with it, and what it prints.
    pub example: (&'static str, &'static str),
    /// The operator that merges two partial results; for positions, the comparison that a better element passes.
    pub combine: &'static Elementwise,
    /// The result for no elements, for floats; integers saturate.
    pub identity: f64,
    /// Whether the result is the position of the element instead of a value.
    pub positional: bool,
    /// How it is differentiated.
    derivative: Rule,
}

enum Rule {
    Sum,
    Product,
    Extremum,
    Zero,
}

impl PartialEq for Reduction {
    fn eq(&self, other: &Reduction) -> bool {
        self.name == other.name
    }
}

impl Eq for Reduction {}

impl Hash for Reduction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl std::fmt::Debug for Reduction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! reduction {
    ($id:ident, $name:literal, $doc:literal, $example:expr, $combine:ident, $identity:expr, $positional:literal, $rule:ident) => {
        #[doc = $doc]
        pub static $id: Reduction = Reduction {
            name: $name,
            doc: $doc,
            example: $example,
            combine: &elementwise::$combine,
            identity: $identity,
            positional: $positional,
            derivative: Rule::$rule,
        };
    };
}

reduction!(
    SUM,
    "sum",
    "The sum over all elements, or over axis=.",
    ("print(sum([[1, 2], [3, 4]], axis=0))", "[4 6]"),
    ADD,
    0.0,
    false,
    Sum
);
reduction!(
    PROD,
    "prod",
    "The product over all elements, or over axis=.",
    ("print(prod([2, 3, 4]))", "24"),
    MULTIPLY,
    1.0,
    false,
    Product
);
reduction!(
    MAX,
    "max",
    "The largest element, overall or along axis=; nan if any is.",
    ("print(max([2.0, 5.0, 4.0]))", "5.0"),
    MAXIMUM,
    f64::NEG_INFINITY,
    false,
    Extremum
);
reduction!(
    MIN,
    "min",
    "The smallest element, overall or along axis=; nan if any is.",
    ("print(min([2.0, 5.0, 4.0]))", "2.0"),
    MINIMUM,
    f64::INFINITY,
    false,
    Extremum
);
reduction!(ANY, "any", "Whether any element is true.", ("print(any([false, true]))", "true"), OR, 0.0, false, Zero);
reduction!(ALL, "all", "Whether every element is true.", ("print(all([false, true]))", "false"), AND, 1.0, false, Zero);
reduction!(
    ARGMAX,
    "argmax",
    "The index of the largest element, the first of equals.",
    ("print(argmax([2.0, 5.0, 5.0]))", "1"),
    GREATER,
    f64::NEG_INFINITY,
    true,
    Zero
);
reduction!(
    ARGMIN,
    "argmin",
    "The index of the smallest element, the first of equals.",
    ("print(argmin([2.0, 1.0, 1.0]))", "1"),
    LESS,
    f64::INFINITY,
    true,
    Zero
);

/// Every reduction.
pub const TABLE: &[&Reduction] = &[&SUM, &PROD, &MAX, &MIN, &ANY, &ALL, &ARGMAX, &ARGMIN];

/// The reduction of that name.
pub fn find(name: &str) -> Option<&'static Reduction> {
    TABLE.iter().copied().find(|reduction| reduction.name == name)
}

impl Reduction {
    /// The reduction that gives the element whose position this one gives; itself if it gives no position.
    pub fn extremum(&self) -> &Reduction {
        match (self.positional, self.identity < 0.0) {
            (false, _) => self,
            (true, true) => &MAX,
            (true, false) => &MIN,
        }
    }

    /// The result's dtype for operands of `dtype`.
    pub fn result(&self, dtype: DType) -> DType {
        if self.positional { DType::I64 } else { dtype }
    }

    /// Whether an empty axis has no answer.
    pub fn needs_elements(&self) -> bool {
        !self.identity.is_finite()
    }
}

impl Graph {
    /// A reduction over `axes`; with none it is the operand itself.
    pub fn reduce(&mut self, kind: &'static Reduction, x: NodeId, axes: &[usize]) -> NodeId {
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        if axes.is_empty() && !kind.positional {
            return x;
        }
        if let Some(half) = self.half_among(&[x]) {
            return self.in_single(half, &[x], |g, wide| g.reduce(kind, wide[0], &axes));
        }
        let ty = self.ty(x);
        let kept = ty.shape.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        let result = Type::array(kind.result(ty.dtype), kept.map(|(_, size)| size.clone()).collect());
        self.add(Op::Reduce { kind, axes }, vec![x], result)
    }

    /// The sum over `axes`.
    pub fn sum(&mut self, x: NodeId, axes: &[usize]) -> NodeId {
        self.reduce(&SUM, x, axes)
    }

    /// The sum over every axis.
    pub fn sum_all(&mut self, x: NodeId) -> NodeId {
        let axes: Vec<usize> = (0..self.ty(x).rank()).collect();
        self.reduce(&SUM, x, &axes)
    }

    /// Undoes the shape change of a reduction: repeats `x` along `axes` of `shape`.
    pub fn unreduce(&mut self, x: NodeId, axes: &[usize], shape: &[Size]) -> NodeId {
        let kept: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
        self.broadcast(x, &kept, shape)
    }
}

/// The derivative of a reduction by each of its elements.
enum Local {
    /// 1.
    One,
    /// One part of `count` where the element is one of the best, else 0.
    Share { hit: NodeId, count: NodeId },
    /// An array of the operand's shape.
    Times(NodeId),
}

fn local(g: &mut Graph, id: NodeId) -> Option<Local> {
    let node = g.node(id).clone();
    let (Op::Reduce { kind, axes }, &[x]) = (&node.op, node.inputs.as_slice()) else { return None };
    match kind.derivative {
        Rule::Zero => None,
        Rule::Sum => Some(Local::One),
        Rule::Extremum => {
            let shape = g.shape(x).to_vec();
            let best = g.unreduce(id, axes, &shape);
            let hit = g.map(&elementwise::EQUAL, &[x, best]);
            let (one, zero) = (g.constant_like(x, 1.0), g.constant_like(x, 0.0));
            let hits = g.map(&elementwise::WHERE, &[hit, one, zero]);
            Some(Local::Share { hit, count: g.sum(hits, axes) })
        }
        Rule::Product => Some(Local::Times(product_of_others(g, x, id, axes))),
    }
}

/// The cotangent of the operand.
pub(super) fn vjp(g: &mut Graph, id: NodeId, ct: Cotangent) -> Vec<Option<Cotangent>> {
    let node = g.node(id).clone();
    let Op::Reduce { axes, .. } = &node.op else { return Vec::new() };
    let Some(local) = local(g, id) else { return vec![None] };
    let shape = g.shape(node.inputs[0]).to_vec();
    let result = match local {
        Local::One => g.unreduce(ct.node, axes, &shape),
        Local::Share { hit, count } => {
            let share = g.map(&elementwise::DIVIDE, &[ct.node, count]);
            let share = g.unreduce(share, axes, &shape);
            let zero = g.constant_like(share, 0.0);
            g.map(&elementwise::WHERE, &[hit, share, zero])
        }
        Local::Times(factor) => {
            let spread = g.unreduce(ct.node, axes, &shape);
            g.map(product(ct), &[spread, factor])
        }
    };
    vec![Some(Cotangent { node: result, ..ct })]
}

/// The tangent of the result.
pub(super) fn jvp(g: &mut Graph, id: NodeId, t: Tangent) -> Option<Tangent> {
    let Op::Reduce { axes, .. } = g.node(id).op.clone() else { return None };
    let node = match local(g, id)? {
        Local::One => g.sum(t.node, &axes),
        Local::Share { hit, count } => {
            let zero = g.constant_like(t.node, 0.0);
            let best = g.map(&elementwise::WHERE, &[hit, t.node, zero]);
            let sum = g.sum(best, &axes);
            g.map(&elementwise::DIVIDE, &[sum, count])
        }
        Local::Times(factor) => {
            let parts = g.map(product(t), &[t.node, factor]);
            g.sum(parts, &axes)
        }
    };
    Some(Tangent { node, ..t })
}

/// How a cotangent or tangent is multiplied by a derivative.
fn product(ct: Cotangent) -> &'static Elementwise {
    if ct.masked { &elementwise::STRONG_MULTIPLY } else { &elementwise::MULTIPLY }
}

/// For each element the product of all others along `axes`, right also where elements are zero.
fn product_of_others(g: &mut Graph, x: NodeId, product: NodeId, axes: &[usize]) -> NodeId {
    use elementwise::{DIVIDE, EQUAL, WHERE};
    let shape = g.shape(x).to_vec();
    let (one, zero) = (g.constant_like(x, 1.0), g.constant_like(x, 0.0));
    let is_zero = g.map(&EQUAL, &[x, zero]);
    let safe = g.map(&WHERE, &[is_zero, one, x]);
    let zeros = g.map(&WHERE, &[is_zero, one, zero]);
    let zeros = g.sum(zeros, axes);
    let rest = g.reduce(&PROD, safe, axes);
    let (zeros, rest) = (g.unreduce(zeros, axes, &shape), g.unreduce(rest, axes, &shape));
    let whole = g.unreduce(product, axes, &shape);
    let plain = g.map(&DIVIDE, &[whole, safe]);
    let only_zero = g.map(&EQUAL, &[zeros, one]);
    let at_zero = g.map(&WHERE, &[only_zero, rest, zero]);
    let no_zero = g.map(&EQUAL, &[zeros, zero]);
    let elsewhere = g.map(&WHERE, &[no_zero, plain, zero]);
    g.map(&WHERE, &[is_zero, at_zero, elsewhere])
}
