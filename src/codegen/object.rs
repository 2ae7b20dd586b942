//! Machine code in object files.
//!
//! In: kernels, with what the run-time library has to know of them. Out: the bytes of an object file, whose functions have the
//! C calling convention.
//! Always holds: no address of this process is in it; what it calls is named by the symbols of the run-time library.
//!
//! Of each kernel there are its own functions, the bytes that describe it, and a record that leads to both (`Record` of
//! `runtime::native`). Programs in Rust name the record; for all others there are two thin functions that make a table of
//! their parameters and hand it to the run-time library.

use super::CodegenError;
use super::define::define;
use super::entry::{Named, functions};
use super::lanes::scalar;
use super::target::Target;
use super::writer::aligned;
use crate::loops::Kernel;
use crate::runtime::native::{Parameter, Program};
use crate::runtime::symbols;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, Signature, StackSlotData, StackSlotKind, Type, UserFuncName, Value, types,
};
use cranelift_module::{DataDescription, DataId, FuncId, Linkage, Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};

/// A kernel for an object file.
pub struct Unit<'a> {
    /// Its loops.
    pub kernel: &'a Kernel,
    /// What the run-time library has to know.
    pub program: &'a Program,
    /// What the names of its symbols begin with.
    pub symbol: &'a str,
}

/// Who calls the kernels of an object file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callers {
    /// Whoever calls functions of C: a kernel is the function with the name of its symbol, and one beside it that tells sizes.
    C,
    /// Programs in Rust: a kernel is the record with the name of its symbol.
    Rust,
}

/// Functions that every object file has, by the end of their names: what they take, and which of the library's they call.
pub const COMMON: [(&str, &str); 3] =
    [("free", "native_free"), ("threads", "native_threads"), ("interrupt", "native_interrupt")];

