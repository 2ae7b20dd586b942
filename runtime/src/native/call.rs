//! A call of a kernel that was compiled ahead of time.
//!
//! In: what a C caller passes, as a table of 8-byte numbers. Out: its memory filled, or a message.
//! Always holds: nothing of the caller's is written before everything that it passed has been looked at; if something fails,
//! no memory is handed out.
//!
//! In the table there are, for each input, a scalar's bits, or an array's address, sizes and strides; for each result a
//! scalar's address, or an array's address, sizes and strides, or, if its sizes are found out, where to write its address and
//! its sizes.
#![allow(unsafe_code)]

use super::problem::Problem;
use super::program::{Parameter, Program, missing};
use super::view::{View, shape};
use crate::array::DType;
use crate::binder::Binder;
use crate::execute::{Elements, Entry, Failure, Resources, run_on};
use crate::given;
use crate::memory::{Arena, Arenas, admit, memory_limit, plan};
use crate::message::{self, Cause, Message};
use crate::signature::{Formal, bind_sizes};
use crate::size::{SizeEnv, display_shape};
use crate::threads::Threads;

/// A kernel that has been called, and its scratch memory.
pub struct Loaded {
    /// What the object file says.
    pub program: Program,
    /// Scratch memory of earlier calls.
    pub arenas: Arenas,
}

impl Loaded {
    /// Reads what the object file knows of a kernel.
    pub(super) fn new(bytes: &[u8]) -> Result<Loaded, Message> {
        let program = Program::decode(bytes).ok_or_else(|| message::of_defect("the object file is damaged"))?;
        Ok(Loaded { program, arenas: Arenas::default() })
    }
}

/// Reads the table of a call.
struct Table(*const u64);

impl Table {
    /// # Safety
    /// There is another number in the table.
    unsafe fn next(&mut self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe {
            let value = self.0.read();
            self.0 = self.0.add(1);
            value
        }
    }

    /// # Safety
    /// There is another number in the table.
    unsafe fn pointer<T>(&mut self) -> *mut T {
        // SAFETY: the caller's promise.
        std::ptr::with_exposed_provenance_mut(unsafe { self.next() } as usize)
    }
}

/// An input.
enum Input {
    /// The bits of a scalar.
    Scalar(u64),
    /// An array of the caller's.
    View(View),
    /// A copy of it.
    Copied(Arena, usize),
}

/// A result.
enum Output {
    /// Memory of the caller's, and a place to compute in if the caller's is not dense.
    View(View, Option<Arena>),
    /// Where to write the address and the sizes of memory that is handed out.
    Found(*mut *mut u8, *mut i64),
}

/// Calls a kernel.
///
/// # Safety
/// The entry is that of the kernel's layout, and the table is as the module says. Pointers in it that are neither null nor
/// misaligned lead to as many numbers as the ranks say; those to arrays, in the bounds that sizes and strides give, to
/// elements that nobody else writes, and in results nobody else reads.
pub(super) unsafe fn call(
    entry: Entry,
    loaded: &Loaded,
    table: *const u64,
    threads: &Threads,
) -> Result<(), Box<Problem>> {
    let program = &loaded.program;
    let bare = |message| Problem::of_call(message, &program.name);
    ready(program, threads, "build it with `--cpu baseline`").map_err(bare)?;
    let mut table = Table(table);
    // SAFETY: passed on.
    let mut inputs = unsafe { read_inputs(program, &mut table) }.map_err(bare)?;
    let sizes = bound(&program.inputs, &inputs).map_err(bare)?;
    // SAFETY: passed on.
    let mut outputs = unsafe { read_outputs(program, &sizes, &mut table) }.map_err(bare)?;
    // SAFETY: passed on.
    unsafe { settle(program, &mut inputs, &mut outputs) }.map_err(bare)?;
    let explain = |failure: Failure| explain(&failure, program, None);
    let plan = plan(&program.layout, &sizes, None).map_err(explain)?;
    let given: Vec<Elements> = program.inputs.iter().zip(&mut inputs).map(|(p, input)| input.elements(p)).collect();
    let taken: Vec<Elements> = outputs.iter_mut().map(Output::elements).collect();
    let resources = Resources { threads, arenas: &loaded.arenas, held: 0 };
    // SAFETY: the entry is the caller's promise; the views have as many elements as they say, inputs hold valid ones, and
    // results share no memory with inputs or with each other.
    let ran = unsafe { run_on(entry, &program.layout, &plan, (&given, &taken), &sizes, resources) };
    let mut binder = ran.map_err(explain)?;
    // SAFETY: the kernel has come to its end, so its results are written.
    unsafe { hand_out(program, &mut outputs, &mut binder) }.map_err(bare)
}

