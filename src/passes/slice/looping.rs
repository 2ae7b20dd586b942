//! Slicing through loops: one example of what a loop leaves is what a loop leaves that carries only that example.
//!
//! In: a state behind a loop, one of its axes, and the index of an example. Out: the state behind a loop over the same
//! iterations, in which whatever the state is made of is sliced.
//! Always holds: a state is carried sliced along one axis, or whole and then made of nothing that is sliced; a loop that
//! needs one of its states both ways ties examples together, and stays as it is.

use super::{Pusher, ROUNDS};
use crate::graph::{Graph, NodeId, Op, Type, VarId, reachable};
use crate::passes::reverse::{Carried, Parts};
use rustc_hash::{FxHashMap, FxHashSet};

/// The variables of sliced states, by the state, the axis and the example: whoever slices the same gets the same loop.
pub(in crate::passes) type SlicedVars = FxHashMap<(VarId, usize, NodeId), VarId>;

/// A loop that is being sliced.
pub(super) struct Slicing {
    parts: Parts,
    /// The example.
    index: NodeId,
    /// The states of which a slice is needed: its axis, its variable, its value.
    sliced: Vec<Option<(usize, VarId, NodeId)>>,
    /// States whose next values have not been looked at.
    pending: Vec<usize>,
}

impl Slicing {
    /// Whether a node changes while the loop runs.
    pub(super) fn holds(&self, g: &Graph, id: NodeId) -> bool {
        let free = &g.node(id).free;
        let sliced = || self.sliced.iter().flatten().map(|(_, var, _)| *var);
        free.iter().any(|var| self.parts.binder.vars().chain(sliced()).any(|own| own == *var))
    }
}

impl Pusher<'_> {
    /// The slice of a state at the beginning of an iteration. `None` if it belongs to no loop that is being sliced for
    /// this example, or is sliced along another axis.
    pub(super) fn sliced_state(&mut self, g: &mut Graph, id: NodeId, axis: usize, index: NodeId) -> Option<NodeId> {
        let Op::State(var) = g.node(id).op else { return None };
        let place = |slicing: &Slicing| slicing.parts.binder.states.iter().position(|state| *state == var);
        let (slicing, position) = self.loops.iter_mut().find_map(|own| place(own).map(|at| (own, at)))?;
        if slicing.index != index {
            return None;
        }
        if let Some((known, _, state)) = slicing.sliced.get(position).copied()? {
            return (known == axis).then_some(state);
        }
        let mut ty = g.ty(id).clone();
        if axis >= ty.rank() {
            return None;
        }
        ty.shape.remove(axis);
        let fresh = self.vars.get(&(var, axis, index)).copied();
        let fresh = fresh.unwrap_or_else(|| g.new_var(g.var(var).name.clone(), g.var(var).extent.clone()));
        self.vars.insert((var, axis, index), fresh);
        let state = g.state(fresh, Type::array(ty.dtype, ty.shape));
        *slicing.sliced.get_mut(position)? = Some((axis, fresh, state));
        slicing.pending.push(position);
        Some(state)
    }

    /// One example of a state behind a loop. `None` if the loop ties it to others.
    pub(super) fn behind_loop(&mut self, g: &mut Graph, id: NodeId, axis: usize, index: NodeId) -> Option<NodeId> {
        let (Op::Final(position), [of]) = (&g.node(id).op, g.node(id).inputs.as_slice()) else { return None };
        let (position, parts) = (*position, Parts::of(g, *of)?);
        if parts.binder.vars().any(|var| g.depends_on(index, var)) {
            return None;
        }
        let state = parts.state(g, position);
        let memo = self.memo.clone();
        let sliced = vec![None; parts.first.len()];
        self.loops.push(Slicing { parts, index, sliced, pending: Vec::new() });
        let made = self.sliced_state(g, state, axis, index).and_then(|_| self.sliced_loop(g));
        self.loops.pop();
        let last = made.and_then(|(looped, places)| Some(g.last(looped, places.get(position).copied().flatten()?)));
        if last.is_none() {
            self.memo = memo;
        }
        last
    }

    /// The innermost loop that is being sliced, once one of its states is; and where it carries each state.
    fn sliced_loop(&mut self, g: &mut Graph) -> Option<(NodeId, Vec<Option<usize>>)> {
        let (parts, index) = self.loops.last().map(|slicing| (slicing.parts.clone(), slicing.index))?;
        let mut carried: Vec<Option<Carried>> = vec![None; parts.first.len()];
        while let Some(position) = self.loops.last_mut()?.pending.pop() {
            let (axis, var, _) = self.loops.last()?.sliced.get(position).copied().flatten()?;
            let next = self.push(g, *parts.next.get(position)?, axis, index);
            let next = self.settled(g, next);
            // What the loop begins with stands outside of it.
            let inner = self.loops.pop()?;
            let first = self.push(g, *parts.first.get(position)?, axis, index);
            self.loops.push(inner);
            *carried.get_mut(position)? = Some(Carried { var, first, next });
        }
        self.add_whole(g, &parts, &mut carried)?;
        let mut looped = Parts { first: Vec::new(), next: Vec::new(), checks: Vec::new(), ..parts };
        looped.binder.states.clear();
        let places = carried.into_iter().map(|carried| Some(looped.carry(carried?))).collect();
        Some((looped.node(g), places))
    }

    /// Carries the states that are needed whole. `None` if one of them is made of what is sliced, or is sliced itself.
    fn add_whole(&self, g: &mut Graph, parts: &Parts, carried: &mut [Option<Carried>]) -> Option<()> {
        let sliced: Vec<bool> = carried.iter().map(Option::is_some).collect();
        loop {
            let mut roots = vec![parts.again];
            roots.extend(carried.iter().flatten().map(|carried| carried.next));
            let order: FxHashSet<NodeId> = reachable(g, &roots).into_iter().collect();
            let before = carried.iter().flatten().count();
            for (position, var) in parts.binder.states.iter().enumerate() {
                if !order.contains(&parts.state(g, position)) {
                    continue;
                }
                let entry = carried.get_mut(position)?;
                if *sliced.get(position)? {
                    return None;
                }
                let (first, next) = (*parts.first.get(position)?, *parts.next.get(position)?);
                *entry = Some(Carried { var: *var, first, next });
            }
            if carried.iter().flatten().count() == before {
                return Some(());
            }
        }
    }

    /// The value with every index of the example that is left in the loop's body pushed as well: those that were in the
    /// body of a comprehension.
    fn settled(&mut self, g: &mut Graph, root: NodeId) -> NodeId {
        let mut root = root;
        for _ in 0..ROUNDS {
            let next = self.rebuilt(g, root, Self::is_inside, |_, _| {});
            if next == root {
                break;
            }
            root = next;
        }
        root
    }
}
