//! Short reductions without a loop: sums of a few products, stencils, small windows.
//!
//! In: a nest that reduces over loops whose extents are literal and small. Out: a nest that stores, whose body has the reduced
//! iterations one after the other.
//! Always holds: a result combines its elements one by one in the order of the loops, as in `across`, so neither the lanes nor
//! the range of a thread change it.

use super::across::NARROW;
use super::collapse::{affines_mut, kept};
use super::lanes::Lanes;
use super::plan::{Plan, operands};
use crate::graph::{Constant, Size};
use crate::loops::{Affine, BufferId, Inst, Nest, STRAIGHT, Sink, Value};
use crate::ops::reduction::SUM;
use crate::ops::{Code, Reduction};
use crate::runtime::array::DType;
use rustc_hash::FxHashMap;

/// Reductions whose repeated instructions would be more than this stay loops: they would not fit the registers, and take long to
/// compile.
const INSTRUCTIONS: usize = 160;
/// Where many neighbouring results are computed at once either way, reductions of more elements stay loops: that is as fast, and
/// takes less time to compile.
const TAPS: i64 = 6;
/// Where neighbouring results cannot be computed at once, reductions of more elements stay loops if these have vectors.
const SCALAR: i64 = 12;
/// Vectors of results at once: what does not change with the innermost loop is read once for all.
const VECTORS: usize = 4;
/// Displacements are less than this many bytes, so that the places of a few vectors can be added.
const FAR: u32 = 1 << 30;

/// The nest with its reduced iterations one after the other, if they are few and simple.
pub(super) fn unrolled(nest: &Nest, dtypes: &[DType], buffers: &[DType]) -> Option<Nest> {
    let Sink::Reduce { kind, value, position: None, buffer, offset, .. } = &nest.sink else { return None };
    let first = kept(nest);
    let dtype = *dtypes.get(*value)?;
    let is_plain = !dtype.is_half() && buffers.get(*buffer) == Some(&dtype);
    let varies = varying(nest, first);
    let points = points(nest.loops.get(first..)?)?;
    let repeated = varies.iter().filter(|varies| **varies).count() + 1;
    let is_simple = nest.body.iter().all(is_simple) && matches!(kind.combine.code, Code::Inline(_));
    if kind.positional || !is_simple || !is_plain || points.is_empty() || repeated * points.len() > INSTRUCTIONS {
        return None;
    }
    let mut body: Vec<Inst> = Vec::new();
    let mut moved: Vec<Value> = vec![0; nest.body.len()];
    let mut total: Option<Value> = None;
    for (index, point) in points.iter().enumerate() {
        for (old, inst) in nest.body.iter().enumerate() {
            if index == 0 || varies.get(old) == Some(&true) {
                let inst = at_point(inst.renamed(&moved), first, point);
                *moved.get_mut(old)? = push(&mut body, inst);
            }
        }
        let element = *moved.get(*value)?;
        let before = match total {
            None => identity(kind, dtype).map(|zero| push(&mut body, zero)),
            total => total,
        };
        total = Some(match before {
            Some(before) => push(&mut body, Inst::Map(kind.combine, vec![before, element])),
            None => element,
        });
    }
    let sink = Sink::Store { value: total?, buffer: *buffer, offset: offset.clone() };
    let mut nest = Nest { loops: nest.loops.get(..first)?.to_vec(), body, sink, ..nest.clone() };
    affines_mut(&mut nest).for_each(|affine| affine.loops.retain(|(index, _)| *index < first));
    Some(nest)
}

impl Plan {
    /// Whether straight code is better than loops, whose plan is `loops`.
    pub(super) fn outruns(&self, loops: &Plan) -> bool {
        let has_lanes = |plan: &Plan| plan.stages.iter().any(|stage| stage.sink && stage.lanes != Lanes::One);
        let reduced = Size::product(&loops.nest.loops[loops.reduced_loops()]);
        let most = match (has_lanes(self), has_lanes(loops)) {
            (_, false) => STRAIGHT,
            (true, true) if self.is_narrow() => STRAIGHT,
            (true, true) => TAPS,
            (false, true) => SCALAR,
        };
        reduced.as_const().is_some_and(|elements| elements <= most)
    }

    fn is_narrow(&self) -> bool {
        self.nest.loops.last().and_then(Size::as_const).is_some_and(|extent| extent < NARROW)
    }

    /// Vectors of results that straight code computes at once.
    pub(super) fn straight_vectors(&self) -> usize {
        if self.is_narrow() { 1 } else { VECTORS }
    }

    /// The literal part of the place of a load or of what a nest stores, in bytes; 0 if an instruction cannot have it.
    pub(super) fn displacement(&self, slot: usize) -> i32 {
        let (buffer, affine) = match (self.nest.body.get(slot), &self.nest.sink) {
            (Some(Inst::Load(buffer, affine)), _) => (*buffer, affine),
            (None, Sink::Store { buffer, offset, .. }) => (*buffer, offset),
            _ => return 0,
        };
        let bytes = literal(&affine.constant).saturating_mul(self.buffers[buffer].size() as i64);
        i32::try_from(bytes).ok().filter(|bytes| bytes.unsigned_abs() < FAR).unwrap_or_default()
    }

