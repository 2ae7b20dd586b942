//! Inputs: what a caller gives, as what a program or function declares.
//!
//! In: files and texts by name, and declarations. Out: arrays of the declared dtypes and ranks, and the values of size variables.
//! Always holds: what is missing, misshapen or surplus is an error (E0603) that names it.

use super::kernel::bind_sizes;
use crate::check::{Checker, Declared, Functions, Loaded, Value};
use crate::diagnostic::{Diagnostic, Result as Checking, codes, nearest};
use crate::graph::{NodeId, Size, SizeEnv, Type};
use crate::io;
use crate::runtime::array::{Array, DType};
use crate::runtime::rounding::{bf16_from_f64, f16_from_f64};
use crate::syntax::ast::Input;
use crate::syntax::span::Span;
use crate::with_typed_array;
use ndarray::Axis;
use rustc_hash::FxHashMap;
use std::path::{Path, PathBuf};

/// Where a program's inputs come from.
#[derive(Clone, Debug, PartialEq)]
pub enum InputSource {
    /// `x=file.npy` or `k=3`.
    Named(String, String),
    /// `all.npz`, `.mat`, `.safetensors` or a `.csv` with a header: each key feeds the input of that name.
    All(PathBuf),
}

/// Who takes inputs.
#[derive(Clone, Copy)]
pub(super) enum Taker<'a> {
    /// A program, whose inputs are declared.
    Program,
    /// A function, whose inputs are its parameters.
    Function(&'a str),
}

impl Taker<'_> {
    fn surplus(self, name: &str, declared: &[&str]) -> Box<Diagnostic> {
        let (what, none, some) = match self {
            Taker::Program => ("the program has no input".to_string(), "it declares no inputs", "its inputs are"),
            Taker::Function(f) => (format!("`{f}` has no parameter"), "it takes nothing", "its parameters are"),
        };
        let error = Diagnostic::global(codes::INPUT, format!("{what} `{name}`"));
        match nearest(name, declared.iter().copied()) {
            Some(near) => error.help(format!("did you mean `{near}`?")),
            None if declared.is_empty() => error.help(none),
            None => error.help(format!("{some} {}", declared.join(", "))),
        }
    }
}

/// Pairs what is given with what is declared.
pub(super) fn matched(
    given: Vec<(String, Given)>,
    declared: &[&str],
    taker: Taker<'_>,
) -> Checking<Vec<Option<Given>>> {
    let mut slots: Vec<Option<Given>> = declared.iter().map(|_| None).collect();
    for (name, value) in given {
        let at = declared.iter().position(|known| *known == name);
        match at.and_then(|at| slots.get_mut(at)) {
            Some(slot @ None) => *slot = Some(value),
            Some(Some(_)) => {
                return Err(Diagnostic::global(codes::INPUT, format!("the input `{name}` is given twice")));
            }
            None => return Err(taker.surplus(&name, declared)),
        }
    }
    Ok(slots)
}

/// An input that nobody gives.
pub(super) fn missing(name: &str, span: Span) -> Box<Diagnostic> {
    Diagnostic::error(codes::INPUT, span, format!("the input `{name}` is missing"))
        .help(format!("give it with --input {name}=…"))
}

/// An input as given: what a file holds, or text for a scalar.
pub(super) enum Given {
    File(Loaded),
    /// From MATLAB, where everything has two axes at least.
    Matlab(Loaded),
    Text(String),
}

impl Given {
    /// Itself under its name; a list item by item, as the arrays of a tuple are named: `p.0`, `p.1`.
    pub(super) fn parts(self, name: String, parts: &mut Vec<(String, Given)>) {
        match self {
            Given::File(Loaded::List(items)) => {
                let items = items.into_iter().enumerate();
                items.for_each(|(k, item)| Given::File(item).parts(format!("{name}.{k}"), parts));
            }
            Given::Matlab(Loaded::List(items)) => {
                let items = items.into_iter().enumerate();
                items.for_each(|(k, item)| Given::Matlab(item).parts(format!("{name}.{k}"), parts));
            }
            other => parts.push((name, other)),
        }
    }

