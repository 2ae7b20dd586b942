//! Arrays that a loop changes element by element: what is overwritten is logged, and put back on the way back.
//!
//! In: a loop whose state is an update of itself, perhaps in loops inside. Out: the loop with logs, and the state changed
//! back in place, iteration by iteration.
//! Always holds: a log has an entry per update that is run, so memory grows with the iterations and not with their
//! product with the array.

use super::looping::{Carried, Parts, empty_loop, fresh_state, trips};
use super::record::{append, entry, log, unmarked};
use crate::graph::{Graph, NodeId, Op, Size, Type, VarId};
use crate::ops::elementwise::SUBTRACT;
use crate::runtime::array::DType;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// The states that are updates of themselves.
pub(super) struct Tables {
    loop_node: NodeId,
    /// Position of the state, and its changes from the last of an iteration to the first.
    changes: Vec<(usize, Vec<Link>)>,
    slots: Vec<Slot>,
    /// Where the recording loop carries each slot.
    carried: Vec<usize>,
}

/// A change of an array.
enum Link {
    /// An update: where the old values are kept; the condition and the indexes, if they cannot be computed again.
    Update { node: NodeId, old: usize, guard: Option<usize>, indexes: Vec<Option<usize>> },
    /// A loop that changes it.
    Loop(Nested),
}

struct Nested {
    node: NodeId,
    trips: Trips,
    links: Vec<Link>,
}

/// How often a loop inside runs in each iteration of the one around it.
enum Trips {
    /// Always as often.
    Known(Size),
    /// A running total, and a log of how often.
    Counted { total: usize, each: usize },
}

/// What is carried for the way back: a log, or a running total.
struct Slot {
    /// The type of an entry; none for a total.
    entry: Option<Type>,
    /// The total that counts the entries, if not the loop's iterations do.
    counted_by: Option<usize>,
    /// How many entries there are for each.
    factor: Size,
}

/// Where a loop stands among loops: what tells how often it has run.
#[derive(Clone)]
struct Place {
    counted_by: Option<usize>,
    factor: Size,
    /// States of the loops around: what depends on them cannot be computed again.
    states: FxHashSet<VarId>,
}

impl Tables {
    /// Those of the states at `positions` that are changed in place.
    pub(super) fn new(g: &Graph, id: NodeId, parts: &Parts, positions: &[usize]) -> Tables {
        let mut tables = Tables { loop_node: id, changes: Vec::new(), slots: Vec::new(), carried: Vec::new() };
        let states = parts.binder.states.iter().copied().collect();
        let place = Place { counted_by: None, factor: Size::one(), states };
        for &position in positions {
            let known = tables.slots.len();
            match tables.chain(g, parts, position, &place) {
                Some(links) if !links.is_empty() => tables.changes.push((position, links)),
                _ => tables.slots.truncate(known),
            }
        }
        tables
    }

    pub(super) fn has(&self, position: usize) -> bool {
        self.changes.iter().any(|(own, _)| *own == position)
    }

    /// The changes from what a state becomes back to the state. `None` if it becomes something else.
    fn chain(&mut self, g: &Graph, parts: &Parts, position: usize, place: &Place) -> Option<Vec<Link>> {
        let (var, mut at) = (*parts.binder.states.get(position)?, *parts.next.get(position)?);
        let mut links = Vec::new();
        loop {
            at = unmarked(g, at);
            let node = g.node(at);
            match (&node.op, node.inputs.as_slice()) {
                (Op::State(own), _) if *own == var => return Some(links),
                (Op::Update { .. }, [before, values, guard, indexes @ ..]) => {
                    let kept = |tables: &mut Tables, id: &NodeId| tables.kept(g, *id, place);
                    let old = self.slot(Some(g.ty(*values).clone()), place);
                    let guard = kept(self, guard);
                    let indexes = indexes.iter().map(|index| kept(self, index)).collect();
                    links.push(Link::Update { node: at, old, guard, indexes });
                    at = *before;
                }
                (Op::Final(inner), [of]) => {
                    let nested = self.nested(g, *of, *inner, place)?;
                    at = *Parts::of(g, *of)?.first.get(*inner)?;
                    links.push(Link::Loop(nested));
                }
                _ => return None,
            }
        }
    }

