//! Machine code in memory.
//!
//! In: a kernel. Out: [`Compiled`], or the code as text.
//! Always holds: the memory of the code lives as long as the last handle to it, and is freed with it.
#![allow(unsafe_code)]

use super::CodegenError;
use super::entry::functions;
use super::target::Target;
use crate::graph::{Size, SizeEnv};
use crate::loops::Kernel;
use crate::runtime::array::{ArrayView, ArrayViewMut};
use crate::runtime::execute::{self, Entry, Failure, Outcome, Resources};
use crate::runtime::fault::Fault;
use crate::runtime::layout::Layout;
use crate::runtime::memory::plan;
use crate::runtime::symbols;
use crate::runtime::threads::Threads;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Module as _, default_libcall_names};
use std::fmt::Write;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// A kernel as machine code. Clones share it.
#[derive(Clone)]
pub struct Compiled(Arc<Code>);

struct Code {
    module: ManuallyDrop<JITModule>,
    entry: Entry,
    layout: Layout,
}

// SAFETY: after compilation nothing in the module is changed or handed out; only its code runs, which keeps all it
// writes in memory of its callers.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

impl Drop for Code {
    fn drop(&mut self) {
        // SAFETY: the field is taken once, here. The last handle is gone, so none of the code runs or will be called.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() };
    }
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled").field("layout", &self.0.layout).finish()
    }
}

impl Compiled {
    /// Runs the kernel: `sizes` in the order of `Kernel::sizes`, one address per buffer of `Kernel::buffers`.
    ///
    /// # Errors
    /// The check that failed; what the buffers hold is then unspecified.
    ///
    /// # Safety
    /// Each buffer has as many elements as its polynomial says at these sizes, aligned as its type is, and initialised
    /// if it is an input. Inputs are not written by anyone, other buffers not touched by anyone else, while it runs.
    pub unsafe fn run(&self, buffers: &[*mut u8], sizes: &[i64], threads: &Threads) -> Result<(), Fault> {
        // SAFETY: the entry was compiled from the kernel of this layout; the rest is passed on.
        unsafe { execute::run(self.0.entry, &self.0.layout, buffers, sizes, threads, None) }
    }

    /// Whether both are handles of the same code.
    #[cfg(test)]
    pub(crate) fn is_same(&self, other: &Compiled) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The bytes that a call at these sizes needs beyond its inputs; sizes that only running tells count as 0.
    ///
    /// # Errors
    /// A size has no value.
    pub fn planned(&self, sizes: &SizeEnv) -> Result<u64, Failure> {
        Ok(plan(&self.0.layout, sizes, None)?.bytes())
    }

    /// Runs the kernel on arrays. They have the dtypes and element counts of the kernel's input buffers at these sizes;
    /// `results` are the shapes of the results. What could be written to its target is not given back.
    ///
    /// # Errors
    /// What stopped it.
    pub fn execute(
        &self,
        inputs: &[ArrayView<'_>],
        targets: &mut [ArrayViewMut<'_>],
        results: &[Vec<Size>],
        sizes: &SizeEnv,
        resources: Resources<'_>,
    ) -> Result<Outcome, Failure> {
        // SAFETY: the entry was compiled from the kernel of this layout.
        unsafe { execute::execute(self.0.entry, &self.0.layout, (inputs, targets), results, sizes, resources) }
    }
}

/// Compiles a kernel for this machine.
///
/// # Errors
/// The kernel is malformed, or the machine is not supported.
pub fn compile(kernel: &Kernel) -> Result<Compiled, CodegenError> {
    let mut module = module()?;
    let entry = match define(kernel, &mut module) {
        Ok(entry) => entry,
        Err(error) => {
            // SAFETY: nothing of the module has been called.
            unsafe { module.free_memory() };
            return Err(error);
        }
    };
    let address = module.get_finalized_function(entry);
    // SAFETY: the entry was declared with this signature and the C calling convention of this machine.
    let entry = unsafe { std::mem::transmute::<*const u8, Entry>(address) };
    Ok(Compiled(Arc::new(Code { module: ManuallyDrop::new(module), entry, layout: kernel.layout() })))
}

fn define(kernel: &Kernel, module: &mut JITModule) -> Result<FuncId, CodegenError> {
    let functions = functions(kernel, module, "")?;
    super::define::define(&functions, module, &**Target::here()?.isa(true))?;
    module.finalize_definitions().map_err(CodegenError::new)?;
    functions.last().map(|entry| entry.id).ok_or_else(|| CodegenError::new("there is no entry"))
}

/// The Cranelift IR of a kernel's functions.
///
/// # Errors
/// As [`compile`].
pub fn clif_text(kernel: &Kernel) -> Result<String, CodegenError> {
    let mut module = module()?;
    let mut text = String::new();
    let functions = functions(kernel, &mut module, "");
    // SAFETY: nothing of the module has been called.
    unsafe { module.free_memory() };
    for named in functions? {
        let _ = writeln!(text, "; {}\n{}", named.name, named.function.display());
    }
    Ok(text)
}

/// The machine code of a kernel's functions, as the compiler prints it.
///
/// # Errors
/// As [`compile`].
pub fn assembly_text(kernel: &Kernel) -> Result<String, CodegenError> {
    let mut module = module()?;
    let mut text = String::new();
    let functions = functions(kernel, &mut module, "");
    let mut context = module.make_context();
    context.set_disasm(true);
    for named in functions? {
        context.func = named.function;
        let isa = Target::here()?.isa(named.optimised);
        let compiled = context.compile(&**isa, &mut Default::default());
        let compiled = compiled.map_err(|error| CodegenError::new(error.inner))?;
        let _ = writeln!(text, "; {}\n{}", named.name, compiled.vcode.as_deref().unwrap_or_default());
        module.clear_context(&mut context);
        context.set_disasm(true);
    }
    // SAFETY: nothing of the module has been called.
    unsafe { module.free_memory() };
    Ok(text)
}

fn module() -> Result<JITModule, CodegenError> {
    let mut builder = JITBuilder::with_isa(Target::here()?.isa(false).clone(), default_libcall_names());
    builder.symbol_lookup_fn(Box::new(symbols::address));
    Ok(JITModule::new(builder))
}
