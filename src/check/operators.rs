//! Promotion and broadcasting: how two operands become operands of one type and shape.
//!
//! In: values. Out: nodes of equal dtype and shape, and elementwise nodes over them.
//! Always holds: only a missing axis or the literal size 1 stretches.

use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{CheckKind, Constant, NodeId, Op, Size, Type};
use crate::ops::elementwise::{self, Elementwise, Signature};
use crate::runtime::array::DType;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::syntax::span::Span;

/// An operand: node, whether it is a literal, and its place.
#[derive(Clone, Copy)]
pub struct Operand {
    /// The node.
    pub id: NodeId,
    /// Whether it still takes the type of what it meets.
    pub literal: bool,
    /// Where.
    pub span: Span,
}

/// The dtype of two typed operands.
pub fn promote(a: DType, b: DType) -> DType {
    match (a, b) {
        (DType::F64, _) | (_, DType::F64) => DType::F64,
        (DType::F32, _) | (_, DType::F32) | (DType::F16, DType::BF16) | (DType::BF16, DType::F16) => DType::F32,
        (DType::F16, _) | (_, DType::F16) => DType::F16,
        (DType::BF16, _) | (_, DType::BF16) => DType::BF16,
        (DType::I64, _) | (_, DType::I64) => DType::I64,
        (DType::Bool, DType::Bool) => DType::Bool,
    }
}

