//! Integers of a loop's body as polynomials in scalars that do not change, and in the loop's counter.
//!
//! In: an innermost loop. Out: [`Linear`] for an index or an offset of its nests.
//! Always holds: integers wrap around, in generated code and here, so equal polynomials are equal integers.

use super::ir::{Affine, BufferId, Inst, Kernel, Loop, Nest, Sink, Step, Value};
use crate::graph::{Constant, Size};
use crate::runtime::array::DType;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// The largest factor: sizes saturate, and what is computed of them must not.
const LARGEST: i64 = 1 << 31;
/// The most terms.
const TERMS: usize = 12;
/// The most scalars that are multiplied.
const DEGREE: usize = 3;

/// A sum of products of scalars, each with a factor; the product of none is 1.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct Linear {
    pub(super) terms: BTreeMap<Vec<BufferId>, Size>,
}

impl Linear {
    fn constant(size: Size) -> Linear {
        Linear { terms: BTreeMap::from([(Vec::new(), size)]) }.tidied()
    }

    fn of(buffer: BufferId) -> Linear {
        Linear { terms: BTreeMap::from([(vec![buffer], Size::one())]) }
    }

    fn tidied(mut self) -> Linear {
        self.terms.retain(|_, factor| factor.as_const() != Some(0));
        self
    }

    fn plus(&self, other: &Linear) -> Linear {
        let mut sum = self.clone();
        for (product, factor) in &other.terms {
            let entry = sum.terms.entry(product.clone()).or_default();
            *entry = entry.plus(factor);
        }
        sum.tidied()
    }

    fn times(&self, other: &Linear) -> Linear {
        let mut sum = Linear::default();
        for (left, a) in &self.terms {
            for (right, b) in &other.terms {
                let mut product = [left.as_slice(), right].concat();
                product.sort_unstable();
                let entry = sum.terms.entry(product).or_default();
                *entry = entry.plus(&a.times(b));
            }
        }
        sum.tidied()
    }

    /// `self - other`.
    pub(super) fn minus(&self, other: &Linear) -> Linear {
        self.plus(&other.times(&Linear::constant(Size::from(-1))))
    }

    /// What is added from one value of the counter to the next; `None` if that is not always the same.
    pub(super) fn stride(&self, counter: BufferId) -> Option<Linear> {
        let mut stride = Linear::default();
        for (product, factor) in &self.terms {
            let rest: Vec<BufferId> = product.iter().copied().filter(|buffer| *buffer != counter).collect();
            match product.len() - rest.len() {
                0 => {}
                1 => stride = stride.plus(&Linear { terms: BTreeMap::from([(rest, factor.clone())]) }),
                _ => return None,
            }
        }
        Some(stride)
    }

    /// The value where the counter is 0.
    pub(super) fn at_start(&self, counter: BufferId) -> Linear {
        let kept = self.terms.iter().filter(|(product, _)| !product.contains(&counter));
        Linear { terms: kept.map(|(product, factor)| (product.clone(), factor.clone())).collect() }
    }

    /// Whether it is worth going on with, and no factor is so large that it might not be what it should.
    fn is_small(&self) -> bool {
        let few = self.terms.len() <= TERMS && self.terms.keys().all(|product| product.len() <= DEGREE);
        few && self
            .terms
            .values()
            .all(|factor| factor.monomials().all(|(_, number)| number.unsigned_abs() <= LARGEST as u64))
    }
}

/// An innermost loop, as far as it has been gone through.
pub(super) struct Course<'k> {
    kernel: &'k Kernel,
    counter: BufferId,
    /// How often buffers are written in the loop.
    written: FxHashMap<BufferId, usize>,
    /// Scalars that this iteration has computed.
    known: FxHashMap<BufferId, Linear>,
}

