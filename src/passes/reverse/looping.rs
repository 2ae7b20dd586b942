//! A loop, backwards: a loop over the same iterations from the last to the first.
//!
//! In: the cotangents of what a loop leaves. Out: those of what it begins with, and of what its body reads from outside.
//! Always holds: the loop backwards carries the cotangents of the states; what flows to values outside is summed in arrays
//! that are carried too and changed in place, or multiplied behind the loop; the values of an iteration are computed from the states at its beginning.

use super::activity::among;
use super::postpone::{Iterations, Postponed};
use super::record::{self, Record};
use super::region::Region;
use super::rows::Rows;
use super::through::read_through;
use super::{Outcome, Reversal, Setting};
use crate::graph::{Binder, Constant, Graph, NodeId, Op, Size, Type, VarId, reachable};
use crate::ops::elementwise::{FLOOR_DIVIDE, MAXIMUM, MINIMUM, SQRT, SUBTRACT};
use crate::ops::looping::UNBOUNDED;
use crate::ops::rules::Cotangent;
use crate::runtime::array::DType;
use rustc_hash::{FxHashMap, FxHashSet};

/// A loop taken apart.
#[derive(Clone)]
pub(in crate::passes) struct Parts {
    pub binder: Binder,
    pub limit: NodeId,
    pub again: NodeId,
    pub first: Vec<NodeId>,
    pub next: Vec<NodeId>,
    pub checks: Vec<NodeId>,
}

/// A value that a loop carries: its variable, and what it is first and next.
#[derive(Clone, Copy)]
pub(in crate::passes) struct Carried {
    pub var: VarId,
    pub first: NodeId,
    pub next: NodeId,
}

impl Parts {
    pub(in crate::passes) fn of(g: &Graph, id: NodeId) -> Option<Parts> {
        let Op::Loop(binder) = &g.node(id).op else { return None };
        let parts = binder.parts(&g.node(id).inputs)?;
        Some(Parts {
            binder: binder.clone(),
            limit: parts.limit,
            again: parts.again,
            first: parts.first.to_vec(),
            next: parts.next.to_vec(),
            checks: parts.checks.to_vec(),
        })
    }

    /// The state of that position as it is when an iteration begins.
    pub(in crate::passes) fn state(&self, g: &mut Graph, position: usize) -> NodeId {
        let ty = g.ty(self.first[position]).clone();
        g.state(self.binder.states[position], ty)
    }

    /// The loop node.
    pub(in crate::passes) fn node(&self, g: &mut Graph) -> NodeId {
        let inputs = [self.limit, self.again].into_iter().chain(self.first.iter().copied());
        let inputs = inputs.chain(self.next.iter().copied()).chain(self.checks.iter().copied());
        g.add_loop(self.binder.clone(), inputs.collect())
    }

    /// Carries something more; gives its position.
    pub(in crate::passes) fn carry(&mut self, carried: Carried) -> usize {
        self.binder.states.push(carried.var);
        self.first.push(carried.first);
        self.next.push(carried.next);
        self.first.len() - 1
    }

    /// Whether the number of iterations is known before the loop is run.
    pub(super) fn is_counted(&self, g: &Graph) -> bool {
        g.as_constant(self.again) == Some(Constant::Bool(true)) && g.as_extent(self.limit).is_some()
    }
}

/// A loop without states yet, and its counter.
pub(super) fn empty_loop(g: &mut Graph, name: &str, limit: NodeId) -> (Parts, NodeId) {
    let counter = g.new_var(name, Size::from(UNBOUNDED));
    let again = g.truth(true);
    let binder = Binder { counter, states: Vec::new() };
    let parts = Parts { binder, limit, again, first: Vec::new(), next: Vec::new(), checks: Vec::new() };
    (parts, g.var_value(counter))
}

/// A variable for a state.
pub(in crate::passes) fn fresh_state(g: &mut Graph, name: &str, ty: &Type) -> (VarId, NodeId) {
    let var = g.new_var(name, Size::from(UNBOUNDED));
    (var, g.state(var, ty.clone()))
}

/// The number of iterations of a loop, and the same as a size.
pub(super) fn trips(g: &mut Graph, id: NodeId, parts: &Parts) -> (NodeId, Size) {
    if g.as_constant(parts.again) != Some(Constant::Bool(true)) {
        return (id, g.dynamic_size(id));
    }
    match g.as_size(parts.limit).filter(Size::is_nonnegative) {
        Some(size) => (parts.limit, size),
        None => {
            let count = g.no_less_than_nothing(parts.limit);
            (count, g.dynamic_size(count))
        }
    }
}

