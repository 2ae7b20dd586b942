//! A Python module over ctypes, for a shared library.
//!
//! In: interfaces, and the name of the library. Out: the text of the module; it needs NumPy and nothing else.
//! Always holds: arrays of the right type are passed without a copy, read-only ones too; others are errors, not conversions.

use super::Interface;
use super::names::letters;
use crate::runtime::array::DType;
use crate::runtime::native::Parameter;
use std::fmt::Write;

const PREAMBLE: &str = r#"import ctypes
import os

import numpy as np


class MicrotomeError(Exception):
    """A call gave no result. `code` is the number of the error, as the header lists them."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


_here = os.path.dirname(os.path.abspath(__file__))
_library = ctypes.CDLL(os.path.join(_here, LIBRARY))
_int64s = ctypes.POINTER(ctypes.c_int64)


def _numbers(values):
    return (ctypes.c_int64 * max(len(values), 1))(*values)


def _array(name, value, dtype, axes):
    value = np.asarray(value)
    if value.dtype != dtype:
        raise TypeError(f"`{name}` has elements of {value.dtype}, not {np.dtype(dtype)}: convert it before the call")
    if value.ndim != axes:
        raise TypeError(f"`{name}` has {value.ndim} axes, not {axes}")
    size = value.dtype.itemsize
    if not value.flags.aligned or any(step % size for step in value.strides):
        value = np.array(value, order="C")
    strides = [step // size for step in value.strides]
    return value, [ctypes.c_void_p(value.ctypes.data), _numbers(value.shape), _numbers(strides)]


def _check(status, text):
    if status:
        raise MicrotomeError(status, text.value.decode("utf-8", "replace"))


def _sizes(function, shapes, ranks):
    text = ctypes.create_string_buffer(4096)
    results = [_numbers([0] * rank) for rank in ranks]
    _check(function(*[_numbers(shape) for shape in shapes], *results, text, ctypes.c_int64(4096)), text)
    return [tuple(result[:rank]) for result, rank in zip(results, ranks)]


def _result(name, given, shape, dtype):
    if given is None:
        return np.empty(shape, dtype)
    if not isinstance(given, np.ndarray) or not given.flags.writeable:
        raise TypeError(f"`{name}` is no array that can be written")
    if not given.flags.aligned or any(step % given.itemsize for step in given.strides):
        raise TypeError(f"`{name}` is not aligned")
    return given


def _take(address, shape, dtype):
    count = int(np.prod(shape, dtype=np.int64))
    size = np.dtype(dtype).itemsize
    try:
        text = ctypes.string_at(address, count * size)
    finally:
        _free(address)
    return np.frombuffer(bytearray(text), dtype=dtype, count=count).reshape(shape)

"#;

/// The text of the module.
pub fn python(interfaces: &[Interface], prefix: &str, library: &str, source: &str) -> String {
    let mut text = format!(
        "\"\"\"Kernels of {source}, compiled by microtome {}. Generated: changes will be lost.\"\"\"\n\n{}",
        env!("CARGO_PKG_VERSION"),
        PREAMBLE.replace("LIBRARY", &format!("{library:?}"))
    );
    let _ = write!(
        text,
        "_free = _library.{prefix}_free\n_free.argtypes = [ctypes.c_void_p]\n_free.restype = None\n\n\n\
         def threads(count):\n    \"\"\"At most so many threads from now on; 0 for as many as the machine runs at once.\"\"\"\n    \
         _library.{prefix}_threads(ctypes.c_int64(count))\n"
    );
    for interface in interfaces {
        function(interface, &mut text);
    }
    text
}

/// The NumPy type of elements, and the ctypes type of a scalar.
fn types(dtype: DType) -> (&'static str, &'static str) {
    match dtype {
        DType::Bool => ("np.bool_", "ctypes.c_uint8"),
        DType::I64 => ("np.int64", "ctypes.c_int64"),
        DType::F16 => ("np.float16", "ctypes.c_uint16"),
        // NumPy has no bfloat16: the bits, as they are.
        DType::BF16 => ("np.uint16", "ctypes.c_uint16"),
        DType::F32 => ("np.float32", "ctypes.c_float"),
        DType::F64 => ("np.float64", "ctypes.c_double"),
    }
}

fn scalar(parameter: &Parameter) -> String {
    let (name, (_, ty)) = (python_name(&parameter.name), types(parameter.dtype));
    match parameter.dtype {
        DType::F16 => format!("{ty}(int(np.float16({name}).view(np.uint16)))"),
        DType::Bool => format!("{ty}(bool({name}))"),
        DType::I64 | DType::BF16 => format!("{ty}(int({name}))"),
        DType::F32 | DType::F64 => format!("{ty}(float({name}))"),
    }
}

/// A name of Python's.
fn python_name(name: &str) -> String {
    const KEYWORDS: &[&str] = &[
        "and", "as", "assert", "async", "await", "class", "def", "del", "elif", "except", "finally", "from", "global",
        "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "with", "yield", "None", "True",
        "False", "np", "os", "ctypes",
    ];
    if KEYWORDS.contains(&name) || name.starts_with('_') { format!("{name}_") } else { name.to_owned() }
}

fn function(interface: &Interface, text: &mut String) {
    let program = &interface.program;
    let name = python_name(&letters(&interface.name));
    let symbol = &program.name;
    let inputs: Vec<String> = program.inputs.iter().map(|parameter| python_name(&parameter.name)).collect();
    let known: Vec<&Parameter> =
        program.outputs.iter().filter(|output| !output.shape.is_empty() && !program.is_found(output)).collect();
    let optional: Vec<String> = known.iter().map(|output| format!("{}=None", output.name)).collect();
    let star = if optional.is_empty() { Vec::new() } else { vec!["*".to_owned()] };
    let heads: Vec<String> = inputs.iter().cloned().chain(star).chain(optional).collect();
    let _ =
        write!(text, "\n\ndef {name}({}):\n    \"\"\"{}\"\"\"\n", heads.join(", "), interface.head.replace('"', "'"));
    let mut passed = Vec::new();
    for (parameter, own) in program.inputs.iter().zip(&inputs) {
        if parameter.shape.is_empty() {
            passed.push(scalar(parameter));
        } else {
            let (element, _) = types(parameter.dtype);
            let rank = parameter.shape.len();
            let _ = writeln!(text, "    {own}, _{own} = _array({own:?}, {own}, {element}, {rank})");
            passed.push(format!("*_{own}"));
        }
    }
    if !known.is_empty() {
        let arrays = program.inputs.iter().zip(&inputs).filter(|(parameter, _)| !parameter.shape.is_empty());
        let shapes: Vec<String> = arrays.map(|(_, own)| format!("{own}.shape")).collect();
        let ranked: Vec<&Parameter> = program.outputs.iter().filter(|output| !output.shape.is_empty()).collect();
        let ranks: Vec<String> = ranked.iter().map(|output| output.shape.len().to_string()).collect();
        let _ = writeln!(
            text,
            "    _shapes = _sizes(_library.{symbol}_sizes, [{}], [{}])",
            shapes.join(", "),
            ranks.join(", ")
        );
        for (k, output) in ranked.iter().enumerate().filter(|(_, output)| !program.is_found(output)) {
            let (own, (element, _)) = (&output.name, types(output.dtype));
            let _ = writeln!(text, "    {own} = _result({own:?}, {own}, _shapes[{k}], {element})");
            let _ = writeln!(text, "    {own}, _{own} = _array({own:?}, {own}, {element}, {})", output.shape.len());
        }
    }
    let mut results = Vec::new();
    for output in &program.outputs {
        let (own, (element, simple)) = (&output.name, types(output.dtype));
        if program.is_found(output) {
            let _ = writeln!(text, "    _{own} = ctypes.c_void_p()");
            let _ = writeln!(text, "    _{own}_shape = _numbers([0] * {})", output.shape.len());
            passed.push(format!("ctypes.byref(_{own}), _{own}_shape"));
            results.push(format!("_take(_{own}, tuple(_{own}_shape[:{}]), {element})", output.shape.len()));
        } else if output.shape.is_empty() {
            let _ = writeln!(text, "    _{own} = {simple}()");
            passed.push(format!("ctypes.byref(_{own})"));
            results.push(match output.dtype {
                DType::Bool => format!("bool(_{own}.value)"),
                DType::F16 => format!("np.uint16(_{own}.value).view(np.float16)"),
                _ => format!("_{own}.value"),
            });
        } else {
            passed.push(format!("*_{own}"));
            results.push(own.clone());
        }
    }
    let comma = if passed.is_empty() { "" } else { ", " };
    let _ = write!(
        text,
        "    _text = ctypes.create_string_buffer(4096)\n    \
         _check(_library.{symbol}({}{comma}_text, ctypes.c_int64(4096)), _text)\n    return {}\n",
        passed.join(", "),
        if results.len() == 1 { results.concat() } else { format!("({})", results.join(", ")) }
    );
}