impl Checker<'_> {
    /// An array operand; anything else is an error that says what was found.
    pub(super) fn operand(&mut self, expr: &Expr) -> Result<Operand> {
        let value = self.expression(expr)?;
        self.as_operand(&value, expr.span)
    }

    pub(super) fn as_operand(&self, value: &Value, span: Span) -> Result<Operand> {
        match value {
            Value::Array { id, literal } => Ok(Operand { id: *id, literal: *literal, span }),
            other => Err(Diagnostic::error(codes::TYPE, span, "a number or an array is needed here")
                .at(format!("this is {}", other.describe(&self.graph)))),
        }
    }

    /// The dtype that operands meet in. Literals take the type of the others; an integer literal that meets a float
    /// becomes one, a float literal that meets an integer makes the result `f64`.
    pub(super) fn common_dtype(&self, operands: &[Operand]) -> DType {
        let dtype = |o: &Operand| self.graph.ty(o.id).dtype;
        let typed = operands.iter().filter(|o| !o.literal).map(dtype).reduce(promote);
        let literal = operands.iter().filter(|o| o.literal).map(dtype).reduce(promote);
        match (typed, literal) {
            (Some(typed), Some(literal)) if literal.is_float() && typed.is_float() => typed,
            (Some(typed), Some(literal)) => promote(typed, literal),
            (Some(typed), None) => typed,
            (None, literal) => literal.unwrap_or(DType::F64),
        }
    }

    /// Applies an elementwise operator with promotion and broadcasting.
    pub(super) fn elementwise(&mut self, op: &'static Elementwise, operands: &[Operand], span: Span) -> Result<Value> {
        let values = match (op.signature, operands) {
            (Signature::Select, [_, values @ ..]) => values,
            _ => operands,
        };
        let common = self.common_dtype(values);
        let dtype = match op.signature {
            Signature::Number if common == DType::Bool => DType::I64,
            Signature::Float | Signature::FloatPredicate if !common.is_float() => DType::F64,
            Signature::Logic => DType::Bool,
            Signature::Integer | Signature::IntegerToFloat => DType::I64,
            _ => common,
        };
        for operand in operands.iter().filter(|_| op.signature == Signature::Logic) {
            self.expect_bool(operand, &format!("`{}` takes truth values", op.name))?;
        }
        if let Signature::Integer | Signature::IntegerToFloat = op.signature {
            operands.iter().try_for_each(|operand| self.expect_integer(operand, op.name))?;
        }
        if let (Signature::Select, Some(condition)) = (op.signature, operands.first()) {
            self.expect_bool(condition, "the condition of `where` is a truth value")?;
        }
        let skip = operands.len() - values.len();
        let mut aligned = self.broadcast_together(operands, op.name, span)?;
        for id in aligned.iter_mut().skip(skip) {
            *id = self.graph.cast(*id, dtype);
        }
        if dtype == DType::I64
            && matches!(op.name, "floor_divide" | "remainder")
            && let ([_, divisor], [_, written]) = (aligned.as_mut_slice(), operands)
        {
            *divisor = self.checked_divisor(*divisor, written.span);
        }
        if dtype == DType::I64
            && op.name == "pow"
            && let ([_, exponent], [_, written]) = (aligned.as_mut_slice(), operands)
        {
            *exponent = self.checked_exponent(*exponent, written.span);
        }
        self.graph.span = span;
        let id = self.graph.map(op, &aligned);
        Ok(Value::Array { id, literal: operands.iter().all(|o| o.literal) && self.graph.ty(id).dtype != DType::Bool })
    }

    pub(super) fn expect_bool(&self, operand: &Operand, what: &str) -> Result<()> {
        let ty = self.graph.ty(operand.id);
        if ty.dtype == DType::Bool {
            return Ok(());
        }
        Err(Diagnostic::error(codes::TYPE, operand.span, what.to_string())
            .at(format!("this is {ty}"))
            .help("compare it with something: x != 0"))
    }

    pub(super) fn expect_integer(&self, operand: &Operand, what: &str) -> Result<()> {
        let ty = self.graph.ty(operand.id);
        if !ty.dtype.is_float() {
            return Ok(());
        }
        Err(Diagnostic::error(codes::TYPE, operand.span, format!("`{what}` takes whole numbers"))
            .at(format!("this is {ty}"))
            .help("convert with i64(x)"))
    }

    fn checked_divisor(&mut self, divisor: NodeId, span: Span) -> NodeId {
        if self.graph.as_constant(divisor).is_some_and(|c| c.as_f64() != 0.0) {
            return divisor;
        }
        self.check(CheckKind::NonZero, divisor, None, span)
    }

    /// An integer to a negative integer power is no integer.
    fn checked_exponent(&mut self, exponent: NodeId, span: Span) -> NodeId {
        if self.graph.as_constant(exponent).is_some_and(|c| c.as_f64() >= 0.0) {
            return exponent;
        }
        let shape = self.graph.shape(exponent).to_vec();
        let zero = self.graph.int(0);
        let zero = self.graph.broadcast(zero, &[], &shape);
        let holds = self.graph.map(&elementwise::GREATER_EQUAL, &[exponent, zero]);
        let message = "an integer to a negative integer power: write f64(a) ^ b";
        self.check(CheckKind::Assert { message: Some(message.to_string()) }, holds, None, span);
        exponent
    }

    /// A run-time check of a value, against a size if its kind needs one. It is remembered, so that it happens
    /// whether or not its value is used.
    pub(super) fn check(&mut self, kind: CheckKind, value: NodeId, size: Option<NodeId>, span: Span) -> NodeId {
        let before = self.graph.span;
        self.graph.span = span;
        let mut inputs: Vec<NodeId> = std::iter::once(value).chain(size).collect();
        self.guarded(&kind, &mut inputs);
        let ty = self.graph.ty(inputs.first().copied().unwrap_or(value)).clone();
        let id = self.graph.add(Op::Check(kind), inputs, ty);
        self.graph.span = before;
        if !self.graph.checks.contains(&id) {
            self.graph.checks.push(id);
        }
        id
    }

    /// Makes sure that a size is not negative: now if it is known, else when running.
    pub(super) fn require_nonnegative(&mut self, size: &Size, message: &str, span: Span) -> Result<()> {
        match size.as_const() {
            Some(0..) => Ok(()),
            // Where control may never come it is no error yet.
            Some(_) if self.is_sure() => Err(Diagnostic::error(codes::SIZES, span, message.to_string())),
            None if size.is_nonnegative() => Ok(()),
            _ => {
                // What is said when running says nothing of the names of sizes here.
                let message = &self.explained(Diagnostic::error(codes::SIZES, span, message)).message;
                let value = self.graph.size_value(size);
                self.require_natural(value, message, span);
                Ok(())
            }
        }
    }

    /// Checks when running that an integer is at least 0.
    pub(super) fn require_natural(&mut self, value: NodeId, message: &str, span: Span) {
        let zero = self.graph.int(0);
        let holds = self.graph.map(&elementwise::GREATER_EQUAL, &[value, zero]);
        self.check(CheckKind::Assert { message: Some(message.to_string()) }, holds, None, span);
    }

    /// Brings operands to one shape.
    pub(super) fn broadcast_together(&mut self, operands: &[Operand], what: &str, span: Span) -> Result<Vec<NodeId>> {
        let rank = operands.iter().map(|o| self.graph.ty(o.id).rank()).max().unwrap_or(0);
        let Some(&first) = operands.first() else { return Ok(Vec::new()) };
        let mut shape: Vec<(Size, Operand)> = vec![(Size::one(), first); rank];
        for operand in operands {
            let own = self.graph.shape(operand.id);
            let lead = rank - own.len();
            for ((at, (known, by)), size) in shape.iter_mut().enumerate().skip(lead).zip(own) {
                if known.is_one() {
                    (*known, *by) = (size.clone(), *operand);
                } else if !size.is_one() && known != size {
                    if !self.may_be_equal(known, size) {
                        return Err(self.broadcast_error(what, span, (known, by), (size, operand), at, rank));
                    }
                    // The size that more is known of.
                    if self.is_found(known) && !self.is_found(size) {
                        (*known, *by) = (size.clone(), *operand);
                    }
                }
            }
        }
        let shape: Vec<Size> = shape.into_iter().map(|(size, _)| size).collect();
        let what = format!("`{what}` needs equal sizes");
        operands.iter().map(|operand| self.fitting(operand, &shape, &what, span)).collect()
    }

    /// An operand repeated to a shape; sizes of which only running tells are checked to be those.
    fn fitting(&mut self, operand: &Operand, shape: &[Size], what: &str, span: Span) -> Result<NodeId> {
        let own = self.graph.shape(operand.id).to_vec();
        let lead = shape.len().saturating_sub(own.len());
        let here = shape.iter().skip(lead);
        let wanted: Vec<Size> =
            own.iter().zip(here).map(|(own, size)| if own.is_one() { own } else { size }.clone()).collect();
        match self.agreed(operand.id, &wanted, what, span) {
            Some(id) => Ok(self.stretch(id, shape)),
            None => {
                let text =
                    format!("{what}: {} and [{}]", self.graph.ty(operand.id), crate::graph::display_shape(shape));
                let error = Diagnostic::error(codes::BROADCAST, span, text);
                Err(self.origins(error, &own.iter().chain(shape).collect::<Vec<_>>()))
            }
        }
    }

    fn broadcast_error(
        &self,
        what: &str,
        span: Span,
        a: (&Size, &Operand),
        b: (&Size, &Operand),
        at: usize,
        rank: usize,
    ) -> Box<Diagnostic> {
        let (ta, tb) = (self.graph.ty(a.1.id), self.graph.ty(b.1.id));
        let axis = rank - at;
        let error = Diagnostic::error(codes::BROADCAST, span, format!("{ta} and {tb} do not broadcast together"))
            .at(format!("`{what}` needs the sizes {} and {} to be equal (axis -{axis})", a.0, b.0))
            .label(a.1.span, format!("this is {ta}"))
            .label(b.1.span, format!("this is {tb}"));
        let help = match self.is_found(a.0) || self.is_found(b.0) {
            true => "cut both to one length: x[:min(a, b)]",
            false => {
                "axes are matched from the last; only a missing axis or the literal size 1 stretches: insert one with x[:, newaxis]"
            }
        };
        self.origins(error, &[a.0, b.0]).help(help)
    }

    /// Adds where each size variable comes from.
    pub(super) fn origins(&self, error: Box<Diagnostic>, sizes: &[&Size]) -> Box<Diagnostic> {
        let mut names: Vec<_> = sizes.iter().flat_map(|size| size.vars()).collect();
        names.sort();
        names.dedup();
        names.iter().fold(error, |error, name| {
            let declared = self.scope.bindings().find(|binding| {
                binding.name == **name
                    && matches!(&binding.value, Value::Array { id, .. }
                        if self.graph.as_extent(*id).is_some_and(|size| size.as_var() == Some(name)))
            });
            match declared {
                Some(binding) => error.label(binding.span, format!("{name} is the size of this axis")),
                None => error,
            }
        })
    }

    /// Repeats `x` to `shape`: missing leading axes and axes of literal size 1.
    pub(super) fn stretch(&mut self, x: NodeId, shape: &[Size]) -> NodeId {
        let own = self.graph.shape(x).to_vec();
        if own == shape {
            return x;
        }
        let lead = shape.len() - own.len();
        let mut ones = Vec::new();
        let mut axes = Vec::new();
        for (axis, (size, wanted)) in own.iter().zip(shape.iter().skip(lead)).enumerate() {
            if size.is_one() && !wanted.is_one() {
                ones.push(axis);
            } else {
                axes.push(lead + axis);
            }
        }
        let squeezed = self.graph.squeeze(x, &ones);
        self.graph.broadcast(squeezed, &axes, shape)
    }

    /// A value brought to a declared dtype, if promotion leads there.
    pub(super) fn assignable(&mut self, operand: Operand, dtype: DType) -> Option<NodeId> {
        let own = self.graph.ty(operand.id).dtype;
        let fits = if operand.literal {
            own == dtype || dtype.is_float()
        } else {
            own == dtype || (own != DType::Bool && promote(own, dtype) == dtype)
        };
        fits.then(|| self.graph.cast(operand.id, dtype))
    }

    pub(super) fn unary(&mut self, op: UnaryOp, inner: &Expr, span: Span) -> Result<Value> {
        let operand = self.operand(inner)?;
        match op {
            UnaryOp::Negate => self.elementwise(&elementwise::NEGATE, &[operand], span),
            UnaryOp::Not => self.elementwise(&elementwise::NOT, &[operand], span),
        }
    }

    pub(super) fn binary(&mut self, op: BinaryOp, a: &Expr, b: &Expr, span: Span) -> Result<Value> {
        let left = self.operand(a).map_err(|error| joined_text(op, error, a, b))?;
        let (condition, guards) = (self.decided_by(op, &left), self.flow.guards.len());
        self.flow.guards.extend(condition);
        let right = self.operand(b).map_err(|error| commented(op, joined_text(op, error, b, a), b));
        self.flow.guards.truncate(guards);
        let right = right?;
        let table = match op {
            BinaryOp::Add => &elementwise::ADD,
            BinaryOp::Subtract => &elementwise::SUBTRACT,
            BinaryOp::Multiply => &elementwise::MULTIPLY,
            BinaryOp::Divide => &elementwise::DIVIDE,
            BinaryOp::FloorDivide => &elementwise::FLOOR_DIVIDE,
            BinaryOp::Remainder => &elementwise::REMAINDER,
            BinaryOp::Equal => &elementwise::EQUAL,
            BinaryOp::NotEqual => &elementwise::NOT_EQUAL,
            BinaryOp::Less => &elementwise::LESS,
            BinaryOp::LessEqual => &elementwise::LESS_EQUAL,
            BinaryOp::Greater => &elementwise::GREATER,
            BinaryOp::GreaterEqual => &elementwise::GREATER_EQUAL,
            BinaryOp::And => &elementwise::AND,
            BinaryOp::Or => &elementwise::OR,
            BinaryOp::Power => return self.power(left, right, b, span),
            BinaryOp::MatrixProduct => return self.matrix_product(left, right, span),
        };
        self.elementwise(table, &[left, right], span)
    }

    /// Under which condition the right side of `and` or `or` is looked at. It is computed in any case, but only then its checks count.
    fn decided_by(&mut self, op: BinaryOp, left: &Operand) -> Option<NodeId> {
        let ty = self.graph.ty(left.id);
        if ty.dtype != DType::Bool || ty.rank() != 0 {
            return None;
        }
        let condition = match op {
            BinaryOp::And => left.id,
            BinaryOp::Or => self.graph.map(&elementwise::NOT, &[left.id]),
            _ => return None,
        };
        (self.graph.as_constant(condition) != Some(Constant::Bool(true))).then_some(condition)
    }

    /// `a ^ b`; a small whole literal exponent is a product, so that sums of squares are contractions.
    pub(super) fn power(&mut self, base: Operand, exponent: Operand, written: &Expr, span: Span) -> Result<Value> {
        let whole = match literal_number(written) {
            Some(value) if exponent.literal && value.fract() == 0.0 && value.abs() <= 4.0 => Some(value as i64),
            _ => None,
        };
        let is_float = self.graph.ty(base.id).dtype.is_float() || self.graph.ty(exponent.id).dtype.is_float();
        let Some(count @ (1..=4 | -2..=-1)) = whole.filter(|&count| is_float || count > 0) else {
            let mut base = base;
            if exponent.literal && !is_float && literal_number(written).is_some_and(|value| value < 0.0) {
                base.id = self.graph.cast(base.id, DType::F64);
            }
            return self.elementwise(&elementwise::POWER, &[base, exponent], span);
        };
        let mut operand = base;
        let dtype = self.common_dtype(&[base, exponent]);
        let dtype = if dtype == DType::Bool { DType::I64 } else { dtype };
        // A power is one operator: of the 16-bit floats it is rounded once.
        operand.id = self.graph.cast(base.id, if dtype.is_half() { DType::F32 } else { dtype });
        self.graph.span = span;
        let mut product = operand.id;
        if count.abs() == 4 {
            let square = self.graph.times(product, product);
            product = self.graph.times(square, square);
        } else {
            for _ in 1..count.abs() {
                product = self.graph.times(product, operand.id);
            }
        }
        if count < 0 {
            let one = self.graph.constant_like(product, 1.0);
            product = self.graph.map(&elementwise::DIVIDE, &[one, product]);
        }
        let product = self.graph.cast(product, dtype);
        Ok(Value::Array { id: product, literal: base.literal })
    }

    /// NumPy's `@`, with sizes checked.
    pub(super) fn matrix_product(&mut self, left: Operand, right: Operand, span: Span) -> Result<Value> {
        let (ta, tb) = (self.graph.ty(left.id).clone(), self.graph.ty(right.id).clone());
        let mismatch = |code, message: String| {
            Diagnostic::error(code, span, message)
                .label(left.span, format!("this is {ta}"))
                .label(right.span, format!("this is {tb}"))
        };
        let (Some(inner_a), Some(inner_b)) = (ta.shape.last(), tb.shape.get(tb.rank().saturating_sub(2))) else {
            return Err(mismatch(codes::RANK, "`@` multiplies vectors and matrices, not scalars".into())
                .help("write * to multiply by a scalar"));
        };
        let mut right = right;
        let inner = tb.rank().saturating_sub(2);
        let wanted: Vec<Size> =
            tb.shape.iter().enumerate().map(|(axis, own)| if axis == inner { inner_a } else { own }.clone()).collect();
        if let Some(agreed) = self.agreed(right.id, &wanted, "`@` needs equal sizes to sum over", span) {
            right.id = agreed;
        } else {
            let error = mismatch(codes::SIZES, format!("`@` sums over axes of sizes {inner_a} and {inner_b}"))
                .at("the last size of the left must be the first of the right");
            return Err(self
                .origins(error, &[inner_a, inner_b])
                .help("transpose one of them with .T if its axes are the other way round"));
        }
        let dtype = self.common_dtype(&[left, right]);
        let dtype = if dtype == DType::Bool { DType::I64 } else { dtype };
        let (a, b) = (self.graph.cast(left.id, dtype), self.graph.cast(right.id, dtype));
        let (a, b) = self.match_leading(a, b, &mismatch)?;
        self.graph.span = span;
        match self.graph.matrix_product(a, b) {
            Some(id) => Ok(Value::array(id)),
            None => Err(mismatch(codes::RANK, "`@` multiplies vectors and matrices, not scalars".into())),
        }
    }

    /// Leading axes of a batch of matrix products must agree, be absent on one side, or have the literal size 1.
    fn match_leading(
        &mut self,
        a: NodeId,
        b: NodeId,
        mismatch: &dyn Fn(crate::diagnostic::Code, String) -> Box<Diagnostic>,
    ) -> Result<(NodeId, NodeId)> {
        let leading = |x| self.graph.shape(x).iter().rev().skip(2).rev().cloned().collect::<Vec<Size>>();
        let (mut la, mut lb) = (leading(a), leading(b));
        for (sa, sb) in la.iter_mut().rev().zip(lb.iter_mut().rev()) {
            match (sa.is_one(), sb.is_one()) {
                _ if sa == sb => {}
                (true, _) => *sa = sb.clone(),
                (_, true) => *sb = sa.clone(),
                _ => {
                    let text = format!("the leading axes of `@` have sizes {sa} and {sb}");
                    return Err(mismatch(codes::SIZES, text));
                }
            }
        }
        let mut spread = |x: NodeId, mut lead: Vec<Size>| {
            lead.extend(self.graph.shape(x).iter().skip(lead.len()).cloned());
            self.stretch(x, &lead)
        };
        Ok((spread(a, la), spread(b, lb)))
    }

    /// Whether two types agree; the sizes must be equal symbolically.
    pub(super) fn same_shape(a: &Type, b: &Type) -> bool {
        a.shape == b.shape
    }
}