    fn from_file(path: &Path, value: Loaded) -> Given {
        let is_matlab = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("mat"));
        if is_matlab { Given::Matlab(value) } else { Given::File(value) }
    }
}

/// An array of MATLAB's without axes of size 1, as far as it has more axes than wanted: a 1×n matrix is a vector, a 1×1
/// matrix a number.
fn without_single_axes(array: Array, rank: usize) -> Array {
    let mut array = array;
    while array.shape().len() > rank
        && let Some(axis) = array.shape().iter().position(|&size| size == 1)
    {
        array = with_typed_array!(Array, array, a => Array::from(a.remove_axis(Axis(axis))));
    }
    array
}

/// What is given, by name.
pub(super) fn gather(sources: &[InputSource]) -> Checking<Vec<(String, Given)>> {
    let mut all = Vec::new();
    for source in sources {
        match source {
            InputSource::All(path) => match io::load(path).map_err(|error| error.diagnostic(None))? {
                Loaded::Record(fields) => {
                    all.extend(fields.into_iter().map(|(name, value)| (name, Given::from_file(path, value))));
                }
                other => {
                    let text = format!("{} holds {} without a name", path.display(), other.describe());
                    return Err(Diagnostic::global(codes::INPUT, text)
                        .help(format!("say which input it is: --input x={}", path.display())));
                }
            },
            InputSource::Named(name, value) => all.push((name.clone(), named(name, value)?)),
        }
    }
    Ok(all)
}

fn named(name: &str, value: &str) -> Checking<Given> {
    let path = Path::new(value);
    let is_scalar = value.parse::<f64>().is_ok() || matches!(value, "true" | "false");
    if is_scalar && !path.exists() {
        return Ok(Given::Text(value.to_string()));
    }
    let value = match io::load(path).map_err(|error| error.diagnostic(None))? {
        Loaded::Record(mut fields) => {
            let names: Vec<String> = fields.iter().map(|(field, _)| field.clone()).collect();
            let at = names.iter().position(|field| field == name).or((names.len() == 1).then_some(0));
            match at {
                Some(at) => fields.swap_remove(at).1,
                None => {
                    return Err(Diagnostic::global(codes::INPUT, format!("{value} has no array `{name}`"))
                        .help(format!("it has {}", names.join(", "))));
                }
            }
        }
        other => other,
    };
    Ok(Given::from_file(path, value))
}

/// Declares an input without a value.
pub(super) fn declare(checker: &mut Checker<'_>, input: &Input) -> Checking<Type> {
    let mut names = Vec::new();
    crate::check::size_names(&input.ty, &mut names);
    let ty = match crate::check::declared(&input.ty)? {
        Declared::Array(ty, _) => ty,
        Declared::Tuple(_, span) | Declared::List(_, span) | Declared::Open(span) => {
            return Err(Diagnostic::error(codes::TYPE, span, "an input is one array or scalar"));
        }
    };
    if checker.scope.get(&input.name.text).is_some() {
        return Err(Diagnostic::error(
            codes::DUPLICATE_NAME,
            input.name.span,
            format!("`{}` is declared twice", input.name.text),
        ));
    }
    for (name, span) in names {
        if checker.scope.get(&name).is_none() {
            let value = Value::array(checker.graph.size_value(&Size::var(&name)));
            checker.scope.bind(&name, value, span, false);
        }
    }
    checker.graph.span = input.name.span;
    let id = checker.graph.add_input(input.name.text.clone(), ty.clone());
    checker.bind_value(&input.name, Value::array(id));
    Ok(ty)
}

