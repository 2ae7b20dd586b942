//! Reverse mode: cotangents from results back to what they were computed from.
//!
//! In: values with their cotangents. Out: the cotangents of what is asked for.
//! Always holds: the cost is a fixed small multiple of the values' own; what a loop needs from its iterations is saved
//! while it runs, and no array is saved whole for an element that changes.

mod activity;
mod looping;
mod postpone;
mod record;
mod region;
mod rows;
mod through;
mod undo;

pub(super) use activity::active;
pub(super) use looping::{Carried, Parts, fresh_state};
pub(super) use region::Region;

use crate::diagnostic::{Diagnostic, codes};
use crate::graph::{Graph, NodeId, Op, VarId, reachable};
use crate::ops::rules::{self, Cotangent, NoDerivative};
use rustc_hash::{FxHashMap, FxHashSet};

/// What a derivative did not go through.
type Outcome<T> = Result<T, Box<Diagnostic>>;

/// The error that a node cannot be differentiated.
pub(super) fn not_differentiable(g: &Graph, id: NodeId, reason: NoDerivative) -> Box<Diagnostic> {
    Diagnostic::error(codes::NOT_DIFFERENTIABLE, g.node(id).span, reason.0)
        .at("a gradient passes through here")
        .help("write stop_gradient(…) around it if it is meant to count as constant")
}

/// The cotangents of each of `by` that `value` depends on, where that of `value` is `seed`.
pub(super) fn reverse(
    g: &mut Graph,
    value: NodeId,
    seed: Cotangent,
    by: &[NodeId],
) -> Outcome<FxHashMap<NodeId, NodeId>> {
    let order = reachable(g, &[value]);
    let active = active(g, &order, by);
    let outer = [g.node(value).free.as_slice(), &g.node(seed.node).free].concat().into_iter().collect();
    let checkpoint = matches!(g.node(value).op, Op::Checkpoint);
    let mut reversal = Reversal::new(&active, outer, Setting { in_loop: false, checkpoint, segment: None });
    if active.contains(&value) {
        reversal.add(g, value, seed);
    }
    reversal.walk(g, &order)?;
    Ok(by.iter().filter_map(|id| Some((*id, reversal.take(g, *id)?.node))).collect())
}

/// How a part of a graph is differentiated.
#[derive(Clone, Copy)]
struct Setting {
    /// It is the body of a loop: sums are formed in place.
    in_loop: bool,
    /// Loops keep some of their states only.
    checkpoint: bool,
    /// The counter of the loop over one stretch, which keeps all of its states.
    segment: Option<VarId>,
}

/// One walk back through a part of a graph.
struct Reversal<'a> {
    active: &'a FxHashSet<NodeId>,
    /// Index variables that nothing is summed over.
    outer: FxHashSet<VarId>,
    cotangents: FxHashMap<NodeId, Vec<Cotangent>>,
    /// Arrays that were changed in place and have been changed back: the node that has the value again.
    restored: FxHashMap<NodeId, NodeId>,
    /// Nodes whose cotangent has another part without cuts beside the one it began with.
    joined: FxHashSet<NodeId>,
    /// Updates that write places which are written once.
    once: Vec<NodeId>,
    setting: Setting,
}

