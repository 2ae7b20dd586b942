//! Types as written, made into types of the graph.
//!
//! In: `f64[n, d]` as a syntax tree. Out: dtype and sizes.
//! Always holds: an unknown type name is reported with the types that there are.

use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Size, Type};
use crate::runtime::array::DType;
use crate::syntax::ast::{BinaryOp, SizeExpr, SizeKind, TypeExpr, TypeKind};
use crate::syntax::span::Span;

/// A declared type: arrays, perhaps in tuples.
#[derive(Clone, Debug, PartialEq)]
pub enum Declared {
    /// An array or scalar, and where it was declared.
    Array(Type, Span),
    /// A tuple.
    Tuple(Vec<Declared>, Span),
}

impl Declared {
    /// The type as the user wrote it.
    pub fn describe(&self) -> String {
        match self {
            Declared::Array(ty, _) => ty.to_string(),
            Declared::Tuple(parts, _) => {
                format!("({})", parts.iter().map(Declared::describe).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// The arrays in it, in order.
    pub fn arrays(&self) -> Vec<&Type> {
        match self {
            Declared::Array(ty, _) => vec![ty],
            Declared::Tuple(parts, _) => parts.iter().flat_map(Declared::arrays).collect(),
        }
    }
}

/// Makes a type.
pub fn declared(ty: &TypeExpr) -> Result<Declared> {
    match &ty.kind {
        TypeKind::Array { scalar, dims } => {
            let dtype = dtype(&scalar.text, scalar.span)?;
            let shape: Result<Vec<Size>> = dims.iter().map(size).collect();
            Ok(Declared::Array(Type::array(dtype, shape?), ty.span))
        }
        TypeKind::Tuple(parts) => Ok(Declared::Tuple(parts.iter().map(declared).collect::<Result<_>>()?, ty.span)),
        TypeKind::List(_) => {
            Err(Diagnostic::error(codes::NOT_AVAILABLE, ty.span, "lists are not part of this version")
                .help("pass arrays of equal sizes as one array with a leading axis"))
        }
    }
}

fn dtype(name: &str, span: Span) -> Result<DType> {
    if let Some(dtype) = DType::from_name(name) {
        return Ok(dtype);
    }
    let known = match name {
        "float" | "double" | "float64" | "real" => "f64",
        "float32" | "single" => "f32",
        "float16" | "half" => "f16",
        "bfloat16" => "bf16",
        "int" | "int64" | "integer" | "i32" => "i64",
        "boolean" | "logical" => "bool",
        _ => "f64, f32, f16, bf16, i64 or bool",
    };
    Err(Diagnostic::error(codes::UNKNOWN_NAME, span, format!("there is no type `{name}`"))
        .help(format!("write {known}")))
}

fn size(expr: &SizeExpr) -> Result<Size> {
    match &expr.kind {
        SizeKind::Literal(value) => Ok(Size::from(*value)),
        SizeKind::Variable(name) => Ok(Size::var(name)),
        SizeKind::Unknown => Err(Diagnostic::error(
            codes::NOT_AVAILABLE,
            expr.span,
            "sizes known only at run time are not part of this version",
        )
        .help("name the size with a variable that an argument binds")),
        SizeKind::Binary(op, a, b) => {
            let (a, b) = (size(a)?, size(b)?);
            Ok(match op {
                BinaryOp::Add => a.plus(&b),
                BinaryOp::Subtract => a.minus(&b),
                _ => a.times(&b),
            })
        }
    }
}

/// The size variables that a type mentions, with the place of each first mention.
pub fn size_names(ty: &TypeExpr, names: &mut Vec<(String, Span)>) {
    fn visit(size: &SizeExpr, names: &mut Vec<(String, Span)>) {
        match &size.kind {
            SizeKind::Variable(name) if !names.iter().any(|(known, _)| known == name) => {
                names.push((name.clone(), size.span));
            }
            SizeKind::Binary(_, a, b) => {
                visit(a, names);
                visit(b, names);
            }
            _ => {}
        }
    }
    match &ty.kind {
        TypeKind::Array { dims, .. } => dims.iter().for_each(|dim| visit(dim, names)),
        TypeKind::Tuple(parts) => parts.iter().for_each(|part| size_names(part, names)),
        TypeKind::List(inner) => size_names(inner, names),
    }
}
