//! Centring: the spread of single examples' gradients around a value, from matrix products where these are precise enough.
//!
//! In: `sum((G[i] - m)^2 for i)`, where `G[i]` is an outer product. Out: `ΣG² - 2 m ΣG + n m²`, each a matrix product of
//! what the outer products are made of; rows where these cancel are summed up as written.
//! Always holds: the result has as many digits as the sum as written, whatever the data: which rows cancel is found out when
//! running.

use super::contract::expands;
use crate::graph::{Binder, Graph, NodeId, Op, Size};
use crate::ops::elementwise::{AND, GREATER, LESS, NOT, SUBTRACT, WHERE};
use crate::ops::looping::UNBOUNDED;
use crate::ops::reduction::{ANY, MIN, SUM};
use crate::ops::rules;
use crate::runtime::array::DType;

/// Rewrites every sum of squares of differences from an outer product.
pub fn centre(graph: &Graph) -> Graph {
    graph.rewrite(|copier, next, id| {
        let node = graph.node(id);
        let inputs = copier.inputs(id);
        match &node.op {
            Op::Reduce { kind, axes } if **kind == SUM && axes == &[0] => {
                let copy = next.sum(inputs[0], axes);
                Spread::of(next, inputs[0]).map_or(copy, |spread| spread.value(next))
            }
            Op::Map(op) => next.map(op, &inputs),
            _ => copier.copy(next, id),
        }
    })
}

/// A sum of squares of differences, over the first axis.
struct Spread {
    /// The differences.
    difference: NodeId,
    /// The outer products.
    outer: NodeId,
    /// What they are compared with, without the first axis.
    centre: NodeId,
}

/// From which share of the squares on the difference of sums is taken: what is lost are the digits of its inverse.
fn threshold(dtype: DType) -> f64 {
    if dtype == DType::F64 { 1e-4 } else { 0.05 }
}

impl Spread {
    /// `None` if the squares are not of such differences.
    fn of(g: &mut Graph, squares: NodeId) -> Option<Spread> {
        let [difference, same] = operands(g, squares, "multiply")?;
        let [a, b] = operands(g, difference, "subtract")?;
        if difference != same || g.ty(difference).rank() < 3 {
            return None;
        }
        let (outer, other) = if is_outer(g, a) { (a, b) } else { (b, a) };
        let node = g.node(other).clone();
        let (Op::Broadcast { axes }, [inner]) = (&node.op, node.inputs.as_slice()) else { return None };
        if !is_outer(g, outer) || axes.contains(&0) {
            return None;
        }
        let axes: Vec<usize> = axes.iter().map(|axis| axis - 1).collect();
        let centre = g.broadcast(*inner, &axes, &node.ty.shape[1..]);
        Some(Spread { difference, outer, centre })
    }

    fn value(&self, g: &mut Graph) -> NodeId {
        let dtype = g.ty(self.outer).dtype;
        let squares = g.times(self.outer, self.outer);
        let (squares, sum) = (g.sum(squares, &[0]), g.sum(self.outer, &[0]));
        let extent = g.shape(self.outer)[0].clone();
        let count = g.size_value(&extent);
        let count = g.cast(count, dtype);
        let own = g.times(self.centre, self.centre);
        let own = g.times(count, own);
        let whole = g.plus(squares, own);
        let two = g.constant_like(self.centre, 2.0);
        let cross = g.times(self.centre, sum);
        let cross = g.times(two, cross);
        let quick = g.map(&SUBTRACT, &[whole, cross]);
        let share = g.constant_like(whole, threshold(dtype));
        let least = g.times(share, whole);
        // Not a number is precise nowhere; nothing at all is.
        let precise = g.map(&GREATER, &[quick, least]);
        let zero = g.constant_like(whole, 0.0);
        let nothing = g.map(&crate::ops::elementwise::EQUAL, &[whole, zero]);
        let fine = g.map(&crate::ops::elementwise::OR, &[precise, nothing]);
        let doubtful = g.map(&NOT, &[fine]);
        let others: Vec<usize> = (1..g.ty(doubtful).rank()).collect();
        let rows = g.reduce(&ANY, doubtful, &others);
        self.corrected(g, quick, rows)
    }

    /// The sums with some rows taken as written.
    fn corrected(&self, g: &mut Graph, quick: NodeId, rows: NodeId) -> NodeId {
        let extent = g.shape(quick)[0].clone();
        let first = next_row(g, rows, &extent, None);
        let result = g.new_var("spread", Size::from(UNBOUNDED));
        let row = g.new_var("row", Size::from(UNBOUNDED));
        let counter = g.new_var("rows", extent.clone());
        let ty = g.ty(quick).clone();
        let state = g.state(result, ty);
        let at = g.state(row, crate::graph::Type::scalar(DType::I64));
        let limit = g.size_value(&extent);
        let again = g.map(&LESS, &[at, limit]);
        let own = indexed(g, self.difference, 1, at);
        let squares = g.times(own, own);
        let sum = g.sum(squares, &[0]);
        let yes = g.truth(true);
        let changed = g.update(state, sum, yes, &[0], &[at]);
        let next = next_row(g, rows, &extent, Some(at));
        let parts = vec![limit, again, quick, first, changed, next];
        let run = g.add_loop(Binder { counter, states: vec![result, row] }, parts);
        g.last(run, 0)
    }
}

/// The first of the rows, or the first behind another one; their number if there is none.
fn next_row(g: &mut Graph, rows: NodeId, extent: &Size, behind: Option<NodeId>) -> NodeId {
    let places = g.iota(extent);
    let meant = match behind {
        Some(behind) => {
            let later = g.map(&GREATER, &[places, behind]);
            g.map(&AND, &[rows, later])
        }
        None => rows,
    };
    let none = g.size_value(extent);
    let none = g.broadcast(none, &[], std::slice::from_ref(extent));
    let found = g.map(&WHERE, &[meant, places, none]);
    let found = g.reduce(&MIN, found, &[0]);
    // Of no rows at all the least is no number of a row.
    let end = g.size_value(extent);
    g.map(&crate::ops::elementwise::MINIMUM, &[found, end])
}

fn operands(g: &Graph, id: NodeId, name: &str) -> Option<[NodeId; 2]> {
    match (&g.node(id).op, g.node(id).inputs.as_slice()) {
        (Op::Map(op), &[a, b]) if op.name == name => Some([a, b]),
        _ => None,
    }
}

fn is_outer(g: &Graph, id: NodeId) -> bool {
    matches!(&g.node(id).op, Op::Contract { operands, result } if expands(operands, result))
}

/// A row of what is computed elementwise or as an outer product.
fn indexed(g: &mut Graph, id: NodeId, axis: usize, index: NodeId) -> NodeId {
    let through = matches!(
        g.node(id).op,
        Op::Map(_) | Op::Cast | Op::Broadcast { .. } | Op::Transpose { .. } | Op::Contract { .. }
    );
    let found = if through { rules::index(g, id, axis, index, &mut indexed) } else { None };
    found.unwrap_or_else(|| g.gather(id, &[axis], &[index]))
}