/// Whether the kernel can run at all; the cure is for code of another processor.
pub(crate) fn ready(program: &Program, threads: &Threads, cure: &str) -> Result<(), Message> {
    let missing = missing(&program.features);
    if !missing.is_empty() {
        let text = format!("the code was compiled for a processor with {}", missing.join(", "));
        return Err(Message::new(Cause::Processor, text).help(cure));
    }
    if threads.control().is_interrupted() {
        return Err(Message::new(Cause::Interrupted, "the kernel was asked to stop"));
    }
    Ok(())
}

/// Why a call failed; `allowed` is a limit on memory that was set.
pub(crate) fn explain(failure: &Failure, program: &Program, allowed: Option<u64>) -> Box<Problem> {
    if let Failure::Memory { needed, limit } = failure
        && allowed == Some(*limit)
    {
        return Problem::of_call(message::of_allowance(*needed, *limit), &program.name);
    }
    let mut check = None;
    let message = message::of_failure(failure, |site| {
        check = program.checks.get(site).cloned();
        Some(check.as_ref()?.kind.clone())
    });
    Box::new(Problem { message, name: Some(program.name.clone()), check })
}

/// # Safety
/// As [`call`].
unsafe fn read_inputs(program: &Program, table: &mut Table) -> Result<Vec<Input>, Message> {
    let mut inputs = Vec::with_capacity(program.inputs.len());
    for parameter in &program.inputs {
        // SAFETY: the caller's promise.
        inputs.push(unsafe {
            if parameter.shape.is_empty() {
                Input::Scalar(scalar_bits(table.next(), parameter.dtype))
            } else {
                let start = table.pointer();
                let shape = shape(table.pointer(), parameter)?;
                Input::View(View::new(start, shape, table.pointer(), parameter)?)
            }
        });
    }
    Ok(inputs)
}

/// A truth value is 1 if it is not 0.
fn scalar_bits(bits: u64, dtype: DType) -> u64 {
    if dtype == DType::Bool { u64::from(bits & 0xff != 0) } else { bits }
}

fn bound(parameters: &[Parameter], inputs: &[Input]) -> Result<SizeEnv, Message> {
    let shapes: Vec<&[usize]> = inputs
        .iter()
        .map(|input| match input {
            Input::View(view) => view.shape(),
            _ => &[],
        })
        .collect();
    bind_sizes(&formals(parameters), &shapes, &SizeEnv::new())
}

pub(crate) fn formals(parameters: &[Parameter]) -> Vec<Formal<'_>> {
    parameters.iter().map(|p| Formal { name: &p.name, ty: &p.ty, dtype: p.dtype, shape: &p.shape }).collect()
}

/// # Safety
/// As [`call`].
unsafe fn read_outputs(program: &Program, sizes: &SizeEnv, table: &mut Table) -> Result<Vec<Output>, Message> {
    let mut outputs = Vec::with_capacity(program.outputs.len());
    for parameter in &program.outputs {
        // SAFETY: the caller's promise.
        outputs.push(unsafe {
            if program.is_found(parameter) {
                found(table.pointer(), table.pointer(), parameter)?
            } else if parameter.shape.is_empty() {
                Output::View(View::scalar(table.pointer(), parameter)?, None)
            } else {
                let start = table.pointer();
                let given = shape(table.pointer(), parameter)?;
                fits(&given, parameter, sizes)?;
                Output::View(View::new(start, given, table.pointer(), parameter)?, None)
            }
        });
    }
    Ok(outputs)
}

/// # Safety
/// If they are neither null nor misaligned, the pointers lead to an address, and to as many numbers as the rank.
unsafe fn found(start: *mut *mut u8, sizes: *mut i64, parameter: &Parameter) -> Result<Output, Message> {
    let Parameter { name, ty, .. } = parameter;
    let wrong =
        |what: &str, why: &str| Message::new(Cause::Arguments, format!("`{name}{what}` is {why}; `{name}` is {ty}"));
    if start.is_null() || sizes.is_null() {
        return Err(wrong(if start.is_null() { "" } else { "_shape" }, "a null pointer"));
    }
    if !start.is_aligned() || !sizes.is_aligned() {
        return Err(wrong(
            if start.is_aligned() { "_shape" } else { "" },
            "no multiple of 8, as a pointer to a pointer or to int64_t is",
        ));
    }
    // SAFETY: the caller's promise.
    unsafe { start.write(std::ptr::null_mut()) };
    Ok(Output::Found(start, sizes))
}

