//! Loop nests as text.
//!
//! In: a kernel. Out: what `microtome emit --stage loops` shows.
//! Always holds: every buffer, loop, instruction and step is shown, in the order in which it runs.

use super::ir::{Affine, Inst, Kernel, Matrix, Nest, Role, Rows, Scalar, Sink, Step};
use crate::graph::{Constant, Size};
use std::fmt::{self, Display, Formatter};

impl Display for Kernel {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sizes: Vec<&str> = self.sizes.iter().map(|var| &**var).collect();
        writeln!(f, "kernel {}({})", self.name, sizes.join(", "))?;
        for (k, buffer) in self.buffers.iter().enumerate() {
            let role = match buffer.role {
                Role::Input(k) => format!("input {k}"),
                Role::Output(k) => format!("output {k}"),
                Role::Scratch => "scratch".to_string(),
            };
            writeln!(f, "  b{k}: {}[{}] {role}", buffer.dtype, buffer.elements)?;
        }
        write_steps(f, &self.steps, 1)
    }
}

fn write_steps(f: &mut Formatter<'_>, steps: &[Step], depth: usize) -> fmt::Result {
    let indent = "  ".repeat(depth);
    for step in steps {
        match step {
            Step::Nest(nest) => write_nest(f, nest, &indent)?,
            Step::Product(product) => {
                let matrix = |m: &Matrix| {
                    let batch = if product.batch.is_one() { String::new() } else { format!("{}, ", m.batch) };
                    let squared = if m.squared { "²" } else { "" };
                    format!("b{}[{}; {batch}{}, {}]{squared}", m.buffer, m.offset, m.row, m.column)
                };
                let batch = if product.batch.is_one() { String::new() } else { format!("{} of ", product.batch) };
                let size = format!("{batch}{} x {} x {}", product.m, product.k, product.n);
                let (a, b, c) = (matrix(&product.a), matrix(&product.b), matrix(&product.c));
                let scale = product.scale.map(|buffer| format!(" * b{buffer}[0]")).unwrap_or_default();
                writeln!(f, "{indent}product {} {size}: {c} = {a} @ {b}{scale}", product.dtype)?;
            }
            Step::Routine(call) => {
                let rows = |rows: &Rows| {
                    let each = if rows.shared { "" } else { " each" };
                    format!("b{}[{}]{each}", rows.buffer, crate::graph::display_shape(&rows.core))
                };
                let operands: Vec<String> = call.operands.iter().map(rows).collect();
                let (name, result) = (call.routine.name, rows(&call.result));
                writeln!(f, "{indent}routine {name} {} rows: {result} = {name} {}", call.rows, operands.join(", "))?;
            }
            Step::Loop(inner) => {
                let limit = match &inner.limit {
                    Scalar::Size(size) => size.to_string(),
                    Scalar::Buffer(buffer) => format!("b{buffer}"),
                };
                writeln!(f, "{indent}loop b{} < {limit}", inner.counter)?;
                write_steps(f, &inner.head, depth + 1)?;
                if let Some(again) = inner.again {
                    writeln!(f, "{indent}  while b{again}")?;
                }
                write_steps(f, &inner.body, depth + 1)?;
            }
            Step::Bind(bind) => writeln!(f, "{indent}size {} = b{}", bind.size, bind.value)?,
            Step::If(inner) => {
                writeln!(f, "{indent}if b{}", inner.condition)?;
                write_steps(f, &inner.then, depth + 1)?;
            }
        }
    }
    Ok(())
}

fn write_nest(f: &mut Formatter<'_>, nest: &Nest, indent: &str) -> fmt::Result {
    let loops: Vec<String> = nest.loops.iter().enumerate().map(|(k, extent)| format!("i{k} < {extent}")).collect();
    let parallel = if nest.parallel { " parallel" } else { "" };
    writeln!(f, "{indent}nest{parallel} for {}", if loops.is_empty() { "once".into() } else { loops.join(", ") })?;
    for (k, inst) in nest.body.iter().enumerate() {
        writeln!(f, "{indent}  v{k} = {}", show(inst))?;
    }
    match &nest.sink {
        Sink::Store { value, buffer, offset } => writeln!(f, "{indent}  b{buffer}[{}] = v{value}", affine(offset)),
        Sink::Reduce { kind, loops, value, position, buffer, offset } => {
            let at = position.map(|p| format!(" at v{p}")).unwrap_or_default();
            writeln!(f, "{indent}  b{buffer}[{}] = {} over {loops} of v{value}{at}", affine(offset), kind.name)
        }
        Sink::Accumulate { kind, value, buffer, offset, partial } => {
            let blocks = partial.map(|p| format!(" in blocks, in b{p}")).unwrap_or_default();
            writeln!(f, "{indent}  b{buffer}[{}] {}= v{value}{blocks}", affine(offset), kind.name)
        }
    }
}

fn show(inst: &Inst) -> String {
    let values = |args: &[usize]| args.iter().map(|v| format!("v{v}")).collect::<Vec<_>>().join(" ");
    match inst {
        Inst::Const(constant, dtype) => match constant {
            Constant::Bool(value) => format!("{value}"),
            Constant::Int(value) => format!("{dtype} {value}"),
            Constant::Float(bits) => format!("{dtype} {:?}", f64::from_bits(*bits)),
        },
        Inst::Index(at) => format!("index {}", affine(at)),
        Inst::Load(buffer, at) => format!("load b{buffer}[{}]", affine(at)),
        Inst::Map(op, args) => format!("{} {}", op.name, values(args)),
        Inst::Cast(value, dtype) => format!("{dtype} v{value}"),
        Inst::Check { fault, args } => format!("check {fault} {}", values(args)),
    }
}

fn affine(affine: &Affine) -> String {
    let scaled = |name: String, factor: &Size| match factor.as_const() {
        Some(1) => name,
        Some(value) => format!("{value}*{name}"),
        None if factor.as_var().is_some() => format!("{factor}*{name}"),
        None => format!("({factor})*{name}"),
    };
    let mut parts: Vec<String> = affine.loops.iter().map(|(l, factor)| scaled(format!("i{l}"), factor)).collect();
    parts.extend(affine.values.iter().map(|(v, factor)| scaled(format!("v{v}"), factor)));
    if affine.constant.as_const() != Some(0) || parts.is_empty() {
        parts.push(affine.constant.to_string());
    }
    parts.join(" + ")
}
