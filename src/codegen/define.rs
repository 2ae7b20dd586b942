//! Compiles a kernel's functions into a module, on several threads if there are many.
//!
//! In: functions in Cranelift IR. Out: the module with their machine code defined.
//! Always holds: the code is the same for every number of threads, and defined in the order of the functions.

use super::CodegenError;
use super::entry::Named;
use cranelift_codegen::Context;
use cranelift_codegen::isa::TargetIsa;
use cranelift_module::{FuncId, Module, ModuleReloc};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Fewer functions are compiled on the calling thread: starting another takes as long as compiling one.
const SERIAL: usize = 6;
/// More threads than this do not help.
const THREADS: usize = 4;

/// The machine code of a function.
struct Code {
    alignment: u64,
    bytes: Vec<u8>,
    relocations: Vec<ModuleReloc>,
}

/// Defines all functions.
pub(super) fn define(
    functions: &[Named],
    module: &mut dyn Module,
    optimising: &dyn TargetIsa,
) -> Result<(), CodegenError> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = if functions.len() < SERIAL { 1 } else { cores.min(THREADS) };
    for (named, code) in functions.iter().zip(compile_all(functions, module.isa(), optimising, threads)) {
        let code = code.unwrap_or_else(|| Err(CodegenError::new("a function was not compiled")))?;
        module
            .define_function_bytes(named.id, code.alignment, &code.bytes, &code.relocations)
            .map_err(CodegenError::new)?;
    }
    Ok(())
}

type Slot = Option<Result<Code, CodegenError>>;

fn compile_all(functions: &[Named], isa: &dyn TargetIsa, optimising: &dyn TargetIsa, threads: usize) -> Vec<Slot> {
    let slots: Vec<Mutex<Slot>> = functions.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut context = Context::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let (Some(named), Some(slot)) = (functions.get(index), slots.get(index)) else { return };
            let isa = if named.optimised { optimising } else { isa };
            let code = compile_one(named, isa, &mut context);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            // Without another thread the work is done here.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    slots.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

fn compile_one(named: &Named, isa: &dyn TargetIsa, context: &mut Context) -> Result<Code, CodegenError> {
    context.clear();
    context.func = named.function.clone();
    let compiled = context.compile(isa, &mut Default::default()).map_err(|error| CodegenError::new(error.inner))?;
    let alignment = compiled.buffer.alignment.max(isa.function_alignment().preferred);
    let (alignment, bytes) = (u64::from(alignment), compiled.code_buffer().to_vec());
    Ok(Code { alignment, bytes, relocations: relocations(named.id, context) })
}

fn relocations(id: FuncId, context: &Context) -> Vec<ModuleReloc> {
    let Some(compiled) = context.compiled_code() else { return Vec::new() };
    compiled.buffer.relocs().iter().map(|reloc| ModuleReloc::from_mach_reloc(reloc, &context.func, id)).collect()
}