impl<'k> Course<'k> {
    /// The beginning of a loop's body. `None` for loops with steps other than nests, and these under conditions.
    pub(super) fn new(kernel: &'k Kernel, inner: &Loop) -> Option<Course<'k>> {
        let mut written = FxHashMap::default();
        let only = inner.head.iter().chain(&inner.body).all(|step| count_writes(step, &mut written));
        only.then(|| Course { kernel, counter: inner.counter, written, known: FxHashMap::default() })
    }

    /// How often the loop's steps write a buffer.
    pub(super) fn writes(&self, buffer: BufferId) -> usize {
        self.written.get(&buffer).copied().unwrap_or_default()
    }

    /// Whether a buffer has one element.
    pub(super) fn is_scalar(&self, buffer: BufferId) -> bool {
        self.kernel.buffers.get(buffer).is_some_and(|buffer| buffer.elements.is_one())
    }

    /// Goes past a nest of the body.
    pub(super) fn pass(&mut self, nest: &Nest) {
        if let Sink::Store { value, buffer, offset } = &nest.sink
            && *offset == Affine::default()
            && self.writes(*buffer) == 1
            && let Some(value) = self.value(nest, *value)
        {
            self.known.insert(*buffer, value);
        }
    }

    /// A value of a nest of the body.
    pub(super) fn value(&self, nest: &Nest, value: Value) -> Option<Linear> {
        self.values(nest, value + 1).pop().flatten()
    }

    /// The first values of a nest of the body, each of them once.
    fn values(&self, nest: &Nest, count: usize) -> Vec<Option<Linear>> {
        let mut all: Vec<Option<Linear>> = Vec::new();
        for inst in nest.body.iter().take(count) {
            let found = self.instruction(inst, &all).filter(Linear::is_small);
            all.push(found);
        }
        all
    }

    fn instruction(&self, inst: &Inst, before: &[Option<Linear>]) -> Option<Linear> {
        let known = |value: &Value| before.get(*value)?.as_ref();
        match inst {
            Inst::Const(Constant::Int(number), DType::I64) => Some(Linear::constant(Size::from(*number))),
            Inst::Index(affine) => sum(affine, before),
            Inst::Load(buffer, at) if *at == Affine::default() && self.is_scalar(*buffer) => self.scalar(*buffer),
            Inst::Map(op, args) => match (op.name, args.as_slice()) {
                ("add", [a, b]) => Some(known(a)?.plus(known(b)?)),
                ("subtract", [a, b]) => Some(known(a)?.minus(known(b)?)),
                ("multiply", [a, b]) => Some(known(a)?.times(known(b)?)),
                ("negate", [a]) => Some(Linear::default().minus(known(a)?)),
                _ => None,
            },
            _ => None,
        }
    }

    /// An affine expression of a nest without loops.
    pub(super) fn affine(&self, nest: &Nest, affine: &Affine) -> Option<Linear> {
        let count = affine.values.iter().map(|(value, _)| value + 1).max().unwrap_or_default();
        sum(affine, &self.values(nest, count)).filter(Linear::is_small)
    }

    fn scalar(&self, buffer: BufferId) -> Option<Linear> {
        let known = self.kernel.buffers.get(buffer)?;
        match self.known.get(&buffer) {
            _ if known.dtype != DType::I64 => None,
            Some(value) => Some(value.clone()),
            None => (buffer == self.counter || self.writes(buffer) == 0).then(|| Linear::of(buffer)),
        }
    }
}

/// An affine expression without loops of values that are known.
fn sum(affine: &Affine, values: &[Option<Linear>]) -> Option<Linear> {
    let mut sum = Linear::constant(affine.constant.clone());
    for (value, factor) in &affine.values {
        let value = values.get(*value)?.as_ref()?;
        sum = sum.plus(&value.times(&Linear::constant(factor.clone())));
    }
    affine.loops.is_empty().then_some(sum)
}

/// Counts what a step writes; false if it is no nest.
fn count_writes(step: &Step, written: &mut FxHashMap<BufferId, usize>) -> bool {
    for buffer in step.buffers().1 {
        *written.entry(buffer).or_default() += 1;
    }
    matches!(step, Step::Nest(_) | Step::If(_))
        && step.blocks().into_iter().flatten().all(|step| count_writes(step, written))
}
