//! The abstract syntax tree: what the parser makes and the checker reads.
//!
//! In: the reductions of `grammar/microtome.lalrpop`. Out: a [`Module`].
//! Always holds: every node knows its place, and no expression is nested deeper than
//! [`MAX_DEPTH`], so that a walk over the tree is bounded.

use super::span::Span;

/// The deepest nesting of expressions that the parser lets through.
pub const MAX_DEPTH: u32 = 500;

/// An identifier and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The text as written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A source file: items in the order in which they were written.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Module {
    /// Functions, imports, inputs and statements.
    pub items: Vec<Item>,
}

/// Something at the top level of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `fn name(…) -> type { … }`.
    Function(Function),
    /// `import "path"`.
    Import(Import),
    /// `input x: f64[n]`.
    Input(Input),
    /// Any statement.
    Statement(Statement),
}

/// `import "other.tome"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// The path as written, relative to the importing file.
    pub path: String,
    /// The whole item.
    pub span: Span,
}

/// `input x: f64[n, d]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// What the program calls it.
    pub name: Name,
    /// Its declared type.
    pub ty: TypeExpr,
    /// The whole item.
    pub span: Span,
}

/// A function definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: Name,
    /// Its parameters.
    pub params: Vec<Param>,
    /// The result type, if written.
    pub result: Option<TypeExpr>,
    /// `where time O(…), memory O(…), independent(n)`.
    pub contract: Vec<Clause>,
    /// The body; `= e` is a block of one expression.
    pub body: Block,
    /// From `fn` to the end of the body.
    pub span: Span,
}

/// `x: f64[n, d]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its type. Without one it takes anything, functions above all, and the body is checked for each call.
    pub ty: Option<TypeExpr>,
}

/// One clause of a complexity contract.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Which.
    pub kind: ClauseKind,
    /// Where.
    pub span: Span,
}

/// The clauses of `where`.
#[derive(Clone, Debug, PartialEq)]
pub enum ClauseKind {
    /// `time O(e)`; the bound is an ordinary expression of size variables.
    Time(Expr),
    /// `memory O(e)`.
    Memory(Expr),
    /// `independent(n)`.
    Independent(Name),
}

/// A type as written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeExpr {
    /// What it is.
    pub kind: TypeKind,
    /// Where.
    pub span: Span,
}

/// The forms of a type.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeKind {
    /// `f64`, `f64[n, d]`; no dims for a scalar.
    Array {
        /// The scalar type's name as written; the checker resolves it.
        scalar: Name,
        /// The sizes, outermost first.
        dims: Vec<SizeExpr>,
    },
    /// `(a, b)`.
    Tuple(Vec<TypeExpr>),
    /// `list[f64[20, ?]]`.
    List(Box<TypeExpr>),
}

/// A size as written in a type.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeExpr {
    /// What it is.
    pub kind: SizeKind,
    /// Where.
    pub span: Span,
}

/// The forms of a size.
#[derive(Clone, Debug, PartialEq)]
pub enum SizeKind {
    /// `64`.
    Literal(i64),
    /// `n`.
    Variable(String),
    /// `?`.
    Unknown,
    /// `a + b`, `a - b`, `a * b`.
    Binary(BinaryOp, Box<SizeExpr>, Box<SizeExpr>),
}

/// `{ statements }`; its value is its last statement when that is an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The statements.
    pub statements: Vec<Statement>,
    /// With the braces.
    pub span: Span,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// Where.
    pub span: Span,
    /// A `;` stands behind it (the REPL then prints nothing).
    pub silent: bool,
}

/// The forms of a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `let pattern = e`.
    Let(Pattern, Expr),
    /// `var name = e`.
    Var(Name, Expr),
    /// `target = e`, or with an operator `target += e`. The target is a name or an index expression.
    Assign(Expr, Option<BinaryOp>, Expr),
    /// `for pattern in iterable { … }`.
    For(Pattern, Iterable, Block),
    /// `while c { … }`.
    While(Expr, Block),
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `return e`.
    Return(Option<Expr>),
    /// `assert e`, `assert e, "message"`.
    Assert(Expr, Option<String>),
    /// An expression (`if` and calls for effect are expressions too).
    Expr(Expr),
}