/// The number that an expression is written as, with its sign.
fn literal_number(expr: &Expr) -> Option<f64> {
    match &expr.kind {
        ExprKind::Int(value) => Some(*value as f64),
        ExprKind::Float(value) => Some(*value),
        ExprKind::Unary(UnaryOp::Negate, inner) => literal_number(inner).map(|value| -value),
        _ => None,
    }
}

/// Strings do not add.
fn joined_text(op: BinaryOp, error: Box<Diagnostic>, at: &Expr, other: &Expr) -> Box<Diagnostic> {
    let is_text = |expr: &Expr| matches!(expr.kind, ExprKind::Str(_));
    if op == BinaryOp::Add && (is_text(at) || is_text(other)) && error.code == codes::TYPE {
        return error.help("strings are not joined: give `print` several arguments, print(\"x is\", x)");
    }
    error
}

/// `5 % comment`: an unknown name behind a sign that begins a comment elsewhere.
fn commented(op: BinaryOp, error: Box<Diagnostic>, right: &Expr) -> Box<Diagnostic> {
    let begins = matches!(op, BinaryOp::Remainder | BinaryOp::FloorDivide);
    if begins && error.code == codes::UNKNOWN_NAME && error.labels.first().is_some_and(|at| at.span == right.span) {
        return error.note("a comment begins with `#` and runs to the end of the line");
    }
    error
}
