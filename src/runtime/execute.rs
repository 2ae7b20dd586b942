//! Calling a kernel: addresses collected, code run, results taken.
//!
//! In: a kernel with its code, and arrays of the sizes it was promised. Out: arrays.
//! Always holds: nothing is allocated or run before the whole call is known to fit into memory; what depends on a size that
//! only running tells is refused when that is known.
#![allow(unsafe_code)]

use super::array::{Array, ArrayView, DType};
use super::fault::Fault;
use super::memory::Arenas;
use super::plan::plan;
use super::sizes::Binder;
use super::threads::Threads;
use crate::codegen::Compiled;
use crate::graph::{Size, SizeEnv};
use crate::loops::{Kernel, Role};
use ndarray::{ArrayD, Dimension, IxDyn};
use std::cell::RefCell;

/// Why a call gave no result.
#[derive(Debug)]
pub enum Failure {
    /// A check of the program failed.
    Fault(Fault),
    /// A size has no value.
    Unbound,
    /// More memory is needed than there is.
    Memory {
        /// Bytes that are needed, with those that the caller holds if these count.
        needed: u64,
        /// Bytes that may be used.
        limit: u64,
    },
}

/// What a call works with beside its arguments.
#[derive(Clone, Copy)]
pub struct Resources<'a> {
    /// Threads to run on.
    pub threads: &'a Threads,
    /// Scratch memory of earlier calls.
    pub arenas: &'a Arenas,
    /// Bytes that the caller holds and that count towards a limit somebody has set.
    pub held: u64,
}

/// What a call has come to.
#[derive(Debug)]
pub struct Outcome {
    /// The results.
    pub results: Vec<Array>,
    /// The most bytes that the call held beyond its inputs: scratch, results, and inputs that had to be copied.
    pub peak: u64,
}

