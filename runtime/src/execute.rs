//! Calling a kernel: memory planned, addresses collected, code run, results taken.
//!
//! In: a kernel with its code, and arrays of the sizes it was promised. Out: arrays.
//! Always holds: scratch memory is one arena, whose size is known before anything runs; buffers whose lives do not
//! overlap share it.
#![allow(unsafe_code)]

use super::array::{Array, ArrayView, ArrayViewMut, DType};
use super::binder::Binder;
use super::fault::Fault;
use super::layout::{Layout, Role};
use super::memory::{Arenas, Plan, admit, plan};
use super::threads::{Context, INTERRUPTED, Threads};
use crate::size::{Size, SizeEnv};
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
    /// Bytes that the caller holds and that count towards a limit that was set.
    pub held: u64,
}

/// What a call has come to.
#[derive(Debug)]
pub struct Outcome {
    /// The results that could not be written to their targets.
    pub results: Vec<Option<Array>>,
    /// The most bytes that the call held beyond its inputs: scratch, results, and copies of inputs that are not in C order.
    pub peak: u64,
}

/// Bytes of the copy that has to be made of an input which is not in C order.
pub fn copied_bytes(view: &ArrayView<'_>) -> u64 {
    let is_contiguous = crate::with_typed_array!(ArrayView, view, a => a.is_standard_layout());
    if is_contiguous { 0 } else { view.bytes() }
}

/// The entry of a kernel: context, frame, record of a fault; gives a status.
pub type Entry = unsafe extern "C" fn(*const Context<'_, '_>, *mut i64, *mut i64) -> i64;

/// Runs the entry of a kernel: `sizes` in the order of `Layout::sizes`, one address per buffer.
///
/// # Errors
/// The check that failed; what the buffers hold is then unspecified.
///
/// # Safety
/// The entry is that of a kernel with this layout. Each buffer has as many elements as its polynomial says at these
/// sizes, aligned as its type is, and initialised if it is an input; those that depend on sizes that are found get
/// their memory from `binder`. Inputs are not written by anyone, other buffers not touched by anyone else, while it runs.
#[doc(hidden)]
pub unsafe fn run(
    entry: Entry,
    layout: &Layout,
    buffers: &[*mut u8],
    sizes: &[i64],
    threads: &Threads,
    binder: Option<&RefCell<Binder<'_>>>,
) -> Result<(), Fault> {
    if buffers.len() != layout.buffers.len() || sizes.len() != layout.sizes.len() {
        return Err(Fault::internal());
    }
    let mut frame: Vec<i64> = Vec::with_capacity(buffers.len() + sizes.len() + 2);
    frame.extend(sizes);
    frame.extend(buffers.iter().map(|buffer| buffer.expose_provenance() as i64));
    let control = threads.control();
    frame.push(control.flag().expose_provenance() as i64);
    let counted = control.progress().is_some();
    let context = Context { threads, binder };
    frame.push((&raw const context).expose_provenance() as i64);
    let mut values = [0i64; 2];
    // SAFETY: the frame is laid out as the code expects; the buffers are the caller's promise.
    let status = unsafe { entry(&raw const context, frame.as_mut_ptr(), values.as_mut_ptr()) };
    if !counted {
        // A loop that was left by a fault or an interrupt has not said that it ended.
        control.rest();
    }
    match usize::try_from(status) {
        Ok(0) => Ok(()),
        Ok(site) if site <= layout.faults => Err(Fault { site: site - 1, values }),
        _ if status == INTERRUPTED => Err(Fault::interrupted()),
        _ => Err(Fault::internal()),
    }
}

/// Elements in memory: where, and how many.
pub type Elements = (*mut u8, usize);

/// Runs a kernel on memory that is there: that of its inputs, and that of its outputs whose sizes are known. Gives the
/// memory of those outputs whose sizes were found. The plan is that of the layout at these sizes.
///
/// # Errors
/// What stopped it; what the outputs hold is then unspecified.
///
/// # Safety
/// As [`run`], but that the number of elements is compared with what is needed.
#[doc(hidden)]
pub unsafe fn run_on<'k>(
    entry: Entry,
    layout: &'k Layout,
    plan: &Plan,
    (inputs, outputs): (&[Elements], &[Elements]),
    sizes: &SizeEnv,
    resources: Resources<'_>,
) -> Result<Binder<'k>, Failure> {
    let arena = resources.arenas.take(plan.arena);
    let none = || Failure::Memory { needed: plan.arena as u64, limit: super::memory::memory_limit(None) };
    let mut arena = arena.ok_or_else(none)?;
    let mut pointers = Vec::new();
    for (b, (buffer, &needed)) in layout.buffers.iter().zip(&plan.elements).enumerate() {
        let (pointer, length) = match buffer.role {
            Role::Input(k) => inputs.get(k).copied().unwrap_or((std::ptr::dangling_mut::<u64>().cast(), 0)),
            Role::Output(k) => outputs.get(k).copied().unwrap_or((std::ptr::null_mut(), 0)),
            Role::Scratch => (arena.at(plan.offsets.get(b).copied().unwrap_or(0)), needed),
        };
        if length < needed {
            return Err(Failure::Fault(Fault::internal()));
        }
        pointers.push(pointer);
    }
    let given = |var| if layout.found.contains(var) { Some(0) } else { sizes.get(var).copied() };
    let values: Option<Vec<i64>> = layout.sizes.iter().map(given).collect();
    let values = values.ok_or(Failure::Unbound)?;
    let allowed = resources.threads.control().memory_limit();
    let binder = RefCell::new(Binder::new(layout, sizes, allowed, plan.bytes().saturating_add(resources.held)));
    let finds = (!layout.found.is_empty()).then_some(&binder);
    // SAFETY: every pointer leads to as many elements of the buffer's dtype as the polynomial says (checked above for
    // inputs and outputs, planned for scratch); the rest is the caller's promise.
    let done = unsafe { run(entry, layout, &pointers, &values, resources.threads, finds) };
    resources.arenas.give_back(arena);
    let mut binder = binder.into_inner();
    if let Some(refused) = binder.refused.take() {
        return Err(refused);
    }
    done.map_err(Failure::Fault)?;
    Ok(binder)
}

