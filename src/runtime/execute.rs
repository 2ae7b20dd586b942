//! Calling a kernel: memory planned, addresses collected, code run, results taken.
//!
//! In: a kernel with its code, and arrays of the sizes it was promised. Out: arrays.
//! Always holds: scratch memory is one arena, whose size is known before anything runs; buffers whose lives do not
//! overlap share it.
#![allow(unsafe_code)]

use super::array::{Array, ArrayView, DType};
use super::fault::Fault;
use super::sizes::Binder;
use super::threads::Threads;
use crate::codegen::Compiled;
use crate::graph::{Size, SizeEnv};
use crate::loops::{Kernel, Role, lives};
use ndarray::{ArrayD, Dimension, IxDyn};
use std::cell::RefCell;
use std::sync::Mutex;

/// Buffers begin at multiples of this many bytes.
const ALIGNMENT: usize = 64;

/// Why a call gave no result.
#[derive(Debug)]
pub enum Failure {
    /// A check of the program failed.
    Fault(Fault),
    /// A size has no value.
    Unbound,
    /// More memory is needed than there is.
    Memory {
        /// Bytes that the call needs for scratch and results.
        needed: u64,
        /// Bytes that may be used.
        limit: u64,
    },
}

/// Memory of a call, planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Elements per buffer.
    elements: Vec<usize>,
    /// Byte offset in the arena per scratch buffer.
    offsets: Vec<usize>,
    /// Bytes of the arena.
    pub arena: usize,
    /// Bytes of the results.
    pub results: usize,
}

/// Plans the memory of a call at given sizes.
pub fn plan(kernel: &Kernel, sizes: &SizeEnv) -> Result<Plan, Failure> {
    let mut elements = Vec::new();
    let (mut results, mut needed) = (0u64, 0u64);
    for buffer in &kernel.buffers {
        // What depends on a size that only running tells gets its memory then.
        let known = if kernel.is_found(&buffer.elements) { Some(0) } else { buffer.elements.eval(sizes) };
        let count = known.ok_or(Failure::Unbound)?.max(0) as u64;
        let bytes = count.saturating_mul(buffer.dtype.size() as u64);
        match buffer.role {
            Role::Output(_) => results = results.saturating_add(bytes),
            Role::Scratch => needed = needed.saturating_add(bytes),
            Role::Input(_) => {}
        }
        elements.push(usize::try_from(count).unwrap_or(usize::MAX));
    }
    let limit = memory_limit();
    if results > limit || (needed > u64::MAX / 4) {
        return Err(Failure::Memory { needed: needed.saturating_add(results), limit });
    }
    let (offsets, arena) = place(kernel, &elements);
    let total = (arena as u64).saturating_add(results);
    if total > limit || !is_available(total) {
        return Err(Failure::Memory { needed: total, limit });
    }
    Ok(Plan { elements, offsets, arena, results: results as usize })
}

/// Whether the system would hand out so much memory at once; asked only for what is large.
fn is_available(bytes: u64) -> bool {
    let large = bytes > 1 << 30;
    !large || usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok())
}

/// Offsets in the arena, first fit in the order in which buffers begin to live.
fn place(kernel: &Kernel, elements: &[usize]) -> (Vec<usize>, usize) {
    let lives = lives(kernel);
    let mut offsets = vec![0; kernel.buffers.len()];
    let mut placed: Vec<(usize, usize, usize, usize)> = Vec::new();
    let mut order: Vec<usize> =
        (0..kernel.buffers.len()).filter(|&b| kernel.buffers[b].role == Role::Scratch).collect();
    order.sort_by_key(|&b| lives[b].map_or(0, |(first, _)| first));
    let mut arena = 0;
    for b in order {
        let Some((first, last)) = lives[b] else { continue };
        let bytes = elements[b].saturating_mul(kernel.buffers[b].dtype.size()).next_multiple_of(ALIGNMENT);
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(|(_, _, from, to)| *from <= last && first <= *to)
            .map(|(offset, bytes, ..)| (*offset, *bytes))
            .collect();
        taken.sort_unstable();
        let mut at = 0;
        for (offset, size) in taken {
            if at + bytes <= offset {
                break;
            }
            at = at.max(offset + size);
        }
        offsets[b] = at;
        arena = arena.max(at + bytes);
        placed.push((at, bytes, first, last));
    }
    (offsets, arena)
}

/// Bytes that a call may use: nine tenths of the machine's memory, as far as it tells.
pub fn memory_limit() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse::<u64>().ok());
    kib.map_or(u64::MAX / 2, |kib| kib * 1024 / 10 * 9)
}

/// What a call works with beside its arguments.
#[derive(Clone, Copy)]
pub struct Resources<'a> {
    /// Threads to run on.
    pub threads: &'a Threads,
    /// Scratch memory of earlier calls.
    pub arenas: &'a Arenas,
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
) -> Result<Vec<Array>, Failure> {
    let plan = plan(kernel, sizes)?;
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
    let binder = RefCell::new(Binder::new(kernel, sizes, memory_limit()));
    let finds = (!kernel.found.is_empty()).then_some(&binder);
    let done = unsafe { code.run_with(&pointers, &values, resources.threads, finds) };
    resources.arenas.give_back(arena);
    let mut binder = binder.into_inner();
    if let Some((needed, limit)) = binder.refused {
        return Err(Failure::Memory { needed, limit });
    }
    done.map_err(Failure::Fault)?;
    let finished = outputs.into_iter().zip(results).enumerate().map(|(k, (output, shape))| {
        match shape.iter().any(|size| kernel.is_found(size)) {
            true => binder.result(k, &extents(shape, &binder.sizes)),
            // SAFETY: the kernel has come to its end, so every element of every result has been written.
            false => unsafe { output.finish() },
        }
    });
    Ok(finished.collect())
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

/// Scratch memory of earlier calls, kept for the next ones: fresh pages cost more than many a kernel.
#[derive(Default)]
pub struct Arenas(Mutex<Vec<Arena>>);

impl Arenas {
    /// An arena of at least so many bytes; what it holds is unspecified.
    fn take(&self, bytes: usize) -> Arena {
        let kept = self.0.lock().ok().and_then(|mut arenas| {
            let at = arenas.iter().position(|arena| arena.bytes >= bytes)?;
            Some(arenas.swap_remove(at))
        });
        kept.unwrap_or_else(|| Arena::new(bytes))
    }

    fn give_back(&self, arena: Arena) {
        if let Ok(mut arenas) = self.0.lock() {
            arenas.retain(|other| other.bytes > arena.bytes);
            arenas.push(arena);
        }
    }
}

/// Scratch memory, aligned to cache lines.
pub(super) struct Arena {
    memory: Vec<u8>,
    start: usize,
    pub(super) bytes: usize,
}

impl Arena {
    pub(super) fn new(bytes: usize) -> Arena {
        // Zeroed pages come from the system untouched, so what is never used costs nothing.
        let memory = vec![0u8; bytes + ALIGNMENT];
        let address = memory.as_ptr().addr();
        Arena { start: address.next_multiple_of(ALIGNMENT) - address, memory, bytes }
    }

    pub(super) fn at(&mut self, offset: usize) -> *mut u8 {
        // `start + offset` lies inside: the plan's offsets are below the arena's size.
        self.memory.get_mut(self.start + offset..).map_or(std::ptr::null_mut(), <[u8]>::as_mut_ptr)
    }
}
