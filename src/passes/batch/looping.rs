//! Loops over time for all examples at once: a builder over loops becomes a loop over what builders would make.
//!
//! In: a loop in the body of a builder, whose iterations are the same in number for every example. Out: one loop, whose
//! states have a leading axis of examples where they differ between them.
//! Always holds: the steps of the loop are products with the whole batch; a loop whose length or whose changes in place
//! depend on the example is left to run example by example.

use super::Batcher;
use crate::graph::{Graph, NodeId, Op, Size, Type, VarId, reachable};
use crate::ops::rules::Batched;
use crate::passes::reverse::{Carried, Parts};
use rustc_hash::{FxHashMap, FxHashSet};

/// The loops that are being batched, and what has become of others.
#[derive(Default)]
pub(super) struct Loops {
    /// What the loops around bind.
    scope: Vec<VarId>,
    /// States of these that differ between examples.
    stacked: FxHashSet<VarId>,
    /// The variables of stacked states, by the variable of the builder and the state.
    vars: FxHashMap<(VarId, VarId), VarId>,
    /// Loops that have been batched, and which of their states differ between examples.
    done: FxHashMap<(VarId, NodeId), (NodeId, Vec<bool>)>,
}

impl Loops {
    /// Whether a node differs between examples because of what the loops around carry.
    pub(super) fn varies(&self, g: &Graph, id: NodeId) -> bool {
        g.node(id).free.iter().any(|var| self.stacked.contains(var))
    }

    /// What is bound by loops below, which are looked into one by one.
    pub(super) fn hidden(&self, g: &Graph, order: &[NodeId]) -> FxHashSet<VarId> {
        let mut hidden: FxHashSet<VarId> = FxHashSet::default();
        for id in order {
            if let Op::Loop(binder) = &g.node(*id).op {
                hidden.extend(binder.vars());
            }
        }
        hidden.retain(|var| !self.scope.contains(var));
        hidden
    }
}

/// Whether batching is worth it: some loop multiplies matrices, which a batch makes products of matrices of vectors.
pub(super) fn has_products(g: &Graph, order: &[NodeId], hidden: &FxHashSet<VarId>) -> bool {
    let inside = |id: &&NodeId| g.node(**id).free.iter().any(|var| hidden.contains(var));
    order.iter().filter(inside).any(|id| matches!(g.node(*id).op, Op::Contract { .. }))
}

/// A matrix with zeros of the example's own, so that one would be made for every example.
pub(super) fn is_matrix_of_each(g: &Graph, id: NodeId, operands: &[Batched]) -> bool {
    let Op::Map(op) = &g.node(id).op else { return false };
    let whole = |operand: &Batched| match operand {
        Batched::Shared(x) => g.ty(*x).rank() > 1 && g.as_constant(*x).is_none(),
        Batched::Stacked(_) => false,
    };
    op.name == "where" && operands.first().is_some_and(Batched::is_stacked) && operands.iter().skip(1).any(whole)
}

impl Batcher {
    /// What a loop's node is for all examples. `None` if it has to run for each of them.
    pub(super) fn looped(&mut self, g: &mut Graph, id: NodeId, var: VarId) -> Option<Batched> {
        if let Some((looped, _)) = self.loops.done.get(&(var, id)) {
            return Some(Batched::Shared(*looped));
        }
        let parts = Parts::of(g, id)?;
        let (scope, outer) = (self.loops.scope.len(), self.loops.stacked.clone());
        let made = self.around(g, &parts, var);
        self.loops.scope.truncate(scope);
        self.loops.stacked = outer;
        let own = |id: NodeId| parts.binder.vars().any(|own| g.depends_on(id, own));
        self.memo.retain(|(_, id), _| !own(*id));
        let (looped, stacked) = made?;
        self.loops.done.insert((var, id), (looped, stacked));
        Some(Batched::Shared(looped))
    }

    /// A state behind a loop that has been batched.
    pub(super) fn last(&mut self, g: &mut Graph, of: NodeId, position: usize, var: VarId) -> Option<Batched> {
        let (looped, stacked) = self.loops.done.get(&(var, of))?;
        let (looped, stacked) = (*looped, stacked.get(position).copied()?);
        let last = g.last(looped, position);
        Some(if stacked { Batched::Stacked(last) } else { Batched::Shared(last) })
    }

