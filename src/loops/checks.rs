//! Bounds checks before a loop instead of in each of its iterations.
//!
//! In: a kernel. Out: the same kernel; an innermost loop whose indexes go in equal steps is there twice, with its checks and
//! without, and what is tested before it begins says which of the two runs.
//! Always holds: an index out of range is reported by the iteration that comes to it, as before.

use super::ir::{Affine, Buffer, BufferId, If, Inst, Kernel, Loop, Nest, Role, Scalar, Sink, Step, Value};
use crate::graph::{CheckKind, Constant, Size};
use crate::ops::Elementwise;
use crate::ops::elementwise::{AND, LESS, LESS_EQUAL, NOT, SUBTRACT};
use crate::runtime::array::DType;
use crate::syntax::span::Span;
use rustc_hash::{FxHashMap, FxHashSet};

/// The largest distance between the indexes of two iterations, as far as it is known when compiling.
const STRIDE: i64 = 1 << 16;
/// The largest distance that is found when running, and how often it may be taken.
const FOUND: (i64, i64) = (1 << 20, 2);
/// The most iterations. With [`STRIDE`] and [`FOUND`]: no index overflows between two that are in range.
const ITERATIONS: i64 = 1 << 40;

/// Takes checks out of innermost loops.
pub fn hoist_checks(kernel: &mut Kernel) {
    kernel.rewrite_loops(&mut |kernel, inner| match fast(kernel, &inner) {
        Some((fits, quick)) => versions(kernel, fits, quick, inner),
        None => vec![Step::Loop(inner)],
    });
}

/// Both versions of a loop behind the test that chooses.
fn versions(kernel: &mut Kernel, fits: Vec<Inst>, quick: Loop, slow: Loop) -> Vec<Step> {
    let chosen = flag(kernel);
    let other = flag(kernel);
    let not = vec![Inst::Load(chosen, Affine::default()), Inst::Map(&NOT, vec![0])];
    vec![
        once(fits, chosen),
        Step::If(If { condition: chosen, then: vec![Step::Loop(quick)] }),
        once(not, other),
        Step::If(If { condition: other, then: vec![Step::Loop(slow)] }),
    ]
}

fn flag(kernel: &mut Kernel) -> BufferId {
    kernel.buffers.push(Buffer { dtype: DType::Bool, elements: Size::one(), role: Role::Scratch });
    kernel.buffers.len() - 1
}

/// A nest that runs once and stores its last value.
fn once(body: Vec<Inst>, buffer: BufferId) -> Step {
    let sink = Sink::Store { value: body.len().saturating_sub(1), buffer, offset: Affine::default() };
    Step::Nest(Nest { loops: Vec::new(), parallel: true, body, sink, span: Span::default() })
}

/// The test and the loop without the checks that it stands for, if there are any.
fn fast(kernel: &Kernel, inner: &Loop) -> Option<(Vec<Inst>, Loop)> {
    let mut quick = inner.clone();
    let mut written: FxHashSet<BufferId> = FxHashSet::default();
    if !inner.head.iter().chain(&inner.body).all(|step| collect_written(step, &mut written)) {
        return None;
    }
    let walk = Walk { kernel, counter: inner.counter, written };
    let mut test = Test::new(&inner.limit);
    for step in quick.head.iter_mut().chain(&mut quick.body) {
        take_checks(&walk, step, &mut test);
    }
    (test.checks > 0).then_some((test.body, quick))
}

/// Buffers that a step writes; whether there is no loop in it.
fn collect_written(step: &Step, written: &mut FxHashSet<BufferId>) -> bool {
    written.extend(step.buffers().1);
    !matches!(step, Step::Loop(_) | Step::Bind(_))
        && step.blocks().into_iter().flatten().all(|step| collect_written(step, written))
}

/// Moves the checks of a step into the test.
fn take_checks(walk: &Walk<'_>, step: &mut Step, test: &mut Test) {
    if let Step::Nest(nest) = step {
        let mut gone: FxHashMap<Value, Value> = FxHashMap::default();
        let strides = walk.strides(nest);
        for (at, inst) in nest.body.iter().enumerate() {
            if let Inst::Check { fault, args } = inst
                && let [index, extent] = args.as_slice()
                && matches!(walk.kernel.faults.get(*fault).map(|site| &site.kind), Some(CheckKind::Index { .. }))
                && let Some(stride) = strides.get(*index).copied().flatten().filter(Stride::is_short)
                && strides.get(*extent).copied().flatten() == Some(Stride::default())
            {
                test.require(walk, nest, *index, *extent);
                if let Some((found, _)) = stride.found {
                    test.require_short(walk, nest, found);
                }
                gone.insert(at, *index);
            }
        }
        if !gone.is_empty() {
            without(nest, &gone);
        }
    }
    for inner in step.blocks_mut().into_iter().flatten() {
        take_checks(walk, inner, test);
    }
}