/// Goes back through a loop: adds to the cotangents of what it begins with and of what its body reads.
pub(super) fn reverse_loop(
    outer: &mut Reversal<'_>,
    g: &mut Graph,
    id: NodeId,
    cts: &[(usize, Cotangent)],
) -> Outcome<()> {
    let Some(mut parts) = Parts::of(g, id) else { return Ok(()) };
    let (mut id, mut segment) = (id, None);
    if outer.setting.checkpoint && outer.setting.segment != Some(parts.binder.counter) {
        (id, segment) = in_segments(g, id, &parts);
        parts = Parts::of(g, id).unwrap_or(parts);
    }
    let setting = Setting { in_loop: true, segment, ..outer.setting };
    let body = Backwards::new(outer, g, id, &parts, (setting, cts))?;
    body.close(outer, g, id, &parts, cts);
    Ok(())
}

/// The cotangent of a state, as the loop backwards carries it.
struct Back {
    /// The position of the state.
    position: usize,
    var: VarId,
    /// What it is when an iteration begins.
    ct: NodeId,
    /// And ends.
    next: NodeId,
    /// Whether zeros in it are cuts.
    masked: bool,
    /// Whether it may be zero because nothing has reached the state yet.
    absent: bool,
}

/// A sum for a value outside.
struct Sum {
    outside: NodeId,
    var: VarId,
    /// The sum before an iteration.
    sum: NodeId,
    /// And behind it.
    next: NodeId,
    /// Whether zeros in what is added are cuts.
    masked: bool,
}

/// The body of a loop backwards, while it still mentions the states of the loop forwards.
struct Backwards {
    states: Vec<Back>,
    sums: Vec<Sum>,
    /// What an iteration makes of each state.
    ends: Vec<NodeId>,
    /// Values of the body that were changed and changed back.
    restored: FxHashMap<NodeId, NodeId>,
}

impl Backwards {
    fn new(
        outer: &Reversal<'_>,
        g: &mut Graph,
        id: NodeId,
        parts: &Parts,
        (setting, cts): (Setting, &[(usize, Cotangent)]),
    ) -> Outcome<Backwards> {
        let region = Region::new(g, &parts.next, parts.binder.vars());
        let next = read_through(g, &parts.next, &region);
        let region = Region::new(g, &next, parts.binder.vars());
        let clone = Parts { next: next.clone(), ..parts.clone() };
        let clone_id = clone.node(g);
        let order = reachable(g, &[id, clone_id]);
        let active = among(g, &order, outer.active);
        let mut vars: FxHashSet<VarId> = outer.outer.iter().copied().chain(parts.binder.vars()).collect();
        vars.extend(&g.node(id).free);
        let rows = Rows::of(outer, g, &clone, &region, cts);
        let mut states = Vec::new();
        for (position, &next) in next.iter().enumerate().filter(|(position, _)| !rows.has(*position)) {
            let state = parts.state(g, position);
            if active.contains(&state) {
                let ty = g.ty(state).clone();
                let (var, ct) = fresh_state(g, "ct", &ty);
                vars.insert(var);
                let given = cts.iter().find(|(at, _)| *at == position);
                let masked = given.is_some_and(|(_, ct)| ct.masked);
                states.push(Back { position, var, ct, next, masked, absent: given.is_none() });
            }
        }
        let mut sums = Vec::new();
        for &outside in region.outside.iter().filter(|id| active.contains(id)) {
            if !g.ty(outside).dtype.is_float() {
                continue;
            }
            let ty = g.ty(outside).clone();
            let (var, sum) = fresh_state(g, "sum", &ty);
            vars.insert(var);
            sums.push(Sum { outside, var, sum, next: sum, masked: false });
        }
        let mut body = Backwards { states, sums, ends: next, restored: FxHashMap::default() };
        let ends: Vec<NodeId> = body.states.iter().map(|state| state.next).collect();
        // Whether zeros in a state's cotangent are cuts depends on what an iteration makes of it: until nothing changes.
        loop {
            let mut reversal = Reversal::new(&active, vars.clone(), setting);
            body.seed(g, &mut reversal, &ends, &rows);
            reversal.walk(g, &region.inside)?;
            let changed = body.settle(g, &mut reversal, (parts, &ends));
            if !changed {
                body.restored = reversal.restored;
                return Ok(body);
            }
        }
    }

