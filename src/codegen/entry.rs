//! All functions of a kernel: one per nest, and the entry that runs the steps in order.
//!
//! In: a kernel and a module to declare functions in. Out: functions in Cranelift IR, not yet compiled.
//! Always holds: the entry stops at the first step whose status is not zero, and returns that.
//!
//! The entry is `(context, frame, fault) -> status`. The frame holds the sizes, then the addresses of the buffers.

use super::CodegenError;
use super::nest::NestWriter;
use super::plan::Plan;
use super::writer::{Frame, Writer, aligned, signature};
use crate::graph::Size;
use crate::loops::{Call, Kernel, Matrix, Product, Step};
use crate::runtime::array::DType;
use crate::runtime::routine;
use cranelift_codegen::ir::{Function, InstBuilder, UserFuncName, Value, types};
use cranelift_module::{FuncId, Linkage, Module};

/// A function with its name.
pub(super) struct Named {
    /// Its id in the module.
    pub(super) id: FuncId,
    /// The name, for people.
    pub(super) name: String,
    /// The code.
    pub(super) function: Function,
}

/// The functions of a kernel; the entry is the last.
pub(super) fn functions(kernel: &Kernel, module: &mut dyn Module) -> Result<Vec<Named>, CodegenError> {
    let frame = Frame::new(kernel);
    let mut all = Vec::new();
    let mut plans = Vec::new();
    for (index, step) in kernel.steps.iter().enumerate() {
        let Step::Nest(nest) = step else {
            plans.push(None);
            continue;
        };
        let plan = Plan::new(kernel, nest)?;
        let mut named = declare(module, format!("nest{index}"), 4)?;
        let (writer, params) = Writer::new(&mut named.function, module, &frame, 0);
        NestWriter::write(writer, &params, &plan, &kernel.faults).finish()?;
        plans.push(Some((named.id, plan)));
        all.push(named);
    }
    let mut named = declare(module, "entry".to_owned(), 3)?;
    let (mut w, params) = Writer::new(&mut named.function, module, &frame, 1);
    for (step, plan) in kernel.steps.iter().zip(&plans) {
        match (step, plan) {
            (Step::Nest(_), Some((id, plan))) => run_nest(&mut w, &params, *id, plan),
            (Step::Product(product), _) => run_product(&mut w, &params, product),
            (Step::Routine(call), _) => run_routine(&mut w, &params, kernel, call),
            _ => {}
        }
    }
    let zero = w.integer(0);
    w.ins().return_(&[zero]);
    w.finish()?;
    all.push(named);
    Ok(all)
}

fn declare(module: &mut dyn Module, name: String, params: usize) -> Result<Named, CodegenError> {
    let signature = signature(module, &vec![types::I64; params], &[types::I64]);
    let id = module.declare_function(&name, Linkage::Local, &signature).map_err(CodegenError::new)?;
    let function = Function::with_name_signature(UserFuncName::user(0, id.as_u32()), signature);
    Ok(Named { id, name, function })
}

fn run_nest(w: &mut Writer, params: &[Value], id: FuncId, plan: &Plan) {
    let &[context, frame, fault] = params else { return };
    let function = w.function(id);
    let extent = w.size(plan.nest.loops.first().unwrap_or(&Size::one()));
    let status = if plan.is_parallel() {
        let address = w.ins().func_addr(types::I64, function);
        let inner = Size::product(plan.nest.loops.iter().skip(1));
        let work = w.size(&inner.times(&Size::from(plan.cost())));
        w.call("mt_parallel_for", &[context, address, frame, extent, work, fault], &[types::I64])
    } else {
        let zero = w.integer(0);
        let call = w.cursor.ins().call(function, &[frame, zero, extent, fault]);
        w.cursor.func.dfg.inst_results(call).first().copied()
    };
    if let Some(status) = status {
        w.check_status(status);
    }
}

/// Calls the matrix product with a table of its sizes and operands, as `runtime::product::Request` has it.
fn run_product(w: &mut Writer, params: &[Value], product: &Product) {
    let &[context, _, _] = params else { return };
    let mut table: Vec<Value> = [&product.batch, &product.m, &product.n, &product.k].map(|size| w.size(size)).to_vec();
    for matrix in [&product.a, &product.b, &product.c] {
        table.push(first_element(w, matrix, product.dtype));
        table.extend([&matrix.batch, &matrix.row, &matrix.column].map(|size| w.size(size)));
    }
    let start = on_stack(w, &table);
    let name = match product.dtype {
        DType::F32 => "mt_product_f32",
        DType::F64 => "mt_product_f64",
        other => return w.fail(format_args!("a matrix product of {other}")),
    };
    if let Some(status) = w.call(name, &[context, start], &[types::I64]) {
        w.check_status(status);
    }
}

/// Calls a routine with a table of its rows, as `runtime::routine` reads it.
fn run_routine(w: &mut Writer, params: &[Value], kernel: &Kernel, call: &Call) {
    let &[context, _, _] = params else { return };
    let mut table: Vec<Value> = vec![w.integer(call.routine.position() as i64)];
    table.extend([&call.rows, &call.work].map(|size| w.size(size)));
    for rows in call.operands.iter().chain([&call.result]) {
        let dtype = kernel.buffers.get(rows.buffer).map_or(DType::F64, |buffer| buffer.dtype);
        table.extend([w.integer(routine::code(dtype)), w.buffer(rows.buffer), w.integer(i64::from(rows.shared))]);
        table.push(w.integer(rows.core.len() as i64));
        table.extend(rows.core.iter().map(|size| w.size(size)));
    }
    let start = on_stack(w, &table);
    if let Some(status) = w.call("mt_routine", &[context, start], &[types::I64]) {
        w.check_status(status);
    }
}

/// The address of a table of integers on the stack.
fn on_stack(w: &mut Writer, table: &[Value]) -> Value {
    let slot = w.stack(8 * table.len() as u32);
    let start = w.ins().stack_addr(types::I64, slot, 0);
    for (index, value) in table.iter().enumerate() {
        w.ins().store(aligned(), *value, start, 8 * index as i32);
    }
    start
}

fn first_element(w: &mut Writer, matrix: &Matrix, dtype: DType) -> Value {
    let start = w.buffer(matrix.buffer);
    let offset = matrix.offset.times(&Size::from(dtype.size() as i64));
    if offset.as_const() == Some(0) {
        return start;
    }
    let offset = w.size(&offset);
    w.ins().iadd(start, offset)
}