    fn nested(&mut self, g: &Graph, node: NodeId, position: usize, place: &Place) -> Option<Nested> {
        let parts = Parts::of(g, node)?;
        let outside = |size: &Size| {
            let values = size.vars();
            let mut values = values.iter().filter_map(|var| g.dynamic_value(var));
            values.all(|value| g.node(value).free.iter().all(|var| g.depends_on(self.loop_node, *var)))
        };
        let known = g.as_extent(parts.limit).filter(|size| parts.is_counted(g) && outside(size));
        let mut inner = place.clone();
        inner.states.extend(&parts.binder.states);
        let trips = match known {
            Some(size) => {
                inner.factor = inner.factor.times(&size);
                Trips::Known(size)
            }
            None => {
                let total = self.slot(None, place);
                let each = self.slot(Some(Type::scalar(DType::I64)), place);
                (inner.counted_by, inner.factor) = (Some(total), Size::one());
                Trips::Counted { total, each }
            }
        };
        let links = self.chain(g, &parts, position, &inner)?;
        Some(Nested { node, trips, links })
    }

    fn slot(&mut self, entry: Option<Type>, place: &Place) -> usize {
        self.slots.push(Slot { entry, counted_by: place.counted_by, factor: place.factor.clone() });
        self.slots.len() - 1
    }

    /// A log for a value that changes with what the loops carry.
    fn kept(&mut self, g: &Graph, id: NodeId, place: &Place) -> Option<usize> {
        let varies = g.node(id).free.iter().any(|var| place.states.contains(var));
        varies.then(|| self.slot(Some(g.ty(id).clone()), place))
    }

    /// Adds the logs to a loop.
    pub(super) fn record(mut self, g: &mut Graph, run: &mut Parts) -> Tables {
        let totals: Vec<usize> = (0..self.slots.len()).filter(|&k| self.slots[k].entry.is_none()).collect();
        let mut sizes: FxHashMap<usize, Size> = FxHashMap::default();
        if !totals.is_empty() {
            let mut counting = run.clone();
            let at = self.extend(g, &mut counting, &sizes, true);
            let counting = counting.node(g);
            for total in totals {
                let end = g.last(counting, at[total]);
                let size = g.dynamic_size(end);
                sizes.insert(total, size);
            }
        }
        self.carried = self.extend(g, run, &sizes, false);
        self
    }

    /// Carries the slots (only totals, to count) in a loop; gives the position of each.
    fn extend(&self, g: &mut Graph, run: &mut Parts, sizes: &FxHashMap<usize, Size>, counting: bool) -> Vec<usize> {
        let parts = Parts::of(g, self.loop_node).unwrap_or_else(|| run.clone());
        let (_, iterations) = trips(g, self.loop_node, &parts);
        let mut states: Vec<Option<(VarId, NodeId)>> = Vec::new();
        let mut writer = Writer { values: Vec::new(), by: FxHashMap::default(), counting };
        for slot in &self.slots {
            let total = slot.entry.is_none();
            let made = (total || !counting).then(|| match &slot.entry {
                Some(entry) => {
                    let base = slot.counted_by.and_then(|total| sizes.get(&total)).unwrap_or(&iterations);
                    log(g, "log", entry, &base.times(&slot.factor))
                }
                None => {
                    let (var, state) = fresh_state(g, "total", &Type::scalar(DType::I64));
                    (var, state, g.int(0))
                }
            });
            states.push(made.map(|(var, _, first)| (var, first)));
            writer.values.push(made.map(|(_, state, _)| state));
        }
        let at = g.var_value(parts.binder.counter);
        let changes: Vec<(&[Link], NodeId)> = self.changes.iter().map(|(_, links)| (links.as_slice(), at)).collect();
        writer.level(g, &changes);
        let mut carried = vec![0; self.slots.len()];
        for (slot, (state, next)) in states.iter().zip(&writer.values).enumerate() {
            if let (Some((var, first)), Some(next)) = (state, next) {
                carried[slot] = run.carry(Carried { var: *var, first: *first, next: *next });
            }
        }
        run.next = g.replace(&run.next, &writer.by);
        run.checks = g.replace(&run.checks, &writer.by);
        carried
    }