    /// The cotangents that an iteration backwards begins with.
    fn seed(&self, g: &mut Graph, reversal: &mut Reversal<'_>, ends: &[NodeId], rows: &Rows) {
        for (state, end) in self.states.iter().zip(ends) {
            if reversal.active.contains(end) {
                reversal.add_unsummed(*end, Cotangent { node: state.ct, masked: state.masked });
            }
        }
        rows.seed(g, reversal);
        reversal.once.clone_from(&rows.once);
        for sum in &self.sums {
            reversal.add_unsummed(sum.outside, Cotangent { node: sum.sum, masked: false });
        }
    }

    /// Takes what an iteration has made of the cotangents. Whether a cotangent turned out to have cuts that was thought to
    /// have none.
    fn settle(&mut self, g: &mut Graph, reversal: &mut Reversal<'_>, (parts, ends): (&Parts, &[NodeId])) -> bool {
        let mut changed = false;
        for (own, end) in self.states.iter_mut().zip(ends) {
            let state = parts.state(g, own.position);
            let zeros = g.full_like(state, 0.0);
            let found = reversal.take(g, state);
            own.next = found.map_or(zeros, |ct| ct.node);
            own.absent |= found.is_none();
            // Zeros that stand for nothing are harmless if whatever they are passed on with is no cut.
            let alone = reversal.active.contains(end) && !reversal.joined.contains(end);
            let masked = own.masked || found.is_some_and(|ct| ct.masked) || (own.absent && alone);
            changed |= masked != own.masked;
            own.masked = masked;
        }
        for sum in &mut self.sums {
            let found = reversal.take(g, sum.outside);
            sum.next = found.map_or(sum.sum, |ct| ct.node);
            sum.masked = found.is_some_and(|ct| ct.masked);
        }
        changed
    }

    /// What an iteration backwards computes.
    fn roots(&self) -> Vec<NodeId> {
        let states = self.states.iter().map(|state| state.next);
        states.chain(self.sums.iter().map(|sum| sum.next)).collect()
    }

    /// States that are read instead of computed again, where that would take matrix products: what an iteration has made of
    /// a state is what the iteration behind it began with, which has just been gone back through.
    fn reread(&mut self, g: &mut Graph, id: NodeId, parts: &Parts) -> Vec<Carried> {
        let roots = self.roots();
        let order: FxHashSet<NodeId> = reachable(g, &roots).into_iter().collect();
        let (mut by, mut after) = (FxHashMap::default(), Vec::new());
        for (position, (&end, &own)) in self.ends.iter().zip(&parts.binder.states).enumerate() {
            let inside = Region::new(g, &[end], parts.binder.vars()).inside;
            let product = inside.iter().any(|id| matches!(g.node(*id).op, Op::Contract { .. }));
            let in_place = matches!(g.node(end).op, Op::Update { .. } | Op::State(_));
            // What nobody reads besides is not kept for this.
            let kept = roots.iter().any(|root| g.depends_on(*root, own));
            if !product || in_place || !kept || !order.contains(&end) || by.contains_key(&end) {
                continue;
            }
            let ty = g.ty(end).clone();
            let (var, state) = fresh_state(g, "after", &ty);
            by.insert(end, state);
            let next = parts.state(g, position);
            after.push((position, Carried { var, first: next, next }));
        }
        if by.is_empty() {
            return Vec::new();
        }
        let Some(replaced) = in_body(g, parts, &roots, by) else { return Vec::new() };
        let (states, sums) = replaced.split_at(self.states.len());
        self.states.iter_mut().zip(states).for_each(|(state, next)| state.next = *next);
        self.sums.iter_mut().zip(sums).for_each(|(sum, next)| sum.next = *next);
        after.into_iter().map(|(position, carried)| Carried { first: g.last(id, position), ..carried }).collect()
    }

