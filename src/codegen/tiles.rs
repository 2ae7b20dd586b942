//! Tiles: values that pass through memory between the parts of an innermost loop.
//!
//! In: a plan without stages. Out: the stages, and a tile for each value that crosses from one to another.
//! Always holds: a tile is written before it is read, and has one owner between its first write and its last read.
//!
//! The functions of `runtime::math` work on arrays. An innermost loop that uses them runs over tiles: the loop of stage
//! `s` computes, for one tile, whatever needs no more than `s` such functions in a row; then the functions are applied.

use super::lanes::{Lanes, is_narrow};
use super::plan::{Plan, Stage, operands};
use crate::loops::{Inst, Sink, Value};
use crate::runtime::array::DType;
use rustc_hash::FxHashMap;

/// Bytes of all tiles of a nest together: within the first-level cache.
const BUDGET: usize = 24 << 10;
/// Elements of a tile, at most and at least.
const LENGTH: (usize, usize) = (512, 64);

/// Which values pass through which tiles.
#[derive(Default)]
pub(super) struct Tiles {
    /// The tile of each value that has one.
    pub(super) of: FxHashMap<Value, usize>,
    /// Values that the loop does not change, as a tile full of copies.
    pub(super) copies: FxHashMap<Value, usize>,
    /// How many tiles there are.
    pub(super) count: usize,
    /// Bytes of a truth value in a tile: as wide as the lanes of a vector.
    pub(super) width: usize,
    /// The function whose result goes straight to where the sink stores it.
    pub(super) direct: Option<Value>,
}

impl Tiles {
    /// Elements of a tile.
    pub(super) fn length(&self) -> i64 {
        let fitting = BUDGET / (8 * self.count.max(1));
        let power = 1usize << fitting.max(1).ilog2();
        i64::try_from(power.clamp(LENGTH.1, LENGTH.0)).unwrap_or(64)
    }

    /// Bytes of one element of a tile.
    pub(super) fn element(&self, dtype: DType) -> usize {
        if dtype == DType::Bool { self.width } else { dtype.size() }
    }
}

/// Cuts the innermost loop of a plan into stages.
pub(super) fn stages(plan: &Plan) -> (Vec<Stage>, Tiles) {
    let inner: Vec<Value> = (0..plan.nest.body.len()).filter(|&v| plan.live[v] && plan.is_inner(v)).collect();
    let place = Placement::new(plan, &inner);
    let mut stages: Vec<Stage> = (0..=place.last).map(|_| Stage::empty()).collect();
    for &value in &inner {
        if plan.is_kernel(value) {
            stages[place.stage[&value]].calls.push(value);
        } else if place.repeated(plan, value) {
            for &user in &place.users[&value] {
                stages[user].insts.push(value);
            }
        } else {
            stages[place.stage[&value]].insts.push(value);
        }
    }
    stages[place.last].sink = true;
    let narrow = inner.iter().any(|&value| is_narrow(plan.dtypes[value]));
    let mut tiles = Tiles { width: if narrow { 4 } else { 8 }, ..Tiles::default() };
    place.assign(plan, &inner, &mut stages, &mut tiles);
    (stages, tiles)
}

impl Stage {
    fn empty() -> Stage {
        let (insts, reads, writes, calls) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Stage { insts, reads, writes, calls, sink: false, lanes: Lanes::One }
    }
}

/// The stage of each value.
struct Placement {
    /// Where it is computed; a function of the run-time library runs after the loop of its stage.
    stage: FxHashMap<Value, usize>,
    /// The stages in whose loops it is used, ascending.
    users: FxHashMap<Value, Vec<usize>>,
    /// The functions that it is an operand of.
    arguments: FxHashMap<Value, Vec<Value>>,
    /// The last stage, where the sink is.
    last: usize,
}

impl Placement {
    fn new(plan: &Plan, inner: &[Value]) -> Placement {
        let mut stage: FxHashMap<Value, usize> = FxHashMap::default();
        let mut last = 0;
        for &value in inner {
            let needs = operands(&plan.nest.body[value]);
            let after = needs
                .iter()
                .filter_map(|operand| stage.get(operand).map(|stage| stage + usize::from(plan.is_kernel(*operand))));
            let own = after.max().unwrap_or(0);
            stage.insert(value, own);
            last = last.max(own + usize::from(plan.is_kernel(value)));
        }
        let mut place = Placement { stage, users: FxHashMap::default(), arguments: FxHashMap::default(), last };
        place.delay(plan, inner);
        place.find_users(plan, inner);
        place
    }

    /// Moves what depends on no function to the first stage that needs it.
    fn delay(&mut self, plan: &Plan, inner: &[Value]) {
        let mut needed: FxHashMap<Value, usize> = FxHashMap::default();
        for operand in plan.sink_operands() {
            needed.insert(operand, self.last);
        }
        for &value in inner.iter().rev() {
            let movable = self.stage[&value] == 0
                && !plan.is_kernel(value)
                && !matches!(plan.nest.body[value], Inst::Check { .. });
            if let Some(first) = needed.get(&value).copied().filter(|_| movable) {
                self.stage.insert(value, first);
            }
            let own = self.stage[&value];
            for operand in operands(&plan.nest.body[value]) {
                let first = needed.entry(operand).or_insert(own);
                *first = own.min(*first);
            }
        }
    }

