//! Makes tree nodes for the grammar's actions.
//!
//! In: the parts of a node and the range of tokens it came from. Out: the node with its place and
//! depth, or the error that ends the parse.
//! Always holds: no node leaves here deeper than [`MAX_DEPTH`], whatever its kind, so that walking,
//! printing and dropping a tree is bounded; an operator chain as long as a file is refused while it
//! is being built.

use super::ast::*;
use super::lexer::{Errors, Lexeme};
use super::span::{FileId, Span};
use super::token::Token;
use crate::diagnostic::{Code, Diagnostic, codes};
use lalrpop_util::ParseError;
use std::cell::RefCell;

/// Why a parse ended early; places are indexes into the tokens.
pub(crate) type Failure = ParseError<usize, Token, Box<Diagnostic>>;

/// What a fallible action returns.
pub(crate) type Fallible<T> = Result<T, Failure>;

/// A node whose type does not say how deep it is.
#[derive(Clone, Debug)]
pub(crate) struct Deep<T> {
    /// The node.
    pub node: T,
    /// As [`Expr::depth`].
    pub depth: u32,
}

/// What the actions share: the tokens, for places, and the errors that do not end the parse.
pub(crate) struct Context<'t> {
    file: FileId,
    text: &'t str,
    tokens: &'t [Lexeme],
    errors: RefCell<Errors>,
}