/// What `let`, `for` and lambdas bind.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// `x`.
    Name(Name),
    /// `(a, (b, c))`.
    Tuple(Vec<Pattern>, Span),
}

/// What a generator or a `for` runs over.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "few live at once; a box would only be in the way")]
pub enum Iterable {
    /// `start:stop` or `start:stop:step`.
    Range {
        /// First value.
        start: Expr,
        /// One past the last.
        stop: Expr,
        /// The stride; 1 when absent.
        step: Option<Expr>,
    },
    /// An array's leading axis, a list, or `zip(x, y)`.
    Over(Expr),
}

/// `pattern in iterable`, of a comprehension.
#[derive(Clone, Debug, PartialEq)]
pub struct Generator {
    /// What it binds.
    pub pattern: Pattern,
    /// What it runs over.
    pub iterable: Iterable,
    /// Where.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
    /// One more than the deepest part: bounded by [`MAX_DEPTH`].
    pub depth: u32,
}

/// The forms of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// `12`. Digits beyond 64 bits are an error of the lexer.
    Int(i64),
    /// `1.5`, `1e-3`.
    Float(f64),
    /// `true`, `false`.
    Bool(bool),
    /// `"text"`, escapes resolved.
    Str(String),
    /// `x`. `pi`, `inf`, `newaxis` are names that the checker knows.
    Name(String),
    /// `-x`, `not x`.
    Unary(UnaryOp, Box<Expr>),
    /// `a + b` and the comparisons, `and`, `or`, `^`, `@`.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `f(a, axis=1)`.
    Call(Box<Expr>, Vec<Argument>),
    /// `x[i, 1:3]`.
    Index(Box<Expr>, Vec<IndexItem>),
    /// `x.T`, `d.name`.
    Field(Box<Expr>, Name),
    /// `(a, b) -> e`.
    Lambda(Vec<Pattern>, Box<Expr>),
    /// `if c { … } else { … }`; `else if` nests in a block of one expression.
    If(Box<Expr>, Block, Option<Block>),
    /// `(a, b)`; never of one element.
    Tuple(Vec<Expr>),
    /// `[a, b]`.
    Array(Vec<Expr>),
    /// `[e for i in 0:n, j in 0:m]`.
    Comprehension(Box<Expr>, Vec<Generator>),
    /// `e for i in 0:n` as the only positional argument of a call.
    Generated(Box<Expr>, Vec<Generator>),
}

/// An argument of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// `axis` of `axis=1`.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
}

/// An item between the brackets of an index.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "few live at once; a box would only be in the way")]
pub enum IndexItem {
    /// A scalar, an integer or boolean array, or `newaxis`.
    At(Expr),
    /// `a:b:s`, each part optional.
    Slice {
        /// Lower bound.
        start: Option<Expr>,
        /// Upper bound, exclusive.
        stop: Option<Expr>,
        /// Stride.
        step: Option<Expr>,
        /// Where.
        span: Span,
    },
}

/// Prefix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `-`
    Negate,
    /// `not`
    Not,
}

/// Infix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`
    FloorDivide,
    /// `%`
    Remainder,
    /// `@`
    MatrixProduct,
    /// `^`
    Power,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `and`
    And,
    /// `or`
    Or,
}

impl BinaryOp {
    /// The operator as written in a program.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::FloorDivide => "//",
            BinaryOp::Remainder => "%",
            BinaryOp::MatrixProduct => "@",
            BinaryOp::Power => "^",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
        }
    }
}

impl UnaryOp {
    /// The operator as written in a program.
    pub fn symbol(self) -> &'static str {
        match self {
            UnaryOp::Negate => "-",
            UnaryOp::Not => "not",
        }
    }
}

impl Expr {
    /// The name, if the expression is just one.
    pub fn as_name(&self) -> Option<Name> {
        match &self.kind {
            ExprKind::Name(text) => Some(Name { text: text.clone(), span: self.span }),
            _ => None,
        }
    }
}

impl Pattern {
    /// The whole pattern.
    pub fn span(&self) -> Span {
        match self {
            Pattern::Name(name) => name.span,
            Pattern::Tuple(_, span) => *span,
        }
    }
}