    /// The arrays changed back over iteration `at` of the loop, which `run` has run.
    pub(super) fn undo(
        &self,
        g: &mut Graph,
        run: NodeId,
        parts: &Parts,
        at: NodeId,
        ends: &FxHashMap<usize, NodeId>,
    ) -> Undo {
        let mut undo = Undo { tables: Vec::new(), totals: Vec::new() };
        let mut values: Vec<NodeId> = Vec::new();
        for (slot, position) in self.slots.iter().zip(&self.carried) {
            let end = g.last(run, *position);
            values.push(match slot.entry {
                Some(_) => end,
                None => {
                    let (var, state) = fresh_state(g, "total", &Type::scalar(DType::I64));
                    undo.totals.push((values.len(), Carried { var, first: end, next: state }));
                    state
                }
            });
        }
        let mut after = values.clone();
        for (position, links) in &self.changes {
            let ty = g.ty(parts.first[*position]).clone();
            let (var, state) = fresh_state(g, "undone", &ty);
            let first = ends.get(position).copied().unwrap_or_else(|| g.last(run, *position));
            let counter = g.var_value(parts.binder.counter);
            let mut back = Back { values: values.clone(), counters: FxHashMap::from_iter([(counter, at)]) };
            let next = back.over(g, links, state, at);
            for (slot, value) in back.values.iter().enumerate().filter(|(slot, value)| **value != values[*slot]) {
                after[slot] = *value;
            }
            undo.tables.push((*position, Carried { var, first, next }, next));
        }
        for (slot, carried) in &mut undo.totals {
            carried.next = after[*slot];
        }
        undo
    }
}

/// Writes logs in a body.
struct Writer {
    /// The slots as they are at this point of the body.
    values: Vec<Option<NodeId>>,
    /// Loops inside, and what they are with logs.
    by: FxHashMap<NodeId, NodeId>,
    counting: bool,
}

impl Writer {
    /// The changes of one body; with each list the number of the entry.
    fn level(&mut self, g: &mut Graph, changes: &[(&[Link], NodeId)]) {
        let mut loops: BTreeMap<NodeId, Vec<(&Nested, NodeId)>> = BTreeMap::new();
        for (links, at) in changes {
            for link in links.iter().rev() {
                match link {
                    Link::Update { node, old, guard, indexes } => self.update(g, *node, *at, (*old, *guard, indexes)),
                    Link::Loop(nested) => loops.entry(nested.node).or_default().push((nested, *at)),
                }
            }
        }
        for (node, nested) in loops {
            self.inner(g, node, &nested);
        }
    }

    fn update(&mut self, g: &mut Graph, id: NodeId, at: NodeId, slots: (usize, Option<usize>, &[Option<usize>])) {
        let node = g.node(id).clone();
        let (Op::Update { axes, .. }, [before, _, guard, indexes @ ..]) = (&node.op, node.inputs.as_slice()) else {
            return;
        };
        let (old, guarded, indexed) = slots;
        let before = g.gather(*before, axes, indexes);
        self.write(g, old, before, at);
        if let Some(slot) = guarded {
            self.write(g, slot, *guard, at);
        }
        for (slot, index) in indexed.iter().zip(indexes) {
            if let Some(slot) = slot {
                self.write(g, *slot, *index, at);
            }
        }
    }

    fn write(&mut self, g: &mut Graph, slot: usize, value: NodeId, at: NodeId) {
        if let Some(Some(log)) = self.values.get_mut(slot) {
            *log = append(g, *log, value, at);
        }
    }

