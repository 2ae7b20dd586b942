//! Closed forms: an integer to which a loop only adds polynomials of its counter is computed without the loop.
//!
//! In: a graph with loops such as `for i in 0:n { s += i * i }`. Out: the same graph, where such states are `n (n - 1) (2 n - 1) / 6`
//! and the like, and loops that carry nothing else are gone.
//! Always holds: integers wrap around, so the order of additions does not matter and the value is the same for every number of
//! iterations; a loop that may end early, or has checks and no other state, is left as it is.

use crate::graph::{Binder, Constant, Graph, NodeId, Op, VarId};
use crate::ops::elementwise::{FLOOR_DIVIDE, MAXIMUM, NEGATE, SUBTRACT};
use crate::runtime::array::DType;
use rustc_hash::FxHashMap;

/// The highest power of the counter.
const DEGREE: usize = 3;
/// The number that times 3 is 1, modulo 2⁶⁴: what 3 divides is divided by it.
const THIRD: i64 = -0x5555_5555_5555_5555;

/// Takes sums of polynomials out of loops.
pub fn closed(graph: &Graph) -> Graph {
    if !graph.ids().any(|id| matches!(graph.node(id).op, Op::Loop(_))) {
        return graph.clone();
    }
    // The states behind each loop that has been changed.
    let mut behind: FxHashMap<NodeId, Vec<NodeId>> = FxHashMap::default();
    graph.rewrite(|copier, next, id| {
        let inputs = copier.inputs(id);
        match (&graph.node(id).op, graph.node(id).inputs.as_slice()) {
            (Op::Loop(binder), _) => match without_sums(next, binder, &inputs) {
                Some((count, states)) => {
                    behind.insert(id, states);
                    count
                }
                None => next.add_loop(binder.clone(), inputs),
            },
            (Op::Final(position), [of]) => match behind.get(of).and_then(|states| states.get(*position)) {
                Some(state) => *state,
                None => copier.copy(next, id),
            },
            (Op::Map(op), _) => next.map(op, &inputs),
            _ => copier.copy(next, id),
        }
    })
}

/// The number of iterations and the states behind a loop, if some of these have a closed form.
fn without_sums(g: &mut Graph, binder: &Binder, inputs: &[NodeId]) -> Option<(NodeId, Vec<NodeId>)> {
    let parts = binder.parts(inputs)?;
    if g.as_constant(parts.again) != Some(Constant::Bool(true)) {
        return None;
    }
    let mut sums: Vec<Option<Polynomial>> = Vec::new();
    for (at, (&state, &next)) in binder.states.iter().zip(parts.next).enumerate() {
        let others = parts.next.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, next)| *next);
        let read = others.chain(parts.checks.iter().copied()).any(|id| g.depends_on(id, state));
        sums.push(if read { None } else { Loop { binder, known: FxHashMap::default() }.added(g, state, next) });
    }
    let kept: Vec<usize> = (0..sums.len()).filter(|at| sums[*at].is_none()).collect();
    if kept.len() == sums.len() || (kept.is_empty() && !parts.checks.is_empty()) {
        return None;
    }
    let count = iterations(g, parts.limit);
    let rest = if kept.is_empty() {
        count
    } else {
        let own = |of: &[NodeId]| kept.iter().filter_map(|at| of.get(*at).copied()).collect::<Vec<_>>();
        let states = kept.iter().filter_map(|at| binder.states.get(*at).copied()).collect();
        let inputs =
            [&[parts.limit, parts.again], own(parts.first).as_slice(), &own(parts.next), parts.checks].concat();
        g.add_loop(Binder { counter: binder.counter, states }, inputs)
    };
    let mut states = Vec::new();
    for (at, (sum, &first)) in sums.iter().zip(parts.first).enumerate() {
        states.push(match sum {
            Some(sum) => {
                let total = sum.over(g, count);
                g.plus(first, total)
            }
            None => g.last(rest, kept.iter().position(|own| *own == at).unwrap_or_default()),
        });
    }
    Some((rest, states))
}

