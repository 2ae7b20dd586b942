//! Routines: library calls over whole rows, for what is no loop nest of ours (sorting, recurrences, searches).
//!
//! In: operands whose last axes are the core and whose leading axes are the batch. Out: a result, row by row of the batch.
//! Always holds: typing, derivative and evaluation of a routine stand in one item; interpreter and compiled code call the
//! same [`Routine::run`], and slicing and batching are the same for all.
//!
//! An operand has either every batch axis or none; one that has none is shared by all rows. A new routine is an item in
//! one file of this folder, where `typing` says which core its result has, and a function of rows in the run-time library
//! (`runtime/src/rows`), which computes one row.

mod apply;
mod cumulative;
mod order;

use super::rules::{Batched, Cotangent, IndexRule};
use crate::graph::{Graph, NodeId, Op, Size, Type};
use crate::runtime::rows::{self, Row};
use std::hash::{Hash, Hasher};

pub use cumulative::{CUMMAX, CUMMIN, CUMPROD, CUMSUM, LINEAR_RECURRENCE};
pub use order::{ARGSORT, COMPACT, RUN_STARTS, SEARCHSORTED_LEFT, SEARCHSORTED_RIGHT, SORT};

/// The cotangents of the operands, given the node and its own.
pub type VjpRule = fn(&mut Graph, NodeId, Cotangent) -> Vec<Option<Cotangent>>;

/// How a routine is differentiated.
#[derive(Clone, Copy)]
pub enum Derivative {
    /// By this rule.
    Rule(VjpRule),
    /// The result is piecewise constant: the derivative is zero.
    Zero,
    /// There is none, for this reason, which the user reads.
    None(&'static str),
}

/// A library call over rows.
pub struct Routine {
    /// The name in printed graphs.
    pub name: &'static str,
    /// What a row of the result is, in a sentence.
    pub doc: &'static str,
    /// The number of core axes of each operand.
    pub cores: &'static [usize],
    /// The core type of the result from those of the operands, or what is wrong with them.
    pub typing: fn(&[Type]) -> Result<Type, String>,
    /// Scalar operations per row, from the core sizes of the operands; a logarithm counts as a constant.
    pub work: fn(&[&[Size]]) -> Size,
    /// Derivative.
    pub derivative: Derivative,
    /// Computes one row. The result's elements are zero before.
    pub run: fn(&mut Row<'_>),
}

impl PartialEq for Routine {
    fn eq(&self, other: &Routine) -> bool {
        self.name == other.name
    }
}

impl Eq for Routine {}

impl Hash for Routine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl std::fmt::Debug for Routine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

const FAMILIES: &[&[&Routine]] = &[order::ALL, cumulative::ALL];

/// Every routine.
pub fn all() -> impl Iterator<Item = &'static Routine> {
    FAMILIES.iter().flat_map(|family| family.iter().copied())
}

/// The routine of that name.
pub fn find(name: &str) -> Option<&'static Routine> {
    all().find(|routine| routine.name == name)
}

impl Routine {
    /// Its place among the run-time library's functions of rows: how compiled code names it.
    pub(crate) fn position(&self) -> Option<usize> {
        rows::ALL.iter().position(|function| function.name == self.name)
    }

    /// Batch axes and core of each operand: (shape of the batch, core types).
    ///
    /// # Errors
    /// What is wrong with the operands' ranks or batch axes.
    fn split(&self, operands: &[Type]) -> Result<(Vec<Size>, Vec<Type>), String> {
        if operands.len() != self.cores.len() {
            return Err(format!("expected {} operands, found {}", self.cores.len(), operands.len()));
        }
        let mut batch: Vec<Size> = Vec::new();
        let mut cores = Vec::new();
        for (ty, &core) in operands.iter().zip(self.cores) {
            let Some(lead) = ty.rank().checked_sub(core) else {
                return Err(format!("expected {core} axes or more, found {ty}"));
            };
            let (own, inner) = ty.shape.split_at(lead);
            if batch.is_empty() {
                batch = own.to_vec();
            } else if !own.is_empty() && own != batch {
                return Err(format!("the batch axes of {ty} are not those of the other operands"));
            }
            cores.push(Type::array(ty.dtype, inner.to_vec()));
        }
        Ok((batch, cores))
    }

    /// The type of the result, and how many of its leading axes are batch axes.
    ///
    /// # Errors
    /// What is wrong with the operands.
    pub fn result(&self, operands: &[Type]) -> Result<(Type, usize), String> {
        let (batch, cores) = self.split(operands)?;
        let core = (self.typing)(&cores)?;
        let lead = batch.len();
        Ok((Type::array(core.dtype, batch.into_iter().chain(core.shape).collect()), lead))
    }
}

