//! Loops: values carried from iteration to iteration, and arrays changed in place.
//!
//! In: first values, and next values made of [`Op::State`]s. Out: [`Op::Loop`] nodes and what the states are behind them.
//! Always holds: whatever depends on no variable of a loop is outside of it; a loop that is never entered leaves its
//! states as they were.

use crate::graph::{Binder, Constant, Graph, NodeId, Op, Size, Type, VarId};
use crate::runtime::array::DType;
use rustc_hash::FxHashMap;

/// The extent of a counter whose limit is known only when running.
pub const UNBOUNDED: i64 = i64::MAX;

impl Graph {
    /// The value of a state at the beginning of an iteration.
    pub fn state(&mut self, var: VarId, ty: Type) -> NodeId {
        self.add(Op::State(var), Vec::new(), ty)
    }

    /// A loop, as the number of its iterations. `parts` are operands as [`Op::Loop`] has them.
    pub fn add_loop(&mut self, binder: Binder, parts: Vec<NodeId>) -> NodeId {
        self.add(Op::Loop(binder), parts, Type::scalar(DType::I64))
    }

    /// The state of that position behind a loop.
    pub fn last(&mut self, of: NodeId, position: usize) -> NodeId {
        let node = self.node(of);
        let first = match &node.op {
            Op::Loop(binder) => binder.parts(&node.inputs).and_then(|parts| parts.first.get(position).copied()),
            _ => None,
        };
        let ty = first.map_or(Type::scalar(DType::I64), |first| self.ty(first).clone());
        self.add(Op::Final(position), vec![of], ty)
    }

    /// `array` with `values` at `indexes`, if `guard` holds.
    pub fn update(
        &mut self,
        array: NodeId,
        values: NodeId,
        guard: NodeId,
        axes: &[usize],
        indexes: &[NodeId],
    ) -> NodeId {
        let ty = self.ty(array).clone();
        let inputs = [array, values, guard].into_iter().chain(indexes.iter().copied()).collect();
        self.add(Op::Update { axes: axes.to_vec(), adds: false }, inputs, ty)
    }

    /// `array` with `values` added at `indexes`; equal indexes add up.
    pub fn update_add(&mut self, array: NodeId, values: NodeId, axes: &[usize], indexes: &[NodeId]) -> NodeId {
        let ty = self.ty(array).clone();
        let yes = self.truth(true);
        let inputs = [array, values, yes].into_iter().chain(indexes.iter().copied()).collect();
        self.add(Op::Update { axes: axes.to_vec(), adds: true }, inputs, ty)
    }

    /// A truth value.
    pub fn truth(&mut self, value: bool) -> NodeId {
        self.constant(Constant::Bool(value), DType::Bool)
    }

    /// The sizes that the values of an update have.
    pub fn update_shape(&self, array: NodeId, axes: &[usize], indexes: &[NodeId]) -> Vec<Size> {
        let mut shape = indexes.first().map_or(Vec::new(), |&index| self.shape(index).to_vec());
        let rest = self.shape(array).iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        shape.extend(rest.map(|(_, size)| size.clone()));
        shape
    }

    /// A loop with variables of its own, so that values that mention the old ones may enter it.
    pub(crate) fn renamed_loop(&mut self, binder: &Binder, inputs: &[NodeId]) -> (Binder, Vec<NodeId>) {
        let mut by = FxHashMap::default();
        let fresh: Vec<VarId> = binder.vars().map(|var| self.renamed(var, inputs, &mut by)).collect();
        let inputs = self.replace(inputs, &by);
        let (counter, states) = fresh.split_first().map_or((binder.counter, Vec::new()), |(c, s)| (*c, s.to_vec()));
        (Binder { counter, states }, inputs)
    }
}
