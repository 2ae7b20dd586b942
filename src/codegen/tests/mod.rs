//! Kernels built by hand, compiled, and compared with an evaluation of the loop nests step by step.
//!
//! In: kernels. Out: nothing.
//! Always holds: expectations come from `reference`, never from compiled code.
#![allow(clippy::unwrap_used, clippy::panic, unsafe_code)]

mod elementwise;
mod faults;
mod random;
mod reductions;
mod reference;
mod shapes;
mod steps;

use super::*;
use crate::graph::{Constant, Size};
use crate::loops::{Affine, Buffer, FaultSite, Inst, Kernel, Nest, Role, Sink, Step};
use crate::ops::elementwise::Value as Element;
use crate::runtime::array::DType;
use crate::runtime::fault::Fault;
use crate::runtime::threads::Threads;
use crate::syntax::span::Span;

/// Memory of a buffer.
type Memory = Vec<Element>;

const LENGTHS: &[i64] = &[0, 1, 2, 3, 5, 8, 17, 1000, 5000];

fn n() -> Size {
    Size::var("n")
}

fn at(index: usize) -> Affine {
    Affine::of_loop(index)
}

/// Row-major position in a matrix of `columns` columns.
fn row_major(columns: &Size) -> Affine {
    at(0).times(columns).plus(&at(1))
}

fn constant(value: f64, dtype: DType) -> Inst {
    Inst::Const(Constant::float(value), dtype)
}

/// A kernel with the size variables `n` and `k`; the last buffer is the output, the others are inputs.
fn kernel(buffers: &[(DType, Size)], steps: Vec<Step>) -> Kernel {
    let last = buffers.len() - 1;
    let buffer = |(index, (dtype, elements)): (usize, &(DType, Size))| Buffer {
        dtype: *dtype,
        elements: elements.clone(),
        role: if index == last { Role::Output(0) } else { Role::Input(index) },
    };
    Kernel {
        name: "test".to_owned(),
        sizes: vec!["n".into(), "k".into()],
        buffers: buffers.iter().enumerate().map(buffer).collect(),
        steps,
        ..Kernel::default()
    }
}

fn nest(loops: Vec<Size>, body: Vec<Inst>, sink: Sink) -> Step {
    Step::Nest(Nest { loops, parallel: true, body, sink, span: Span::default() })
}

/// Test data: every length has whole numbers, fractions and both signs.
fn data(dtype: DType, count: i64, seed: u64) -> Memory {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count)
        .map(|_| match dtype {
            DType::Bool => Element::Bool(next() < 0.5),
            DType::I64 => Element::Int((next() * 21.0) as i64 - 10),
            _ => Element::F64(next() * 4.0 - 2.0).cast(dtype),
        })
        .collect()
}

fn to_bytes(memory: &Memory, dtype: DType) -> Vec<u64> {
    let mut bytes = vec![0u64; (memory.len() * dtype.size()).div_ceil(8) + 1];
    // SAFETY: the vector has room for all elements, and is aligned for each type.
    unsafe {
        let start = bytes.as_mut_ptr();
        for (index, element) in memory.iter().enumerate() {
            match element.cast(dtype) {
                Element::Bool(v) => start.cast::<u8>().add(index).write(u8::from(v)),
                Element::Int(v) => start.cast::<i64>().add(index).write(v),
                Element::F16(v) => start.cast::<::half::f16>().add(index).write(v),
                Element::BF16(v) => start.cast::<::half::bf16>().add(index).write(v),
                Element::F32(v) => start.cast::<f32>().add(index).write(v),
                Element::F64(v) => start.cast::<f64>().add(index).write(v),
            }
        }
    }
    bytes
}

fn from_bytes(bytes: &[u64], count: usize, dtype: DType) -> Memory {
    let start = bytes.as_ptr();
    // SAFETY: the elements were written as this type.
    (0..count)
        .map(|index| unsafe {
            match dtype {
                DType::Bool => Element::Bool(start.cast::<u8>().add(index).read() != 0),
                DType::I64 => Element::Int(start.cast::<i64>().add(index).read()),
                DType::F16 => Element::F16(start.cast::<::half::f16>().add(index).read()),
                DType::BF16 => Element::BF16(start.cast::<::half::bf16>().add(index).read()),
                DType::F32 => Element::F32(start.cast::<f32>().add(index).read()),
                DType::F64 => Element::F64(start.cast::<f64>().add(index).read()),
            }
        })
        .collect()
}