impl<'t> Context<'t> {
    pub fn new(file: FileId, text: &'t str, tokens: &'t [Lexeme]) -> Context<'t> {
        Context { file, text, tokens, errors: RefCell::new(Vec::new()) }
    }

    /// The errors that the actions reported.
    pub fn into_errors(self) -> Errors {
        self.errors.into_inner()
    }

    /// The place of tokens `start..end`.
    pub fn span(&self, start: usize, end: usize) -> Span {
        let first = self.tokens.get(start).or(self.tokens.last()).map(|lexeme| lexeme.span);
        let last = end.checked_sub(1).and_then(|last| self.tokens.get(last)).map(|lexeme| lexeme.span);
        match (first, last) {
            (Some(first), Some(last)) if end > start => first.to(last),
            (Some(first), _) => Span { end: first.start, ..first },
            _ => Span { file: self.file, ..Span::default() },
        }
    }

    fn source(&self, span: Span) -> &'t str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    fn report(&self, diagnostic: Box<Diagnostic>) {
        self.errors.borrow_mut().push(diagnostic);
    }

    /// A leaf.
    pub fn leaf(&self, kind: ExprKind, start: usize, end: usize) -> Expr {
        Expr { kind, span: self.span(start, end), depth: 1 }
    }

    /// An expression over parts, the deepest of which has the given depth.
    pub fn expr(&self, kind: ExprKind, span: Span, parts: u32) -> Fallible<Expr> {
        Ok(Expr { kind, span, depth: deepen(parts, span)? })
    }

    pub fn binary(&self, left: Expr, op: BinaryOp, right: Expr) -> Fallible<Expr> {
        let (span, depth) = (left.span.to(right.span), left.depth.max(right.depth));
        self.expr(ExprKind::Binary(op, Box::new(left), Box::new(right)), span, depth)
    }

    pub fn unary(&self, op: UnaryOp, operand: Expr, start: usize) -> Fallible<Expr> {
        let (span, depth) = (self.span(start, start + 1).to(operand.span), operand.depth);
        self.expr(ExprKind::Unary(op, Box::new(operand)), span, depth)
    }

    /// `a < b < c`: says how to write it, and goes on with `a < b`.
    pub fn chained(&self, left: Expr, first: BinaryOp, middle: Expr, second: BinaryOp, right: Expr) -> Fallible<Expr> {
        let [a, b, c] = [&left, &middle, &right].map(|part| self.source(part.span));
        let help = format!("write `{a} {} {b} and {b} {} {c}`", first.symbol(), second.symbol());
        let error = Diagnostic::error(codes::SYNTAX, left.span.to(right.span), "comparisons do not chain");
        self.report(error.help(help));
        self.binary(left, first, middle)
    }

    pub fn call(&self, function: Expr, arguments: Vec<Argument>, end: usize) -> Fallible<Expr> {
        let span = function.span.to(self.span(end - 1, end));
        let depth = arguments.iter().map(|argument| argument.value.depth).fold(function.depth, u32::max);
        let mut from_named = arguments.iter().skip_while(|argument| argument.name.is_none());
        if let Some(late) = from_named.find(|argument| argument.name.is_none()) {
            let error = Diagnostic::error(codes::SYNTAX, late.value.span, "a positional argument follows a named one");
            self.report(error.help("put the named arguments last"));
        }
        self.expr(ExprKind::Call(Box::new(function), arguments), span, depth)
    }

    pub fn index(&self, array: Expr, items: Vec<IndexItem>, end: usize) -> Fallible<Expr> {
        let span = array.span.to(self.span(end - 1, end));
        let depth = items.iter().map(index_depth).fold(array.depth, u32::max);
        self.expr(ExprKind::Index(Box::new(array), items), span, depth)
    }

    pub fn field(&self, record: Expr, name: Name) -> Fallible<Expr> {
        if let (ExprKind::Float(_), Some(start)) = (&record.kind, self.source(record.span).strip_suffix('.')) {
            let error =
                Diagnostic::error(codes::FOREIGN_HABIT, record.span.to(name.span), "a range is written with `:`");
            self.report(error.help(format!("write `{start}:{}`", name.text)));
        }
        let (span, depth) = (record.span.to(name.span), record.depth);
        self.expr(ExprKind::Field(Box::new(record), name), span, depth)
    }

    /// `(a, b)`, or the mistake `(a,)`.
    pub fn tuple(&self, elements: Vec<Expr>, start: usize, end: usize) -> Fallible<Expr> {
        let span = self.span(start, end);
        if elements.len() == 1 {
            let error = Diagnostic::error(codes::SYNTAX, span, "a tuple has at least two elements");
            self.report(error.help("leave out the comma"));
        }
        let depth = deepest(&elements);
        self.expr(ExprKind::Tuple(elements), span, depth)
    }

    /// `(e)`: the place grows to the parentheses, and nothing else of them remains.
    pub fn group(&self, inner: Expr, start: usize, end: usize) -> Expr {
        Expr { span: self.span(start, end), ..inner }
    }

    pub fn array(&self, elements: Vec<Expr>, start: usize, end: usize) -> Fallible<Expr> {
        let depth = deepest(&elements);
        self.expr(ExprKind::Array(elements), self.span(start, end), depth)
    }

    pub fn comprehension(&self, e: Expr, over: Vec<Generator>, start: usize, end: usize) -> Fallible<Expr> {
        let depth = generators_depth(&over).max(e.depth);
        self.expr(ExprKind::Comprehension(Box::new(e), over), self.span(start, end), depth)
    }

    /// The arguments of `f(e for …, name=…)`.
    pub fn generated(&self, e: Expr, over: Vec<Generator>, named: Vec<Argument>) -> Fallible<Vec<Argument>> {
        let depth = generators_depth(&over).max(e.depth);
        let span = over.last().map_or(e.span, |last| e.span.to(last.span));
        let value = self.expr(ExprKind::Generated(Box::new(e), over), span, depth)?;
        Ok(std::iter::once(Argument { name: None, value }).chain(named).collect())
    }

    /// `pattern -> body`; the pattern was read as an expression, for the parser cannot know before the arrow.
    pub fn lambda(&self, pattern: Expr, body: Expr) -> Fallible<Expr> {
        let (span, depth) = (pattern.span.to(body.span), body.depth.max(pattern.depth));
        let parameters = match pattern.kind {
            ExprKind::Tuple(elements) => elements.into_iter().map(pattern_of).collect::<Result<Vec<_>, _>>(),
            _ => pattern_of(pattern).map(|single| vec![single]),
        };
        let parameters = parameters.map_err(|error| ParseError::User { error })?;
        self.expr(ExprKind::Lambda(parameters, Box::new(body)), span, depth)
    }

    pub fn conditional(
        &self,
        condition: Expr,
        then: Deep<Block>,
        otherwise: Option<Deep<Block>>,
        start: usize,
        end: usize,
    ) -> Fallible<Expr> {
        let other_depth = otherwise.as_ref().map_or(0, |block| block.depth);
        let depth = condition.depth.max(then.depth).max(other_depth);
        let kind = ExprKind::If(Box::new(condition), then.node, otherwise.map(|block| block.node));
        self.expr(kind, self.span(start, end), depth)
    }

    pub fn block(&self, statements: Vec<Deep<Statement>>, start: usize, end: usize) -> Deep<Block> {
        let depth = statements.iter().map(|statement| statement.depth).max().unwrap_or(0);
        let statements = statements.into_iter().map(|statement| statement.node).collect();
        Deep { node: Block { statements, span: self.span(start, end) }, depth }
    }

    pub fn statement(&self, kind: StatementKind, start: usize, end: usize, parts: u32) -> Fallible<Deep<Statement>> {
        let span = self.span(start, end);
        let depth = match kind {
            StatementKind::For(..) | StatementKind::While(..) => deepen(parts, span)?,
            _ => parts,
        };
        Ok(Deep { node: Statement { kind, span, silent: false }, depth })
    }

    /// `target = value`, the target a name or an index expression.
    pub fn assignment(&self, target: Expr, op: Option<BinaryOp>, value: Expr) -> Deep<StatementKind> {
        if !matches!(target.kind, ExprKind::Name(_) | ExprKind::Index(..)) {
            let error = Diagnostic::error(codes::ASSIGNMENT, target.span, "this cannot be assigned to");
            let help = match &target.kind {
                ExprKind::Tuple(_) => format!("write `let {} = …` to take a tuple apart", self.source(target.span)),
                ExprKind::Array(parts) if !parts.is_empty() && parts.iter().all(|part| part.as_name().is_some()) => {
                    let names: Vec<&str> = parts.iter().map(|part| self.source(part.span)).collect();
                    format!("write `let ({}) = …` to take a tuple apart", names.join(", "))
                }
                ExprKind::Call(callee, arguments) if self.source(callee.span) == "var" => {
                    let names: Vec<&str> = arguments.iter().map(|argument| self.source(argument.value.span)).collect();
                    format!("write `let ({}) = …`, and `var` for each that changes", names.join(", "))
                }
                ExprKind::Call(callee, arguments) => {
                    let callee = self.source(callee.span);
                    let items: Vec<&str> = arguments.iter().map(|argument| self.source(argument.value.span)).collect();
                    let items = items.join(", ");
                    format!(
                        "an element is `{callee}[{items}]`, counted from 0; a function is `fn {callee}(x: f64) = …`"
                    )
                }
                _ => "assign to a `var` or to elements of one: `x = …`, `x[i] = …`".to_string(),
            };
            self.report(error.help(help));
        }
        let depth = target.depth.max(value.depth);
        Deep { node: StatementKind::Assign(target, op, value), depth }
    }

    pub fn size(&self, left: Deep<SizeExpr>, op: BinaryOp, right: Deep<SizeExpr>) -> Fallible<Deep<SizeExpr>> {
        let span = left.node.span.to(right.node.span);
        let depth = deepen(left.depth.max(right.depth), span)?;
        let kind = SizeKind::Binary(op, Box::new(left.node), Box::new(right.node));
        Ok(Deep { node: SizeExpr { kind, span }, depth })
    }

    /// `time O(e)` or `memory O(e)`.
    pub fn bound(&self, what: Name, order: Name, bound: Expr, start: usize, end: usize) -> Fallible<Clause> {
        if order.text != "O" {
            return fail(codes::SYNTAX, order.span, "a bound is written `O(…)`", CLAUSES);
        }
        let kind = match what.text.as_str() {
            "time" => ClauseKind::Time(bound),
            "memory" => ClauseKind::Memory(bound),
            _ => return unknown_clause(&what),
        };
        Ok(Clause { kind, span: self.span(start, end) })
    }

    /// `independent(n)`.
    pub fn independence(&self, what: Name, axis: Name, start: usize, end: usize) -> Fallible<Clause> {
        if what.text != "independent" {
            return unknown_clause(&what);
        }
        Ok(Clause { kind: ClauseKind::Independent(axis), span: self.span(start, end) })
    }
}