/// Binds every input to its value; sizes become literals.
pub(super) fn bind_inputs(
    checker: &mut Checker<'_>,
    inputs: &[Input],
    given: Vec<Option<Given>>,
) -> Checking<FxHashMap<NodeId, Array>> {
    let functions = Functions::default();
    let mut scratch = Checker::new("inputs", &functions, None);
    let mut arrays: Vec<(String, Type, Array, Span)> = Vec::new();
    for (input, given) in inputs.iter().zip(given) {
        let ty = declare(&mut scratch, input)?;
        let Some(given) = given else {
            return Err(missing(&input.name.text, input.span));
        };
        arrays.push((input.name.text.clone(), ty.clone(), fitting(&input.name.text, &ty, given)?, input.span));
    }
    let formals: Vec<(&str, &Type)> = arrays.iter().map(|(name, ty, ..)| (name.as_str(), ty)).collect();
    let shapes: Vec<&[usize]> = arrays.iter().map(|(_, _, array, _)| array.shape()).collect();
    let sizes = bind_sizes(&formals, &shapes, &SizeEnv::new()).map_err(|mut problem| {
        problem.code = codes::INPUT;
        problem
    })?;
    for (name, value) in &sizes {
        let value = Value::array(checker.graph.int(*value));
        checker.scope.bind(name, value, Span::default(), false);
    }
    let mut values = FxHashMap::default();
    for ((name, ty, array, _), input) in arrays.into_iter().zip(inputs) {
        let literal = |size: &Size| Size::from(size.eval(&sizes).unwrap_or(0));
        let ty = Type::array(ty.dtype, ty.shape.iter().map(literal).collect());
        let id = checker.graph.add_input(name, ty);
        checker.bind_value(&input.name, Value::array(id));
        values.insert(id, array);
    }
    Ok(values)
}

/// What is given, as the declared dtype and rank.
pub(super) fn fitting(name: &str, ty: &Type, given: Given) -> Checking<Array> {
    let wrong = |found: String| {
        Diagnostic::global(codes::INPUT, format!("the input `{name}` is declared {ty}, what is given is {found}"))
    };
    let array = match given {
        Given::File(Loaded::Array(array)) => array,
        Given::Matlab(Loaded::Array(array)) => without_single_axes(array, ty.rank()),
        Given::File(other) | Given::Matlab(other) => return Err(wrong(other.describe())),
        Given::Text(text) => {
            let parsed = match ty.dtype {
                DType::F64 => text.parse::<f64>().ok().map(Array::from),
                DType::F16 => text.parse::<f64>().ok().map(|v| f16_from_f64(v).into()),
                DType::BF16 => text.parse::<f64>().ok().map(|v| bf16_from_f64(v).into()),
                DType::F32 => text.parse::<f32>().ok().map(Array::from),
                DType::I64 => text.parse::<i64>().ok().map(Array::from),
                DType::Bool => text.parse::<bool>().ok().map(Array::from),
            };
            parsed.ok_or_else(|| wrong(format!("`{text}`")))?
        }
    };
    let found = crate::runtime::print::format_type(&array);
    let array = exactly(array, ty.dtype);
    if array.dtype() != ty.dtype {
        return Err(wrong(found)
            .help(format!("save it as {}, or declare the type it has and convert in the program", ty.dtype)));
    }
    if array.shape().len() != ty.rank() {
        return Err(wrong(found).help(format!("the declared type has {} axes", ty.rank())));
    }
    Ok(array)
}

/// Single precision from binary16, and the bfloat16 that files hold in single precision: no element may change.
fn exactly(array: Array, dtype: DType) -> Array {
    match (array, dtype) {
        (Array::F16(halves), DType::F32) => halves.mapv(f32::from).into(),
        (Array::F32(singles), DType::BF16) => {
            let rounded = singles.mapv(half::bf16::from_f32);
            let same = rounded.iter().zip(&singles).all(|(&r, &s)| f32::from(r) == s || s.is_nan());
            if same { rounded.into() } else { singles.into() }
        }
        (array, _) => array,
    }
}
