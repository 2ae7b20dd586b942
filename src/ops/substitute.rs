//! Substitution: nodes, and with them index variables and states, replaced below roots.
//!
//! In: roots, and what becomes of some nodes. Out: the roots with that, rebuilt where they depend on it.
//! Always holds: no variable is captured: who binds one that a new value mentions gets another; sizes that are read from
//! what has changed are read from the new values.

use crate::graph::{Binder, Constant, Graph, NodeId, Op, Size, SizeVar, Type, VarId, reachable};
use rustc_hash::{FxHashMap, FxHashSet};

impl Graph {
    /// `body` with an index variable or a state replaced.
    pub fn substitute(&mut self, body: NodeId, var: VarId, by: NodeId) -> NodeId {
        if !self.depends_on(body, var) {
            return body;
        }
        let own = |id: &NodeId| matches!(self.node(*id).op, Op::Var(own) | Op::State(own) if own == var);
        let map = reachable(self, &[body]).into_iter().filter(own).map(|id| (id, by)).collect();
        self.replace(&[body], &map).first().copied().unwrap_or(body)
    }

    /// A fresh variable for `var`; notes in `by` what becomes of it below the roots.
    pub(crate) fn renamed(&mut self, var: VarId, roots: &[NodeId], by: &mut FxHashMap<NodeId, NodeId>) -> VarId {
        let info = self.var(var).clone();
        let fresh = self.new_var(info.name, info.extent);
        for id in reachable(self, roots) {
            let node = self.node(id).clone();
            match node.op {
                Op::Var(own) if own == var => by.insert(id, self.var_value(fresh)),
                Op::State(own) if own == var => by.insert(id, self.state(fresh, node.ty)),
                _ => continue,
            };
        }
        fresh
    }

    /// The roots with nodes replaced by others.
    pub(crate) fn replace(&mut self, roots: &[NodeId], by: &FxHashMap<NodeId, NodeId>) -> Vec<NodeId> {
        let order = reachable(self, roots);
        let own = |id: &NodeId| match self.node(*id).op {
            Op::Var(var) | Op::State(var) => Some(var),
            _ => None,
        };
        let variables = by.keys().all(|id| own(id).is_some());
        let targets = by.keys().flat_map(|id| self.node(*id).free.iter().copied()).collect();
        // What takes the place of another node is meant where that stood; only what takes a variable's place is not.
        let values = by.values().filter(|_| variables);
        let captured: FxHashSet<VarId> = values.flat_map(|id| self.node(*id).free.iter().copied()).collect();
        let mut change = Change {
            given: by,
            targets,
            variables,
            map: by.clone(),
            sizes: FxHashMap::default(),
            vars: FxHashMap::default(),
        };
        change.rename_binders(self, &order, &captured);
        for id in order {
            change.visit(self, id);
        }
        roots.iter().map(|root| change.of(*root)).collect()
    }
}

/// What has become of nodes, sizes and variables.
struct Change<'a> {
    given: &'a FxHashMap<NodeId, NodeId>,
    /// The variables that are replaced, or that what is replaced depends on: who binds one of them is not meant.
    targets: FxHashSet<VarId>,
    /// Whether only variables are replaced.
    variables: bool,
    map: FxHashMap<NodeId, NodeId>,
    sizes: FxHashMap<SizeVar, Size>,
    vars: FxHashMap<VarId, VarId>,
}

