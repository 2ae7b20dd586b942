//! Jacobians: row by row in reverse mode or column by column in forward mode, whichever costs less.
//!
//! In: a value and what it is differentiated by. Out: all partial derivatives, as builders over the value's elements or over
//! those of what it is by.
//! Always holds: a row is the gradient of one element, whose index is pushed to the inputs like that of an example; so
//! elements that depend on their own rows alone cost one pass together, and not one each.

use super::forward::forward;
use super::plan::expected_size;
use super::reverse::{active, reverse};
use super::slice::{SlicedVars, slice_cost};
use crate::diagnostic::Diagnostic;
use crate::graph::{Graph, NodeId, Op, Size, SizeEnv, VarId, reachable};
use crate::ops::elementwise::{AND, EQUAL};
use crate::ops::rules::{Cotangent, Tangent};
use crate::runtime::array::DType;

/// The derivative of every element of `value` by every element of `by`: the axes of the one, then those of the other.
/// `None` if it is zero.
pub(super) fn jacobian(
    g: &mut Graph,
    value: NodeId,
    by: NodeId,
    expected: &SizeEnv,
) -> Result<Option<NodeId>, Box<Diagnostic>> {
    let (rows, element) = element(g, value);
    let element = slice_cost(g, element, &[by], &[], &mut SlicedVars::default());
    let count = |g: &Graph, id: NodeId| expected_size(&g.ty(id).elements(), expected);
    let by_rows = count(g, value) * work(g, element, by, expected);
    let by_columns = count(g, by) * work(g, value, by, expected);
    if by_rows < by_columns { row_by_row(g, element, by, &rows) } else { column_by_column(g, value, by) }
}

/// Index variables over every axis, and the element of the value at them.
fn element(g: &mut Graph, value: NodeId) -> (Vec<VarId>, NodeId) {
    let vars = index_variables(g, value, "row");
    let indexes: Vec<NodeId> = vars.iter().map(|var| g.var_value(*var)).collect();
    let axes: Vec<usize> = (0..vars.len()).collect();
    let element = if axes.is_empty() { value } else { g.gather(value, &axes, &indexes) };
    (vars, element)
}

fn index_variables(g: &mut Graph, id: NodeId, name: &str) -> Vec<VarId> {
    let shape = g.shape(id).to_vec();
    shape.into_iter().enumerate().map(|(axis, extent)| g.new_var(format!("{name}{axis}"), extent)).collect()
}

fn row_by_row(g: &mut Graph, element: NodeId, by: NodeId, rows: &[VarId]) -> Result<Option<NodeId>, Box<Diagnostic>> {
    let one = g.constant_like(element, 1.0);
    let found = reverse(g, element, Cotangent { node: one, masked: false }, &[by])?;
    let row = found.get(&by).copied();
    Ok(row.map(|row| rows.iter().rev().fold(row, |row, var| g.build(*var, row))))
}

fn column_by_column(g: &mut Graph, value: NodeId, by: NodeId) -> Result<Option<NodeId>, Box<Diagnostic>> {
    let columns = index_variables(g, by, "column");
    // Its zeros are cuts: an infinite derivative by one element says nothing of the others.
    let unit = Tangent { node: unit(g, by, &columns), masked: true };
    let Some(column) = forward(g, value, &[(by, unit)])? else { return Ok(None) };
    let column = g.cast(column, g.ty(by).dtype);
    let (lead, rank) = (columns.len(), g.ty(value).rank());
    let built = columns.iter().rev().fold(column, |column, var| g.build(*var, column));
    let perm: Vec<usize> = (lead..lead + rank).chain(0..lead).collect();
    Ok(Some(g.transpose(built, &perm)))
}

/// Like `by`, 1 at the index variables and 0 elsewhere.
fn unit(g: &mut Graph, by: NodeId, at: &[VarId]) -> NodeId {
    let ty = g.ty(by).clone();
    let mut hits = g.constant(crate::graph::Constant::Bool(true), DType::Bool);
    hits = g.broadcast(hits, &[], &ty.shape);
    for (axis, var) in at.iter().enumerate() {
        let (counter, index) = (g.iota(&ty.shape[axis]), g.var_value(*var));
        let hit = g.map(&EQUAL, &[counter, index]);
        let hit = g.broadcast(hit, &[axis], &ty.shape);
        hits = if axis == 0 { hit } else { g.map(&AND, &[hits, hit]) };
    }
    g.cast(hits, ty.dtype)
}

/// About how many scalar operations a pass over `value` costs in either mode: those of every node that changes with `by`,
/// once for each value of the index variables that are bound inside.
fn work(g: &Graph, value: NodeId, by: NodeId, expected: &SizeEnv) -> f64 {
    let order = reachable(g, &[value]);
    let active = active(g, &order, &[by]);
    let outer = &g.node(value).free;
    let one = |id: &&NodeId| -> f64 {
        let node = g.node(**id);
        let repeated = node.free.iter().filter(|var| !outer.contains(var)).map(|var| g.var(*var).extent.clone());
        let repeated: f64 = repeated.map(|extent| expected_size(&extent, expected)).product();
        repeated * operations(g, **id).iter().map(|size| expected_size(size, expected)).product::<f64>()
    };
    order.iter().filter(|id| active.contains(id)).map(|id| one(&id)).sum()
}

/// The sizes whose product is the number of elements that a node goes through.
fn operations(g: &Graph, id: NodeId) -> Vec<Size> {
    let node = g.node(id);
    match &node.op {
        Op::Contract { operands, .. } => {
            let mut labels: Vec<u8> = operands.iter().flatten().copied().collect();
            labels.sort_unstable();
            labels.dedup();
            let size = |label: &u8| {
                let mut axes = node.inputs.iter().zip(operands);
                axes.find_map(|(x, own)| own.iter().position(|l| l == label).map(|axis| g.shape(*x)[axis].clone()))
            };
            labels.iter().filter_map(size).collect()
        }
        Op::Reduce { .. } => node.inputs.first().map_or(Vec::new(), |x| g.shape(*x).to_vec()),
        Op::ScatterAdd { .. } => node.inputs.last().map_or(Vec::new(), |x| g.shape(*x).to_vec()),
        _ => node.ty.shape.clone(),
    }
}
