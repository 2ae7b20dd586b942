//! Integer sums and extrema with the operand that is there last in the last place.
//!
//! In: an innermost loop. Out: the same loop, where `min(min(a, carried), b)` is `min(min(a, b), carried)`.
//! Always holds: only operators of integers are reordered, whose result is the same in any order.

use super::ir::{Affine, BufferId, Inst, Kernel, Loop, Nest, Step, Value};
use crate::ops::{Elementwise, Signature};
use crate::runtime::array::DType;
use rustc_hash::FxHashSet;

/// Reorders the nests of a loop's body.
pub(super) fn late_last(kernel: &Kernel, inner: &mut Loop) {
    let mut late: FxHashSet<BufferId> = FxHashSet::default();
    inner.body.iter().for_each(|step| late.extend(step.buffers().1));
    for step in &mut inner.body {
        let mut is_late = false;
        if let Step::Nest(nest) = step
            && nest.loops.is_empty()
        {
            reorder(kernel, nest, &late);
            let lateness = lateness(nest, &late);
            is_late = nest.sink.values().iter().any(|value| lateness[*value]);
        }
        // What an iteration has computed is late only if it depends on the one before.
        for buffer in step.buffers().1 {
            match is_late {
                true => late.insert(buffer),
                false => late.remove(&buffer),
            };
        }
    }
}

fn reorder(kernel: &Kernel, nest: &mut Nest, late: &FxHashSet<BufferId>) {
    let is_late = lateness(nest, late);
    let uses = uses(nest);
    let inner = inner(nest, &uses);
    let mut moved: Vec<Value> = Vec::new();
    let mut body: Vec<Inst> = Vec::new();
    for (at, inst) in nest.body.iter().enumerate() {
        let chain = match inst {
            Inst::Map(op, _)
                if is_late[at] && !inner[at] && is_free(op) && dtype(kernel, nest, at) == Some(DType::I64) =>
            {
                let mut leaves = Vec::new();
                operands(nest, op, at, true, &uses, &mut leaves);
                let (last, mut first): (Vec<Value>, Vec<Value>) = leaves.into_iter().partition(|leaf| is_late[*leaf]);
                first.extend(&last);
                (first.len() > 2 && last.len() == 1).then_some((*op, first))
            }
            _ => None,
        };
        match chain {
            Some((op, leaves)) => {
                let mut leaves = leaves.into_iter().map(|leaf| moved[leaf]);
                let Some(mut value) = leaves.next() else { continue };
                for leaf in leaves {
                    body.push(Inst::Map(op, vec![value, leaf]));
                    value = body.len() - 1;
                }
            }
            None => body.push(inst.renamed(&moved)),
        }
        moved.push(body.len() - 1);
    }
    nest.body = body;
    nest.sink.rename_values(&moved);
}

/// Whether the order of operands of integers does not matter, however many there are.
fn is_free(op: &Elementwise) -> bool {
    matches!(op.name, "add" | "multiply" | "minimum" | "maximum")
}

/// The operands of a chain of one operator, whose inner results nobody else needs.
fn operands(nest: &Nest, op: &Elementwise, value: Value, root: bool, uses: &[usize], leaves: &mut Vec<Value>) {
    match &nest.body[value] {
        Inst::Map(own, args) if own.name == op.name && (root || uses[value] == 1) => {
            args.iter().for_each(|arg| operands(nest, op, *arg, false, uses, leaves));
        }
        _ => leaves.push(value),
    }
}

/// Which values depend on what the iteration before has computed.
fn lateness(nest: &Nest, late: &FxHashSet<BufferId>) -> Vec<bool> {
    let mut all: Vec<bool> = Vec::new();
    for inst in &nest.body {
        let own = matches!(inst, Inst::Load(buffer, at) if *at == Affine::default() && late.contains(buffer));
        all.push(own || inst.operands().iter().any(|value| all[*value]));
    }
    all
}

fn uses(nest: &Nest) -> Vec<usize> {
    let mut uses = vec![0; nest.body.len()];
    let of_body = nest.body.iter().flat_map(Inst::operands);
    of_body.chain(nest.sink.values()).for_each(|value| uses[value] += 1);
    uses
}

/// Which values are inner results of a chain.
fn inner(nest: &Nest, uses: &[usize]) -> Vec<bool> {
    let mut inner = vec![false; nest.body.len()];
    for inst in &nest.body {
        let Inst::Map(op, args) = inst else { continue };
        for arg in args {
            inner[*arg] |= uses[*arg] == 1 && matches!(&nest.body[*arg], Inst::Map(own, _) if own.name == op.name);
        }
    }
    inner
}

fn dtype(kernel: &Kernel, nest: &Nest, value: Value) -> Option<DType> {
    match nest.body.get(value)? {
        Inst::Const(_, dtype) | Inst::Cast(_, dtype) => Some(*dtype),
        Inst::Index(_) => Some(DType::I64),
        Inst::Load(buffer, _) => kernel.buffers.get(*buffer).map(|buffer| buffer.dtype),
        Inst::Check { args, .. } => dtype(kernel, nest, *args.first()?),
        Inst::Map(op, args) => match op.signature {
            Signature::Number | Signature::Float => dtype(kernel, nest, *args.first()?),
            Signature::Select => dtype(kernel, nest, *args.get(1)?),
            Signature::Integer => Some(DType::I64),
            Signature::IntegerToFloat => Some(DType::F64),
            Signature::Predicate | Signature::FloatPredicate | Signature::Logic => Some(DType::Bool),
        },
    }
}
