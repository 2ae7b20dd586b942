//! Copying graphs: the frame of every pass.
//!
//! In: a graph, roots, and what to do differently at some nodes. Out: a new graph with what the roots need.
//! Always holds: a node is visited once, after its operands, without recursion.

use super::{Binder, Constant, Graph, NodeId, Op, SizeVar, VarId};
use crate::graph::{Size, Type};
use crate::syntax::span::Span;
use rustc_hash::FxHashMap;

/// The nodes that the roots need, operands first.
pub fn reachable(graph: &Graph, roots: &[NodeId]) -> Vec<NodeId> {
    let mut seen = vec![false; graph.len()];
    for root in roots {
        seen[root.0 as usize] = true;
    }
    for id in graph.ids().rev() {
        if seen[id.0 as usize] {
            for input in graph.node(id).inputs.iter().chain(&graph.size_values(id)) {
                seen[input.0 as usize] = true;
            }
        }
    }
    graph.ids().filter(|id| seen[id.0 as usize]).collect()
}

/// Copies nodes of one graph into another, remembering where each went.
pub struct Copier<'a> {
    source: &'a Graph,
    map: Vec<Option<NodeId>>,
    vars: Vec<Option<VarId>>,
    marks: u32,
    sizes: Replacement<'a>,
    /// What sizes that are known only when running have become.
    dynamic: FxHashMap<SizeVar, Size>,
    /// Whether such sizes get names of their own in the target.
    renames: bool,
}

/// What a size variable becomes, if it changes.
type Replacement<'a> = Box<dyn Fn(&SizeVar) -> Option<Size> + 'a>;

impl<'a> Copier<'a> {
    /// A copier that keeps sizes and marks as they are.
    pub fn new(source: &'a Graph) -> Copier<'a> {
        let (nodes, vars) = (source.len(), source.vars().len());
        Copier {
            source,
            map: vec![None; nodes],
            vars: vec![None; vars],
            marks: 0,
            sizes: Box::new(|_| None),
            dynamic: FxHashMap::default(),
            renames: false,
        }
    }

    /// A copier for inlining: size variables are replaced, marks made fresh in `target`.
    pub fn inlining(
        source: &'a Graph,
        target: &mut Graph,
        sizes: impl Fn(&SizeVar) -> Option<Size> + 'a,
    ) -> Copier<'a> {
        let mut copier = Copier::new(source);
        copier.marks = target.reserve_marks(source.mark_count());
        copier.sizes = Box::new(sizes);
        copier.renames = true;
        copier
    }

    /// Where a node of the source went.
    pub fn get(&self, id: NodeId) -> Option<NodeId> {
        self.map[id.0 as usize]
    }

    /// Says where a node goes.
    pub fn set(&mut self, id: NodeId, to: NodeId) {
        self.map[id.0 as usize] = Some(to);
    }

    /// Says where a node goes; a size that is read from it is read from there.
    pub fn set_sized(&mut self, target: &mut Graph, id: NodeId, to: NodeId) {
        self.set(id, to);
        self.note(target, id);
    }

    /// The counterpart of an index variable, made when first met.
    pub fn var(&mut self, target: &mut Graph, var: VarId) -> VarId {
        if let Some(known) = self.vars[var.0 as usize] {
            return known;
        }
        let info = self.source.var(var);
        let fresh = target.new_var(info.name.clone(), self.size(&info.extent));
        self.vars[var.0 as usize] = Some(fresh);
        fresh
    }

    /// A size as it is in the target.
    pub fn size(&self, size: &Size) -> Size {
        size.substitute(&|var| self.dynamic.get(var).cloned().or_else(|| (self.sizes)(var)))
    }

    /// Where a scalar goes that a size is read from, the size goes too.
    fn note(&mut self, target: &mut Graph, id: NodeId) {
        let (Some(name), Some(to)) = (self.source.dynamic_name(id), self.get(id)) else { return };
        if self.dynamic.contains_key(name) {
            return;
        }
        let size = match target.as_extent(to) {
            // An axis of a negative size is empty.
            Some(size) if size.as_const().is_some_and(|size| size < 0) => Size::from(0),
            Some(size) => size,
            None if self.renames => target.dynamic_size(to),
            None => {
                target.bind_size(name.clone(), to);
                Size::var(name)
            }
        };
        self.dynamic.insert(name.clone(), size.clone());
        if self.renames {
            self.renew_extents(target, name);
        } else if size.as_var() != Some(name) {
            target.replace_in_extents(name, &size);
        }
    }

    /// Index variables may have been met before their sizes. The target has variables with sizes of the same name too.
    fn renew_extents(&self, target: &mut Graph, name: &SizeVar) {
        for (info, to) in self.source.vars().iter().zip(&self.vars) {
            if let Some(to) = to
                && info.extent.vars().contains(name)
            {
                target.set_extent(*to, self.size(&info.extent));
            }
        }
    }