impl Change<'_> {
    fn of(&self, id: NodeId) -> NodeId {
        self.map.get(&id).copied().unwrap_or(id)
    }

    fn size(&self, size: &Size) -> Size {
        size.substitute(&|name| self.sizes.get(name).cloned())
    }

    fn var(&self, var: VarId) -> VarId {
        self.vars.get(&var).copied().unwrap_or(var)
    }

    /// Whether a node may change.
    fn reaches(&self, g: &Graph, id: NodeId) -> bool {
        let free = &g.node(id).free;
        self.targets.is_empty() || free.iter().any(|var| self.targets.contains(var) || self.vars.contains_key(var))
    }

    /// Binders of variables that new values mention, if anything changes below them, bind others.
    fn rename_binders(&mut self, g: &mut Graph, order: &[NodeId], captured: &FxHashSet<VarId>) {
        let mut changes: FxHashSet<NodeId> = self.map.keys().copied().collect();
        let mut renamed: FxHashSet<VarId> = FxHashSet::default();
        for &id in order {
            let below = |x: &NodeId| changes.contains(x);
            let changed = g.node(id).inputs.iter().any(below) || g.size_values(id).iter().any(below);
            if !changed || !self.reaches(g, id) {
                continue;
            }
            changes.insert(id);
            match &g.node(id).op {
                Op::Build(var) => renamed.extend([*var].iter().filter(|var| captured.contains(var))),
                Op::Loop(binder) => renamed.extend(binder.vars().filter(|var| captured.contains(var))),
                _ => {}
            }
        }
        for var in renamed {
            let mut by = FxHashMap::default();
            let fresh = g.renamed(var, order, &mut by);
            by.retain(|id, _| !self.map.contains_key(id));
            self.map.extend(by);
            self.vars.insert(var, fresh);
        }
    }

    fn visit(&mut self, g: &mut Graph, id: NodeId) {
        if !self.map.contains_key(&id) {
            let rebinds = self.rebinds(g, id);
            let same = g.node(id).inputs.iter().all(|x| self.of(*x) == *x)
                && g.size_values(id).iter().all(|x| self.of(*x) == *x);
            if (same && !rebinds) || !self.reaches(g, id) {
                return;
            }
            let new = self.under_own_names(g, id).unwrap_or_else(|| self.rebuilt(g, id));
            self.map.insert(id, new);
        }
        self.note_size(g, id);
    }

    /// A binder of a variable that is replaced around it binds another one first.
    fn under_own_names(&self, g: &mut Graph, id: NodeId) -> Option<NodeId> {
        let node = g.node(id).clone();
        let shadows = |var: &VarId| self.variables && self.targets.contains(var);
        let renamed = match &node.op {
            Op::Loop(binder) if binder.vars().any(|var| shadows(&var)) => {
                let (binder, inputs) = g.renamed_loop(binder, &node.inputs);
                g.add_loop(binder, inputs)
            }
            Op::Build(var) if shadows(var) => {
                let mut by = FxHashMap::default();
                let fresh = g.renamed(*var, &node.inputs, &mut by);
                let body = g.replace(&node.inputs, &by);
                g.build(fresh, body.first().copied()?)
            }
            _ => return None,
        };
        g.replace(&[renamed], self.given).first().copied()
    }

    /// Whether the node stands for a variable, or binds one, that is another one now.
    fn rebinds(&mut self, g: &mut Graph, id: NodeId) -> bool {
        match &g.node(id).op {
            Op::Var(var) => {
                let (var, info) = (*var, g.var(*var).clone());
                let extent = self.size(&info.extent);
                if extent != info.extent && !self.vars.contains_key(&var) {
                    let fresh = g.new_var(info.name, extent);
                    self.vars.insert(var, fresh);
                }
                self.vars.contains_key(&var)
            }
            Op::Build(var) | Op::State(var) => self.vars.contains_key(var),
            Op::Loop(binder) => binder.vars().any(|var| self.vars.contains_key(&var)),
            _ => false,
        }
    }

    fn rebuilt(&self, g: &mut Graph, id: NodeId) -> NodeId {
        let node = g.node(id).clone();
        let inputs: Vec<NodeId> = node.inputs.iter().map(|x| self.of(*x)).collect();
        let ty = Type::array(node.ty.dtype, node.ty.shape.iter().map(|size| self.size(size)).collect());
        let sizes = |starts: &[Size]| starts.iter().map(|size| self.size(size)).collect();
        g.span = node.span;
        let op = match node.op {
            Op::Map(op) => return g.map(op, &inputs),
            Op::Var(var) => Op::Var(self.var(var)),
            Op::State(var) => Op::State(self.var(var)),
            Op::Build(var) => {
                // A body that no longer changes with the variable is repeated.
                return inputs.first().map_or(id, |body| g.build(self.var(var), *body));
            }
            Op::Loop(binder) => Op::Loop(Binder {
                counter: self.var(binder.counter),
                states: binder.states.iter().map(|state| self.var(*state)).collect(),
            }),
            Op::Size(size) => {
                let size = self.size(&size);
                size.as_const().map_or(Op::Size(size), |value| Op::Const(Constant::Int(value)))
            }
            Op::Slice { starts, steps } => Op::Slice { starts: sizes(&starts), steps },
            Op::Place { starts, steps } => Op::Place { starts: sizes(&starts), steps },
            other => other,
        };
        g.add(op, inputs, ty)
    }

    /// A size that was read from the node is read from what has become of it.
    fn note_size(&mut self, g: &mut Graph, id: NodeId) {
        let Some(name) = g.dynamic_name(id).cloned() else { return };
        let size = g.dynamic_size(self.of(id));
        if size.as_var() != Some(&name) {
            self.sizes.insert(name, size);
        }
    }
}
