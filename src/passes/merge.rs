//! Merging loops: what two loops carry over the same iterations is carried by one, and nothing that nobody asks for.
//!
//! In: roots of a graph in which a loop occurs with a few of its states, and with more of them (what is saved for the way
//! back, say), or is left for its checks alone. Out: the roots, where the smaller loop's results are read from the larger
//! one, and loops carry what is read.
//! Always holds: loops are merged only if they have the same counter, end, and states, one's among the other's; checks stay.

use super::reverse::{Carried, Parts};
use crate::graph::{Graph, NodeId, Op, reachable};
use rustc_hash::{FxHashMap, FxHashSet};

/// The roots with loops merged.
pub(super) fn merge(g: &mut Graph, roots: &[NodeId]) -> Vec<NodeId> {
    let order = reachable(g, roots);
    let by = replaced(g, &order);
    if by.is_empty() {
        return roots.to_vec();
    }
    Merger { by, map: FxHashMap::default() }.run(g, roots)
}

/// The roots with loops that carry only what somebody reads behind them, or what that and their checks are made of.
pub(super) fn without_idle_states(g: &mut Graph, roots: &[NodeId]) -> Vec<NodeId> {
    let order = reachable(g, roots);
    let mut by = FxHashMap::default();
    for &id in &order {
        let Some(parts) = Parts::of(g, id) else { continue };
        let read: FxHashSet<usize> = order.iter().filter_map(|user| position_of(g, *user, id)).collect();
        let needed = needed(g, &parts, &read);
        if needed.len() == parts.first.len() {
            continue;
        }
        let mut fewer = Parts { first: Vec::new(), next: Vec::new(), ..parts.clone() };
        fewer.binder.states.clear();
        let carried = parts.binder.states.iter().zip(parts.first.iter().zip(&parts.next));
        let mut places: FxHashMap<usize, usize> = FxHashMap::default();
        for (position, (var, (first, next))) in carried.enumerate() {
            if needed.contains(&position) {
                places.insert(position, fewer.carry(Carried { var: *var, first: *first, next: *next }));
            }
        }
        let fewer = fewer.node(g);
        by.insert(id, fewer);
        for &user in &order {
            if let Some(place) = position_of(g, user, id).and_then(|position| places.get(&position)) {
                by.insert(user, g.last(fewer, *place));
            }
        }
    }
    if by.is_empty() { roots.to_vec() } else { Merger { by, map: FxHashMap::default() }.run(g, roots) }
}

/// The state that a node reads behind a loop.
fn position_of(g: &Graph, id: NodeId, of: NodeId) -> Option<usize> {
    match (&g.node(id).op, g.node(id).inputs.as_slice()) {
        (Op::Final(position), [x]) if *x == of => Some(*position),
        _ => None,
    }
}

/// The states that those read behind the loop, its end and its checks are made of.
fn needed(g: &mut Graph, parts: &Parts, read: &FxHashSet<usize>) -> FxHashSet<usize> {
    let mut needed = read.clone();
    loop {
        let mut roots = vec![parts.again];
        roots.extend(&parts.checks);
        roots.extend(parts.next.iter().enumerate().filter(|(at, _)| needed.contains(at)).map(|(_, next)| *next));
        let order: FxHashSet<NodeId> = reachable(g, &roots).into_iter().collect();
        let before = needed.len();
        for position in 0..parts.first.len() {
            if order.contains(&parts.state(g, position)) {
                needed.insert(position);
            }
        }
        if needed.len() == before {
            return needed;
        }
    }
}