impl<'a> Reversal<'a> {
    fn new(active: &'a FxHashSet<NodeId>, outer: FxHashSet<VarId>, setting: Setting) -> Reversal<'a> {
        let (cotangents, restored) = (FxHashMap::default(), FxHashMap::default());
        let joined = FxHashSet::default();
        Reversal { active, outer, cotangents, restored, joined, once: Vec::new(), setting }
    }

    /// Adds a part to the cotangent of a node.
    fn add(&mut self, g: &mut Graph, id: NodeId, part: Cotangent) {
        let node = self.sum_inner(g, part.node, id);
        let part = Cotangent { node, ..part };
        if !part.masked {
            self.joined.insert(id);
        }
        let parts = self.cotangents.entry(id).or_default();
        match parts.first_mut() {
            // Outside of loops at once, as they come.
            Some(before) if !self.setting.in_loop => {
                let node = g.plus_sharing(before.node, part.node);
                *before = Cotangent { node, masked: before.masked || part.masked };
            }
            _ => parts.push(part),
        }
    }

    /// Adds a part that mentions no variable which the node does not know.
    fn add_unsummed(&mut self, id: NodeId, part: Cotangent) {
        self.cotangents.entry(id).or_default().push(part);
    }

    /// The same, where it is a part like any other.
    fn join(&mut self, id: NodeId, part: Cotangent) {
        if !part.masked {
            self.joined.insert(id);
        }
        self.add_unsummed(id, part);
    }

    /// The cotangent of a node, which is not asked for again.
    fn take(&mut self, g: &mut Graph, id: NodeId) -> Option<Cotangent> {
        let parts = self.cotangents.remove(&id)?;
        combined(g, &parts)
    }

    /// Puts down the cotangent of a node, complete so far.
    fn put(&mut self, id: NodeId, ct: Cotangent) {
        self.cotangents.insert(id, vec![ct]);
    }

    /// From results to operands.
    fn walk(&mut self, g: &mut Graph, order: &[NodeId]) -> Outcome<()> {
        let mut lasts: FxHashMap<NodeId, Vec<(usize, Cotangent)>> = FxHashMap::default();
        for &id in order.iter().rev() {
            undo::step_back(g, &mut self.restored, id);
            let node = g.node(id).clone();
            if let (Op::Loop(_), Some(cts)) = (&node.op, lasts.remove(&id)) {
                g.span = node.span;
                looping::reverse_loop(self, g, id, &cts)?;
                continue;
            }
            let reached = node.inputs.iter().any(|x| self.active.contains(x));
            if !reached || !self.cotangents.contains_key(&id) {
                continue;
            }
            let Some(ct) = self.take(g, id) else { continue };
            self.put(id, ct);
            match (&node.op, node.inputs.as_slice()) {
                (Op::Final(position), [of]) => lasts.entry(*of).or_default().push((*position, ct)),
                _ => self.through(g, id, ct)?,
            }
        }
        Ok(())
    }

    /// Through one operator.
    fn through(&mut self, g: &mut Graph, id: NodeId, ct: Cotangent) -> Outcome<()> {
        let inputs = g.node(id).inputs.clone();
        g.span = g.node(id).span;
        let parts = match self.once.contains(&id) {
            true => rows::through(g, id, ct),
            false => rules::vjp(g, id, ct).map_err(|reason| not_differentiable(g, id, reason))?,
        };
        for (input, part) in inputs.into_iter().zip(parts) {
            if let (Some(part), true) = (part, self.active.contains(&input)) {
                self.add(g, input, part);
            }
        }
        Ok(())
    }

    /// Sums over the index variables that the operand does not know: those bound inside.
    fn sum_inner(&self, g: &mut Graph, part: NodeId, operand: NodeId) -> NodeId {
        let mut part = part;
        loop {
            let inner = |var: &&VarId| !self.outer.contains(var) && !g.depends_on(operand, **var);
            let Some(&var) = g.node(part).free.iter().find(inner) else { return part };
            let built = g.build(var, part);
            part = g.sum(built, &[0]);
        }
    }
}

/// The sum of the parts: whole arrays first, then what is added at some places only, in place.
fn combined(g: &mut Graph, parts: &[Cotangent]) -> Option<Cotangent> {
    let scattered = |g: &Graph, part: &Cotangent| matches!(g.node(part.node).op, Op::ScatterAdd { .. });
    let (some, whole): (Vec<Cotangent>, Vec<Cotangent>) = parts.iter().partition(|part| scattered(g, part));
    let masked = parts.iter().any(|part| part.masked);
    let mut total: Option<NodeId> = None;
    for part in whole {
        total = Some(total.map_or(part.node, |before| g.plus_sharing(before, part.node)));
    }
    for part in some {
        let node = g.node(part.node).clone();
        total = Some(match (total, node.op, node.inputs.as_slice()) {
            (Some(before), Op::ScatterAdd { axes }, [indexes @ .., values]) => {
                g.update_add(before, *values, &axes, indexes)
            }
            _ => part.node,
        });
    }
    total.map(|node| Cotangent { node, masked })
}