    /// The loop backwards, and what follows from it.
    fn close(mut self, outer: &mut Reversal<'_>, g: &mut Graph, id: NodeId, parts: &Parts, cts: &[(usize, Cotangent)]) {
        let reread = self.reread(g, id, parts);
        let mut roots = self.roots();
        roots.extend(reread.iter().map(|carried| carried.next));
        let record = Record::new(g, id, parts, &roots, outer.setting.in_loop);
        let (count, size) = trips(g, id, parts);
        let (mut back, counter) = empty_loop(g, "back", count);
        let one = g.int(1);
        let last = g.map(&SUBTRACT, &[count, one]);
        let at = g.map(&SUBTRACT, &[last, counter]);
        let ends: FxHashMap<usize, NodeId> = (0..parts.first.len())
            .filter_map(|position| {
                let end = g.last(id, position);
                outer.restored.get(&end).map(|restored| (position, *restored))
            })
            .collect();
        let mut undo = record.changes_back(g, parts, at, &ends);
        // The states as the iteration found them, in place of the states forwards.
        let mut by: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        let forwards = g.var_value(parts.binder.counter);
        by.insert(forwards, at);
        for position in 0..parts.first.len() {
            let state = parts.state(g, position);
            if let Some(value) = record.value(g, parts, position, at, &undo) {
                by.insert(state, value);
            }
        }
        let aliases: Vec<usize> = undo.restore_later(g, parts, &self.restored, &mut roots);
        let roots = g.replace(&roots, &by);
        let (nexts, rest) = roots.split_at(self.states.len() + self.sums.len());
        let (begun, restored) = rest.split_at(reread.len());
        undo.restored_as(&aliases, restored);
        self.carry_states(g, (&mut back, parts), nexts, cts);
        let tables = undo.carry(&mut back);
        for (carried, next) in reread.iter().zip(begun) {
            back.carry(Carried { next: *next, ..*carried });
        }
        let iterations = Iterations::new(at, size, !g.node(id).free.is_empty());
        let sums = nexts.iter().skip(self.states.len()).copied().collect::<Vec<_>>();
        let totals = self.carry_sums(outer, g, (&mut back, parts), (&sums, cts), iterations);
        let back_id = back.node(g);
        self.hand_on(outer, g, (back_id, parts), &totals);
        if outer.setting.in_loop {
            for (position, at) in tables {
                outer.restored.insert(parts.first[position], g.last(back_id, at));
            }
        }
    }

    /// Carries the cotangents of the states.
    fn carry_states(
        &self,
        g: &mut Graph,
        (back, parts): (&mut Parts, &Parts),
        nexts: &[NodeId],
        cts: &[(usize, Cotangent)],
    ) {
        for (state, next) in self.states.iter().zip(nexts) {
            let zeros = g.full_like(parts.first[state.position], 0.0);
            let first = cts.iter().find(|(at, _)| *at == state.position).map_or(zeros, |(_, ct)| ct.node);
            back.carry(Carried { var: state.var, first, next: *next });
        }
    }

    /// Carries the sums, as far as they are not formed behind the loop.
    fn carry_sums(
        &self,
        outer: &mut Reversal<'_>,
        g: &mut Graph,
        (back, parts): (&mut Parts, &Parts),
        (nexts, cts): (&[NodeId], &[(usize, Cotangent)]),
        mut iterations: Iterations,
    ) -> Vec<Total> {
        let open: Vec<VarId> = {
            let free = cts.iter().flat_map(|(_, ct)| &g.node(ct.node).free).chain(nexts_free(g, parts));
            free.filter(|var| !outer.outer.contains(var)).copied().collect()
        };
        let mut totals = Vec::new();
        for (sum, next) in self.sums.iter().zip(nexts) {
            // A sum goes on where it stands, unless it is one of several that are summed themselves.
            let goes_on = open.iter().all(|var| g.depends_on(sum.outside, *var));
            let before = if goes_on { outer.take(g, sum.outside) } else { None };
            let first = before.map_or_else(|| g.full_like(sum.outside, 0.0), |ct| ct.node);
            let mut behind = Vec::new();
            let next = match outer.setting.checkpoint {
                true => *next,
                false => iterations.postpone(g, back, (sum.sum, *next), &mut behind),
            };
            let place = if next == sum.sum {
                Place::Before(first)
            } else {
                Place::Carried(back.carry(Carried { var: sum.var, first, next }))
            };
            // Of no iterations at all, zeros are what is not there: harmless where there are no elements either.
            let masked =
                sum.masked || before.is_some_and(|ct| ct.masked) || !g.shape(sum.outside).contains(&iterations.size);
            totals.push(Total { place, behind, size: iterations.size.clone(), masked });
        }
        totals
    }

    /// The cotangents behind the loop backwards.
    fn hand_on(&self, outer: &mut Reversal<'_>, g: &mut Graph, (back, parts): (NodeId, &Parts), totals: &[Total]) {
        for (at, state) in self.states.iter().enumerate() {
            let first = parts.first[state.position];
            if outer.active.contains(&first) {
                let node = g.last(back, at);
                outer.add(g, first, Cotangent { node, masked: state.masked || state.absent });
            }
        }
        for (sum, total) in self.sums.iter().zip(totals) {
            let mut node = match total.place {
                Place::Before(first) => first,
                Place::Carried(position) => g.last(back, position),
            };
            for part in &total.behind {
                node = part.added(g, back, &total.size, node);
            }
            outer.add(g, sum.outside, Cotangent { node, masked: total.masked });
        }
    }
}