/// How often a loop runs.
fn iterations(g: &mut Graph, limit: NodeId) -> NodeId {
    let zero = g.int(0);
    match &g.node(limit).op {
        Op::Map(op) if op.name == "maximum" && g.node(limit).inputs.contains(&zero) => limit,
        _ => g.map(&MAXIMUM, &[limit, zero]),
    }
}

/// A loop, with the polynomials that have been looked for.
struct Loop<'b> {
    binder: &'b Binder,
    known: FxHashMap<NodeId, Option<Polynomial>>,
}

impl Loop<'_> {
    /// What an iteration adds to a state, if it is a polynomial of the counter.
    fn added(&mut self, g: &mut Graph, state: VarId, next: NodeId) -> Option<Polynomial> {
        let node = g.node(next).clone();
        if node.ty.dtype != DType::I64 || node.ty.rank() != 0 {
            return None;
        }
        if node.op == Op::State(state) {
            return Some(Polynomial { coefficients: Vec::new() });
        }
        let Op::Map(op) = node.op else { return None };
        let (sum, part, minus) = match (op.name, node.inputs.as_slice()) {
            ("add", &[a, b]) if g.depends_on(a, state) => (a, b, false),
            ("add", &[a, b]) => (b, a, false),
            ("subtract", &[a, b]) => (a, b, true),
            _ => return None,
        };
        let mut part = self.polynomial(g, part)?;
        if minus {
            part = part.negative(g);
        }
        let sum = grown(|| self.added(g, state, sum))?;
        Some(sum.plus(g, &part))
    }

    /// A scalar as a polynomial, if it is one that does not depend on states.
    fn polynomial(&mut self, g: &mut Graph, id: NodeId) -> Option<Polynomial> {
        if let Some(known) = self.known.get(&id) {
            return known.clone();
        }
        let found = grown(|| self.find(g, id));
        self.known.insert(id, found.clone());
        found
    }

    fn find(&mut self, g: &mut Graph, id: NodeId) -> Option<Polynomial> {
        let node = g.node(id).clone();
        if node.ty.dtype != DType::I64 || node.ty.rank() != 0 {
            return None;
        }
        if !self.binder.vars().any(|var| g.depends_on(id, var)) {
            return Some(Polynomial { coefficients: vec![id] });
        }
        match (&node.op, node.inputs.as_slice()) {
            (Op::Var(var), _) if *var == self.binder.counter => {
                Some(Polynomial { coefficients: vec![g.int(0), g.int(1)] })
            }
            (Op::Map(op), &[a]) if op.name == "negate" => {
                let inner = self.polynomial(g, a)?;
                Some(inner.negative(g))
            }
            (Op::Map(op), &[a, b]) if matches!(op.name, "add" | "subtract" | "multiply") => {
                let (a, mut b) = (self.polynomial(g, a)?, self.polynomial(g, b)?);
                match op.name {
                    "multiply" => a.times(g, &b),
                    "subtract" => {
                        b = b.negative(g);
                        Some(a.plus(g, &b))
                    }
                    _ => Some(a.plus(g, &b)),
                }
            }
            _ => None,
        }
    }
}

/// Runs what calls itself for every node below one.
fn grown<R>(work: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, work)
}

/// A polynomial of a counter. Coefficients are those of 1, the counter, its square and so on, and do not change in the loop.
#[derive(Clone)]
struct Polynomial {
    coefficients: Vec<NodeId>,
}

impl Polynomial {
    fn negative(&self, g: &mut Graph) -> Polynomial {
        Polynomial { coefficients: self.coefficients.iter().map(|part| g.map(&NEGATE, &[*part])).collect() }
    }

    fn plus(&self, g: &mut Graph, other: &Polynomial) -> Polynomial {
        let length = self.coefficients.len().max(other.coefficients.len());
        let mut coefficients = Vec::new();
        for power in 0..length {
            coefficients.push(match (self.coefficients.get(power), other.coefficients.get(power)) {
                (Some(a), Some(b)) => g.plus(*a, *b),
                (Some(one), None) | (None, Some(one)) => *one,
                (None, None) => g.int(0),
            });
        }
        Polynomial { coefficients }
    }