    /// A loop inside, with logs.
    fn inner(&mut self, g: &mut Graph, id: NodeId, nested: &[(&Nested, NodeId)]) {
        let Some(mut parts) = Parts::of(g, id) else { return };
        let slots: Vec<usize> =
            nested.iter().flat_map(|(nested, _)| slots(&nested.links)).filter(|k| self.values[*k].is_some()).collect();
        let outside = self.values.clone();
        let mut vars = Vec::new();
        for &slot in &slots {
            let Some(before) = outside[slot] else { continue };
            let ty = g.ty(before).clone();
            let (var, state) = fresh_state(g, "log", &ty);
            vars.push((slot, var, before));
            self.values[slot] = Some(state);
        }
        let counter = g.var_value(parts.binder.counter);
        let mut changes: Vec<(&[Link], NodeId)> = Vec::new();
        for (nested, at) in nested {
            let begin = match &nested.trips {
                Trips::Known(size) => {
                    let size = g.size_value(size);
                    g.times(*at, size)
                }
                Trips::Counted { total, .. } => outside[*total].unwrap_or(*at),
            };
            changes.push((&nested.links, g.plus(begin, counter)));
        }
        let mut inside = Writer { values: self.values.clone(), by: FxHashMap::default(), counting: self.counting };
        inside.level(g, &changes);
        self.values = outside;
        let mut positions = Vec::new();
        for (slot, var, first) in vars {
            if let Some(next) = inside.values[slot] {
                positions.push((slot, parts.carry(Carried { var, first, next })));
            }
        }
        parts.next = g.replace(&parts.next, &inside.by);
        parts.checks = g.replace(&parts.checks, &inside.by);
        let new = if positions.is_empty() { id } else { parts.node(g) };
        // It may read what loops before it leave, which have logs now.
        let new = g.replace(&[new], &self.by).first().copied().unwrap_or(new);
        for (slot, position) in positions {
            self.values[slot] = Some(g.last(new, position));
        }
        for (nested, at) in nested {
            if let Trips::Counted { total, each } = &nested.trips {
                self.write(g, *each, new, *at);
                self.values[*total] = self.values[*total].map(|before| g.plus(before, new));
            }
        }
        if new != id {
            self.by.insert(id, new);
        }
    }
}

/// The slots that changes use, those in loops inside too.
fn slots(links: &[Link]) -> Vec<usize> {
    let mut all = Vec::new();
    for link in links {
        match link {
            Link::Update { old, guard, indexes, .. } => {
                all.push(*old);
                all.extend(guard);
                all.extend(indexes.iter().flatten());
            }
            Link::Loop(nested) => {
                if let Trips::Counted { total, each } = &nested.trips {
                    all.extend([*total, *each]);
                }
                all.extend(slots(&nested.links));
            }
        }
    }
    all
}

/// Goes back over changes.
struct Back {
    /// Logs, and the totals behind the changes that are still to be undone.
    values: Vec<NodeId>,
    /// Counters of the loops forwards, and what they are.
    counters: FxHashMap<NodeId, NodeId>,
}

impl Back {
    /// The array before the changes of one iteration, whose entries have the number `at`.
    fn over(&mut self, g: &mut Graph, links: &[Link], array: NodeId, at: NodeId) -> NodeId {
        let mut array = array;
        for link in links {
            array = match link {
                Link::Update { node, old, guard, indexes } => self.update(g, *node, array, at, (*old, *guard, indexes)),
                Link::Loop(nested) => self.inner(g, nested, array, at),
            };
        }
        array
    }

    fn update(
        &self,
        g: &mut Graph,
        id: NodeId,
        array: NodeId,
        at: NodeId,
        slots: (usize, Option<usize>, &[Option<usize>]),
    ) -> NodeId {
        let node = g.node(id).clone();
        let (Op::Update { axes, .. }, [_, _, guard, indexes @ ..]) = (&node.op, node.inputs.as_slice()) else {
            return array;
        };
        let (old, guarded, indexed) = slots;
        let old = entry(g, self.values[old], at);
        let guard = self.again(g, *guard, guarded, at);
        let indexes: Vec<NodeId> =
            indexes.iter().zip(indexed).map(|(index, slot)| self.again(g, *index, *slot, at)).collect();
        g.update(array, old, guard, axes, &indexes)
    }

    /// A value of the iteration: from its log, or computed again.
    fn again(&self, g: &mut Graph, id: NodeId, slot: Option<usize>, at: NodeId) -> NodeId {
        match slot {
            Some(slot) => entry(g, self.values[slot], at),
            None => g.replace(&[id], &self.counters).first().copied().unwrap_or(id),
        }
    }