/// Removes instructions; others stand for them.
fn without(nest: &mut Nest, gone: &FxHashMap<Value, Value>) {
    let mut moved: Vec<Value> = Vec::new();
    let mut body: Vec<Inst> = Vec::new();
    for (at, inst) in std::mem::take(&mut nest.body).into_iter().enumerate() {
        if let Some(&instead) = gone.get(&at) {
            moved.push(moved[instead]);
            continue;
        }
        moved.push(body.len());
        body.push(inst.renamed(&moved));
    }
    nest.body = body;
    nest.sink.rename_values(&moved);
}

/// What does not change while a loop runs, and what counts in it.
struct Walk<'k> {
    kernel: &'k Kernel,
    counter: BufferId,
    written: FxHashSet<BufferId>,
}

/// By how much an integer grows from one iteration to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Stride {
    constant: i64,
    /// A value that does not change in the loop, and how often it is taken.
    found: Option<(Value, i64)>,
}

impl Stride {
    fn constant(constant: i64) -> Stride {
        Stride { constant, found: None }
    }

    fn plus(self, other: Stride) -> Option<Stride> {
        let found = match (self.found, other.found) {
            (Some((a, x)), Some((b, y))) if a == b => Some((a, x.checked_add(y)?)),
            (Some(_), Some(_)) => return None,
            (one, other) => one.or(other),
        };
        Some(Stride { constant: self.constant.checked_add(other.constant)?, found })
    }

    fn times(self, factor: i64) -> Option<Stride> {
        let found = match self.found {
            Some((value, times)) => Some((value, times.checked_mul(factor)?)),
            None => None,
        };
        Some(Stride { constant: self.constant.checked_mul(factor)?, found })
    }

    /// Whether no index overflows, if what is found is short too.
    fn is_short(&self) -> bool {
        self.constant.unsigned_abs() <= STRIDE as u64
            && self.found.is_none_or(|(_, times)| times.unsigned_abs() <= FOUND.1 as u64)
    }
}

impl Walk<'_> {
    /// By how much each integer of a body grows from one iteration to the next, if that is always the same.
    fn strides(&self, nest: &Nest) -> Vec<Option<Stride>> {
        let mut strides = Vec::with_capacity(nest.body.len());
        for inst in &nest.body {
            strides.push(self.stride(nest, inst, &strides));
        }
        strides
    }

    fn stride(&self, nest: &Nest, inst: &Inst, before: &[Option<Stride>]) -> Option<Stride> {
        match inst {
            Inst::Const(Constant::Int(_), _) => Some(Stride::default()),
            Inst::Index(affine) if affine.loops.is_empty() => {
                let mut sum = Stride::default();
                for (value, factor) in &affine.values {
                    let own: Option<Stride> = *before.get(*value)?;
                    sum = sum.plus(own?.times(factor.as_const()?)?)?;
                }
                Some(sum)
            }
            Inst::Load(buffer, at) if *at == Affine::default() => self.stride_of_buffer(*buffer),
            Inst::Map(op, args) => Self::stride_of_map(nest, op, args, before),
            _ => None,
        }
    }

    fn stride_of_buffer(&self, id: BufferId) -> Option<Stride> {
        let buffer = self.kernel.buffers.get(id)?;
        let scalar = buffer.dtype == DType::I64 && buffer.elements.is_one();
        match id == self.counter {
            true => Some(Stride::constant(1)),
            false => (scalar && !self.written.contains(&id)).then_some(Stride::default()),
        }
    }

    fn stride_of_map(nest: &Nest, op: &Elementwise, args: &[Value], before: &[Option<Stride>]) -> Option<Stride> {
        let &[a, b] = args else { return None };
        let constant = |value: Value| match nest.body.get(value) {
            Some(Inst::Const(Constant::Int(factor), _)) => Some(*factor),
            _ => None,
        };
        let own = |value: Value| before.get(value).copied().flatten();
        let (left, right) = (own(a)?, own(b)?);
        let still = Stride::default();
        match op.name {
            "add" => left.plus(right),
            "subtract" => left.plus(right.times(-1)?),
            "multiply" if left == still && right == still => Some(still),
            "multiply" => match (constant(a), constant(b)) {
                (Some(factor), _) => right.times(factor),
                (_, Some(factor)) => left.times(factor),
                _ if left == still && right.found.is_none() => {
                    Some(Stride { constant: 0, found: Some((a, right.constant)) })
                }
                _ if right == still && left.found.is_none() => {
                    Some(Stride { constant: 0, found: Some((b, left.constant)) })
                }
                _ => None,
            },
            _ => None,
        }
    }
}

