//! The verifier of the loop-nest IR.
//!
//! In: a kernel. Out: nothing, or what is wrong with it.
//! Always holds: what passes has every value defined before its use and every position in range.

use super::ir::{Affine, Call, Inst, Kernel, Nest, Role, Sink, Step};

/// Checks a kernel's structure.
pub fn verify(kernel: &Kernel) -> Result<(), String> {
    verify_steps(kernel, &kernel.steps).map_err(|text| format!("{}: {text}\n{kernel}", kernel.name))
}

fn verify_steps(kernel: &Kernel, steps: &[Step]) -> Result<(), String> {
    for (k, step) in steps.iter().enumerate() {
        let own = match step {
            Step::Nest(nest) => verify_nest(kernel, nest),
            Step::Routine(call) => verify_call(kernel, call),
            _ => {
                let (reads, writes) = step.buffers();
                reads
                    .iter()
                    .try_for_each(|id| buffer(kernel, *id, false))
                    .and_then(|()| writes.iter().try_for_each(|id| buffer(kernel, *id, true)))
            }
        };
        let inner = own.and_then(|()| step.blocks().into_iter().try_for_each(|block| verify_steps(kernel, block)));
        inner.map_err(|text| format!("step {k}: {text}"))?;
    }
    Ok(())
}

fn buffer(kernel: &Kernel, id: usize, written: bool) -> Result<(), String> {
    match kernel.buffers.get(id) {
        None => Err(format!("there is no buffer b{id}")),
        Some(buffer) if written && matches!(buffer.role, Role::Input(_)) => {
            Err(format!("b{id} is an input, and written"))
        }
        Some(_) => Ok(()),
    }
}

fn verify_call(kernel: &Kernel, call: &Call) -> Result<(), String> {
    if call.operands.len() != call.routine.cores.len() {
        return Err(format!("`{}` has {} operands", call.routine.name, call.operands.len()));
    }
    call.operands.iter().try_for_each(|operand| buffer(kernel, operand.buffer, false))?;
    buffer(kernel, call.result.buffer, true)
}

fn verify_nest(kernel: &Kernel, nest: &Nest) -> Result<(), String> {
    for (position, inst) in nest.body.iter().enumerate() {
        let before = |values: &[usize]| match values.iter().find(|&&v| v >= position) {
            Some(v) => Err(format!("v{position} uses v{v} before it is defined")),
            None => Ok(()),
        };
        match inst {
            Inst::Const(..) => {}
            Inst::Index(affine) => verify_affine(nest, affine, position)?,
            Inst::Load(id, affine) => {
                buffer(kernel, *id, false)?;
                verify_affine(nest, affine, position)?;
            }
            Inst::Map(op, args) => {
                before(args)?;
                if args.len() != op.arity {
                    return Err(format!("`{}` has {} operands", op.name, args.len()));
                }
            }
            Inst::Cast(value, _) => before(&[*value])?,
            Inst::Check { fault, args } => {
                before(args)?;
                if *fault >= kernel.faults.len() {
                    return Err(format!("there is no fault {fault}"));
                }
            }
        }
    }
    let end = nest.body.len();
    let (target, offset, values) = match &nest.sink {
        Sink::Store { value, buffer, offset } | Sink::Accumulate { value, buffer, offset, .. } => {
            (*buffer, offset, vec![*value])
        }
        Sink::Reduce { value, position, buffer, offset, loops, .. } => {
            if *loops > nest.loops.len() {
                return Err(format!("{loops} reduced loops of {}", nest.loops.len()));
            }
            (*buffer, offset, std::iter::once(*value).chain(*position).collect())
        }
    };
    if let Some(value) = values.iter().find(|&&v| v >= end) {
        return Err(format!("the sink uses v{value}, which is not defined"));
    }
    buffer(kernel, target, true)?;
    verify_affine(nest, offset, end)
}

fn verify_affine(nest: &Nest, affine: &Affine, position: usize) -> Result<(), String> {
    if let Some((l, _)) = affine.loops.iter().find(|(l, _)| *l >= nest.loops.len()) {
        return Err(format!("there is no loop i{l}"));
    }
    match affine.values.iter().find(|(v, _)| *v >= position) {
        Some((v, _)) => Err(format!("an offset uses v{v} before it is defined")),
        None => Ok(()),
    }
}
