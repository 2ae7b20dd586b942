//! Norms of vectors and matrices.
//!
//! In: `norm(x, ord=…, axis=…, keepdims=…)`, or `norm(e for …)`. Out: sums and extrema of absolute values.
//! Always holds: without `ord=` it is the square root of the sum of squares, over however many axes.

use super::Builtin;
use super::reductions::Over;
use crate::check::call::Call;
use crate::check::expression::not_available;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Constant, NodeId};
use crate::ops::elementwise::{ABS, NOT_EQUAL, POWER, SQRT};
use crate::ops::reduction::{self, Reduction};
use crate::syntax::ast::{Expr, ExprKind};

pub(super) const ALL: &[Builtin] = &[Builtin {
    name: "norm",
    doc: "The Euclidean norm: the square root of the sum of squares. With ord= of a vector the p-norm for 0, 1, 2, p, inf, -inf; of a matrix 1, -1, inf, -inf or \"fro\".",
    example: ("print(norm([3.0, 4.0]), norm([3.0, -4.0], ord=1))", "5.0 7.0"),
    apply: norm,
}];

/// Which norm is asked for.
enum Order {
    Euclidean,
    Number(f64),
}

fn norm(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    let mut over = Over::read(c, call, &["ord"])?;
    over.make_float(c);
    let order = call.named("ord").map_or(Ok(Order::Euclidean), |expr| order(c, expr))?;
    c.graph.span = call.span;
    let norm = norm_over(c, call, &over, &order)?;
    let operand = c.as_operand(&norm, call.span)?;
    Ok(over.rounded(c, operand.id))
}

fn norm_over(c: &mut Checker<'_>, call: &Call<'_>, over: &Over, order: &Order) -> Result<Value> {
    let Order::Number(number) = *order else {
        let square = c.graph.times(over.x, over.x);
        let sum = over.reduce(c, &reduction::SUM, square);
        return Ok(Value::array(c.graph.map(&SQRT, &[sum])));
    };
    match over.axes.as_slice() {
        [_] => vector_norm(c, call, over, number),
        [first, second] => {
            let swapped = call.named("axis").map_or(Ok(false), |expr| written_backwards(c, expr, over.x))?;
            let (rows, columns) = if swapped { (*second, *first) } else { (*first, *second) };
            matrix_norm(c, call, over, number, rows, columns)
        }
        _ => Err(Diagnostic::error(codes::RANK, over.span, "`norm` with ord= takes a vector or a matrix")
            .at(format!("this is {}", c.graph.ty(over.x)))
            .help("say along which axis: norm(x, ord=1, axis=0)")),
    }
}

fn order(c: &mut Checker<'_>, expr: &Expr) -> Result<Order> {
    if let ExprKind::Str(name) = &expr.kind {
        return match name.as_str() {
            "fro" => Ok(Order::Euclidean),
            "nuc" => Err(not_available(expr.span, "the nuclear norm")),
            _ => Err(Diagnostic::error(codes::ARGUMENTS, expr.span, format!("there is no norm \"{name}\""))
                .help("write a number, inf, -inf or \"fro\"")),
        };
    }
    let operand = c.operand(expr)?;
    match c.graph.as_constant(operand.id) {
        Some(number) if c.graph.ty(operand.id).rank() == 0 => Ok(Order::Number(number.as_f64())),
        _ => Err(Diagnostic::error(codes::NOT_A_CONSTANT, expr.span, "the order of a norm is a literal")),
    }
}

/// Whether `axis=(a, b)` names the later axis first: then the rows run along it.
fn written_backwards(c: &mut Checker<'_>, expr: &Expr, x: NodeId) -> Result<bool> {
    let ExprKind::Tuple(parts) = &expr.kind else { return Ok(false) };
    let rank = c.graph.ty(x).rank();
    let axes = parts.iter().map(|part| c.axis(part, rank)).collect::<Result<Vec<_>>>()?;
    Ok(!axes.is_sorted())
}

fn vector_norm(c: &mut Checker<'_>, call: &Call<'_>, over: &Over, number: f64) -> Result<Value> {
    if number == 2.0 {
        let square = c.graph.times(over.x, over.x);
        let sum = over.reduce(c, &reduction::SUM, square);
        return Ok(Value::array(c.graph.map(&SQRT, &[sum])));
    }
    if number == 0.0 {
        let shape = c.graph.shape(over.x).to_vec();
        let zero = c.graph.constant_like(over.x, 0.0);
        let zeros = c.graph.broadcast(zero, &[], &shape);
        let there = c.graph.map(&NOT_EQUAL, &[over.x, zeros]);
        let ones = c.graph.cast(there, c.graph.ty(over.x).dtype);
        return Ok(Value::array(over.reduce(c, &reduction::SUM, ones)));
    }
    let sizes = c.graph.map(&ABS, &[over.x]);
    if number.is_infinite() {
        over.require_elements(c, "the largest of no elements has no value".to_string(), call.span)?;
        return Ok(Value::array(over.reduce(c, extremum(number), sizes)));
    }
    if number == 1.0 {
        return Ok(Value::array(over.reduce(c, &reduction::SUM, sizes)));
    }
    let dtype = c.graph.ty(sizes).dtype;
    let mut constant = |value: f64| c.graph.constant(Constant::float(value), dtype);
    let (power, root) = (constant(number), constant(1.0 / number));
    let powers = c.graph.map(&POWER, &[sizes, power]);
    let sum = over.reduce(c, &reduction::SUM, powers);
    Ok(Value::array(c.graph.map(&POWER, &[sum, root])))
}

/// The largest for `inf` and 1, the smallest for `-inf` and -1.
fn extremum(number: f64) -> &'static Reduction {
    if number > 0.0 { &reduction::MAX } else { &reduction::MIN }
}

/// The largest or smallest sum of absolute values: of a column for 1 and -1, of a row for the infinities.
fn matrix_norm(
    c: &mut Checker<'_>,
    call: &Call<'_>,
    over: &Over,
    number: f64,
    rows: usize,
    columns: usize,
) -> Result<Value> {
    let (summed, left) = match number {
        1.0 | -1.0 => (rows, columns),
        f64::INFINITY | f64::NEG_INFINITY => (columns, rows),
        2.0 | -2.0 => return Err(not_available(call.span, "the spectral norm")),
        _ => {
            return Err(Diagnostic::error(
                codes::ARGUMENTS,
                call.span,
                format!("a matrix has no norm of order {number}"),
            )
            .help("its orders are 1, -1, inf, -inf and \"fro\"; along an axis there is norm(x, ord=p, axis=0)"));
        }
    };
    over.require_elements(c, "the largest of no elements has no value".to_string(), call.span)?;
    let sizes = c.graph.map(&ABS, &[over.x]);
    let sums = c.graph.reduce(&reduction::SUM, sizes, &[summed]);
    let best = c.graph.reduce(extremum(number), sums, &[left - usize::from(left > summed)]);
    Ok(Value::array(over.kept(c, best)))
}