impl Graph {
    /// A routine over operands whose types it admits; a result of no elements when it does not, which the verifier reports.
    pub fn routine(&mut self, routine: &'static Routine, operands: &[NodeId]) -> NodeId {
        if let Some(half) = self.half_among(operands) {
            return self.in_single(half, operands, |g, wide| g.routine(routine, wide));
        }
        let types: Vec<Type> = operands.iter().map(|&x| self.ty(x).clone()).collect();
        let ty = match routine.result(&types) {
            Ok((ty, _)) => ty,
            Err(_) => {
                Type::array(types.first().map_or(crate::runtime::array::DType::F64, |ty| ty.dtype), vec![Size::from(0)])
            }
        };
        self.add(Op::Routine(routine), operands.to_vec(), ty)
    }

    /// How many leading axes of a routine's node are batch axes.
    pub fn batch_axes(&self, id: NodeId) -> usize {
        let node = self.node(id);
        let Op::Routine(routine) = node.op else { return 0 };
        let leads = node.inputs.iter().zip(routine.cores).map(|(&x, &core)| self.ty(x).rank().saturating_sub(core));
        leads.max().unwrap_or(0)
    }

    /// `values` added up at the places `index` along the last axis of zeros of `shape`, row by row.
    pub(super) fn add_in_rows(&mut self, shape: &[Size], index: NodeId, values: NodeId) -> NodeId {
        let (axes, indexes) = self.row_indexes(index);
        self.scatter_add(shape, &axes, &indexes, values)
    }

    /// For positions along the last axis: every axis, and for each the index arrays that name those elements.
    fn row_indexes(&mut self, index: NodeId) -> (Vec<usize>, Vec<NodeId>) {
        let shape = self.shape(index).to_vec();
        let last = shape.len().saturating_sub(1);
        let mut indexes = Vec::new();
        for (axis, size) in shape.iter().enumerate().take(last) {
            let counter = self.iota(size);
            indexes.push(self.broadcast(counter, &[axis], &shape));
        }
        indexes.push(index);
        ((0..shape.len()).collect(), indexes)
    }
}

/// The cotangents of a routine's operands.
pub(super) fn vjp(g: &mut Graph, id: NodeId, ct: Cotangent) -> Result<Vec<Option<Cotangent>>, String> {
    let node = g.node(id);
    let Op::Routine(routine) = node.op else { return Ok(Vec::new()) };
    match routine.derivative {
        Derivative::Zero => Ok(vec![None; node.inputs.len()]),
        Derivative::None(reason) => Err(format!("`{}` {reason}", routine.name)),
        Derivative::Rule(rule) => Ok(rule(g, id, ct)),
    }
}

/// The result at `index` of a batch axis, from the operands' rows. `None` for an axis of the core.
pub(super) fn index(g: &mut Graph, id: NodeId, axis: usize, index: NodeId, rule: &mut IndexRule<'_>) -> Option<NodeId> {
    let node = g.node(id).clone();
    let Op::Routine(routine) = node.op else { return None };
    if axis >= g.batch_axes(id) {
        return None;
    }
    let mut operands = Vec::new();
    for (&x, &core) in node.inputs.iter().zip(routine.cores) {
        let shared = g.ty(x).rank() == core;
        operands.push(if shared { x } else { rule(g, x, axis, index) });
    }
    Some(g.routine(routine, &operands))
}

/// The routine with one more batch axis in front. An operand that all rows share goes on being shared.
pub(super) fn batch(g: &mut Graph, id: NodeId, n: &Size, operands: &[Batched]) -> Option<NodeId> {
    let Op::Routine(routine) = g.node(id).op else { return None };
    let lead = g.batch_axes(id);
    let own = g.shape(id).get(..lead)?.to_vec();
    let mut all = Vec::new();
    for (operand, &core) in operands.iter().zip(routine.cores) {
        all.push(match *operand {
            Batched::Shared(x) if g.ty(x).rank() == core => x,
            Batched::Stacked(x) if g.ty(x).rank() == core + 1 && lead > 0 => {
                let inner = g.shape(x).get(1..)?.to_vec();
                let shape: Vec<Size> = std::iter::once(n).chain(&own).chain(&inner).cloned().collect();
                let axes: Vec<usize> = std::iter::once(0).chain(lead + 1..shape.len()).collect();
                g.broadcast(x, &axes, &shape)
            }
            other => other.repeated(g, n),
        });
    }
    Some(g.routine(routine, &all))
}

/// The only core type; every operand has it.
fn one_type(types: &[Type]) -> Result<&Type, String> {
    let [first, rest @ ..] = types else { return Err("expected operands, found none".to_string()) };
    match rest.iter().find(|ty| *ty != first) {
        None => Ok(first),
        Some(other) => Err(format!("the rows are {first} and {other}")),
    }
}

/// The product of all core sizes of the first operand, times a constant.
fn linear(cores: &[&[Size]], factor: i64) -> Size {
    let elements = cores.first().map_or(Size::one(), |core| Size::product(core.iter()));
    elements.times(&Size::from(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_routine_is_computed_by_the_function_of_rows_of_its_name() {
        for routine in all() {
            let function = routine.position().and_then(|position| rows::ALL.get(position));
            let found = function.map(|function| (function.operands, function.run as usize));
            assert_eq!(found, Some((routine.cores.len(), routine.run as usize)), "{}", routine.name);
        }
    }
}