    fn inner(&mut self, g: &mut Graph, nested: &Nested, array: NodeId, at: NodeId) -> NodeId {
        let Some(parts) = Parts::of(g, nested.node) else { return array };
        let one = g.int(1);
        let count = match &nested.trips {
            Trips::Known(size) => g.size_value(size),
            Trips::Counted { each, .. } => entry(g, self.values[*each], at),
        };
        let (mut back, counter) = empty_loop(g, "undo", count);
        let last = g.map(&SUBTRACT, &[count, one]);
        let forwards = g.map(&SUBTRACT, &[last, counter]);
        let number = match &nested.trips {
            Trips::Known(_) => {
                let begin = g.times(at, count);
                g.plus(begin, forwards)
            }
            Trips::Counted { total, .. } => {
                let begin = g.map(&SUBTRACT, &[self.values[*total], count]);
                g.plus(begin, forwards)
            }
        };
        let ty = g.ty(array).clone();
        let (var, state) = fresh_state(g, "undone", &ty);
        let mut inside = Back { values: self.values.clone(), counters: self.counters.clone() };
        let own_counter = g.var_value(parts.binder.counter);
        inside.counters.insert(own_counter, forwards);
        let mut totals = Vec::new();
        for slot in inner_totals(&nested.links) {
            let (var, state) = fresh_state(g, "total", &Type::scalar(DType::I64));
            totals.push((slot, var, self.values[slot]));
            inside.values[slot] = state;
        }
        let next = inside.over(g, &nested.links, state, number);
        back.carry(Carried { var, first: array, next });
        let mut positions = Vec::new();
        for (slot, var, first) in totals {
            positions.push((slot, back.carry(Carried { var, first, next: inside.values[slot] })));
        }
        let back = back.node(g);
        for (slot, position) in positions {
            self.values[slot] = g.last(back, position);
        }
        if let Trips::Counted { total, .. } = &nested.trips {
            self.values[*total] = g.map(&SUBTRACT, &[self.values[*total], count]);
        }
        g.last(back, 0)
    }
}

/// The totals of loops inside.
fn inner_totals(links: &[Link]) -> Vec<usize> {
    let mut all = Vec::new();
    for link in links {
        if let Link::Loop(nested) = link {
            if let Trips::Counted { total, .. } = &nested.trips {
                all.push(*total);
            }
            all.extend(inner_totals(&nested.links));
        }
    }
    all
}

/// Arrays that are changed back while a loop is gone through backwards.
pub(super) struct Undo {
    /// Position of the state forwards; what is carried; the array as it was before the iteration.
    tables: Vec<(usize, Carried, NodeId)>,
    totals: Vec<(usize, Carried)>,
}

impl Undo {
    /// The state of that position as it was before the iteration.
    pub(super) fn value(&self, position: usize) -> Option<NodeId> {
        self.tables.iter().find(|(own, ..)| *own == position).map(|(.., value)| *value)
    }

    /// Where the iteration itself changes an array once more and back, what it is then is what the next one starts
    /// from: these are added to the roots.
    pub(super) fn restore_later(
        &self,
        g: &mut Graph,
        parts: &Parts,
        restored: &FxHashMap<NodeId, NodeId>,
        roots: &mut Vec<NodeId>,
    ) -> Vec<usize> {
        let mut later = Vec::new();
        for (at, (position, ..)) in self.tables.iter().enumerate() {
            let state = parts.state(g, *position);
            if let Some(value) = restored.get(&state) {
                roots.push(*value);
                later.push(at);
            }
        }
        later
    }

    /// What has become of these.
    pub(super) fn restored_as(&mut self, later: &[usize], values: &[NodeId]) {
        for (at, value) in later.iter().zip(values) {
            if let Some((_, carried, _)) = self.tables.get_mut(*at) {
                carried.next = *value;
            }
        }
    }

    /// Carries arrays and totals in the loop backwards; gives the positions of states and where they are.
    pub(super) fn carry(&self, back: &mut Parts) -> Vec<(usize, usize)> {
        let tables = self.tables.iter().map(|(position, carried, _)| (*position, back.carry(*carried))).collect();
        for (_, carried) in &self.totals {
            back.carry(*carried);
        }
        tables
    }
}

/// Where an update's result has been changed back to what it was, so is its operand.
pub(super) fn step_back(g: &mut Graph, restored: &mut FxHashMap<NodeId, NodeId>, id: NodeId) {
    let Some(&value) = restored.get(&id) else { return };
    let node = g.node(id).clone();
    match (&node.op, node.inputs.as_slice()) {
        (Op::Mark(_), [x]) => {
            restored.entry(*x).or_insert(value);
        }
        (Op::Update { axes, .. }, [before, _, guard, indexes @ ..]) if !restored.contains_key(before) => {
            let old = g.gather(*before, axes, indexes);
            let undone = g.update(value, old, *guard, axes, indexes);
            restored.insert(*before, undone);
        }
        _ => {}
    }
}