const CLAUSES: &str = "the clauses are `time O(n*d)`, `memory O(n + d)` and `independent(n)`";

fn unknown_clause<T>(what: &Name) -> Fallible<T> {
    fail(codes::SYNTAX, what.span, format!("`{}` is not a clause of a contract", what.text), CLAUSES)
}

fn fail<T>(code: Code, span: Span, message: impl Into<String>, help: &str) -> Fallible<T> {
    Err(ParseError::User { error: Diagnostic::error(code, span, message).help(help) })
}

/// One deeper than the parts, unless that is too deep.
fn deepen(parts: u32, span: Span) -> Fallible<u32> {
    if parts < MAX_DEPTH {
        return Ok(parts + 1);
    }
    let message = format!("expressions and blocks nest deeper than {MAX_DEPTH}");
    fail(codes::TOO_DEEP, span, message, "name parts of it with `let`; a long sum can be `sum([…])`")
}

fn deepest(elements: &[Expr]) -> u32 {
    elements.iter().map(|element| element.depth).max().unwrap_or(0)
}

fn index_depth(item: &IndexItem) -> u32 {
    match item {
        IndexItem::At(e) => e.depth,
        IndexItem::Slice { start, stop, step, .. } => {
            [start, stop, step].into_iter().flatten().map(|e| e.depth).max().unwrap_or(0)
        }
    }
}