/// The truth value that is computed before the loop: both ends of every index are in range.
struct Test {
    body: Vec<Inst>,
    /// The first and the last iteration's number.
    ends: [Value; 2],
    checks: usize,
}

impl Test {
    fn new(limit: &Scalar) -> Test {
        let integer = |value| Inst::Const(Constant::Int(value), DType::I64);
        let limit = match limit {
            Scalar::Size(size) => Inst::Index(Affine::constant(size.clone())),
            Scalar::Buffer(buffer) => Inst::Load(*buffer, Affine::default()),
        };
        let body = vec![
            integer(0),
            integer(1),
            limit,
            Inst::Map(&SUBTRACT, vec![2, 1]),
            integer(ITERATIONS),
            Inst::Map(&LESS_EQUAL, vec![2, 4]),
        ];
        Test { body, ends: [0, 3], checks: 0 }
    }

    fn push(&mut self, inst: Inst) -> Value {
        self.body.push(inst);
        self.body.len() - 1
    }

    fn require(&mut self, walk: &Walk<'_>, nest: &Nest, index: Value, extent: Value) {
        self.checks += 1;
        let mut before = self.body.len() - 1;
        for end in self.ends {
            let mut known = FxHashMap::default();
            let index = self.copy(walk, nest, index, end, &mut known);
            let extent = self.copy(walk, nest, extent, end, &mut known);
            let from_zero = self.push(Inst::Map(&LESS_EQUAL, vec![0, index]));
            let below = self.push(Inst::Map(&LESS, vec![index, extent]));
            let inside = self.push(Inst::Map(&AND, vec![from_zero, below]));
            before = self.push(Inst::Map(&AND, vec![before, inside]));
        }
    }

    /// A distance that is found when running is short.
    fn require_short(&mut self, walk: &Walk<'_>, nest: &Nest, distance: Value) {
        let before = self.body.len() - 1;
        let distance = self.copy(walk, nest, distance, self.ends[0], &mut FxHashMap::default());
        let [least, most] = [-FOUND.0, FOUND.0].map(|end| self.push(Inst::Const(Constant::Int(end), DType::I64)));
        let low = self.push(Inst::Map(&LESS_EQUAL, vec![least, distance]));
        let high = self.push(Inst::Map(&LESS_EQUAL, vec![distance, most]));
        let short = self.push(Inst::Map(&AND, vec![low, high]));
        self.push(Inst::Map(&AND, vec![before, short]));
    }

    /// A value of a nest as it is in the iteration of that number.
    fn copy(
        &mut self,
        walk: &Walk<'_>,
        nest: &Nest,
        value: Value,
        number: Value,
        known: &mut FxHashMap<Value, Value>,
    ) -> Value {
        if let Some(&copy) = known.get(&value) {
            return copy;
        }
        let mut inner = |test: &mut Test, value| test.copy(walk, nest, value, number, known);
        let copy = match &nest.body[value] {
            Inst::Load(buffer, _) if *buffer == walk.counter => number,
            Inst::Map(op, args) => {
                let args = args.iter().map(|arg| inner(self, *arg)).collect();
                self.push(Inst::Map(op, args))
            }
            Inst::Index(affine) => {
                let values = affine.values.iter().map(|(value, factor)| (inner(self, *value), factor.clone()));
                let mut at = Affine::constant(affine.constant.clone());
                for (value, factor) in values.collect::<Vec<_>>() {
                    at = at.plus(&Affine::of_value(value).times(&factor));
                }
                self.push(Inst::Index(at))
            }
            other => self.push(other.clone()),
        };
        known.insert(value, copy);
        copy
    }
}
