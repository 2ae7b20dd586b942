//! What a loop saves while it runs, so that its iterations can be gone through backwards.
//!
//! In: a loop, and what its iterations backwards compute, in terms of its states. Out: the loop with tapes.
//! Always holds: only states that the way back reads are saved; of an array that is changed in place, only what is
//! overwritten.

use super::looping::{Carried, Parts, fresh_state, read, trips};
use super::undo::{Tables, Undo};
use crate::graph::{Graph, NodeId, Op, Size, Type};
use rustc_hash::FxHashMap;

/// A loop that saves.
pub(super) struct Record {
    /// The loop, with what it carries beside its states.
    run: NodeId,
    /// Where the tape of a state is carried.
    tapes: FxHashMap<usize, usize>,
    tables: Tables,
}

impl Record {
    /// Saves what the roots read. In another loop, arrays that the loop changes in place are changed back in any case.
    pub(super) fn new(g: &mut Graph, id: NodeId, parts: &Parts, roots: &[NodeId], in_loop: bool) -> Record {
        let read: Vec<usize> = (0..parts.first.len())
            .filter(|&position| {
                let (state, var) = (parts.state(g, position), parts.binder.states[position]);
                state != parts.next[position] && roots.iter().any(|root| g.depends_on(*root, var))
            })
            .collect();
        let saves = !read.is_empty();
        let all: Vec<usize> = (0..parts.first.len()).filter(|at| (in_loop && saves) || read.contains(at)).collect();
        let tables = Tables::new(g, id, parts, &all);
        let mut run = parts.clone();
        let mut tapes = FxHashMap::default();
        for position in read.into_iter().filter(|position| !tables.has(*position)) {
            tapes.insert(position, tape(g, id, parts, position, &mut run));
        }
        let tables = tables.record(g, &mut run);
        let run = if run.first.len() > parts.first.len() { run.node(g) } else { id };
        Record { run, tapes, tables }
    }

    /// How the arrays that are changed in place are changed back in iteration `at`; `ends` are those that have been
    /// changed back that far already.
    pub(super) fn changes_back(
        &self,
        g: &mut Graph,
        parts: &Parts,
        at: NodeId,
        ends: &FxHashMap<usize, NodeId>,
    ) -> Undo {
        self.tables.undo(g, self.run, parts, at, ends)
    }

    /// The state of that position at the beginning of iteration `at`. `None` if nobody asks.
    pub(super) fn value(
        &self,
        g: &mut Graph,
        parts: &Parts,
        position: usize,
        at: NodeId,
        undo: &Undo,
    ) -> Option<NodeId> {
        if parts.state(g, position) == parts.next[position] {
            return Some(parts.first[position]);
        }
        match self.tapes.get(&position) {
            Some(tape) => Some(read(g, self.run, *tape, at)),
            None => undo.value(position),
        }
    }
}

/// A tape for a state: row `t` is the state at the beginning of iteration `t`. Gives its position.
fn tape(g: &mut Graph, id: NodeId, parts: &Parts, position: usize, run: &mut Parts) -> usize {
    let (_, size) = trips(g, id, parts);
    let (state, at) = (parts.state(g, position), g.var_value(parts.binder.counter));
    let ty = g.ty(state).clone();
    let (var, before, first) = log(g, "tape", &ty, &size);
    let next = append(g, before, state, at);
    run.carry(Carried { var, first, next })
}

/// Room for `size` entries of a type: variable, state, and what it is first.
pub(super) fn log(g: &mut Graph, name: &str, entry: &Type, size: &Size) -> (crate::graph::VarId, NodeId, NodeId) {
    let mut ty = entry.clone();
    ty.shape.insert(0, size.clone());
    let first = g.zeros(&ty);
    let (var, state) = fresh_state(g, name, &ty);
    (var, state, first)
}

/// A log with an entry written.
pub(super) fn append(g: &mut Graph, log: NodeId, entry: NodeId, at: NodeId) -> NodeId {
    let yes = g.truth(true);
    g.update(log, entry, yes, &[0], &[at])
}

/// An entry of a log.
pub(super) fn entry(g: &mut Graph, log: NodeId, at: NodeId) -> NodeId {
    g.gather(log, &[0], &[at])
}

/// The value behind marks.
pub(super) fn unmarked(g: &Graph, id: NodeId) -> NodeId {
    let mut id = id;
    while let (Op::Mark(_), [x]) = (&g.node(id).op, g.node(id).inputs.as_slice()) {
        id = *x;
    }
    id
}