    fn find_users(&mut self, plan: &Plan, inner: &[Value]) {
        for &value in inner {
            self.users.entry(value).or_default();
            self.arguments.entry(value).or_default();
        }
        let last = self.last;
        for &value in inner.iter().rev() {
            if plan.is_kernel(value) {
                for operand in operands(&plan.nest.body[value]) {
                    self.arguments.entry(operand).or_default().push(value);
                }
                continue;
            }
            // A repeated instruction has no operands in the loop, so its own stage does not matter.
            for operand in operands(&plan.nest.body[value]) {
                self.users.entry(operand).or_default().push(self.stage[&value]);
            }
        }
        for operand in plan.sink_operands() {
            self.users.entry(operand).or_default().push(last);
        }
        let written: Vec<Value> =
            inner.iter().copied().filter(|value| self.needs_tile_as_argument(plan, *value)).collect();
        for value in written {
            let stages: Vec<usize> = self.arguments[&value].iter().map(|call| self.stage[call]).collect();
            if self.repeats(plan, value) {
                self.users.entry(value).or_default().extend(stages);
            }
        }
        for users in self.users.values_mut() {
            users.sort_unstable();
            users.dedup();
        }
    }

    /// Whether a value is computed in each stage that uses it instead of kept in a tile.
    fn repeats(&self, plan: &Plan, value: Value) -> bool {
        match &plan.nest.body[value] {
            Inst::Load(_, affine) | Inst::Index(affine) => plan.has_plain_values(affine),
            _ => false,
        }
    }

    fn repeated(&self, plan: &Plan, value: Value) -> bool {
        self.repeats(plan, value)
    }

    /// Whether a function needs the value in a tile: not if it can read it from the buffer.
    fn needs_tile_as_argument(&self, plan: &Plan, value: Value) -> bool {
        !self.arguments[&value].is_empty() && !is_direct_argument(plan, value)
    }

    /// Gives tiles to the values that need one, in the order in which the code runs.
    fn assign(&self, plan: &Plan, inner: &[Value], stages: &mut [Stage], tiles: &mut Tiles) {
        tiles.direct = self.direct_result(plan);
        let mut free: Vec<usize> = Vec::new();
        let mut last_use: FxHashMap<Value, (usize, usize)> = FxHashMap::default();
        for &value in inner {
            let loops = self.users[&value].iter().map(|stage| (*stage, 0));
            let calls = self.arguments[&value].iter().map(|call| (self.stage[call], 1 + *call));
            if let Some(last) = loops.chain(calls).max() {
                last_use.insert(value, last);
            }
        }
        for (index, stage) in stages.iter_mut().enumerate() {
            let release = |tiles: &Tiles, free: &mut Vec<usize>, done: (usize, usize)| {
                let ended = inner.iter().filter(|value| last_use.get(*value) == Some(&done));
                free.extend(ended.filter_map(|value| tiles.of.get(value)));
            };
            let computed: Vec<Value> = stage.insts.clone();
            for &value in inner.iter().filter(|value| self.crosses_into(plan, **value, index)) {
                stage.reads.push(value);
            }
            for value in computed.into_iter().filter(|value| self.is_written(plan, *value, index)) {
                stage.writes.push(value);
                if !tiles.of.contains_key(&value) {
                    tiles.take(value, &mut free);
                }
            }
            release(tiles, &mut free, (index, 0));
            for call in stage.calls.clone() {
                self.copy_arguments(plan, call, tiles);
                // Its results have a tile of their own: where they overwrite arguments they are gathered elsewhere first.
                if tiles.direct != Some(call) {
                    tiles.take(call, &mut free);
                }
                release(tiles, &mut free, (index, 1 + call));
            }
        }
    }

    fn crosses_into(&self, plan: &Plan, value: Value, stage: usize) -> bool {
        let computed_before = plan.is_kernel(value) || (self.stage[&value] < stage && !self.repeats(plan, value));
        computed_before && self.users[&value].contains(&stage) && !self.is_only_stored_directly(plan, value)
    }

    fn is_only_stored_directly(&self, plan: &Plan, value: Value) -> bool {
        self.direct_result(plan) == Some(value)
    }

    fn is_written(&self, plan: &Plan, value: Value, stage: usize) -> bool {
        if self.repeats(plan, value) {
            let calls = &self.arguments[&value];
            return self.needs_tile_as_argument(plan, value) && calls.iter().any(|call| self.stage[call] == stage);
        }
        let later = self.users[&value].iter().any(|user| *user > stage);
        self.stage[&value] == stage && (later || self.needs_tile_as_argument(plan, value))
    }

    fn copy_arguments(&self, plan: &Plan, call: Value, tiles: &mut Tiles) {
        for operand in operands(&plan.nest.body[call]) {
            if !plan.is_inner(operand) && !tiles.copies.contains_key(&operand) {
                tiles.copies.insert(operand, tiles.count);
                tiles.count += 1;
            }
        }
    }

    /// The function whose result is only stored, and contiguously.
    fn direct_result(&self, plan: &Plan) -> Option<Value> {
        let Sink::Store { value, buffer, offset } = &plan.nest.sink else { return None };
        let value = *value;
        let only_use = plan.is_inner(value)
            && plan.is_kernel(value)
            && plan.is_contiguous(offset)
            && plan.buffers[*buffer] == plan.dtypes[value]
            && self.stage[&value] + 1 == self.last
            && self.arguments[&value].is_empty();
        let other_uses =
            (0..plan.nest.body.len()).any(|user| plan.live[user] && operands(&plan.nest.body[user]).contains(&value));
        (only_use && !other_uses).then_some(value)
    }
}

/// Whether a function of the run-time library can read a value from the buffer that it is loaded from.
pub(super) fn is_direct_argument(plan: &Plan, value: Value) -> bool {
    matches!(&plan.nest.body[value], Inst::Load(_, affine) if plan.is_contiguous(affine))
}

impl Tiles {
    fn take(&mut self, value: Value, free: &mut Vec<usize>) {
        let tile = free.pop().unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        self.of.insert(value, tile);
    }
}