/// Runs a kernel. `inputs` have the dtypes and element counts of the kernel's input buffers at these sizes; `results`
/// are the shapes of the results.
pub fn execute(
    kernel: &Kernel,
    code: &Compiled,
    inputs: &[ArrayView<'_>],
    results: &[Vec<Size>],
    sizes: &SizeEnv,
    resources: Resources<'_>,
) -> Result<Outcome, Failure> {
    let plan = plan(kernel, sizes)?;
    let planned = plan.bytes().saturating_add(inputs.iter().map(copied_bytes).sum());
    let limit = resources.threads.memory();
    limit.admit(planned, resources.held)?;
    let contiguous: Vec<Contiguous<'_>> = inputs.iter().map(Contiguous::new).collect();
    let mut outputs: Vec<Output> = Vec::new();
    for (k, shape) in results.iter().enumerate() {
        let found = shape.iter().any(|size| kernel.is_found(size));
        let shape = if found { vec![0] } else { extents(shape, sizes) };
        let dtype = kernel.buffers.iter().find(|b| b.role == Role::Output(k)).map_or(DType::F64, |b| b.dtype);
        outputs.push(Output::new(dtype, &shape));
    }
    let mut arena = resources.arenas.take(plan.arena);
    let mut pointers = Vec::new();
    for (b, buffer) in kernel.buffers.iter().enumerate() {
        let (pointer, length) = match buffer.role {
            Role::Input(k) => {
                contiguous.get(k).map_or((std::ptr::dangling_mut::<u64>().cast(), 0), Contiguous::pointer)
            }
            Role::Output(k) => outputs.get_mut(k).map_or((std::ptr::null_mut(), 0), Output::pointer),
            Role::Scratch => (arena.at(plan.offsets[b]), plan.elements[b]),
        };
        if length < plan.elements[b] {
            return Err(Failure::Fault(Fault::internal()));
        }
        pointers.push(pointer);
    }
    let given = |var| if kernel.found.contains(var) { Some(0) } else { sizes.get(var).copied() };
    let values: Option<Vec<i64>> = kernel.sizes.iter().map(given).collect();
    let values = values.ok_or(Failure::Unbound)?;
    // SAFETY: every pointer leads to as many elements of the buffer's dtype as the polynomial says (checked above for
    // inputs and outputs, planned for scratch); inputs are borrowed for the call and not written by generated code.
    let binder = RefCell::new(Binder::new(kernel, sizes, limit, planned.saturating_add(resources.held)));
    let finds = (!kernel.found.is_empty()).then_some(&binder);
    let done = unsafe { code.run_with(&pointers, &values, resources.threads, finds) };
    resources.arenas.give_back(arena);
    let mut binder = binder.into_inner();
    if let Some(refused) = binder.refused.take() {
        return Err(refused);
    }
    done.map_err(Failure::Fault)?;
    let mut peak = planned.saturating_add(binder.most);
    let finished = outputs.into_iter().zip(results).enumerate().map(|(k, (output, shape))| {
        match shape.iter().any(|size| kernel.is_found(size)) {
            true => {
                let result = binder.result(k, &extents(shape, &binder.sizes));
                // It is copied out of the memory that had been found for it.
                peak = peak.saturating_add(result.bytes());
                result
            }
            // SAFETY: the kernel has come to its end, so every element of every result has been written.
            false => unsafe { output.finish() },
        }
    });
    let results = finished.collect();
    Ok(Outcome { results, peak })
}

/// Bytes of the copy that has to be made of an input which is not in C order.
pub(crate) fn copied_bytes(view: &ArrayView<'_>) -> u64 {
    let is_contiguous = crate::with_typed_array!(ArrayView, view, a => a.is_standard_layout());
    if is_contiguous { 0 } else { view.bytes() }
}

fn extents(shape: &[Size], sizes: &SizeEnv) -> Vec<usize> {
    shape.iter().map(|size| usize::try_from(size.eval(sizes).unwrap_or(0)).unwrap_or(0)).collect()
}

/// An input in C order: borrowed if it is already, else copied.
enum Contiguous<'a> {
    Borrowed(*mut u8, usize, std::marker::PhantomData<&'a ()>),
    Owned(Array),
}

impl<'a> Contiguous<'a> {
    fn new(view: &ArrayView<'a>) -> Contiguous<'a> {
        let borrowed = crate::with_typed_array!(ArrayView, view, a => {
            a.is_standard_layout().then(|| (a.as_ptr().cast_mut().cast::<u8>(), a.len()))
        });
        match borrowed {
            Some((pointer, length)) => Contiguous::Borrowed(pointer, length, std::marker::PhantomData),
            None => Contiguous::Owned(view.to_array()),
        }
    }

    fn pointer(&self) -> (*mut u8, usize) {
        match self {
            Contiguous::Borrowed(pointer, length, _) => (*pointer, *length),
            Contiguous::Owned(array) => {
                crate::with_typed_array!(Array, array, a => (a.as_ptr().cast_mut().cast::<u8>(), a.len()))
            }
        }
    }
}

/// A result before it is written: memory that is not worth clearing.
pub(super) enum Output {
    Bool(Vec<bool>, IxDyn),
    I64(Vec<i64>, IxDyn),
    F16(Vec<half::f16>, IxDyn),
    BF16(Vec<half::bf16>, IxDyn),
    F32(Vec<f32>, IxDyn),
    F64(Vec<f64>, IxDyn),
}

impl Output {
    pub(super) fn new(dtype: DType, shape: &[usize]) -> Output {
        let (length, shape) = (shape.iter().product(), IxDyn(shape));
        match dtype {
            DType::Bool => Output::Bool(Vec::with_capacity(length), shape),
            DType::I64 => Output::I64(Vec::with_capacity(length), shape),
            DType::F16 => Output::F16(Vec::with_capacity(length), shape),
            DType::BF16 => Output::BF16(Vec::with_capacity(length), shape),
            DType::F32 => Output::F32(Vec::with_capacity(length), shape),
            DType::F64 => Output::F64(Vec::with_capacity(length), shape),
        }
    }

    /// Where to write, and how many elements there is room for.
    pub(super) fn pointer(&mut self) -> (*mut u8, usize) {
        match self {
            Output::Bool(memory, _) => (memory.as_mut_ptr().cast(), memory.capacity()),
            Output::I64(memory, _) => (memory.as_mut_ptr().cast(), memory.capacity()),
            Output::F16(memory, _) => (memory.as_mut_ptr().cast(), memory.capacity()),
            Output::BF16(memory, _) => (memory.as_mut_ptr().cast(), memory.capacity()),
            Output::F32(memory, _) => (memory.as_mut_ptr().cast(), memory.capacity()),
            Output::F64(memory, _) => (memory.as_mut_ptr().cast(), memory.capacity()),
        }
    }

    /// # Safety
    /// Every element has been written.
    pub(super) unsafe fn finish(self) -> Array {
        /// # Safety
        /// As above.
        unsafe fn array<T>(mut memory: Vec<T>, shape: IxDyn) -> ArrayD<T> {
            let length = shape.size();
            // SAFETY: the capacity was made for this shape, and the caller promises that it is filled.
            unsafe { memory.set_len(length) };
            // SAFETY: as many elements as the shape says.
            unsafe { ArrayD::from_shape_vec_unchecked(shape, memory) }
        }
        // SAFETY: passed on.
        unsafe {
            match self {
                Output::Bool(memory, shape) => Array::Bool(array(memory, shape)),
                Output::I64(memory, shape) => Array::I64(array(memory, shape)),
                Output::F16(memory, shape) => Array::F16(array(memory, shape)),
                Output::BF16(memory, shape) => Array::BF16(array(memory, shape)),
                Output::F32(memory, shape) => Array::F32(array(memory, shape)),
                Output::F64(memory, shape) => Array::F64(array(memory, shape)),
            }
        }
    }
}
