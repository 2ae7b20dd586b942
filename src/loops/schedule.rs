//! The schedule: which nodes are held in memory, and which are computed in the loop that needs them.
//!
//! In: a graph after all passes. Out: the set of stored nodes.
//! Always holds: an expensive value that several loops need, or one loop needs repeatedly, is stored.

use super::products::{is_square, scaled};
use super::regions::{self, Regions};
use super::totals;
use crate::graph::{CheckKind, Graph, NodeId, Op, VarId, reachable};
use crate::ops::Code;
use crate::runtime::array::DType;
use rustc_hash::{FxHashMap, FxHashSet};

/// Beyond this cost a value that several loops need is stored instead of computed in each.
const SHARED: u32 = 6;

/// Beyond this cost a value that is repeated along an axis is stored.
const REPEATED: u32 = 2;

/// Beyond this cost a body is cut, so that it stays within registers and compile time.
const BODY: u32 = 160;

/// What one transcendental function costs.
const KERNEL: u32 = 24;

/// Which nodes are stored; inputs count as stored.
pub(super) fn stored(graph: &Graph, regions: &Regions) -> Vec<bool> {
    let order = reachable(graph, &graph.roots());
    let mut schedule = Schedule { graph, stored: vec![false; graph.len()], cost: vec![0; graph.len()] };
    schedule.force(&order, &regions::users(graph), regions);
    if !regions.is_flat() {
        schedule.separate(&order, regions);
    }
    schedule.keep_old(&order);
    schedule.weigh(&order);
    schedule.choose(&order, &shared_loops(graph, &order, regions));
    schedule.stored
}

/// The reduction whose loop each reduction of everything will share, see `totals`: of the same elements, and neither needs the
/// other.
fn shared_loops(graph: &Graph, order: &[NodeId], regions: &Regions) -> FxHashMap<NodeId, NodeId> {
    // How many such reductions, at most, stand between a node and inputs.
    let mut above = vec![0u32; graph.len()];
    let mut open: FxHashMap<_, (NodeId, usize)> = FxHashMap::default();
    let mut shared = FxHashMap::default();
    for &id in order {
        let node = graph.node(id);
        let before = node.inputs.iter().map(|x| above[x.0 as usize]).max().unwrap_or(0);
        above[id.0 as usize] = before;
        let (Op::Reduce { kind, axes }, &[x]) = (&node.op, node.inputs.as_slice()) else { continue };
        let ty = graph.ty(x);
        if kind.positional || axes.len() != ty.rank() {
            continue;
        }
        above[id.0 as usize] = before + 1;
        let entry = open.entry((regions.of(id), &ty.shape, ty.dtype, before)).or_insert((id, 0));
        if entry.1 == totals::MOST {
            *entry = (id, 0);
        }
        entry.1 += 1;
        shared.insert(id, entry.0);
    }
    shared
}

/// The condition under which an index is meant, if it has one.
pub(super) fn guard_of(graph: &Graph, index: NodeId) -> Option<NodeId> {
    let mut at = index;
    loop {
        let node = graph.node(at);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Check(CheckKind::Index { .. }), [_, _, guard]) if graph.ty(*guard).rank() == 0 => {
                return Some(*guard);
            }
            (Op::Broadcast { .. } | Op::Transpose { .. } | Op::Slice { .. } | Op::Reshape, [x]) => at = *x,
            _ => return None,
        }
    }
}

struct Schedule<'g> {
    graph: &'g Graph,
    stored: Vec<bool>,
    cost: Vec<u32>,
}

/// What a node's users make of it.
#[derive(Clone, Copy, Default)]
struct Demand {
    /// The one stored node whose loop computes it, if there is just one.
    loop_of: Option<NodeId>,
    /// Whether several loops need it.
    shared: bool,
    /// Whether a loop needs each element several times.
    repeated: bool,
}