    fn around(&mut self, g: &mut Graph, parts: &Parts, var: VarId) -> Option<(NodeId, Vec<bool>)> {
        let n = g.var(var).extent.clone();
        let stacked = self.stacked_states(g, parts, var);
        if self.varies(g, parts.again, var) {
            return None;
        }
        let shared = |operand: Batched| if let Batched::Shared(id) = operand { Some(id) } else { None };
        let limit = shared(self.operand(g, parts.limit, var))?;
        let first: Vec<Batched> = parts.first.iter().map(|first| self.operand(g, *first, var)).collect();
        self.loops.scope.extend(parts.binder.vars());
        let mut states = Vec::new();
        for (position, stacked) in stacked.iter().enumerate() {
            let own = parts.binder.states.get(position).copied()?;
            let state = parts.state(g, position);
            states.push(if *stacked { self.stacked_state(g, state, (var, own), &n) } else { own });
        }
        let roots: Vec<NodeId> = parts.next.iter().chain(&parts.checks).copied().collect();
        self.visit(g, &roots, var)?;
        let mut looped = Parts { limit, first: Vec::new(), next: Vec::new(), checks: Vec::new(), ..parts.clone() };
        looped.binder.states.clear();
        for (position, (first, own)) in first.into_iter().zip(states).enumerate() {
            let next = self.operand(g, *parts.next.get(position)?, var);
            let (first, next) = match stacked.get(position)? {
                true => (first.repeated(g, &n), next.repeated(g, &n)),
                false => (shared(first)?, shared(next)?),
            };
            looped.carry(Carried { var: own, first, next });
        }
        for check in &parts.checks {
            let (Batched::Shared(check) | Batched::Stacked(check)) = self.operand(g, *check, var);
            looped.checks.push(check);
        }
        Some((looped.node(g), stacked))
    }

    /// Which states differ between examples: those that begin so, or are made of such. From here on these count as varying.
    fn stacked_states(&mut self, g: &Graph, parts: &Parts, var: VarId) -> Vec<bool> {
        let mut stacked: Vec<bool> = parts.first.iter().map(|first| self.varies(g, *first, var)).collect();
        loop {
            let own = parts.binder.states.iter().zip(&stacked);
            self.loops.stacked.extend(own.filter(|(_, stacked)| **stacked).map(|(state, _)| *state));
            let mut changed = false;
            for (stacked, next) in stacked.iter_mut().zip(&parts.next) {
                if !*stacked && self.varies(g, *next, var) {
                    (*stacked, changed) = (true, true);
                }
            }
            if !changed {
                return stacked;
            }
        }
    }

    /// A state with a leading axis; gives its variable.
    fn stacked_state(&mut self, g: &mut Graph, state: NodeId, key: (VarId, VarId), n: &Size) -> VarId {
        let known = self.loops.vars.get(&key).copied();
        let fresh = known.unwrap_or_else(|| g.new_var(g.var(key.1).name.clone(), g.var(key.1).extent.clone()));
        self.loops.vars.insert(key, fresh);
        let ty = g.ty(state).clone();
        let shape = std::iter::once(n.clone()).chain(ty.shape).collect();
        let stacked = g.state(fresh, Type::array(ty.dtype, shape));
        self.memo.insert((key.0, state), Batched::Stacked(stacked));
        fresh
    }

    /// Whether a node differs between examples.
    fn varies(&self, g: &Graph, id: NodeId, var: VarId) -> bool {
        g.depends_on(id, var) || self.loops.varies(g, id)
    }

    /// Batches what the roots are made of, as far as no loop below binds it.
    pub(super) fn visit(&mut self, g: &mut Graph, roots: &[NodeId], var: VarId) -> Option<()> {
        let n = g.var(var).extent.clone();
        let order = reachable(g, roots);
        let hidden = self.loops.hidden(g, &order);
        if self.loops.scope.is_empty() && !hidden.is_empty() && !has_products(g, &order, &hidden) {
            let wanted = |id: &NodeId| self.varies(g, *id, var) && matches!(g.node(*id).op, Op::Loop(_));
            if order.iter().any(wanted) {
                return None;
            }
        }
        for id in order {
            let below = |var: &VarId| hidden.contains(var);
            if !self.varies(g, id, var) || self.memo.contains_key(&(var, id)) || g.node(id).free.iter().any(below) {
                continue;
            }
            // Rows of different lengths make no array.
            if g.size_values(id).iter().any(|size| self.varies(g, *size, var)) {
                return None;
            }
            g.span = g.node(id).span;
            let batched = self.node(g, id, var, &n)?;
            self.memo.insert((var, id), batched);
        }
        Some(())
    }

    fn node(&mut self, g: &mut Graph, id: NodeId, var: VarId, n: &Size) -> Option<Batched> {
        let node = g.node(id).clone();
        match (&node.op, node.inputs.as_slice()) {
            (Op::Var(own), _) if *own == var => return Some(Batched::Stacked(g.iota(n))),
            (Op::Loop(_), _) => return self.looped(g, id, var),
            (Op::Final(position), [of]) => return self.last(g, *of, *position, var),
            _ => {}
        }
        let operands: Vec<Batched> = node.inputs.iter().map(|x| self.operand(g, *x, var)).collect();
        let shared = |operand: &Batched| if let Batched::Shared(id) = operand { Some(*id) } else { None };
        // Behind a loop that carries some states for all examples alike.
        if let (Some(inputs), false) =
            (operands.iter().map(shared).collect::<Option<Vec<NodeId>>>(), operands.is_empty())
        {
            return Some(Batched::Shared(match node.op {
                Op::Map(op) => g.map(op, &inputs),
                op => g.add(op, inputs, node.ty),
            }));
        }
        if !self.loops.scope.is_empty() && is_matrix_of_each(g, id, &operands) {
            return None;
        }
        crate::ops::rules::batch(g, id, n, &operands).map(Batched::Stacked)
    }
}