/// The object file of kernels; for callers in C with common functions, whose names begin with `prefix`.
///
/// # Errors
/// A kernel is malformed, or the target is not supported.
pub fn object(units: &[Unit<'_>], prefix: &str, callers: Callers, target: &Target) -> Result<Vec<u8>, CodegenError> {
    let builder = ObjectBuilder::new(target.isa(false).clone(), prefix, default_libcall_names());
    let mut module = ObjectModule::new(builder.map_err(CodegenError::new)?);
    let mut all = Vec::new();
    for unit in units {
        let symbol = unit.symbol;
        all.extend(functions(unit.kernel, &mut module, &format!("{symbol}."))?);
        let entry = all.last().map(|named| named.id).ok_or_else(|| CodegenError::new("there is no entry"))?;
        let record = record(unit, entry, callers, &mut module)?;
        if callers == Callers::Rust {
            continue;
        }
        all.push(thin(&mut module, symbol, "native_call", record, &call_parameters(unit.program))?);
        let sizes = format!("{symbol}_sizes");
        all.push(thin(&mut module, &sizes, "native_sizes", record, &size_parameters(unit.program))?);
    }
    for (name, called) in COMMON.into_iter().filter(|_| callers == Callers::C) {
        let ty = if name == "interrupt" { types::I32 } else { types::I64 };
        all.push(passed_on(&mut module, &format!("{prefix}_{name}"), called, ty)?);
    }
    define(&all, &mut module, &**target.isa(true))?;
    module.finish().emit().map_err(CodegenError::new)
}

/// The bytes that describe a kernel, and the record that leads to them: entry, bytes, their number, and a cell of the library's.
fn record(unit: &Unit<'_>, entry: FuncId, callers: Callers, module: &mut ObjectModule) -> Result<DataId, CodegenError> {
    let bytes = unit.program.encode().ok_or_else(|| CodegenError::new("a kernel cannot be described"))?;
    let length = bytes.len() as u64;
    let symbol = unit.symbol;
    let about = data(module, &format!("{symbol}.about"), Linkage::Local, false, |description, _| {
        description.define(bytes.into_boxed_slice());
    })?;
    let (name, linkage) = match callers {
        Callers::C => (format!("{symbol}.kernel"), Linkage::Local),
        Callers::Rust => (symbol.to_owned(), Linkage::Export),
    };
    data(module, &name, linkage, true, |description, module| {
        let mut record = vec![0u8; 32];
        record.splice(16..24, length.to_le_bytes());
        description.define(record.into_boxed_slice());
        description.set_align(8);
        let entry = module.declare_func_in_data(entry, description);
        description.write_function_addr(0, entry);
        let about = module.declare_data_in_data(about, description);
        description.write_data_addr(8, about, 0);
    })
}

fn data(
    module: &mut ObjectModule,
    name: &str,
    linkage: Linkage,
    writable: bool,
    fill: impl FnOnce(&mut DataDescription, &mut ObjectModule),
) -> Result<DataId, CodegenError> {
    let id = module.declare_data(name, linkage, writable, false).map_err(CodegenError::new)?;
    let mut description = DataDescription::new();
    fill(&mut description, module);
    module.define_data(id, &description).map_err(CodegenError::new)?;
    Ok(id)
}

/// The parameters of a kernel's function, as `runtime::native::call` reads them.
fn call_parameters(program: &Program) -> Vec<Type> {
    let mut all = Vec::new();
    for parameter in &program.inputs {
        match parameter.shape.is_empty() {
            true => all.push(scalar(parameter.dtype)),
            false => all.extend([types::I64; 3]),
        }
    }
    for parameter in &program.outputs {
        let count = match (program.is_found(parameter), parameter.shape.is_empty()) {
            (true, _) => 2,
            (false, true) => 1,
            (false, false) => 3,
        };
        all.extend(std::iter::repeat_n(types::I64, count));
    }
    all
}

/// The parameters of the function that tells sizes: one for each array.
fn size_parameters(program: &Program) -> Vec<Type> {
    let is_array = |parameter: &&Parameter| !parameter.shape.is_empty();
    program.inputs.iter().chain(&program.outputs).filter(is_array).map(|_| types::I64).collect()
}

fn declare(
    module: &mut ObjectModule,
    name: &str,
    linkage: Linkage,
    params: &[Type],
    returns: &[Type],
) -> Result<Named, CodegenError> {
    let signature = signature(module, params, returns);
    let id = module.declare_function(name, linkage, &signature).map_err(CodegenError::new)?;
    let function = Function::with_name_signature(UserFuncName::user(0, id.as_u32()), signature);
    Ok(Named { id, name: name.to_owned(), function, optimised: false })
}

fn signature(module: &ObjectModule, params: &[Type], returns: &[Type]) -> Signature {
    let mut signature = module.make_signature();
    signature.params.extend(params.iter().map(|ty| AbiParam::new(*ty)));
    signature.returns.extend(returns.iter().map(|ty| AbiParam::new(*ty)));
    signature
}

/// A function that makes a table of its parameters, but for the last two (room for a text, and how much), and calls one of the
/// library's with a kernel, the table, and those two.
fn thin(
    module: &mut ObjectModule,
    name: &str,
    called: &str,
    kernel: DataId,
    parameters: &[Type],
) -> Result<Named, CodegenError> {
    let own: Vec<Type> = parameters.iter().copied().chain([types::I64, types::I64]).collect();
    let mut named = declare(module, name, Linkage::Export, &own, &[types::I32])?;
    let callee = declare(module, &symbols::name(called), Linkage::Import, &[types::I64; 4], &[types::I32])?.id;
    let callee = module.declare_func_in_func(callee, &mut named.function);
    let kernel = module.declare_data_in_func(kernel, &mut named.function);
    let (mut cursor, params) = open(&mut named.function);
    let bytes = 8 * parameters.len().max(1) as u32;
    let slot = cursor.func.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3));
    let table = cursor.ins().stack_addr(types::I64, slot, 0);
    let (tabled, text) = params.split_at(parameters.len());
    let zero = cursor.ins().iconst(types::I64, 0);
    for (index, (param, ty)) in tabled.iter().zip(parameters).enumerate() {
        let at = 8 * index as i32;
        if ty.bytes() < 8 {
            cursor.ins().store(aligned(), zero, table, at);
        }
        cursor.ins().store(aligned(), *param, table, at);
    }
    let kernel = cursor.ins().symbol_value(types::I64, kernel);
    let arguments: Vec<Value> = [kernel, table].into_iter().chain(text.iter().copied()).collect();
    let call = cursor.ins().call(callee, &arguments);
    let status: Vec<Value> = cursor.func.dfg.inst_results(call).to_vec();
    cursor.ins().return_(&status);
    Ok(named)
}

/// A function of one parameter that calls one of the library's.
fn passed_on(module: &mut ObjectModule, name: &str, called: &str, ty: Type) -> Result<Named, CodegenError> {
    let mut named = declare(module, name, Linkage::Export, &[ty], &[])?;
    let callee = declare(module, &symbols::name(called), Linkage::Import, &[ty], &[])?.id;
    let callee = module.declare_func_in_func(callee, &mut named.function);
    let (mut cursor, params) = open(&mut named.function);
    cursor.ins().call(callee, &params);
    cursor.ins().return_(&[]);
    Ok(named)
}

/// The only block of a function, and the parameters.
fn open(function: &mut Function) -> (FuncCursor<'_>, Vec<Value>) {
    let types: Vec<Type> = function.signature.params.iter().map(|param| param.value_type).collect();
    let mut cursor = FuncCursor::new(function);
    let block = cursor.func.dfg.make_block();
    let params = types.into_iter().map(|ty| cursor.func.dfg.append_block_param(block, ty)).collect();
    cursor.insert_block(block);
    (cursor, params)
}
