//! Loops around steps, and steps under conditions, in the entry.
//!
//! In: steps with steps inside. Out: blocks of the entry, between which scalars pass in registers.
//! Always holds: a loop is tested before its first iteration and then at its end, so an iteration takes one jump; one of scalars
//! alone looks whether to stop every [`STRIP`] iterations, any other at the end of each.

use super::collapse::offset;
use super::entry::{Entry, Planned};
use super::innermost::STRIP;
use super::lanes::scalar;
use super::writer::aligned;
use crate::loops::{Bind, BufferId, If, Kernel, Loop, Nest, Role, Scalar, Step};
use crate::runtime::control::{DONE, TOTAL, UNSEEN};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Type, Value, types};
use rustc_hash::{FxHashMap, FxHashSet};

/// The buffers that are registers: of one element, and written only where that is seen here. With each, whether a called
/// nest or a matrix product reads it from memory. Inputs are there before, outputs are put into memory in the end.
pub(super) fn registers(kernel: &Kernel, plans: &[(&Nest, Planned)]) -> FxHashMap<BufferId, bool> {
    let scalar = |id: &BufferId| kernel.buffers.get(*id).is_some_and(|buffer| buffer.elements.as_const() == Some(1));
    let mut found: FxHashSet<BufferId> = (0..kernel.buffers.len()).filter(scalar).collect();
    let mut from_memory: FxHashSet<BufferId> = FxHashSet::default();
    let mut at = 0;
    walk(&kernel.steps, &mut |step| {
        let (reads, writes) = step.buffers();
        let seen = match step {
            Step::Nest(nest) => {
                at += 1;
                // A buffer of one element may still be written at any offset, or at none.
                if !offset(&nest.sink).values.is_empty() {
                    writes.iter().for_each(|buffer| {
                        found.remove(buffer);
                    });
                }
                plans.get(at - 1).is_some_and(|(_, planned)| planned.is_inline)
            }
            Step::Loop(_) | Step::If(_) | Step::Bind(_) => true,
            _ => false,
        };
        if !seen {
            writes.iter().for_each(|buffer| {
                found.remove(buffer);
            });
            from_memory.extend(reads);
        }
    });
    found.into_iter().map(|buffer| (buffer, from_memory.contains(&buffer))).collect()
}

fn walk(steps: &[Step], f: &mut impl FnMut(&Step)) {
    for step in steps {
        f(step);
        step.blocks().into_iter().for_each(|block| walk(block, f));
    }
}

/// How many iterations of a short loop are written one after the other, by the most instructions of an iteration.
const UNROLL: [(usize, i64); 2] = [(6, 4), (16, 2)];

/// A loop that is watched.
struct Progress {
    control: Value,
    /// Whether it is the loop that counts.
    counts: Value,
    /// Where it writes how many iterations are done.
    place: Value,
}

/// Where a loop goes on, and what it passes there.
struct Edges {
    /// The most iterations there are.
    limit: Option<Value>,
    /// Registers that iterations change.
    carried: Vec<BufferId>,
    /// These, and what the head has computed.
    entering: Vec<BufferId>,
    body: Block,
    exit: Block,
}

/// Buffers that steps write, those inside them too.
fn written(steps: &[Step]) -> FxHashSet<BufferId> {
    let mut all = FxHashSet::default();
    walk(steps, &mut |step| all.extend(step.buffers().1));
    all
}

impl<'p, I: Iterator<Item = &'p Planned> + Clone> Entry<'_, 'p, I> {
    /// Puts inputs of one element into registers.
    pub(super) fn take_inputs(&mut self) {
        for (buffer, known) in self.kernel.buffers.iter().enumerate() {
            if matches!(known.role, Role::Input(_)) && self.w.registers.mirrored.contains_key(&buffer) {
                let address = self.w.buffer(buffer);
                let value = self.w.ins().load(scalar(known.dtype), aligned(), address, 0);
                self.w.registers.values.insert(buffer, value);
            }
        }
    }

    /// Puts the registers that are outputs into memory.
    pub(super) fn give_outputs(&mut self) {
        for (buffer, known) in self.kernel.buffers.iter().enumerate() {
            let only_here = self.w.registers.mirrored.get(&buffer) == Some(&false);
            if let (Role::Output(_), true, Some(value)) =
                (known.role, only_here, self.w.registers.values.get(&buffer).copied())
            {
                let address = self.w.buffer(buffer);
                self.w.ins().store(aligned(), value, address, 0);
            }
        }
    }

    /// Registers that hold something and that steps change, in order.
    fn carried(&self, steps: &[&[Step]]) -> Vec<BufferId> {
        let changed: FxHashSet<BufferId> = steps.iter().flat_map(|steps| written(steps)).collect();
        let mut carried: Vec<BufferId> =
            changed.into_iter().filter(|buffer| self.w.registers.values.contains_key(buffer)).collect();
        carried.sort_unstable();
        carried
    }

