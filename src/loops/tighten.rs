//! Innermost loops with less to do in an iteration: addresses that move along, and values that stay in registers.
//!
//! In: a kernel. Out: the same kernel. Offsets of a `for` loop's loads and stores are a part that does not change and a part that
//! grows; what one iteration stores and the next one loads is carried in a register as well; scalars that nobody reads are gone.
//! Always holds: every element is stored when it was, with the value that it had.

use super::ir::{Affine, Buffer, BufferId, If, Inst, Kernel, Loop, Nest, Role, Scalar, Sink, Step, Value};
use super::late::late_last;
use super::linear::{Course, Linear};
use crate::graph::{Constant, Size};
use crate::ops::elementwise::{ADD, LESS_EQUAL, MULTIPLY};
use crate::runtime::array::DType;
use crate::syntax::span::Span;
use rustc_hash::{FxHashMap, FxHashSet};

/// Tightens innermost loops.
pub(super) fn tighten(kernel: &mut Kernel) {
    kernel.rewrite_loops(&mut |kernel, inner| match inner.again.is_none() && inner.head.is_empty() {
        true => tight(kernel, inner),
        false => vec![Step::Loop(inner)],
    });
}

/// A load or store whose place is known as a polynomial.
struct Access {
    /// The step of the body.
    step: usize,
    /// The instruction of its nest; none for the sink.
    inst: Option<Value>,
    buffer: BufferId,
    at: Linear,
}

/// The loop behind what prepares it.
fn tight(kernel: &mut Kernel, mut inner: Loop) -> Vec<Step> {
    let Some((accesses, written)) = accesses(kernel, &inner) else { return vec![Step::Loop(inner)] };
    let mut registers = Registers { counter: inner.counter, before: Vec::new(), behind: Vec::new(), known: Vec::new() };
    let carried = carried(kernel, &inner, &accesses, &written);
    let mut body = Vec::new();
    for (at, step) in std::mem::take(&mut inner.body).into_iter().enumerate() {
        match step {
            Step::Nest(nest) if nest.loops.is_empty() => {
                let own: Vec<&Access> = accesses.iter().filter(|access| access.step == at).collect();
                body.extend(rewritten(kernel, &nest, &own, &carried, &mut registers).into_iter().map(Step::Nest));
            }
            other => body.push(other),
        }
    }
    let mut before = std::mem::take(&mut registers.before);
    for carry in &carried {
        before.extend(carry.first(kernel, &inner.limit, &mut registers));
    }
    body.append(&mut registers.behind);
    inner.body = body;
    late_last(kernel, &mut inner);
    before.push(Step::Loop(inner));
    before
}

/// The loads and stores of a loop whose places are known, in order, and how often it writes each buffer.
fn accesses(kernel: &Kernel, inner: &Loop) -> Option<(Vec<Access>, FxHashMap<BufferId, usize>)> {
    let mut course = Course::new(kernel, inner)?;
    let mut all = Vec::new();
    for (step, nest) in inner.body.iter().enumerate() {
        let Step::Nest(nest) = nest else { continue };
        if !nest.loops.is_empty() {
            continue;
        }
        let mut note = |inst: Option<Value>, buffer: BufferId, offset: &Affine| {
            if (*offset != Affine::default() || !course.is_scalar(buffer))
                && let Some(at) = course.affine(nest, offset)
                && at.stride(inner.counter).is_some()
            {
                all.push(Access { step, inst, buffer, at });
            }
        };
        for (at, inst) in nest.body.iter().enumerate() {
            if let Inst::Load(buffer, offset) = inst {
                note(Some(at), *buffer, offset);
            }
        }
        if let Sink::Store { buffer, offset, .. } = &nest.sink {
            note(None, *buffer, offset);
        }
        course.pass(nest);
    }
    let written = all.iter().map(|access| (access.buffer, course.writes(access.buffer))).collect();
    Some((all, written))
}

/// What an iteration stores and the next one loads.
struct Carry {
    /// The step that stores it.
    store: usize,
    /// The array and where the first iteration loads.
    from: BufferId,
    first: Linear,
    /// The loads, by step and instruction.
    loads: Vec<(usize, Value)>,
    /// Where it is carried.
    register: BufferId,
}