    /// For each instruction, and last for the sink, the first that has the same address, displacements aside.
    pub(super) fn homes(&self) -> Vec<usize> {
        let mut first: FxHashMap<(BufferId, Affine), usize> = FxHashMap::default();
        let mut homes: Vec<usize> = (0..=self.nest.body.len()).collect();
        for (slot, inst) in self.nest.body.iter().enumerate().filter(|(slot, _)| self.live[*slot]) {
            let Inst::Load(buffer, affine) = inst else { continue };
            let Ok(elements) =
                i64::try_from(self.buffers[*buffer].size()).map(|size| i64::from(self.displacement(slot)) / size)
            else {
                continue;
            };
            let rest = Affine { constant: affine.constant.minus(&Size::from(elements)), ..affine.clone() };
            homes[slot] = *first.entry((*buffer, rest)).or_insert(slot);
        }
        homes
    }
}

/// The number that a size has as a term.
fn literal(size: &Size) -> i64 {
    size.monomials().find(|(vars, _)| vars.is_empty()).map_or(0, |(_, number)| number)
}

fn push(body: &mut Vec<Inst>, inst: Inst) -> Value {
    body.push(inst);
    body.len() - 1
}

/// Where the loops stand in each iteration, in order; none if an extent is not literal or they are too many.
fn points(loops: &[Size]) -> Option<Vec<Vec<i64>>> {
    let extents: Vec<i64> = loops.iter().map(Size::as_const).collect::<Option<_>>()?;
    let count = extents.iter().try_fold(1i64, |count, extent| count.checked_mul(*extent))?;
    if extents.is_empty() || !(1..=STRAIGHT).contains(&count) {
        return None;
    }
    let mut points = vec![Vec::new()];
    for extent in extents {
        points = points.iter().flat_map(|point| (0..extent).map(|at| [point.as_slice(), &[at]].concat())).collect();
    }
    Some(points)
}

/// Whether each instruction is another in each iteration of the reduced loops, which are those from `first` on.
fn varying(nest: &Nest, first: usize) -> Vec<bool> {
    let mut varies: Vec<bool> = Vec::with_capacity(nest.body.len());
    for inst in &nest.body {
        let own = match inst {
            Inst::Index(affine) | Inst::Load(_, affine) => affine.loops.iter().any(|(index, _)| *index >= first),
            _ => false,
        };
        varies.push(own || operands(inst).iter().any(|operand| varies.get(*operand) == Some(&true)));
    }
    varies
}

/// Whether an instruction may be repeated: not what is called, nor what may fail.
fn is_simple(inst: &Inst) -> bool {
    match inst {
        Inst::Map(op, _) => matches!(op.code, Code::Inline(_)),
        Inst::Check { .. } => false,
        _ => true,
    }
}

/// An instruction where the reduced loops stand at `point`.
fn at_point(mut inst: Inst, first: usize, point: &[i64]) -> Inst {
    if let Inst::Index(affine) | Inst::Load(_, affine) = &mut inst {
        for (index, at) in point.iter().enumerate() {
            let step = affine.factor(first + index).times(&Size::from(*at));
            affine.constant = affine.constant.plus(&step);
        }
        affine.loops.retain(|(index, _)| *index < first);
    }
    inst
}

/// What a sum of floats begins with: only with it is a sum of negative zeros not negative. Other reductions begin with their
/// first element.
fn identity(kind: &Reduction, dtype: DType) -> Option<Inst> {
    (*kind == SUM && dtype.is_float()).then(|| Inst::Const(Constant::float(0.0), dtype))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ops::reduction::MAX;
    use crate::syntax::span::Span;

    fn windows(kind: &'static Reduction, extents: &[i64]) -> Nest {
        let last = extents.len();
        let loops = std::iter::once(Size::var("n")).chain(extents.iter().map(|extent| Size::from(*extent))).collect();
        let body = vec![Inst::Load(0, Affine::of_loop(0).plus(&Affine::of_loop(last)))];
        let sink = Sink::Reduce { kind, loops: last, value: 0, position: None, buffer: 1, offset: Affine::of_loop(0) };
        Nest { loops, parallel: true, body, sink, span: Span::default() }
    }

    #[test]
    fn iterations_become_loads_that_differ_by_a_constant() {
        let straight = unrolled(&windows(&MAX, &[3]), &[DType::F64], &[DType::F64; 2]).unwrap();
        assert_eq!(straight.loops, [Size::var("n")]);
        let places: Vec<Option<i64>> = straight
            .body
            .iter()
            .filter_map(|inst| if let Inst::Load(_, at) = inst { Some(at.constant.as_const()) } else { None })
            .collect();
        assert_eq!(places, [Some(0), Some(1), Some(2)]);
        assert_eq!(straight.body.len(), 5, "two maxima");
        let sum = unrolled(&windows(&SUM, &[3]), &[DType::F64], &[DType::F64; 2]).unwrap();
        assert_eq!(sum.body.len(), 7, "three additions to a zero");
    }

    #[test]
    fn what_is_long_empty_or_of_sixteen_bits_stays_a_loop() {
        let straight = |extents: &[i64], dtype| unrolled(&windows(&SUM, extents), &[dtype], &[dtype; 2]).is_some();
        assert!(straight(&[4, 8], DType::F32));
        assert!(!straight(&[11, 11], DType::F32));
        assert!(!straight(&[4, 0], DType::F32));
        assert!(!straight(&[4], DType::F16));
    }
}