    fn register_type(&self, buffer: BufferId) -> Type {
        self.kernel.buffers.get(buffer).map_or(types::I64, |buffer| scalar(buffer.dtype))
    }

    /// The only element of a buffer.
    fn scalar(&mut self, buffer: BufferId) -> Value {
        let ty = self.register_type(buffer);
        if let Some(value) = self.w.register(buffer, ty) {
            return value;
        }
        let address = self.w.buffer(buffer);
        self.w.ins().load(ty, aligned(), address, 0)
    }

    fn set(&mut self, buffer: BufferId, value: Value) {
        if self.w.set_register(buffer, value) {
            let address = self.w.buffer(buffer);
            self.w.ins().store(aligned(), value, address, 0);
        }
    }

    fn values(&self, of: &[BufferId]) -> Vec<Value> {
        of.iter().filter_map(|buffer| self.w.registers.values.get(buffer).copied()).collect()
    }

    /// A loop.
    pub(super) fn repeat(&mut self, step: &'p Loop) {
        let outermost = self.depth == 0;
        if outermost {
            self.w.begin_local();
        }
        let carried = self.carried(&[&step.head, &step.body]);
        let before = self.w.registers.values.clone();
        // What the head computes is there in the body.
        let mut entering: Vec<BufferId> = written(&step.head).into_iter().collect();
        entering
            .retain(|id| *id != step.counter && self.w.registers.mirrored.contains_key(id) && !carried.contains(id));
        entering.sort_unstable();
        let entering: Vec<BufferId> = carried.iter().copied().chain(entering).collect();
        let types: Vec<Type> = carried.iter().map(|buffer| self.register_type(*buffer)).collect();
        let with_counter: Vec<Type> =
            std::iter::once(types::I64).chain(entering.iter().map(|buffer| self.register_type(*buffer))).collect();
        let (body, exit) = (self.w.block(&with_counter), self.w.block(&types));
        let limit = match &step.limit {
            Scalar::Size(size) => self.w.size(size),
            Scalar::Buffer(buffer) => self.scalar(*buffer),
        };
        let endless = matches!(&step.limit, Scalar::Size(size) if size.as_const() == Some(i64::MAX));
        let zero = self.w.integer(0);
        let edges = Edges { limit: (!endless).then_some(limit), carried, entering, body, exit };
        let progress = edges.limit.filter(|_| self.depth == 0).map(|limit| self.begin_counting(limit));
        // What is read of the frame is not what it was when the loop finds sizes out.
        let finds = [&step.head, &step.body].into_iter().any(|steps| finds_sizes(steps));
        if finds {
            self.w.found.clear();
        }
        match edges.limit.filter(|_| self.is_simple(step)) {
            Some(limit) => self.strips(step, limit, &edges, progress.as_ref()),
            None => self.iterations(step, zero, &edges, progress.as_ref()),
        }
        if finds {
            self.w.found.clear();
        }
        self.w.start(exit);
        let results = self.w.params(exit);
        self.w.registers.values = before;
        self.bind(&edges.carried, &results);
        if let Some(progress) = progress {
            self.end_counting(&progress);
        }
        if outermost {
            self.w.end_local();
        }
    }

    /// Iterations with a look after each whether to stop.
    fn iterations(&mut self, step: &'p Loop, zero: Value, edges: &Edges, progress: Option<&Progress>) {
        let plans = self.plans.clone();
        self.test(step, zero, edges);
        self.w.start(edges.body);
        let params = self.w.params(edges.body);
        self.set(step.counter, params[0]);
        if let Some(progress) = progress {
            self.w.ins().store(aligned(), params[0], progress.place, 0);
        }
        self.bind(&edges.entering, &params[1..]);
        self.depth += 1;
        self.steps(&step.body);
        self.depth -= 1;
        self.w.poll();
        let behind = self.plans.clone();
        let next = self.w.plus(params[0], 1);
        // The head once more, at the end of the iteration.
        self.plans = plans;
        self.test(step, next, edges);
        self.plans = behind;
    }