fn generators_depth(over: &[Generator]) -> u32 {
    over.iter().map(|generator| iterable_depth(&generator.iterable)).max().unwrap_or(0)
}

/// The depth of the deepest expression of an iterable.
pub(crate) fn iterable_depth(iterable: &Iterable) -> u32 {
    match iterable {
        Iterable::Range { start, stop, step } => {
            step.as_ref().map_or(0, |step| step.depth).max(start.depth).max(stop.depth)
        }
        Iterable::Over(e) => e.depth,
    }
}

/// The block of a body `= e`, or of what follows `else` in `else if`.
pub(crate) fn block_of(e: Expr) -> Deep<Block> {
    let (span, depth) = (e.span, e.depth);
    let statement = Statement { kind: StatementKind::Expr(e), span, silent: false };
    Deep { node: Block { statements: vec![statement], span }, depth }
}

/// The list with one more.
pub(crate) fn push<T>(mut list: Vec<T>, last: T) -> Vec<T> {
    list.push(last);
    list
}

fn pattern_of(e: Expr) -> Result<Pattern, Box<Diagnostic>> {
    match e.kind {
        ExprKind::Name(text) => Ok(Pattern::Name(Name { text, span: e.span })),
        ExprKind::Tuple(elements) => {
            let parts = elements.into_iter().map(pattern_of).collect::<Result<Vec<_>, _>>()?;
            Ok(Pattern::Tuple(parts, e.span))
        }
        _ => {
            let message = "the left of `->` must be a name, or names in parentheses";
            let error = Diagnostic::error(codes::SYNTAX, e.span, message);
            Err(error.help("write `x -> …` or `(a, b) -> …`; a lambda behind an operator needs parentheses"))
        }
    }
}
