//! Sums in order: a loop that only adds to a float what costs much to compute becomes a nest.
//!
//! In: a kernel whose checks are hoisted. Out: the same kernel; of `for i in 0:n { s += f(i) }` the values of `f` are computed several
//! at a time, as any nest computes them, and added one after the other.
//! Always holds: the additions are those of the loop, in its order, so that the sum is rounded as it was.

use super::ir::{Affine, Bind, BufferId, Inst, Kernel, Loop, Nest, Scalar, Sink, Step, Value};
use super::linear::{Course, Linear};
use super::tighten::{multiplied, once, scalar};
use crate::graph::{Constant, Size, SizeVar};
use crate::ops::Code;
use crate::ops::elementwise::{MAXIMUM, NEGATE};
use crate::ops::reduction::SUM;
use crate::runtime::array::DType;
use rustc_hash::{FxHashMap, FxHashSet};

/// A loop of fewer iterations than this stays as it is.
const FEW: i64 = 8;

/// Makes nests of sums in order.
pub(super) fn ordered(kernel: &mut Kernel) {
    let mut steps = std::mem::take(&mut kernel.steps);
    let mut uses = FxHashMap::default();
    count_uses(&steps, &mut uses);
    block(kernel, &mut steps, &uses);
    kernel.steps = steps;
}

fn block(kernel: &mut Kernel, steps: &mut Vec<Step>, uses: &FxHashMap<BufferId, usize>) {
    for mut step in std::mem::take(steps) {
        for inner in step.blocks_mut() {
            block(kernel, inner, uses);
        }
        match step {
            Step::Loop(inner) => match Sum::of(kernel, &inner, uses) {
                Some(sum) => steps.extend(sum.steps(kernel, &inner)),
                None => steps.push(Step::Loop(inner)),
            },
            other => steps.push(other),
        }
    }
}

/// How many steps read or write each buffer.
fn count_uses(steps: &[Step], uses: &mut FxHashMap<BufferId, usize>) {
    for step in steps {
        let (reads, writes) = step.buffers();
        let own: FxHashSet<BufferId> = reads.into_iter().chain(writes).collect();
        own.into_iter().for_each(|buffer| *uses.entry(buffer).or_default() += 1);
        step.blocks().into_iter().for_each(|block| count_uses(block, uses));
    }
}

/// What a loop adds up.
struct Sum {
    /// The float to which is added.
    into: BufferId,
    dtype: DType,
    body: Vec<Inst>,
    /// What is added.
    value: Value,
}

impl Sum {
    /// `None` for a loop that does anything else, or whose values cost little: its additions take longer then.
    fn of(kernel: &Kernel, inner: &Loop, uses: &FxHashMap<BufferId, usize>) -> Option<Sum> {
        let few = matches!(&inner.limit, Scalar::Size(size) if size.as_const().is_some_and(|limit| limit < FEW));
        if few || inner.again.is_some() || !inner.head.is_empty() {
            return None;
        }
        let mut body = Merged {
            course: Course::new(kernel, inner)?,
            counter: inner.counter,
            insts: Vec::new(),
            known: FxHashMap::default(),
        };
        let mut own = FxHashMap::default();
        count_uses(&inner.body, &mut own);
        let mut sum = None;
        for step in &inner.body {
            let Step::Nest(nest) = step else { return None };
            let Sink::Store { value, buffer, offset } = &nest.sink else { return None };
            let plain = nest.loops.is_empty() && *offset == Affine::default() && body.course.is_scalar(*buffer);
            if !plain || body.course.writes(*buffer) != 1 {
                return None;
            }
            let reads_itself = step.buffers().0.contains(buffer);
            if reads_itself {
                let dtype = kernel.buffers.get(*buffer)?.dtype;
                let (part, minus) = addend(nest, *value, *buffer)?;
                if sum.is_some() || !matches!(dtype, DType::F32 | DType::F64) {
                    return None;
                }
                let mut value = body.append(nest, *buffer)?.get(part).copied()?;
                if minus {
                    value = body.push(Inst::Map(&NEGATE, vec![value]));
                }
                sum = Some((*buffer, dtype, value));
            } else if uses.get(buffer) == own.get(buffer) {
                let moved = body.append(nest, *buffer)?;
                body.known.insert(*buffer, *moved.get(*value)?);
            } else {
                return None;
            }
            body.course.pass(nest);
        }
        let (into, dtype, value) = sum?;
        // Nobody else reads the sum while it grows, nor what another iteration has left.
        let apart = own.get(&into) == Some(&1)
            && body.insts.iter().all(|inst| match inst {
                Inst::Load(buffer, _) => body.course.writes(*buffer) == 0,
                _ => true,
            });
        let dear = body.insts.iter().any(is_dear);
        (apart && dear).then_some(Sum { into, dtype, body: body.insts, value })
    }