    /// The type with sizes replaced.
    pub fn ty(&self, ty: &Type) -> Type {
        Type { dtype: ty.dtype, shape: ty.shape.iter().map(|size| self.size(size)).collect() }
    }

    /// The operands' counterparts; all have been copied before.
    pub fn inputs(&self, id: NodeId) -> Vec<NodeId> {
        self.source.node(id).inputs.iter().filter_map(|input| self.get(*input)).collect()
    }

    /// The operator as it stands in the target.
    pub fn op(&mut self, target: &mut Graph, op: &Op) -> Op {
        let sizes = |starts: &[Size]| starts.iter().map(|size| self.size(size)).collect();
        match op {
            Op::Var(var) => Op::Var(self.var(target, *var)),
            Op::Build(var) => Op::Build(self.var(target, *var)),
            Op::State(var) => Op::State(self.var(target, *var)),
            Op::Loop(binder) => {
                let counter = self.var(target, binder.counter);
                let states = binder.states.iter().map(|state| self.var(target, *state)).collect();
                Op::Loop(Binder { counter, states })
            }
            Op::Mark(mark) => Op::Mark(mark + self.marks),
            Op::Size(size) => {
                let size = self.size(size);
                size.as_const().map_or(Op::Size(size), |value| Op::Const(Constant::Int(value)))
            }
            Op::Slice { starts, steps } => Op::Slice { starts: sizes(starts), steps: steps.clone() },
            Op::Place { starts, steps } => Op::Place { starts: sizes(starts), steps: steps.clone() },
            other => other.clone(),
        }
    }

    /// Copies one node whose operands have been copied.
    pub fn copy(&mut self, target: &mut Graph, id: NodeId) -> NodeId {
        if let Some(done) = self.get(id) {
            return done;
        }
        let node = self.source.node(id);
        let (op, inputs, ty) = (self.op(target, &node.op), self.inputs(id), self.ty(&node.ty));
        target.span = node.span;
        let may_fall = matches!((&node.op, &op), (Op::Size(old), Op::Size(new))
            if old.is_nonnegative() && !new.is_nonnegative());
        let copied = target.add(op, inputs, ty);
        let copied = if may_fall { target.no_less_than_nothing(copied) } else { copied };
        self.set(id, copied);
        self.note(target, id);
        copied
    }

    /// Copies everything that `roots` need, each node as `rule` says.
    pub fn copy_all(
        &mut self,
        target: &mut Graph,
        roots: &[NodeId],
        mut rule: impl FnMut(&mut Self, &mut Graph, NodeId) -> NodeId,
    ) {
        for id in reachable(self.source, roots) {
            if self.get(id).is_none() {
                target.span = self.source.node(id).span;
                let copied = rule(self, target, id);
                self.set(id, copied);
            }
            self.note(target, id);
        }
    }
}

impl Graph {
    /// An empty graph with the same name, parameters, index variables and marks: a pass fills it.
    /// Index variables keep their ids.
    pub fn successor(&self) -> Graph {
        let mut next = Graph::new(self.name.clone());
        let mut places = vec![Span::default(); self.inputs.len()];
        for id in self.ids() {
            if let Op::Input(position) = self.node(id).op {
                places[position] = self.node(id).span;
            }
        }
        for (input, place) in self.inputs.iter().zip(places) {
            next.span = place;
            next.add_input(input.name.clone(), input.ty.clone());
        }
        for var in self.vars() {
            next.new_var(var.name.clone(), var.extent.clone());
        }
        next.reserve_marks(self.mark_count());
        next.reserve_sizes(self);
        next
    }

    /// Rewrites the graph node by node into a successor. `rule` gets the map so far and the node's id.
    #[must_use]
    pub fn rewrite(&self, rule: impl FnMut(&mut Copier<'_>, &mut Graph, NodeId) -> NodeId) -> Graph {
        let mut next = self.successor();
        let mut copier = Copier::new(self);
        copier.keep_vars();
        copier.copy_all(&mut next, &self.roots(), rule);
        let moved = |ids: &[NodeId]| ids.iter().filter_map(|id| copier.get(*id)).collect();
        let (outputs, checks) = (moved(&self.outputs), moved(&self.checks));
        next.outputs = outputs;
        next.checks = checks;
        next
    }
}

impl Copier<'_> {
    /// Index variables keep their ids: the target is a successor of the source.
    pub fn keep_vars(&mut self) {
        for (position, var) in self.vars.iter_mut().enumerate() {
            *var = Some(VarId(position as u32));
        }
    }
}
