//! Loops around steps, and steps under conditions, in the entry.
//!
//! In: steps with steps inside. Out: blocks of the entry, between which scalars pass in registers.
//! Always holds: a loop is tested before its first iteration and then at its end, so an iteration takes one jump.

use super::collapse::offset;
use super::entry::{Entry, Planned};
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
        let plans = self.plans.clone();
        let zero = self.w.integer(0);
        let edges = Edges { limit: (!endless).then_some(limit), carried, entering, body, exit };
        let progress = edges.limit.filter(|_| self.depth == 0).map(|limit| self.begin_counting(limit));
        self.test(step, zero, &edges);
        self.w.start(body);
        let params = self.w.params(body);
        self.set(step.counter, params[0]);
        if let Some(progress) = &progress {
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
        self.test(step, next, &edges);
        self.plans = behind;
        self.w.start(exit);
        let results = self.w.params(exit);
        self.w.registers.values = before;
        self.bind(&edges.carried, &results);
        if let Some(progress) = progress {
            self.end_counting(&progress);
        }
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
        let after: Vec<Value> = changed.iter().map(|buffer| self.scalar(*buffer)).collect();
        self.w.jump(join, &after);
        self.w.start(join);
        let merged = self.w.params(join);
        self.w.registers.values = outer;
        self.bind(&changed, &merged);
    }
}

fn block_args(values: &[Value]) -> Vec<cranelift_codegen::ir::BlockArg> {
    values.iter().map(|value| cranelift_codegen::ir::BlockArg::Value(*value)).collect()
}