    /// The nest, which adds to memory.
    fn steps(self, kernel: &mut Kernel, inner: &Loop) -> Vec<Step> {
        let memory = scalar(kernel, self.dtype);
        let mut steps = Vec::new();
        let extent = match &inner.limit {
            Scalar::Size(size) => size.clone(),
            Scalar::Buffer(limit) => {
                let size = fresh_size(kernel);
                let value = scalar(kernel, DType::I64);
                let limit = Inst::Load(*limit, Affine::default());
                let body = vec![limit, Inst::Const(Constant::Int(0), DType::I64), Inst::Map(&MAXIMUM, vec![0, 1])];
                steps.push(once(body, value));
                steps.push(Step::Bind(Bind { size: size.clone(), value }));
                Size::var(&size)
            }
        };
        let copy = |from, to| once(vec![Inst::Load(from, Affine::default())], to);
        let sink = Sink::Accumulate {
            kind: &SUM,
            value: self.value,
            buffer: memory,
            offset: Affine::default(),
            partial: None,
        };
        steps.push(copy(self.into, memory));
        steps.push(Step::Nest(Nest { loops: vec![extent], parallel: false, body: self.body, sink, span: inner.span }));
        steps.push(copy(memory, self.into));
        steps
    }
}

/// A size that is found when running.
fn fresh_size(kernel: &mut Kernel) -> SizeVar {
    let name = (0usize..).map(|k| SizeVar::from(format!("?sum{k}"))).find(|name| !kernel.sizes.contains(name));
    let name = name.unwrap_or_else(|| "?sum".into());
    kernel.sizes.push(name.clone());
    kernel.found.push(name.clone());
    name
}

/// What a nest adds to a buffer, and whether it is taken away instead.
fn addend(nest: &Nest, value: Value, buffer: BufferId) -> Option<(Value, bool)> {
    let own = |value: &Value| matches!(&nest.body[*value], Inst::Load(from, _) if *from == buffer);
    let Inst::Map(op, args) = nest.body.get(value)? else { return None };
    match (op.name, args.as_slice()) {
        ("add", [a, b]) if own(a) && !own(b) => Some((*b, false)),
        ("add", [a, b]) if own(b) && !own(a) => Some((*a, false)),
        ("subtract", [a, b]) if own(a) && !own(b) => Some((*b, true)),
        _ => None,
    }
}

/// Whether it takes longer than an addition.
fn is_dear(inst: &Inst) -> bool {
    matches!(inst, Inst::Map(op, _) if matches!(op.code, Code::Kernel) || matches!(op.name, "divide" | "sqrt"))
}

/// The bodies of a loop's nests as one, over the loop as an axis.
struct Merged<'k> {
    course: Course<'k>,
    counter: BufferId,
    insts: Vec<Inst>,
    /// Scalars that the iteration has computed.
    known: FxHashMap<BufferId, Value>,
}

impl Merged<'_> {
    fn push(&mut self, inst: Inst) -> Value {
        self.insts.push(inst);
        self.insts.len() - 1
    }

    /// Adds the instructions of a nest but those that only its store needs; gives where each is now.
    fn append(&mut self, nest: &Nest, into: BufferId) -> Option<Vec<Value>> {
        let mut moved: Vec<Value> = Vec::new();
        for inst in &nest.body {
            let scalar = |buffer: &BufferId, at: &Affine| *at == Affine::default() && self.course.is_scalar(*buffer);
            let value = match inst {
                Inst::Check { .. } => return None,
                // The sum itself: its load and addition are the sink's.
                Inst::Load(buffer, _) if *buffer == into => usize::MAX,
                Inst::Load(buffer, at) if scalar(buffer, at) => match self.known.get(buffer) {
                    Some(known) => *known,
                    None if *buffer == self.counter => self.push(Inst::Index(Affine::of_loop(0))),
                    None => self.push(inst.clone()),
                },
                Inst::Load(buffer, at) => {
                    let at = self.place(nest, at, &moved)?;
                    self.push(Inst::Load(*buffer, at))
                }
                Inst::Index(at) => {
                    let at = self.place(nest, at, &moved)?;
                    self.push(Inst::Index(at))
                }
                _ if inst.operands().iter().any(|value| moved.get(*value) == Some(&usize::MAX)) => usize::MAX,
                Inst::Map(..) if self.integer(nest, moved.len()).is_some() => {
                    let linear = self.integer(nest, moved.len())?;
                    let at = self.over_loop(&linear)?;
                    self.push(Inst::Index(at))
                }
                _ => {
                    let inst = inst.renamed(&moved);
                    self.push(inst)
                }
            };
            moved.push(value);
        }
        Some(moved)
    }

    /// An integer that grows with the loop in equal steps.
    fn integer(&self, nest: &Nest, value: Value) -> Option<Linear> {
        let linear = self.course.value(nest, value)?;
        self.is_affine(&linear).then_some(linear)
    }

    fn is_affine(&self, linear: &Linear) -> bool {
        linear.terms.keys().all(|product| !product.contains(&self.counter) || product.len() == 1)
    }

    fn place(&mut self, nest: &Nest, at: &Affine, moved: &[Value]) -> Option<Affine> {
        match self.course.affine(nest, at) {
            Some(linear) if self.is_affine(&linear) => self.over_loop(&linear),
            _ if at.values.iter().any(|(value, _)| moved.get(*value).is_none_or(|value| *value == usize::MAX)) => None,
            _ => {
                let mut at = at.clone();
                at.rename_values(moved);
                Some(at)
            }
        }
    }

    fn over_loop(&mut self, linear: &Linear) -> Option<Affine> {
        let mut affine = Affine::default();
        for (product, factor) in &linear.terms {
            let part = match product.as_slice() {
                [] => Affine::constant(factor.clone()),
                [only] if *only == self.counter => Affine::of_loop(0).times(factor),
                product => Affine::of_value(multiplied(product, &mut self.insts)?).times(factor),
            };
            affine = affine.plus(&part);
        }
        Some(affine)
    }
}