/// What reads a loop that is part of another one, and what it reads instead.
fn replaced(g: &mut Graph, order: &[NodeId]) -> FxHashMap<NodeId, NodeId> {
    let loops: Vec<NodeId> = order.iter().copied().filter(|id| matches!(g.node(*id).op, Op::Loop(_))).collect();
    let mut larger: FxHashMap<NodeId, (NodeId, Vec<usize>)> = FxHashMap::default();
    for &small in &loops {
        let fits = |large: &NodeId| places(g, small, *large).map(|places| (*large, places));
        let best = loops.iter().filter_map(fits).max_by_key(|(large, _)| (g.node(*large).inputs.len(), *large));
        larger.extend(best.map(|best| (small, best)));
    }
    // A loop whose length is the size of an array stands for itself.
    let sized: FxHashSet<NodeId> = g.dynamic_sizes().map(|(_, value)| value).collect();
    larger.retain(|small, _| !order.iter().any(|id| sized.contains(id) && reachable(g, &[*id]).contains(small)));
    let mut by = FxHashMap::default();
    for &id in order {
        match (&g.node(id).op, g.node(id).inputs.as_slice()) {
            (Op::Final(position), [of]) => {
                let Some((large, places)) = larger.get(of) else { continue };
                if let (large, Some(&place)) = (*large, places.get(*position)) {
                    by.insert(id, g.last(large, place));
                }
            }
            _ => by.extend(larger.get(&id).map(|(large, _)| (id, *large))),
        }
    }
    by
}

/// Where the states of a loop are among those of a larger one that does the same beside.
fn places(g: &Graph, small: NodeId, large: NodeId) -> Option<Vec<usize>> {
    let (Op::Loop(own), Op::Loop(other)) = (&g.node(small).op, &g.node(large).op) else { return None };
    if small == large || own.counter != other.counter || own.states.len() >= other.states.len() {
        return None;
    }
    let (own_parts, parts) = (own.parts(&g.node(small).inputs)?, other.parts(&g.node(large).inputs)?);
    let same = own_parts.limit == parts.limit && own_parts.again == parts.again;
    if !same || !own_parts.checks.iter().all(|check| parts.checks.contains(check)) {
        return None;
    }
    let mut places = Vec::new();
    for (position, state) in own.states.iter().enumerate() {
        let place = other.states.iter().position(|other| other == state)?;
        let values = (own_parts.first.get(position)?, own_parts.next.get(position)?);
        if values != (parts.first.get(place)?, parts.next.get(place)?) {
            return None;
        }
        places.push(place);
    }
    // What the larger one needs cannot come behind it.
    (!reachable(g, &[large]).contains(&small)).then_some(places)
}

struct Merger {
    by: FxHashMap<NodeId, NodeId>,
    map: FxHashMap<NodeId, NodeId>,
}

impl Merger {
    /// Rebuilds the roots, what is read instead before who reads it.
    fn run(mut self, g: &mut Graph, roots: &[NodeId]) -> Vec<NodeId> {
        let meant = |merger: &Merger, id: NodeId| merger.by.get(&id).copied().unwrap_or(id);
        let mut pending: Vec<(NodeId, bool)> = roots.iter().map(|root| (meant(&self, *root), false)).collect();
        let mut open: FxHashSet<NodeId> = FxHashSet::default();
        while let Some((id, ready)) = pending.pop() {
            if self.map.contains_key(&id) {
                continue;
            }
            if ready {
                let new = self.rebuilt(g, id);
                self.map.insert(id, new);
                continue;
            }
            // Two loops that need each other's results stay two.
            if !open.insert(id) {
                return roots.to_vec();
            }
            pending.push((id, true));
            let needs: Vec<NodeId> = [g.node(id).inputs.as_slice(), &g.size_values(id)].concat();
            let needs = needs.into_iter().map(|x| meant(&self, x)).filter(|x| !self.map.contains_key(x));
            let needs: Vec<(NodeId, bool)> = needs.map(|x| (x, false)).collect();
            pending.extend(needs);
        }
        roots.iter().map(|root| self.of(*root)).collect()
    }

    fn of(&self, id: NodeId) -> NodeId {
        let meant = self.by.get(&id).copied().unwrap_or(id);
        self.map.get(&meant).copied().unwrap_or(meant)
    }

    fn rebuilt(&self, g: &mut Graph, id: NodeId) -> NodeId {
        let node = g.node(id).clone();
        let inputs: Vec<NodeId> = node.inputs.iter().map(|x| self.of(*x)).collect();
        if inputs == node.inputs {
            return id;
        }
        g.span = node.span;
        match node.op {
            Op::Map(op) => g.map(op, &inputs),
            op => g.add(op, inputs, node.ty),
        }
    }
}