    /// Iterations with a look whether to stop after as many as the innermost loop of a nest has in a strip.
    fn strips(&mut self, step: &'p Loop, limit: Value, edges: &Edges, progress: Option<&Progress>) {
        let types: Vec<Type> = edges.carried.iter().map(|buffer| self.register_type(*buffer)).collect();
        let counted: Vec<Type> = std::iter::once(types::I64).chain(types.iter().copied()).collect();
        let (strip, behind) = (self.w.block(&counted), self.w.block(&types));
        let zero = self.w.integer(0);
        let some = self.w.ins().icmp(IntCC::SignedLessThan, zero, limit);
        let (go, leave) = (self.entering(zero, edges), self.values(&edges.carried));
        self.w.branch(some, (strip, &go), (edges.exit, &leave));
        self.w.start(strip);
        let params = self.w.params(strip);
        if let Some(progress) = progress {
            self.w.ins().store(aligned(), params[0], progress.place, 0);
        }
        let (left, most) = (self.w.ins().isub(limit, params[0]), self.w.integer(STRIP));
        let length = self.w.ins().smin(left, most);
        let stop = self.w.ins().iadd(params[0], length);
        match self.copies(step) {
            Some(copies) => {
                let rest = self.unrolled(step, copies, &params, stop, edges);
                let more = self.w.ins().icmp(IntCC::SignedLessThan, rest[0], stop);
                self.w.branch(more, (edges.body, &rest), (behind, &rest[1..]));
            }
            None => self.w.jump(edges.body, &params),
        }
        self.w.start(edges.body);
        let params = self.w.params(edges.body);
        self.bind(&edges.carried, &params[1..]);
        let next = self.iteration(step, params[0]);
        let more = self.w.ins().icmp(IntCC::SignedLessThan, next, stop);
        let (go, leave) = (self.entering(next, edges), self.values(&edges.carried));
        self.w.branch(more, (edges.body, &go), (behind, &leave));
        self.w.start(behind);
        let params = self.w.params(behind);
        self.w.poll();
        self.bind(&edges.carried, &params);
        let more = self.w.ins().icmp(IntCC::SignedLessThan, stop, limit);
        let go = self.entering(stop, edges);
        self.w.branch(more, (strip, &go), (edges.exit, &params));
    }

    /// One iteration; gives the number of the next.
    fn iteration(&mut self, step: &'p Loop, counter: Value) -> Value {
        self.set(step.counter, counter);
        self.depth += 1;
        self.steps(&step.body);
        self.depth -= 1;
        self.w.plus(counter, 1)
    }

    /// Several iterations at a time while there are as many up to `stop`; gives the counter and what is carried behind them.
    fn unrolled(&mut self, step: &'p Loop, copies: i64, start: &[Value], stop: Value, edges: &Edges) -> Vec<Value> {
        let types: Vec<Type> = start.iter().map(|value| self.w.ty(*value)).collect();
        let (several, rest) = (self.w.block(&types), self.w.block(&types));
        let limit = self.w.plus(stop, -copies);
        let some = self.w.ins().icmp(IntCC::SignedLessThanOrEqual, start[0], limit);
        self.w.branch(some, (several, start), (rest, start));
        self.w.start(several);
        let params = self.w.params(several);
        self.bind(&edges.carried, &params[1..]);
        let plans = self.plans.clone();
        let mut counter = params[0];
        for _ in 0..copies {
            self.plans = plans.clone();
            counter = self.iteration(step, counter);
        }
        self.plans = plans;
        let next = self.w.plus(params[0], copies);
        let more = self.w.ins().icmp(IntCC::SignedLessThanOrEqual, next, limit);
        let go = self.entering(next, edges);
        self.w.branch(more, (several, &go), (rest, &go));
        self.w.start(rest);
        self.w.params(rest)
    }

    /// How many iterations are written one after the other, if one is so short that counting takes a good part of it.
    fn copies(&self, step: &Loop) -> Option<i64> {
        if !step.body.iter().all(|step| matches!(step, Step::Nest(_))) {
            return None;
        }
        let plans = self.plans.clone().take(step.body.len());
        let cost: usize = plans.map(|planned| planned.plan.short_cost()).sum();
        UNROLL.iter().find(|(most, _)| cost <= *most).map(|(_, copies)| *copies)
    }

    /// Whether an iteration is a few instructions: scalars only, and nothing that is called.
    fn is_simple(&self, step: &Loop) -> bool {
        fn nests(steps: &[Step]) -> Option<usize> {
            steps.iter().try_fold(0, |sum, step| match step {
                Step::Nest(_) => Some(sum + 1),
                Step::If(inner) => Some(sum + nests(&inner.then)?),
                _ => None,
            })
        }
        let count = if step.again.is_none() && step.head.is_empty() { nests(&step.body) } else { None };
        count.is_some_and(|count| self.plans.clone().take(count).all(|planned| planned.is_inline))
    }