/// The roots, in a loop's body, with nodes replaced by others. What is inside of the loop itself, which the roots may read
/// the results of, stays. `None` if a size would change.
fn in_body(g: &mut Graph, parts: &Parts, roots: &[NodeId], by: FxHashMap<NodeId, NodeId>) -> Option<Vec<NodeId>> {
    let mut map = by;
    for id in reachable(g, roots) {
        let node = g.node(id).clone();
        let same = |binder: &Binder| binder.vars().any(|var| parts.binder.vars().any(|own| own == var));
        if map.contains_key(&id) || matches!(&node.op, Op::Loop(binder) if same(binder)) {
            continue;
        }
        if g.size_values(id).iter().any(|value| map.contains_key(value)) {
            return None;
        }
        let inputs: Vec<NodeId> = node.inputs.iter().map(|x| map.get(x).copied().unwrap_or(*x)).collect();
        if inputs == node.inputs {
            continue;
        }
        g.span = node.span;
        let new = match node.op {
            Op::Map(op) => g.map(op, &inputs),
            op => g.add(op, inputs, node.ty),
        };
        map.insert(id, new);
    }
    Some(roots.iter().map(|root| map.get(root).copied().unwrap_or(*root)).collect())
}

/// Where a sum stands when the loop backwards is done.
enum Place {
    /// Where it stood before.
    Before(NodeId),
    /// In a state of the loop.
    Carried(usize),
}

/// A sum when the loop is done, and what is added to it then.
struct Total {
    place: Place,
    behind: Vec<Postponed>,
    size: Size,
    masked: bool,
}

/// The variables that a loop's own operands depend on.
fn nexts_free<'g>(g: &'g Graph, parts: &'g Parts) -> impl Iterator<Item = &'g VarId> {
    let all = parts.first.iter().chain(&parts.next).chain([&parts.limit, &parts.again]);
    all.flat_map(|id| &g.node(*id).free).filter(|var| !parts.binder.vars().any(|own| own == **var))
}

/// The loop as a loop over stretches of about as many iterations as there are stretches; gives it, and the counter of
/// the loop within a stretch.
fn in_segments(g: &mut Graph, id: NodeId, parts: &Parts) -> (NodeId, Option<VarId>) {
    let (count, _) = trips(g, id, parts);
    let one = g.int(1);
    let root = g.cast(count, DType::F64);
    let root = g.map(&SQRT, &[root]);
    let length = g.cast(root, DType::I64);
    let length = g.map(&MAXIMUM, &[length, one]);
    let rounded = g.plus(count, length);
    let rounded = g.map(&SUBTRACT, &[rounded, one]);
    let stretches = g.map(&FLOOR_DIVIDE, &[rounded, length]);
    let (mut all, stretch) = empty_loop(g, "stretch", stretches);
    let begin = g.times(stretch, length);
    let left = g.map(&SUBTRACT, &[count, begin]);
    let limit = g.map(&MINIMUM, &[length, left]);
    let (mut inner, within) = empty_loop(g, &g.var(parts.binder.counter).name.clone(), limit);
    let mut by = FxHashMap::default();
    let forwards = g.var_value(parts.binder.counter);
    by.insert(forwards, g.plus(begin, within));
    let mut states = Vec::new();
    for position in 0..parts.first.len() {
        let state = parts.state(g, position);
        let (name, ty) = (g.var(parts.binder.states[position]).name.clone(), g.ty(state).clone());
        let (outer_var, outer_state) = fresh_state(g, &name, &ty);
        let (inner_var, inner_state) = fresh_state(g, &name, &ty);
        by.insert(state, inner_state);
        states.push((outer_var, outer_state, inner_var));
    }
    let roots: Vec<NodeId> = parts.next.iter().chain(&parts.checks).copied().collect();
    let roots = g.replace(&roots, &by);
    let (next, checks) = roots.split_at(parts.next.len());
    inner.checks = checks.to_vec();
    for ((_, first, var), next) in states.iter().zip(next) {
        inner.carry(Carried { var: *var, first: *first, next: *next });
    }
    let inner_id = inner.node(g);
    for (position, (var, ..)) in states.iter().enumerate() {
        let next = g.last(inner_id, position);
        all.carry(Carried { var: *var, first: parts.first[position], next });
    }
    (all.node(g), Some(inner.binder.counter))
}

/// The value of a state when an iteration begins, from a tape.
pub(super) fn read(g: &mut Graph, run: NodeId, position: usize, at: NodeId) -> NodeId {
    let tape = g.last(run, position);
    record::entry(g, tape, at)
}
