//! Which parentheses the grammar needs, and which the reader does.
//!
//! In: an expression and where it stands. Out: whether it goes into parentheses.
//! Always holds: the ranks are those of the grammar's nonterminals, loosest first.

use crate::syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};

/// How tightly an expression holds together; a nonterminal of the grammar each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Lambdas and `if`.
    Any,
    /// `or`.
    Disjunction,
    /// `and`.
    Conjunction,
    /// `not`.
    Negation,
    /// `==`, `<` and the like.
    Comparison,
    /// `+ -`.
    Sum,
    /// `* / // % @`.
    Product,
    /// Unary `-`.
    Unary,
    /// `^`.
    Power,
    /// Calls, indexes, fields.
    Postfix,
    /// Names, literals, brackets.
    Atom,
}

impl Rank {
    /// The rank of an expression.
    pub fn of(e: &Expr) -> Rank {
        match &e.kind {
            ExprKind::Lambda(..) | ExprKind::If(..) | ExprKind::Generated(..) => Rank::Any,
            ExprKind::Unary(UnaryOp::Not, _) => Rank::Negation,
            ExprKind::Unary(UnaryOp::Negate, _) => Rank::Unary,
            ExprKind::Binary(op, ..) => Rank::of_operator(*op),
            ExprKind::Call(..) | ExprKind::Index(..) | ExprKind::Field(..) => Rank::Postfix,
            _ => Rank::Atom,
        }
    }

    /// The rank of an operator's result.
    pub fn of_operator(op: BinaryOp) -> Rank {
        use BinaryOp::*;
        match op {
            Or => Rank::Disjunction,
            And => Rank::Conjunction,
            Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual => Rank::Comparison,
            Add | Subtract => Rank::Sum,
            Multiply | Divide | FloorDivide | Remainder | MatrixProduct => Rank::Product,
            Power => Rank::Power,
        }
    }
}

/// The loosest ranks that may stand to the left and to the right of an operator.
pub(super) fn operands(op: BinaryOp) -> (Rank, Rank) {
    match Rank::of_operator(op) {
        Rank::Disjunction => (Rank::Disjunction, Rank::Conjunction),
        Rank::Conjunction => (Rank::Conjunction, Rank::Negation),
        Rank::Comparison => (Rank::Sum, Rank::Sum),
        Rank::Sum => (Rank::Sum, Rank::Product),
        Rank::Product => (Rank::Product, Rank::Unary),
        _ => (Rank::Postfix, Rank::Unary),
    }
}

/// The loosest rank that may stand behind a prefix operator.
pub(super) fn operand(op: UnaryOp) -> Rank {
    match op {
        UnaryOp::Not => Rank::Negation,
        UnaryOp::Negate => Rank::Unary,
    }
}

/// What an operand stands under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    /// To the left of an operator.
    Left(BinaryOp),
    /// To the right of one.
    Right(BinaryOp),
    /// Behind a prefix operator.
    Prefix(UnaryOp),
}

/// Whether parentheses that could go help the reader all the same.
pub(super) fn help(parent: Parent, e: &Expr) -> bool {
    let rank = Rank::of(e);
    match parent {
        Parent::Prefix(UnaryOp::Not) => rank == Rank::Comparison,
        Parent::Prefix(UnaryOp::Negate) => rank == Rank::Power,
        Parent::Left(op) | Parent::Right(op) => match Rank::of_operator(op) {
            Rank::Disjunction => matches!(rank, Rank::Conjunction | Rank::Negation),
            Rank::Conjunction => rank == Rank::Negation,
            Rank::Sum => rank == Rank::Unary && parent == Parent::Right(op),
            Rank::Product => match &e.kind {
                ExprKind::Binary(inner, ..) => rank == Rank::Product && *inner != op,
                _ => rank == Rank::Unary,
            },
            Rank::Power => matches!(rank, Rank::Power | Rank::Unary),
            _ => false,
        },
    }
}