impl Schedule<'_> {
    fn store(&mut self, id: NodeId) {
        let constant = matches!(self.graph.node(id).op, Op::Const(_) | Op::Size(_));
        if !constant {
            self.stored[id.0 as usize] = true;
        }
    }

    fn is_stored(&self, id: NodeId) -> bool {
        self.stored[id.0 as usize]
    }

    /// What must be in memory because of what it is, or because of who reads it.
    fn force(&mut self, order: &[NodeId], users: &[Vec<NodeId>], regions: &Regions) {
        for &output in &self.graph.outputs {
            self.store(output);
        }
        for &id in order {
            if self.graph.dynamic_name(id).is_some() {
                self.store(id);
            }
            let node = self.graph.node(id);
            match &node.op {
                Op::Reduce { .. } => self.store(self.transposed(id, users, regions).unwrap_or(id)),
                Op::Input(_)
                | Op::ScatterAdd { .. }
                | Op::Place { .. }
                | Op::Concat { .. }
                | Op::Check(_)
                | Op::Var(_)
                | Op::State(_)
                | Op::Final(_)
                | Op::Build(_) => self.store(id),
                Op::Update { .. } => {
                    self.store(id);
                    self.store(node.inputs[2]);
                }
                Op::Loop(binder) => {
                    self.store(id);
                    if let Some(parts) = binder.parts(&node.inputs) {
                        [&[parts.limit, parts.again], parts.next].concat().into_iter().for_each(|x| self.store(x));
                    }
                }
                Op::Contract { .. } => {
                    self.store(self.scaled(id, users, regions).unwrap_or(id));
                    for &input in &node.inputs {
                        self.store_base(input, users);
                    }
                }
                Op::Routine(_) => {
                    self.store(id);
                    for &input in &node.inputs {
                        self.store_rows(input);
                    }
                }
                Op::Reshape if !is_relabelling(self.graph, id) => self.store(node.inputs[0]),
                Op::Gather { .. } => {
                    let guards: Vec<NodeId> =
                        node.inputs[1..].iter().filter_map(|index| guard_of(self.graph, *index)).collect();
                    if !guards.is_empty() {
                        self.store(id);
                        guards.into_iter().for_each(|guard| self.store(guard));
                    }
                    if !self.is_light(node.inputs[0]) {
                        self.store(node.inputs[0]);
                    }
                }
                _ => {}
            }
        }
    }

    /// The transpose that is all that a reduction is for: its loops write where the transpose has its elements.
    fn transposed(&self, id: NodeId, users: &[Vec<NodeId>], regions: &Regions) -> Option<NodeId> {
        let &[user] = users[id.0 as usize].as_slice() else { return None };
        let only = matches!(self.graph.node(user).op, Op::Transpose { .. }) && !self.graph.outputs.contains(&id);
        (only && regions.of(user) == regions.of(id)).then_some(user)
    }

    /// The product with a scalar that is all that a contraction is for.
    fn scaled(&self, id: NodeId, users: &[Vec<NodeId>], regions: &Regions) -> Option<NodeId> {
        let &[user] = users[id.0 as usize].as_slice() else { return None };
        let (product, _) = scaled(self.graph, user)?;
        let only = product == id && !self.graph.outputs.contains(&id);
        (only && regions.of(user) == regions.of(id)).then_some(user)
    }

    /// What is computed outside of a loop and read inside is computed once; so is a scalar of a loop's body that
    /// several read.
    fn separate(&mut self, order: &[NodeId], regions: &Regions) {
        let mut across = vec![false; self.graph.len()];
        let mut reads = vec![0u32; self.graph.len()];
        for &id in order.iter().rev() {
            let moves = self.only_moves(id);
            if across[id.0 as usize] && !moves && !is_counted(self.graph, id) {
                self.store(id);
            }
            let node = self.graph.node(id);
            if reads[id.0 as usize] > 1 && node.ty.rank() == 0 && regions.of(id) != 0 && !self.is_index(id) {
                self.store(id);
            }
            let leaves = |id: NodeId| matches!(self.graph.node(id).op, Op::Const(_) | Op::Size(_) | Op::Iota);
            let through = moves && !self.is_stored(id) && across[id.0 as usize];
            for &input in node.inputs.iter().filter(|x| !leaves(**x)) {
                reads[input.0 as usize] += 1;
                across[input.0 as usize] |= through || regions.of(input) != regions.of(id);
            }
        }
    }

    fn only_moves(&self, id: NodeId) -> bool {
        let op = &self.graph.node(id).op;
        matches!(op, Op::Broadcast { .. } | Op::Transpose { .. } | Op::Slice { .. } | Op::Reshape)
            || moves_by_counters(self.graph, id)
    }

    /// Whether a scalar is an integer that goes into addresses as it is.
    fn is_index(&self, id: NodeId) -> bool {
        let node = self.graph.node(id);
        let linear = matches!(&node.op, Op::Map(op) if matches!(op.name, "add" | "subtract" | "multiply"));
        linear && node.ty.dtype == DType::I64
    }

    /// Who reads an array that is changed in place later does so before, and so has a place of its own for the result.
    fn keep_old(&mut self, order: &[NodeId]) {
        let mut changed = self.changed_in_place(order);
        let mut taken: FxHashSet<NodeId> = FxHashSet::default();
        for &id in order {
            let node = self.graph.node(id);
            match &node.op {
                Op::State(_) => taken.extend([id]),
                Op::Update { .. } => taken.extend(node.inputs.first()),
                Op::Loop(_) => taken.extend(&node.inputs),
                _ => {}
            }
        }
        // The last of an array's values stays as it is.
        changed.retain(|id| taken.contains(id));
        for &id in order {
            let node = self.graph.node(id);
            if node.inputs.iter().any(|input| changed.contains(input)) {
                self.store(id);
            }
        }
    }

    /// Arrays that an update, or a loop with an update of its state, may write to.
    fn changed_in_place(&self, order: &[NodeId]) -> FxHashSet<NodeId> {
        // States that are one array: what they begin with, what they become, and what they are behind the loop.
        let mut links: Vec<(NodeId, NodeId)> = Vec::new();
        let mut changed: FxHashSet<NodeId> = FxHashSet::default();
        let states: FxHashMap<VarId, NodeId> = order
            .iter()
            .filter_map(|&id| if let Op::State(var) = self.graph.node(id).op { Some((var, id)) } else { None })
            .collect();
        for &id in order {
            let node = self.graph.node(id);
            match &node.op {
                Op::Update { .. } => {
                    links.push((id, node.inputs[0]));
                    changed.extend([id, node.inputs[0]]);
                }
                Op::Loop(binder) => {
                    let Some(parts) = binder.parts(&node.inputs) else { continue };
                    for (state, (first, next)) in binder.states.iter().zip(parts.first.iter().zip(parts.next)) {
                        if let Some(&state) = states.get(state) {
                            links.extend([(state, *first), (state, *next)]);
                        }
                    }
                }
                Op::Final(position) => {
                    let of = node.inputs[0];
                    if let Op::Loop(binder) = &self.graph.node(of).op
                        && let Some(state) = binder.states.get(*position).and_then(|state| states.get(state))
                    {
                        links.push((id, *state));
                    }
                }
                _ => {}
            }
        }
        loop {
            let before = changed.len();
            for (a, b) in &links {
                if changed.contains(a) || changed.contains(b) {
                    changed.extend([*a, *b]);
                }
            }
            if changed.len() == before {
                break;
            }
        }
        let own = |id: &NodeId| self.graph.ty(*id).rank() > 0 && !matches!(self.graph.node(*id).op, Op::Input(_));
        changed.retain(own);
        changed
    }

    /// Makes sure that a node is a strided view of something stored, or of squares of it that nothing else reads.
    fn store_base(&mut self, id: NodeId, users: &[Vec<NodeId>]) {
        let (mut id, mut squared) = (id, false);
        loop {
            let node = self.graph.node(id);
            let only = users[id.0 as usize].len() == 1 && !self.graph.outputs.contains(&id);
            match &node.op {
                Op::Transpose { .. } | Op::Slice { .. } => id = node.inputs[0],
                Op::Reshape => return self.store(node.inputs[0]),
                Op::Map(_) if only && !squared && is_square(self.graph, id) => (id, squared) = (node.inputs[0], true),
                _ => return self.store(id),
            }
        }
    }

    /// Makes sure that a node's elements lie in memory in C order.
    fn store_rows(&mut self, id: NodeId) {
        let id = self.graph.unshaped(id);
        self.stored[id.0 as usize] = true;
    }

    /// Whether reading the node at any index costs no more than a load.
    fn is_light(&self, id: NodeId) -> bool {
        let mut id = id;
        loop {
            let node = self.graph.node(id);
            match &node.op {
                Op::Input(_) | Op::Const(_) | Op::Size(_) | Op::Iota => return true,
                Op::Transpose { .. } | Op::Slice { .. } | Op::Broadcast { .. } => id = node.inputs[0],
                Op::Gather { .. } if moves_by_counters(self.graph, id) => id = node.inputs[0],
                _ => return self.is_stored(id),
            }
        }
    }

    /// The cost of computing one element in place, with what is not stored below it.
    fn weigh(&mut self, order: &[NodeId]) {
        for &id in order {
            let node = self.graph.node(id);
            let own = match &node.op {
                Op::Map(op) => match op.code {
                    Code::Inline(_) if matches!(op.name, "divide" | "sqrt") => 4,
                    Code::Inline(_) => 1,
                    Code::Kernel | Code::Scalar(_) | Code::Floored(_) => KERNEL,
                },
                Op::Gather { .. } if moves_by_counters(self.graph, id) => 0,
                Op::Cast | Op::Gather { .. } => 2,
                _ => 0,
            };
            // Indexes that are sums of counters become part of an address.
            let read = if moves_by_counters(self.graph, id) { &node.inputs[..1] } else { &node.inputs[..] };
            // What is multiplied by itself is computed once.
            let once = read.iter().enumerate().filter(|(k, x)| !read[..*k].contains(x));
            let below: u32 = once.map(|(_, &x)| if self.is_stored(x) { 0 } else { self.cost[x.0 as usize] }).sum();
            self.cost[id.0 as usize] = own + below;
            if own + below > BODY && !self.is_stored(id) {
                self.store(id);
            }
        }
    }

    /// From results to inputs: what several loops need, or one needs repeatedly, and is not cheap.
    fn choose(&mut self, order: &[NodeId], shared_loops: &FxHashMap<NodeId, NodeId>) {
        let mut demand = vec![Demand::default(); self.graph.len()];
        for &id in order.iter().rev() {
            let own = demand[id.0 as usize];
            let cost = self.cost[id.0 as usize];
            if (own.shared && cost > SHARED) || (own.repeated && cost > REPEATED) {
                self.store(id);
            }
            let node = self.graph.node(id);
            let through = if self.is_stored(id) {
                Demand { loop_of: Some(shared_loops.get(&id).copied().unwrap_or(id)), ..Demand::default() }
            } else {
                let repeats = matches!(node.op, Op::Broadcast { .. }) || matches!(node.op, Op::Gather { .. });
                Demand { repeated: own.repeated || repeats, ..own }
            };
            for &input in &node.inputs {
                let entry = &mut demand[input.0 as usize];
                entry.repeated |= through.repeated;
                entry.shared |= through.shared;
                match (entry.loop_of, through.loop_of) {
                    (Some(known), Some(other)) if known != other => entry.shared = true,
                    (None, other) => entry.loop_of = other,
                    _ => {}
                }
            }
        }
    }
}