    /// The product, unless its degree is too high.
    fn times(&self, g: &mut Graph, other: &Polynomial) -> Option<Polynomial> {
        let length = (self.coefficients.len() + other.coefficients.len()).saturating_sub(1);
        let zero = g.int(0);
        let mut coefficients = vec![zero; length];
        for (low, a) in self.coefficients.iter().enumerate() {
            for (high, b) in other.coefficients.iter().enumerate().filter(|(_, b)| **b != zero) {
                if *a != zero {
                    let product = g.times(*a, *b);
                    coefficients[low + high] = g.plus(coefficients[low + high], product);
                }
            }
        }
        (length <= DEGREE + 1).then_some(Polynomial { coefficients })
    }

    /// The sum of its values at 0, …, count - 1 (Faulhaber's formulas). What is divided is divisible.
    fn over(&self, g: &mut Graph, count: NodeId) -> NodeId {
        let (zero, one, two) = (g.int(0), g.int(1), g.int(2));
        // n (n - 1) / 2 as n // 2 times n - 1 or n, whichever is odd.
        let half = g.map(&FLOOR_DIVIDE, &[count, two]);
        let even = g.plus(half, half);
        let odd = g.map(&SUBTRACT, &[count, even]);
        let less = g.map(&SUBTRACT, &[count, one]);
        let other = g.plus(less, odd);
        let line = g.times(half, other);
        let double = g.plus(count, less);
        let third = g.int(THIRD);
        let square = g.times(line, double);
        let square = g.times(square, third);
        let cube = g.times(line, line);
        let mut sum = zero;
        for (coefficient, power) in self.coefficients.iter().zip([count, line, square, cube]) {
            if *coefficient != zero {
                let part = g.times(*coefficient, power);
                sum = g.plus(sum, part);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::graph::Type;
    use crate::interp;
    use std::collections::BTreeMap;

    type Term = dyn Fn(&mut Graph, NodeId) -> NodeId;

    /// `for i in 0:n { s += polynomial }` from 5 on.
    fn sum_of(polynomial: impl Fn(&mut Graph, NodeId) -> NodeId) -> Graph {
        let mut g = Graph::new("sum");
        let limit = g.add_input("n", Type::scalar(DType::I64));
        let (counter, state) = (g.new_var("i", i64::MAX.into()), g.new_var("s", i64::MAX.into()));
        let at = g.add(Op::Var(counter), Vec::new(), Type::scalar(DType::I64));
        let s = g.state(state, Type::scalar(DType::I64));
        let part = polynomial(&mut g, at);
        let (next, first, again) = (g.plus(s, part), g.int(5), g.truth(true));
        let all = g.add_loop(Binder { counter, states: vec![state] }, vec![limit, again, first, next]);
        let result = g.last(all, 0);
        g.outputs = vec![result];
        g
    }

    #[test]
    fn closed_forms_are_what_the_loops_compute() {
        let powers = |g: &mut Graph, at: NodeId| {
            let (a, b) = (g.int(i64::MAX - 3), g.int(-7));
            let square = g.times(at, at);
            let cube = g.times(square, at);
            let (cube, line) = (g.times(a, cube), g.times(b, at));
            let sum = g.plus(cube, square);
            let sum = g.map(&SUBTRACT, &[sum, line]);
            g.plus(sum, a)
        };
        let cases: [&Term; 3] = [&|_, at| at, &|g, at| g.times(at, at), &powers];
        for case in cases {
            let graph = sum_of(case);
            let without = closed(&graph);
            assert!(
                !crate::graph::reachable(&without, &without.roots())
                    .into_iter()
                    .any(|id| matches!(without.node(id).op, Op::Loop(_)))
            );
            for n in [-9, -1, 0, 1, 2, 3, 7, 8, 9, 100] {
                let input = crate::runtime::array::Array::from(n);
                let run = |g: &Graph| interp::evaluate(g, std::slice::from_ref(&input), &BTreeMap::new()).unwrap();
                assert_eq!(format!("{:?}", run(&graph)), format!("{:?}", run(&without)), "{n}");
            }
        }
    }
}