/// Whether the caller's array has the sizes of the result.
fn fits(given: &[usize], parameter: &Parameter, sizes: &SizeEnv) -> Result<(), Message> {
    let Parameter { name, ty, .. } = parameter;
    for (axis, (size, given)) in parameter.shape.iter().zip(given).enumerate() {
        let needed = size.eval(sizes).ok_or_else(|| message::of_defect("a size has no value"))?.max(0);
        if i64::try_from(*given) != Ok(needed) {
            let text = format!("axis {axis} of `{name}` ({ty}) has size {given}, but {size} is {needed}");
            return Err(
                Message::new(Cause::Sizes, text).help("ask for the sizes of the results before making room for them")
            );
        }
    }
    Ok(())
}

/// Makes copies where memory is not as the kernel needs it: dense, results apart from inputs, truth values 0 and 1.
///
/// # Safety
/// As [`call`].
unsafe fn settle(program: &Program, inputs: &mut [Input], outputs: &mut [Output]) -> Result<(), Message> {
    for (parameter, output) in program.outputs.iter().zip(outputs.iter()) {
        let Output::View(view, _) = output else { continue };
        if view.folds() {
            let text = format!("`{}_strides` give two elements of a result one address", parameter.name);
            return Err(Message::new(Cause::Arguments, text));
        }
    }
    for (k, (parameter, output)) in program.outputs.iter().zip(outputs.iter()).enumerate() {
        for (other, before) in program.outputs.iter().zip(outputs.iter()).take(k) {
            // Two that are not dense may lie between each other, columns of one matrix for instance.
            if let (Output::View(one, _), Output::View(two, _)) = (output, before)
                && one.meets(two)
                && (one.is_dense() || two.is_dense())
            {
                let text = format!("the results `{}` and `{}` share memory", other.name, parameter.name);
                return Err(Message::new(Cause::Arguments, text));
            }
        }
    }
    for (parameter, input) in program.inputs.iter().zip(inputs) {
        let Input::View(view) = input else { continue };
        let shares = outputs.iter().any(|output| matches!(output, Output::View(written, _) if written.meets(view)));
        if shares || !view.is_dense() {
            there_is_room(view.count, parameter.dtype)?;
            // SAFETY: passed on.
            let copy = unsafe { view.gathered() }.ok_or_else(|| no_room(view.count, parameter.dtype))?;
            *input = Input::Copied(copy, view.count);
        }
        if parameter.dtype == DType::Bool {
            let (start, count) = input.elements(parameter);
            // SAFETY: passed on.
            unsafe { truths(start, count, &parameter.name) }?;
        }
    }
    for (parameter, output) in program.outputs.iter().zip(outputs) {
        if let Output::View(view, dense @ None) = output
            && !view.is_dense()
        {
            there_is_room(view.count, parameter.dtype)?;
            let bytes = view.count * parameter.dtype.size();
            *dense = Some(Arena::new(bytes).ok_or_else(|| no_room(view.count, parameter.dtype))?);
        }
    }
    Ok(())
}

/// Whether so much may be copied; asked before the system hands out what it does not have.
fn there_is_room(count: usize, dtype: DType) -> Result<(), Message> {
    let bytes = (count as u64).saturating_mul(dtype.size() as u64);
    admit(None, bytes, 0).map_err(|failure| message::of_failure(&failure, |_| None))
}

fn no_room(count: usize, dtype: DType) -> Message {
    message::of_memory((count as u64).saturating_mul(dtype.size() as u64), memory_limit(None))
}

/// # Safety
/// There are as many bytes to be read.
unsafe fn truths(start: *const u8, count: usize, name: &str) -> Result<(), Message> {
    for index in 0..count {
        // SAFETY: the caller's promise.
        let byte = unsafe { start.add(index).read() };
        if byte > 1 {
            let text = format!("element {index} of `{name}` is {byte}: truth values are 0 and 1");
            return Err(Message::new(Cause::Arguments, text));
        }
    }
    Ok(())
}