/// Compiles and runs; gives the last buffer.
fn run_with(kernel: &Kernel, inputs: &[Memory], sizes: &[i64], threads: &Threads) -> Result<Memory, Fault> {
    let compiled = compile(kernel).unwrap_or_else(|error| panic!("{error}\n{}", clif_text(kernel).unwrap_or_default()));
    let mut memory: Vec<Vec<u64>> =
        inputs.iter().zip(&kernel.buffers).map(|(m, buffer)| to_bytes(m, buffer.dtype)).collect();
    let pointers: Vec<*mut u8> = memory.iter_mut().map(|m| m.as_mut_ptr().cast()).collect();
    // SAFETY: `inputs` has the memory of every buffer, of the length that its polynomial gives.
    unsafe { compiled.run(&pointers, sizes, threads) }?;
    let last = kernel.buffers.last().unwrap();
    Ok(from_bytes(memory.last().unwrap(), inputs.last().unwrap().len(), last.dtype))
}

/// Data for all buffers at these sizes; the last holds what a kernel finds there.
fn memory(kernel: &Kernel, sizes: &[i64]) -> Vec<Memory> {
    let env = kernel.sizes.iter().cloned().zip(sizes.iter().copied()).collect();
    let buffers = kernel.buffers.iter().enumerate();
    buffers.map(|(seed, buffer)| data(buffer.dtype, buffer.elements.eval(&env).unwrap(), 1 + seed as u64)).collect()
}

/// Compiled code and reference agree on these inputs up to `ulps`, and for one thread and two to the last bit.
fn check_on(kernel: &Kernel, inputs: &[Memory], sizes: &[i64], ulps: f64) {
    let expected = reference::run(kernel, inputs, sizes);
    let one = run_with(kernel, inputs, sizes, &Threads::new(1));
    let two = run_with(kernel, inputs, sizes, &Threads::new(2));
    match (&one, &two) {
        (Ok(one), Ok(two)) => assert!(one.iter().zip(two).all(|(a, b)| same_bits(*a, *b)), "threads change bits"),
        _ => assert_eq!(format!("{one:?}"), format!("{two:?}")),
    }
    match (one, expected) {
        (Ok(found), Ok(expected)) => {
            assert_eq!(found.len(), expected.len());
            for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert!(
                    distance(*found, *expected) <= ulps,
                    "element {index} at {sizes:?}: {found:?}, expected {expected:?}\n{}",
                    clif_text(kernel).unwrap()
                );
            }
        }
        (found, expected) => assert_eq!(format!("{found:?}"), format!("{expected:?}")),
    }
}

/// As [`check_on`] at each length and `k = 3`.
fn check(kernel: &Kernel, ulps: f64) {
    for &length in LENGTHS {
        let sizes = [length, 3];
        check_on(kernel, &memory(kernel, &sizes), &sizes, ulps);
    }
}

fn same_bits(a: Element, b: Element) -> bool {
    a == b && a.f64().is_sign_negative() == b.f64().is_sign_negative() || (a.f64().is_nan() && b.f64().is_nan())
}

/// Units in the last place between two values.
fn distance(a: Element, b: Element) -> f64 {
    if same_bits(a, b) {
        return 0.0;
    }
    let order = |bits: i64, sign: i64| i128::from(if bits < 0 { sign.wrapping_sub(bits) } else { bits });
    match (a, b) {
        _ if a.f64().is_nan() || b.f64().is_nan() => f64::INFINITY,
        (Element::F64(a), Element::F64(b)) => {
            (order(a.to_bits() as i64, i64::MIN) - order(b.to_bits() as i64, i64::MIN)).unsigned_abs() as f64
        }
        (Element::F32(a), Element::F32(b)) => {
            let (a, b) = (a.to_bits() as i32, b.to_bits() as i32);
            let order = |bits: i32| i64::from(if bits < 0 { i32::MIN.wrapping_sub(bits) } else { bits });
            (order(a) - order(b)).unsigned_abs() as f64
        }
        _ => f64::INFINITY,
    }
}