fn carried(kernel: &mut Kernel, inner: &Loop, accesses: &[Access], written: &FxHashMap<BufferId, usize>) -> Vec<Carry> {
    let mut all = Vec::new();
    for store in accesses.iter().filter(|access| access.inst.is_none() && written.get(&access.buffer) == Some(&1)) {
        let Some(stride) = store.at.stride(inner.counter) else { continue };
        let before = store.at.minus(&stride);
        let same = |load: &&Access| load.buffer == store.buffer && load.at == before && load.step <= store.step;
        let loads: Vec<(usize, Value)> =
            accesses.iter().filter(same).filter_map(|load| Some((load.step, load.inst?))).collect();
        if !loads.is_empty() {
            let dtype = kernel.buffers.get(store.buffer).map_or(DType::F64, |buffer| buffer.dtype);
            let (from, first, register) = (store.buffer, before.at_start(inner.counter), scalar(kernel, dtype));
            all.push(Carry { store: store.step, from, first, loads, register });
        }
    }
    all
}

impl Carry {
    /// What the register holds in the first iteration, if there is one.
    fn first(&self, kernel: &mut Kernel, limit: &Scalar, registers: &mut Registers) -> Vec<Step> {
        let mut body = Vec::new();
        let at = registers.affine(kernel, &self.first, &mut body);
        body.push(Inst::Load(self.from, at));
        let load = once(body, self.register);
        let limit = match limit {
            Scalar::Size(size) if size.as_const().is_some_and(|limit| limit > 0) => return vec![load],
            Scalar::Size(size) => Inst::Index(Affine::constant(size.clone())),
            Scalar::Buffer(buffer) => Inst::Load(*buffer, Affine::default()),
        };
        let condition = scalar(kernel, DType::Bool);
        let some = vec![Inst::Const(Constant::Int(1), DType::I64), limit, Inst::Map(&LESS_EQUAL, vec![0, 1])];
        vec![once(some, condition), Step::If(If { condition, then: vec![load] })]
    }
}

/// A nest of the body with its places in a form that is cheap to compute; what it stores for the next iteration is computed
/// apart.
fn rewritten(
    kernel: &mut Kernel,
    nest: &Nest,
    own: &[&Access],
    carried: &[Carry],
    registers: &mut Registers,
) -> Vec<Nest> {
    let mut body: Vec<Inst> = Vec::new();
    let mut moved: Vec<Value> = Vec::new();
    for (at, inst) in nest.body.iter().enumerate() {
        let access = own.iter().find(|access| access.inst == Some(at));
        let carry = carried.iter().find(|carry| access.is_some_and(|access| carry.loads.contains(&(access.step, at))));
        let inst = match (access, carry) {
            (_, Some(carry)) => Inst::Load(carry.register, Affine::default()),
            (Some(access), None) => Inst::Load(access.buffer, registers.affine(kernel, &access.at, &mut body)),
            (None, None) => inst.renamed(&moved),
        };
        moved.push(body.len());
        body.push(inst);
    }
    let mut made = Nest { body, ..nest.clone() };
    made.sink.rename_values(&moved);
    let Sink::Store { value, offset, .. } = &mut made.sink else { return vec![made] };
    let Some(access) = own.iter().find(|access| access.inst.is_none()) else { return vec![made] };
    let Some(carry) = carried.iter().find(|carry| carry.store == access.step) else {
        *offset = registers.affine(kernel, &access.at, &mut made.body);
        return vec![made];
    };
    let mut body = Vec::new();
    let place = registers.affine(kernel, &access.at, &mut body);
    body.push(Inst::Load(carry.register, Affine::default()));
    let sink = Sink::Store { value: body.len() - 1, buffer: access.buffer, offset: place };
    let store = Nest { body, sink, ..nest.clone() };
    let value = *value;
    made.sink = Sink::Store { value, buffer: carry.register, offset: Affine::default() };
    vec![made, store]
}

/// Scalars that grow from iteration to iteration, for products that offsets have in common.
struct Registers {
    counter: BufferId,
    before: Vec<Step>,
    /// What makes them grow, at the end of an iteration.
    behind: Vec<Step>,
    /// What is multiplied by the counter, and where the product is.
    known: Vec<(Vec<BufferId>, Size, BufferId)>,
}

