//! Types, sizes and patterns: short things that are never broken.
//!
//! In: their trees. Out: their text.
//! Always holds: parentheses only where the tree needs them.

use super::text::Printer;
use crate::syntax::ast::*;

impl Printer<'_> {
    /// A type.
    pub fn ty(&self, ty: &TypeExpr) -> String {
        match &ty.kind {
            TypeKind::Array { scalar, dims } if dims.is_empty() => scalar.text.clone(),
            TypeKind::Array { scalar, dims } => {
                let dims: Vec<String> = dims.iter().map(|size| self.size(size)).collect();
                format!("{}[{}]", scalar.text, dims.join(", "))
            }
            TypeKind::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| self.ty(part)).collect();
                format!("({})", parts.join(", "))
            }
            TypeKind::List(element) => format!("list[{}]", self.ty(element)),
        }
    }

    fn size(&self, size: &SizeExpr) -> String {
        match &size.kind {
            SizeKind::Literal(_) => self.source.leaf(size.span).to_string(),
            SizeKind::Variable(name) => name.clone(),
            SizeKind::Unknown => "?".to_string(),
            SizeKind::Binary(BinaryOp::Multiply, left, right) => {
                let left = self.part(left, is_sum(left));
                format!("{left}*{}", self.part(right, matches!(right.kind, SizeKind::Binary(..))))
            }
            SizeKind::Binary(op, left, right) => {
                format!("{} {} {}", self.size(left), op.symbol(), self.part(right, is_sum(right)))
            }
        }
    }

    fn part(&self, size: &SizeExpr, parentheses: bool) -> String {
        let inner = self.size(size);
        if parentheses { format!("({inner})") } else { inner }
    }
}

fn is_sum(size: &SizeExpr) -> bool {
    matches!(size.kind, SizeKind::Binary(BinaryOp::Add | BinaryOp::Subtract, ..))
}

/// What a `let`, a loop or a lambda binds.
pub(super) fn pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Name(name) => name.text.clone(),
        Pattern::Tuple(parts, _) => {
            let parts: Vec<String> = parts.iter().map(self::pattern).collect();
            format!("({})", parts.join(", "))
        }
    }
}