/// Whether an indexing reads where loop counters say, without a check and without reading its indexes: a window, say.
fn moves_by_counters(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    matches!(node.op, Op::Gather { .. }) && node.inputs.iter().skip(1).all(|index| is_counted(graph, *index))
}

/// Whether an integer is a sum of loop counters, sizes and constants, times constants.
fn is_counted(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    match &node.op {
        _ if node.ty.dtype != DType::I64 => false,
        Op::Const(_) | Op::Size(_) | Op::Iota => true,
        Op::Map(op) => {
            let linear = match op.name {
                "add" | "subtract" => true,
                "multiply" => node.inputs.iter().any(|input| is_fixed(graph, *input)),
                _ => false,
            };
            linear && node.inputs.iter().all(|input| is_counted(graph, *input))
        }
        Op::Broadcast { .. } | Op::Transpose { .. } | Op::Slice { .. } => is_counted(graph, node.inputs[0]),
        _ => false,
    }
}

/// Whether it is one size or constant everywhere.
fn is_fixed(graph: &Graph, id: NodeId) -> bool {
    match &graph.node(id).op {
        Op::Const(_) | Op::Size(_) => true,
        Op::Broadcast { .. } => is_fixed(graph, graph.node(id).inputs[0]),
        _ => false,
    }
}

/// Whether a reshape only adds or drops axes of size 1.
pub(super) fn is_relabelling(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let wide = |shape: &[crate::graph::Size]| shape.iter().filter(|size| !size.is_one()).cloned().collect::<Vec<_>>();
    wide(&node.ty.shape) == wide(graph.shape(node.inputs[0]))
}
