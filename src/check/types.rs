//! Types as written, made into types of the graph.
//!
//! In: `f64[n, d]` as a syntax tree. Out: dtype and sizes.
//! Always holds: an unknown type name is reported with the types that there are.

use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Size, Type};
use crate::runtime::array::DType;
use crate::syntax::ast::{BinaryOp, SizeExpr, SizeKind, TypeExpr, TypeKind};
use crate::syntax::span::Span;

/// A size that only running tells, as it is written.
pub(super) const UNKNOWN: &str = "?";

/// A declared type: arrays, perhaps in tuples.
#[derive(Clone, Debug, PartialEq)]
pub enum Declared {
    /// An array or scalar, and where it was declared.
    Array(Type, Span),
    /// A tuple.
    Tuple(Vec<Declared>, Span),
    /// A list with as many items as a call has; its `?` sizes are variables of their own in each item.
    List(Vec<Declared>, Span),
    /// Nothing is said: a function, or whatever the call gives.
    Open(Span),
}

impl Declared {
    /// The type as the user wrote it.
    pub fn describe(&self) -> String {
        match self {
            Declared::Array(ty, _) => ty.to_string(),
            Declared::Tuple(parts, _) => {
                format!("({})", parts.iter().map(Declared::describe).collect::<Vec<_>>().join(", "))
            }
            Declared::List(..) => "a list".to_string(),
            Declared::Open(_) => "anything".to_string(),
        }
    }

    /// The arrays in it, in order.
    pub fn arrays(&self) -> Vec<&Type> {
        match self {
            Declared::Array(ty, _) => vec![ty],
            Declared::Tuple(parts, _) | Declared::List(parts, _) => parts.iter().flat_map(Declared::arrays).collect(),
            Declared::Open(_) => Vec::new(),
        }
    }
}

/// How many items the lists of an argument have.
#[derive(Clone, Debug, PartialEq)]
pub enum Layout {
    /// No list.
    Plain,
    /// A tuple.
    Tuple(Vec<Layout>),
    /// A list.
    List(Vec<Layout>),
}

/// Makes a type.
pub fn declared(ty: &TypeExpr) -> Result<Declared> {
    if let Some(place) = list_in(ty) {
        return Err(Diagnostic::error(codes::NOT_AVAILABLE, place, "a list here is not part of this version")
            .help("a function's parameter may be a list; elsewhere leave the type out"));
    }
    declared_as(ty, &Layout::Plain, "")
}

/// Where a type has a list.
pub(super) fn list_in(ty: &TypeExpr) -> Option<Span> {
    match &ty.kind {
        TypeKind::List(_) => Some(ty.span),
        TypeKind::Tuple(parts) => parts.iter().find_map(list_in),
        TypeKind::Array { .. } => None,
    }
}

/// Makes the type of a parameter whose argument is laid out so; where the two do not fit, lists are empty.
pub(super) fn declared_as(ty: &TypeExpr, layout: &Layout, name: &str) -> Result<Declared> {
    let inner = |layout: &Layout| match layout {
        Layout::List(parts) | Layout::Tuple(parts) => parts.clone(),
        Layout::Plain => Vec::new(),
    };
    match &ty.kind {
        TypeKind::Array { scalar, dims } => {
            let dtype = dtype(&scalar.text, scalar.span)?;
            let dims = dims.iter().enumerate();
            let shape: Result<Vec<Size>> = dims
                .map(|(axis, dim)| match dim.kind {
                    // In a parameter each is a size of its own, under a name that no program writes.
                    SizeKind::Unknown if !matches!(name, "" | UNKNOWN) => Ok(Size::var(&format!("{name}.{axis}"))),
                    _ => size(dim),
                })
                .collect();
            Ok(Declared::Array(Type::array(dtype, shape?), ty.span))
        }
        TypeKind::Tuple(parts) => {
            let layouts = inner(layout).into_iter().chain(std::iter::repeat(Layout::Plain));
            let parts = parts.iter().zip(layouts).enumerate();
            let parts = parts.map(|(k, (part, layout))| declared_as(part, &layout, &format!("{name}:{k}")));
            Ok(Declared::Tuple(parts.collect::<Result<_>>()?, ty.span))
        }
        TypeKind::List(item) => {
            let items = inner(layout).into_iter().enumerate();
            let items = items.map(|(k, layout)| declared_as(item, &layout, &format!("{name}.{k}")));
            Ok(Declared::List(items.collect::<Result<_>>()?, ty.span))
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
        SizeKind::Unknown => Ok(Size::var(UNKNOWN)),
        SizeKind::Binary(op, a, b) => {
            let (a, b) = (size(a)?, size(b)?);
            if [&a, &b].iter().any(|size| size.vars().iter().any(|var| &**var == UNKNOWN)) {
                return Ok(Size::var(UNKNOWN));
            }
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