impl Input {
    fn elements(&mut self, parameter: &Parameter) -> Elements {
        debug_assert!(parameter.dtype.size() <= 8);
        match self {
            // The machine is little endian, so the first bytes of the number are the scalar.
            Input::Scalar(bits) => (std::ptr::from_mut(bits).cast(), 1),
            Input::View(view) => (view.address(), view.count),
            Input::Copied(memory, count) => (memory.at(0), *count),
        }
    }
}

impl Output {
    fn elements(&mut self) -> Elements {
        match self {
            Output::View(view, None) => (view.address(), view.count),
            Output::View(view, Some(memory)) => (memory.at(0), view.count),
            Output::Found(..) => (std::ptr::dangling_mut::<u64>().cast(), 0),
        }
    }
}

/// Writes results where the caller wants them: into strided memory, or into memory that is handed out.
///
/// # Safety
/// The kernel has written its results; the pointers are as [`read_outputs`] has looked at them.
unsafe fn hand_out(program: &Program, outputs: &mut [Output], binder: &mut Binder<'_>) -> Result<(), Message> {
    let mut handed: Vec<(*mut *mut u8, *mut u8)> = Vec::new();
    for (k, (parameter, output)) in program.outputs.iter().zip(outputs).enumerate() {
        match output {
            Output::View(view, Some(memory)) => {
                // SAFETY: the memory has as many elements as the view.
                unsafe { view.scatter(memory.at(0)) };
            }
            Output::View(_, None) => {}
            Output::Found(start, sizes) => {
                let shape: Vec<i64> =
                    parameter.shape.iter().map(|size| size.eval(&binder.sizes).unwrap_or(0).max(0)).collect();
                let count: usize = shape.iter().map(|size| *size as usize).product();
                let bytes = count * parameter.dtype.size();
                let Some(memory) = given::allocate(bytes) else {
                    // SAFETY: these were allocated above and nobody has them.
                    handed.iter().for_each(|(_, memory)| unsafe { given::free(*memory) });
                    return Err(no_room(count, parameter.dtype));
                };
                if let Some(from) = binder.memory(k).filter(|_| bytes > 0) {
                    // SAFETY: the binder's memory was made for as many elements, and the kernel has written them.
                    unsafe { std::ptr::copy_nonoverlapping(from, memory, bytes) };
                }
                for (axis, size) in shape.iter().enumerate() {
                    // SAFETY: there are as many numbers as axes.
                    unsafe { sizes.add(axis).write(*size) };
                }
                handed.push((*start, memory));
            }
        }
    }
    // SAFETY: the pointers have been looked at.
    handed.iter().for_each(|(start, memory)| unsafe { start.write(*memory) });
    Ok(())
}

/// Writes the sizes of results, from those of inputs; -1 where only running tells. The table has the sizes' address for each
/// array among the inputs, then for each array among the results where to write its sizes, or null.
///
/// # Safety
/// As [`call`], for this table.
pub(super) unsafe fn sizes(program: &Program, table: *const u64) -> Result<(), Message> {
    let mut table = Table(table);
    let mut shapes: Vec<Vec<usize>> = Vec::new();
    for parameter in &program.inputs {
        // SAFETY: passed on.
        let shape = if parameter.shape.is_empty() { Vec::new() } else { unsafe { shape(table.pointer(), parameter) }? };
        shapes.push(shape);
    }
    let views: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
    let env = bind_sizes(&formals(&program.inputs), &views, &SizeEnv::new())?;
    for parameter in program.outputs.iter().filter(|parameter| !parameter.shape.is_empty()) {
        // SAFETY: passed on.
        let target: *mut i64 = unsafe { table.pointer() };
        if target.is_null() {
            continue;
        }
        if !target.is_aligned() {
            let name = &parameter.name;
            let text = format!("`{name}_shape` is no multiple of 8, as a pointer to int64_t is");
            return Err(Message::new(Cause::Arguments, text));
        }
        for (axis, size) in parameter.shape.iter().enumerate() {
            let known = if program.layout.is_found(size) { Some(-1) } else { size.eval(&env).map(|size| size.max(0)) };
            let known = known.ok_or_else(|| {
                message::of_defect(format!("a size of {} has no value", display_shape(&parameter.shape)))
            })?;
            // SAFETY: passed on.
            unsafe { target.add(axis).write(known) };
        }
    }
    Ok(())
}