/// Runs a kernel. `inputs` have the dtypes and element counts of the kernel's input buffers at these sizes; `results`
/// are the shapes of the results. A result is written to the target of its position, and not given back, if there is one in
/// C order with its element type and shape.
///
/// # Errors
/// What stopped it.
///
/// # Safety
/// The entry is that of a kernel with this layout.
#[doc(hidden)]
pub unsafe fn execute(
    entry: Entry,
    layout: &Layout,
    (inputs, targets): (&[ArrayView<'_>], &mut [ArrayViewMut<'_>]),
    results: &[Vec<Size>],
    sizes: &SizeEnv,
    resources: Resources<'_>,
) -> Result<Outcome, Failure> {
    let allowed = resources.threads.control().memory_limit();
    let plan = plan(layout, sizes, allowed)?;
    // A view that repeats one element a million times is small, its copy is not: that it fits is seen before it is made.
    let copies = inputs.iter().map(copied_bytes).fold(0u64, u64::saturating_add);
    admit(allowed, plan.bytes().saturating_add(copies), resources.held)?;
    let resources = Resources { held: resources.held.saturating_add(copies), ..resources };
    let contiguous: Vec<Contiguous<'_>> = inputs.iter().map(Contiguous::new).collect();
    let mut outputs: Vec<Place> = Vec::new();
    let mut targets = targets.iter_mut();
    for (k, shape) in results.iter().enumerate() {
        let found = shape.iter().any(|size| layout.is_found(size));
        let shape = if found { vec![0] } else { extents(shape, sizes) };
        let dtype = layout.buffers.iter().find(|b| b.role == Role::Output(k)).map_or(DType::F64, |b| b.dtype);
        let target = targets.next().filter(|target| !found && target.dtype() == dtype && target.shape() == shape);
        outputs.push(target.and_then(Place::given).unwrap_or_else(|| Place::Own(Output::new(dtype, &shape))));
    }
    let given: Vec<Elements> = contiguous.iter().map(Contiguous::pointer).collect();
    let taken: Vec<Elements> = outputs.iter_mut().map(Place::elements).collect();
    // SAFETY: the entry is the caller's promise; inputs are borrowed for the call and not written by generated code, and
    // the outputs are this function's own, or borrowed mutably for the call.
    let mut binder = unsafe { run_on(entry, layout, &plan, (&given, &taken), sizes, resources) }?;
    let mut peak = plan.bytes().saturating_add(copies).saturating_add(binder.most);
    let finished = outputs.into_iter().zip(results).enumerate().map(|(k, (output, shape))| {
        match output {
            Place::Given(..) => None,
            Place::Own(_) if shape.iter().any(|size| layout.is_found(size)) => {
                let shape = extents(shape, &binder.sizes);
                let result = binder.result(k, &shape);
                // It is copied out of the memory that had been found for it.
                peak = peak.saturating_add(result.bytes());
                Some(result)
            }
            // SAFETY: the kernel has come to its end, so every element of every result has been written.
            Place::Own(output) => Some(unsafe { output.finish() }),
        }
    });
    let results = finished.collect();
    Ok(Outcome { results, peak })
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

/// Where a result is written.
enum Place {
    /// Memory of its own.
    Own(Output),
    /// The caller's.
    Given(*mut u8, usize),
}

impl Place {
    /// The memory of an array in C order.
    fn given(target: &mut ArrayViewMut<'_>) -> Option<Place> {
        crate::with_typed_array!(ArrayViewMut, target, a => {
            a.is_standard_layout().then(|| Place::Given(a.as_mut_ptr().cast(), a.len()))
        })
    }

    fn elements(&mut self) -> Elements {
        match self {
            Place::Own(output) => output.pointer(),
            Place::Given(pointer, length) => (*pointer, *length),
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
