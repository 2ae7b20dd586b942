//! What a kernel takes and gives, as values to look at.
//!
//! In: a checked function. Out: [`Signature`], which prints as a program writes it.
//! Always holds: the arrays of the parameters, in order, are the kernel's arguments; those of the result its results.

use crate::check::{Checked, Declared, Shape};
use crate::graph::{Graph, Size, Type};
use crate::runtime::array::DType;
use std::fmt;

/// The type of a parameter or of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// An array, or a scalar if it has no sizes.
    Array {
        /// The type of an element.
        dtype: DType,
        /// The sizes as a program writes them, outermost first: `n`, `3`, `n + 1`; `?` for what only running tells.
        sizes: Vec<String>,
    },
    /// A tuple.
    Tuple(Vec<ValueType>),
    /// A record: fields by name.
    Record(Vec<(String, ValueType)>),
    /// A list, with as many items as it has.
    List(Vec<ValueType>),
    /// No value.
    Nothing,
}

/// What a kernel takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name of the function.
    pub name: String,
    /// Names and types of the parameters, in order.
    pub parameters: Vec<(String, ValueType)>,
    /// The type of the result.
    pub result: ValueType,
}

impl Signature {
    pub(super) fn new(checked: &Checked) -> Signature {
        let parameters = &checked.parameters;
        Signature {
            name: checked.name.clone(),
            parameters: parameters.iter().map(|p| (p.name.clone(), ValueType::of_parameter(&p.ty))).collect(),
            result: ValueType::of_result(&checked.result, &checked.graph),
        }
    }
}

impl ValueType {
    fn of_parameter(ty: &Declared) -> ValueType {
        match ty {
            Declared::Array(ty, _) => ValueType::of_array(ty),
            Declared::Tuple(parts, _) => ValueType::Tuple(parts.iter().map(ValueType::of_parameter).collect()),
            Declared::List(items, _) => ValueType::List(items.iter().map(ValueType::of_parameter).collect()),
            Declared::Open(_) => ValueType::Nothing,
        }
    }

    fn of_result(shape: &Shape, graph: &Graph) -> ValueType {
        let all = |parts: &[Shape]| parts.iter().map(|part| ValueType::of_result(part, graph)).collect();
        match shape {
            Shape::Array(k) => {
                graph.outputs.get(*k).map_or(ValueType::Nothing, |&id| ValueType::of_array(graph.ty(id)))
            }
            Shape::Tuple(parts) => ValueType::Tuple(all(parts)),
            Shape::List(items) => ValueType::List(all(items)),
            Shape::Record(fields) => {
                let field = |(name, shape): &(String, Shape)| (name.clone(), ValueType::of_result(shape, graph));
                ValueType::Record(fields.iter().map(field).collect())
            }
            Shape::Nothing => ValueType::Nothing,
        }
    }

    fn of_array(ty: &Type) -> ValueType {
        ValueType::Array { dtype: ty.dtype, sizes: ty.shape.iter().map(written).collect() }
    }

    /// The arrays in it, in order: element types and sizes.
    pub fn arrays(&self) -> Vec<(DType, &[String])> {
        match self {
            ValueType::Array { dtype, sizes } => vec![(*dtype, sizes)],
            ValueType::Tuple(parts) | ValueType::List(parts) => parts.iter().flat_map(ValueType::arrays).collect(),
            ValueType::Record(fields) => fields.iter().flat_map(|(_, ty)| ty.arrays()).collect(),
            ValueType::Nothing => Vec::new(),
        }
    }
}

/// A size as it was written; names that no program writes stand for sizes that only running tells.
fn written(size: &Size) -> String {
    let names = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if size.vars().iter().all(|var| names(var)) { size.to_string() } else { "?".to_string() }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValueType::Array { dtype, sizes } if sizes.is_empty() => f.write_str(dtype.name()),
            ValueType::Array { dtype, sizes } => write!(f, "{dtype}[{}]", sizes.join(", ")),
            ValueType::Tuple(parts) => write!(f, "({})", listed(parts)),
            ValueType::List(items) => write!(f, "list({})", listed(items)),
            ValueType::Record(fields) => {
                let fields: Vec<String> = fields.iter().map(|(name, ty)| format!("{name}={ty}")).collect();
                write!(f, "record({})", fields.join(", "))
            }
            ValueType::Nothing => f.write_str("()"),
        }
    }
}

fn listed(parts: &[ValueType]) -> String {
    parts.iter().map(ValueType::to_string).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters: Vec<String> = self.parameters.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
        write!(f, "fn {}({})", self.name, parameters.join(", "))?;
        if self.result == ValueType::Nothing { Ok(()) } else { write!(f, " -> {}", self.result) }
    }
}