    /// The loop counts for those who watch, unless another around it does. Stores, no call: a call would cost the loop its
    /// registers.
    fn begin_counting(&mut self, limit: Value) -> Progress {
        let control = self.w.control();
        let before = self.w.ins().load(types::I64, aligned(), control, TOTAL);
        let (zero, one) = (self.w.integer(0), self.w.integer(1));
        let none = self.w.ins().icmp(IntCC::Equal, before, zero);
        let long = self.w.ins().icmp(IntCC::SignedGreaterThan, limit, one);
        let counts = self.w.ins().band(none, long);
        let (done, unseen) = (self.w.plus(control, DONE.into()), self.w.plus(control, UNSEEN.into()));
        let place = self.w.ins().select(counts, done, unseen);
        self.w.ins().store(aligned(), zero, place, 0);
        let total = self.w.ins().select(counts, limit, before);
        self.w.ins().store(aligned(), total, control, TOTAL);
        Progress { control, counts, place }
    }

    fn end_counting(&mut self, progress: &Progress) {
        let total = self.w.ins().load(types::I64, aligned(), progress.control, TOTAL);
        let zero = self.w.integer(0);
        let total = self.w.ins().select(progress.counts, zero, total);
        self.w.ins().store(aligned(), total, progress.control, TOTAL);
    }

    /// Goes to the body if there is another iteration, else to the exit.
    fn test(&mut self, step: &'p Loop, counter: Value, edges: &Edges) {
        if let Some(limit) = edges.limit {
            let more = self.w.ins().icmp(IntCC::SignedLessThan, counter, limit);
            if step.again.is_none() {
                return self.decide(more, counter, edges);
            }
            let values = self.values(&edges.carried);
            let go = self.w.block(&[]);
            self.w.cursor.ins().brif(more, go, &[], edges.exit, &block_args(&values));
            self.w.start(go);
        }
        self.set(step.counter, counter);
        self.steps(&step.head);
        match step.again {
            Some(again) => {
                let again = self.scalar(again);
                self.decide(again, counter, edges);
            }
            None => {
                let values = self.entering(counter, edges);
                self.w.jump(edges.body, &values);
            }
        }
    }

    fn decide(&mut self, more: Value, counter: Value, edges: &Edges) {
        let (go, leave) = (self.entering(counter, edges), self.values(&edges.carried));
        self.w.branch(more, (edges.body, &go), (edges.exit, &leave));
    }

    fn entering(&mut self, counter: Value, edges: &Edges) -> Vec<Value> {
        let known: Vec<Value> = edges.entering.iter().map(|buffer| self.scalar(*buffer)).collect();
        std::iter::once(counter).chain(known).collect()
    }

    fn bind(&mut self, buffers: &[BufferId], values: &[Value]) {
        for (buffer, value) in buffers.iter().zip(values) {
            self.w.registers.values.insert(*buffer, *value);
        }
    }

    /// Finds out a size: the run-time library makes room for what depends on it.
    pub(super) fn bind_size(&mut self, step: &Bind) {
        let &[context, frame, _] = self.params.as_slice() else { return };
        let Some(slot) = self.frame.slot(&step.size) else {
            return self.w.fail(format_args!("{} is no size of the kernel's", step.size));
        };
        let slot = self.w.integer(slot as i64);
        let value = self.scalar(step.value);
        if let Some(status) = self.w.call("bind_size", &[context, frame, slot, value], &[types::I64]) {
            self.w.check_status(status);
        }
        self.w.read_found(&step.size, self.kernel);
    }

    /// Steps under a condition.
    pub(super) fn conditional(&mut self, step: &'p If) {
        let mut changed: Vec<BufferId> = written(&step.then).into_iter().collect();
        changed.retain(|buffer| self.w.registers.mirrored.contains_key(buffer));
        changed.sort_unstable();
        let types: Vec<Type> = changed.iter().map(|buffer| self.register_type(*buffer)).collect();
        let condition = self.scalar(step.condition);
        let before: Vec<Value> = changed.iter().map(|buffer| self.scalar(*buffer)).collect();
        let outer = self.w.registers.values.clone();
        let (then, join) = (self.w.block(&[]), self.w.block(&types));
        self.w.cursor.ins().brif(condition, then, &[], join, &block_args(&before));
        self.w.start(then);
        self.steps(&step.then);
        if finds_sizes(&step.then) {
            self.w.found.clear();
        }
        let after: Vec<Value> = changed.iter().map(|buffer| self.scalar(*buffer)).collect();
        self.w.jump(join, &after);
        self.w.start(join);
        let merged = self.w.params(join);
        self.w.registers.values = outer;
        self.bind(&changed, &merged);
    }
}

/// Whether sizes are found out in steps.
fn finds_sizes(steps: &[Step]) -> bool {
    let mut finds = false;
    walk(steps, &mut |step| finds |= matches!(step, Step::Bind(_)));
    finds
}

fn block_args(values: &[Value]) -> Vec<cranelift_codegen::ir::BlockArg> {
    values.iter().map(|value| cranelift_codegen::ir::BlockArg::Value(*value)).collect()
}