impl Registers {
    /// An integer as an affine expression; instructions that it needs go into the body. What grows comes last.
    fn affine(&mut self, kernel: &mut Kernel, linear: &Linear, body: &mut Vec<Inst>) -> Affine {
        let mut affine = Affine::default();
        let mut growing = Vec::new();
        for (product, factor) in &linear.terms {
            if product.contains(&self.counter) {
                growing.push((product, factor));
            } else if let Some(value) = multiplied(product, body) {
                affine.values.push((value, factor.clone()));
            } else {
                affine.constant = factor.clone();
            }
        }
        for (product, factor) in growing {
            let rest: Vec<BufferId> = product.iter().copied().filter(|buffer| *buffer != self.counter).collect();
            let (register, factor) = match factor.as_const() {
                Some(_) if rest.is_empty() => (self.counter, factor.clone()),
                Some(_) => (self.growing(kernel, rest, Size::one()), factor.clone()),
                None => (self.growing(kernel, rest, factor.clone()), Size::one()),
            };
            body.push(Inst::Load(register, Affine::default()));
            affine.values.push((body.len() - 1, factor));
        }
        affine
    }

    /// The register that holds the counter times a product and a factor.
    fn growing(&mut self, kernel: &mut Kernel, product: Vec<BufferId>, factor: Size) -> BufferId {
        let same = |known: &&(Vec<BufferId>, Size, BufferId)| known.0 == product && known.1 == factor;
        if let Some(known) = self.known.iter().find(same) {
            return known.2;
        }
        let register = scalar(kernel, DType::I64);
        self.before.push(once(vec![Inst::Const(Constant::Int(0), DType::I64)], register));
        let mut body = vec![Inst::Load(register, Affine::default())];
        let step = match multiplied(&product, &mut body) {
            Some(value) => Affine { values: vec![(value, factor.clone())], ..Affine::default() },
            None => Affine::constant(factor.clone()),
        };
        body.push(Inst::Index(step));
        let step = body.len() - 1;
        body.push(Inst::Map(&ADD, vec![0, step]));
        self.behind.push(once(body, register));
        self.known.push((product, factor, register));
        register
    }
}

/// The product of scalars; `None` for no scalars.
pub(super) fn multiplied(product: &[BufferId], body: &mut Vec<Inst>) -> Option<Value> {
    let mut value = None;
    for buffer in product {
        body.push(Inst::Load(*buffer, Affine::default()));
        let factor = body.len() - 1;
        value = Some(match value {
            None => factor,
            Some(value) => {
                body.push(Inst::Map(&MULTIPLY, vec![value, factor]));
                body.len() - 1
            }
        });
    }
    value
}

/// A new scalar.
pub(super) fn scalar(kernel: &mut Kernel, dtype: DType) -> BufferId {
    kernel.buffers.push(Buffer { dtype, elements: Size::one(), role: Role::Scratch });
    kernel.buffers.len() - 1
}

/// A nest that runs once and stores its last value.
pub(super) fn once(body: Vec<Inst>, buffer: BufferId) -> Step {
    let sink = Sink::Store { value: body.len().saturating_sub(1), buffer, offset: Affine::default() };
    Step::Nest(Nest { loops: Vec::new(), parallel: true, body, sink, span: Span::default() })
}

/// Drops nests that compute scalars which nobody reads.
pub(super) fn drop_unread(kernel: &mut Kernel) {
    loop {
        let mut read: FxHashSet<BufferId> = FxHashSet::default();
        kernel.steps.iter().for_each(|step| reads(step, &mut read));
        let mut steps = std::mem::take(&mut kernel.steps);
        let dropped = retain(kernel, &mut steps, &read);
        kernel.steps = steps;
        if !dropped {
            return;
        }
    }
}

/// What a step and those inside it read. What a nest computes from its own target alone is not read.
fn reads(step: &Step, all: &mut FxHashSet<BufferId>) {
    let (read, written) = step.buffers();
    let own = matches!(step, Step::Nest(Nest { loops, sink: Sink::Store { .. }, .. }) if loops.is_empty());
    all.extend(read.into_iter().filter(|buffer| !own || !written.contains(buffer)));
    step.blocks().into_iter().flatten().for_each(|step| reads(step, all));
}

/// Keeps what somebody reads; says whether something is gone.
fn retain(kernel: &Kernel, steps: &mut Vec<Step>, read: &FxHashSet<BufferId>) -> bool {
    let before = steps.len();
    steps.retain(|step| {
        let Step::Nest(Nest { loops, body, sink: Sink::Store { buffer, .. }, .. }) = step else { return true };
        let scratch = kernel.buffers.get(*buffer).is_some_and(|of| of.role == Role::Scratch && of.elements.is_one());
        let checks = body.iter().any(|inst| matches!(inst, Inst::Check { .. }));
        !scratch || checks || !loops.is_empty() || read.contains(buffer)
    });
    let mut gone = steps.len() < before;
    for block in steps.iter_mut().flat_map(Step::blocks_mut) {
        gone |= retain(kernel, block, read);
    }
    gone
}
