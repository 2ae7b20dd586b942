//! Reductions and what is made of them: mean, variance, norms, softmax.
//!
//! In: `f(x, axis=…, keepdims=…)`, or `f(e for i in 0:n)`. Out: reduction nodes.
//! Always holds: without `axis` everything is reduced; an extremum of nothing is a run-time error.

use super::Builtin;
use crate::check::call::Call;
use crate::check::generator::Generated;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{CheckKind, NodeId, Op, Size};
use crate::ops::elementwise::{self, DIVIDE, EXP, GREATER, ISFINITE, LOG, MAXIMUM, SQRT, SUBTRACT, WHERE};
use crate::ops::reduction::{self, Reduction};
use crate::runtime::array::DType;
use crate::syntax::span::Span;

macro_rules! plain {
    ($reduction:ident) => {
        Builtin {
            name: reduction::$reduction.name,
            doc: reduction::$reduction.doc,
            example: reduction::$reduction.example,
            apply: |c, call| reduce(c, call, &reduction::$reduction),
        }
    };
}

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "sum",
        doc: "The sum over all elements, over axis=, or over a generator.",
        example: ("print(sum([[1, 2], [3, 4]], axis=0))", "[4 6]"),
        apply: |c, call| reduce(c, call, &reduction::SUM),
    },
    Builtin {
        name: "prod",
        doc: "The product over all elements, over axis=, or over a generator.",
        example: ("print(prod([2, 3, 4]))", "24"),
        apply: |c, call| reduce(c, call, &reduction::PROD),
    },
    Builtin {
        name: "max",
        doc: "The largest element, overall or along axis=; of two arguments the larger, element by element.",
        example: ("print(max([2.0, 5.0, 4.0]))", "5.0"),
        apply: |c, call| extremum(c, call, &reduction::MAX, &MAXIMUM),
    },
    Builtin {
        name: "min",
        doc: "The smallest element, overall or along axis=; of two arguments the smaller, element by element.",
        example: ("print(min([2.0, 5.0], 3.0))", "[2. 3.]"),
        apply: |c, call| extremum(c, call, &reduction::MIN, &elementwise::MINIMUM),
    },
    plain!(ANY),
    plain!(ALL),
    plain!(ARGMAX),
    plain!(ARGMIN),
    Builtin {
        name: "mean",
        doc: "The arithmetic mean over all elements, over axis=, or over a generator.",
        example: ("print(mean([1.0, 2.0, 6.0]))", "3.0"),
        apply: mean,
    },
    Builtin {
        name: "var",
        doc: "The variance: the mean squared distance from the mean; ddof= is taken from the divisor.",
        example: ("print(var([1.0, 3.0]))", "1.0"),
        apply: variance,
    },
    Builtin {
        name: "std",
        doc: "The standard deviation, the square root of the variance; ddof= is taken from the divisor.",
        example: ("print(std([1.0, 3.0]))", "1.0"),
        apply: |c, call| {
            let value = variance(c, call)?;
            let operand = c.as_operand(&value, call.span)?;
            c.elementwise(&SQRT, &[operand], call.span)
        },
    },
    Builtin {
        name: "count",
        doc: "How many elements are true, or not 0.",
        example: ("print(count([true, false, true]))", "2"),
        apply: |c, call| {
            let over = Over::read(c, call, &[])?;
            let truths = c.graph.cast(over.x, DType::Bool);
            let ones = c.graph.cast(truths, DType::I64);
            Ok(Value::array(over.reduce(c, &reduction::SUM, ones)))
        },
    },
    Builtin {
        name: "logsumexp",
        doc: "log(sum(exp(x))), without overflow.",
        example: ("print(logsumexp([0.0, 0.0]))", "0.6931471805599453"),
        apply: |c, call| {
            let mut over = Over::read(c, call, &[])?;
            over.make_float(c);
            let (sum, top) = over.sum_exp(c);
            let log = c.graph.map(&LOG, &[sum]);
            let sum = c.graph.plus(log, top);
            Ok(over.rounded(c, sum))
        },
    },
    Builtin {
        name: "softmax",
        doc: "exp(x) over its sum, along axis= (all elements without).",
        example: ("print(softmax([0.0, 0.0]))", "[0.5 0.5]"),
        apply: |c, call| {
            let mut over = Over::read(c, call, &[])?;
            over.make_float(c);
            let weights = over.shifted_exp(c);
            let sum = over.plain_reduce(c, &reduction::SUM, weights);
            let sum = over.spread(c, sum);
            let share = c.graph.map(&DIVIDE, &[weights, sum]);
            Ok(over.rounded(c, share))
        },
    },
    Builtin {
        name: "log_softmax",
        doc: "The logarithm of softmax, without overflow.",
        example: ("print(log_softmax([0.0, 0.0]))", "[-0.69314718 -0.69314718]"),
        apply: |c, call| {
            let mut over = Over::read(c, call, &[])?;
            over.make_float(c);
            let top = over.safe_max(c);
            let spread = over.spread(c, top);
            let shifted = c.graph.map(&SUBTRACT, &[over.x, spread]);
            let weights = c.graph.map(&EXP, &[shifted]);
            let sum = over.plain_reduce(c, &reduction::SUM, weights);
            let log = c.graph.map(&LOG, &[sum]);
            let log = over.spread(c, log);
            let result = c.graph.map(&SUBTRACT, &[shifted, log]);
            Ok(over.rounded(c, result))
        },
    },
];

/// What is reduced, and along which axes.
pub(super) struct Over {
    pub(super) x: NodeId,
    pub(super) axes: Vec<usize>,
    keep: bool,
    literal: bool,
    pub(super) span: Span,
    /// How many elements are meant, where a generator's range leaves some out.
    members: Option<NodeId>,
    /// The 16-bit float that the operand was widened from; the result is rounded to it once.
    half: Option<DType>,
}

/// The element that changes nothing in a reduction of that name.
fn left_out(name: &str) -> Option<f64> {
    match name {
        "mean" | "norm" | "count" => Some(0.0),
        "logsumexp" => Some(f64::NEG_INFINITY),
        _ => reduction::find(name).filter(|kind| !kind.positional).map(|kind| kind.identity),
    }
}

impl Over {
    /// Reads `f(x, axis=…, keepdims=…)` or `f(e for …)`.
    pub(super) fn read(c: &mut Checker<'_>, call: &Call<'_>, more: &[&str]) -> Result<Over> {
        let mut known = vec!["axis", "keepdims"];
        known.extend(more);
        call.allow(&known)?;
        if let Some((element, generators)) = call.generator() {
            if let Some(name) = call.args.iter().skip(1).find_map(|arg| arg.name.as_ref()) {
                return Err(Diagnostic::error(codes::ARGUMENTS, name.span, "a reduction over a generator has no axis")
                    .help("the generator says what is reduced over"));
            }
            let Generated { x, axes, members } = c.generated(element, generators, left_out(call.name))?;
            let axes = (0..axes).collect();
            return Ok(Over { x, axes, keep: false, literal: false, span: call.span, members, half: None });
        }
        let [operand] = c.operands_of(call, &format!("{}(x) or {0}(x, axis=0)", call.name))?;
        let rank = c.graph.ty(operand.id).rank();
        let axes = call.named("axis").map_or(Ok((0..rank).collect()), |expr| c.axes(expr, rank))?;
        let keep = call.named("keepdims").map_or(Ok(false), |expr| c.literal_bool(expr, "keepdims"))?;
        c.graph.span = call.span;
        Ok(Over { x: operand.id, axes, keep, literal: operand.literal, span: operand.span, members: None, half: None })
    }

    pub(super) fn make_float(&mut self, c: &mut Checker<'_>) {
        let dtype = c.graph.ty(self.x).dtype;
        if dtype.is_half() {
            self.half = Some(dtype);
            self.x = c.graph.cast(self.x, DType::F32);
        } else if !dtype.is_float() {
            self.x = c.graph.cast(self.x, DType::F64);
        }
    }

    /// The result of a builtin that is made of several operators, in the operand's type.
    pub(super) fn rounded(&self, c: &mut Checker<'_>, result: NodeId) -> Value {
        Value::array(match self.half {
            Some(half) => c.graph.cast(result, half),
            None => result,
        })
    }

    /// The reduction without kept axes.
    fn plain_reduce(&self, c: &mut Checker<'_>, kind: &'static Reduction, x: NodeId) -> NodeId {
        c.graph.reduce(kind, x, &self.axes)
    }

    /// The reduction, with axes of size 1 left if `keepdims` asks for it.
    pub(super) fn reduce(&self, c: &mut Checker<'_>, kind: &'static Reduction, x: NodeId) -> NodeId {
        let reduced = self.plain_reduce(c, kind, x);
        self.kept(c, reduced)
    }

    pub(super) fn kept(&self, c: &mut Checker<'_>, reduced: NodeId) -> NodeId {
        if !self.keep {
            return reduced;
        }
        let mut shape = c.graph.shape(self.x).to_vec();
        for (_, size) in (0..).zip(&mut shape).filter(|(axis, _)| self.axes.contains(axis)) {
            *size = Size::one();
        }
        c.graph.reshape(reduced, &shape)
    }

    /// A reduced array repeated to the operand's shape.
    fn spread(&self, c: &mut Checker<'_>, reduced: NodeId) -> NodeId {
        let shape = c.graph.shape(self.x).to_vec();
        c.graph.unreduce(reduced, &self.axes, &shape)
    }

    /// Reports a reduction that has no answer because there is nothing to reduce.
    pub(super) fn require_elements(&self, c: &mut Checker<'_>, message: String, span: Span) -> Result<()> {
        let Some(members) = self.members else {
            return c.require_nonnegative(&self.count(c).minus(&Size::one()), &message, span);
        };
        let zero = c.graph.int(0);
        let some = c.graph.map(&GREATER, &[members, zero]);
        c.check(CheckKind::Assert { message: Some(message) }, some, None, span);
        Ok(())
    }

    /// The sum over the number of elements that it is made of.
    fn mean(&self, c: &mut Checker<'_>, sum: NodeId) -> NodeId {
        match self.members {
            None => divide_by(c, sum, &self.count(c)),
            Some(members) => {
                let count = c.graph.cast(members, c.graph.ty(sum).dtype);
                c.graph.map(&DIVIDE, &[sum, count])
            }
        }
    }

    /// The number of elements that one result is made of.
    fn count(&self, c: &Checker<'_>) -> Size {
        let shape = c.graph.shape(self.x);
        Size::product(self.axes.iter().filter_map(|&axis| shape.get(axis)))
    }

    /// The maximum as a constant shift: 0 where it is infinite, and no derivative passes through it.
    fn safe_max(&self, c: &mut Checker<'_>) -> NodeId {
        let max = self.plain_reduce(c, &reduction::MAX, self.x);
        let finite = c.graph.map(&ISFINITE, &[max]);
        let zero = c.graph.constant_like(max, 0.0);
        let safe = c.graph.map(&WHERE, &[finite, max, zero]);
        let ty = c.graph.ty(safe).clone();
        c.graph.add(Op::StopGradient, vec![safe], ty)
    }

    fn shifted_exp(&self, c: &mut Checker<'_>) -> NodeId {
        let top = self.safe_max(c);
        let spread = self.spread(c, top);
        let shifted = c.graph.map(&SUBTRACT, &[self.x, spread]);
        c.graph.map(&EXP, &[shifted])
    }

    /// The sum of exponentials and the shift that was taken out, both with `keepdims` applied.
    fn sum_exp(&self, c: &mut Checker<'_>) -> (NodeId, NodeId) {
        let top = self.safe_max(c);
        let spread = self.spread(c, top);
        let shifted = c.graph.map(&SUBTRACT, &[self.x, spread]);
        let weights = c.graph.map(&EXP, &[shifted]);
        let sum = self.reduce(c, &reduction::SUM, weights);
        (sum, self.kept(c, top))
    }
}

fn reduce(c: &mut Checker<'_>, call: &Call<'_>, kind: &'static Reduction) -> Result<Value> {
    let mut over = Over::read(c, call, &[])?;
    let dtype = c.graph.ty(over.x).dtype;
    match kind.name {
        "any" | "all" => over.x = c.graph.cast(over.x, DType::Bool),
        _ if dtype == DType::Bool => over.x = c.graph.cast(over.x, DType::I64),
        _ => {}
    }
    if kind.needs_elements() {
        let message = format!("`{}` of no elements", kind.name);
        over.require_elements(c, message, call.span)?;
    }
    if kind.positional {
        return positional(c, over, kind);
    }
    let literal = over.literal && over.axes.is_empty();
    let mut id = over.reduce(c, kind, over.x);
    if dtype == DType::Bool && matches!(kind.name, "max" | "min") {
        id = c.graph.cast(id, DType::Bool);
    }
    Ok(Value::Array { id, literal })
}

/// Positions along one axis, or in the flattened array.
fn positional(c: &mut Checker<'_>, over: Over, kind: &'static Reduction) -> Result<Value> {
    let rank = c.graph.ty(over.x).rank();
    if over.axes.len() > 1 && over.axes.len() < rank {
        return Err(Diagnostic::error(
            codes::ARGUMENTS,
            over.span,
            format!("`{}` goes along one axis, or over all", kind.name),
        ));
    }
    if over.axes.len() == 1 {
        return Ok(Value::array(over.reduce(c, kind, over.x)));
    }
    let flat = c.graph.ty(over.x).elements();
    let line = c.graph.reshape(over.x, &[flat]);
    let reduced = c.graph.reduce(kind, line, &[0]);
    Ok(Value::array(over.kept(c, reduced)))
}

fn extremum(
    c: &mut Checker<'_>,
    call: &Call<'_>,
    kind: &'static Reduction,
    pair: &'static elementwise::Elementwise,
) -> Result<Value> {
    let plain = call.args.iter().filter(|arg| arg.name.is_none()).count();
    if plain != 2 {
        return reduce(c, call, kind);
    }
    call.allow(&[])?;
    let exprs = call.positional(2..=2, &format!("{0}(a, b) or {0}(x)", call.name))?;
    let operands = c.operands(&exprs)?;
    let truths = operands.iter().all(|operand| c.graph.ty(operand.id).dtype == DType::Bool);
    let pair = match pair.name {
        "maximum" if truths => &elementwise::OR,
        _ if truths => &elementwise::AND,
        _ => pair,
    };
    c.elementwise(pair, &operands, call.span)
}

fn mean(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    let mut over = Over::read(c, call, &[])?;
    over.make_float(c);
    let sum = over.reduce(c, &reduction::SUM, over.x);
    let mean = over.mean(c, sum);
    Ok(over.rounded(c, mean))
}

fn divide_by(c: &mut Checker<'_>, sum: NodeId, count: &Size) -> NodeId {
    let count = c.graph.size_value(count);
    let count = c.graph.cast(count, c.graph.ty(sum).dtype);
    c.graph.map(&DIVIDE, &[sum, count])
}

fn variance(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    let mut over = Over::read(c, call, &["ddof"])?;
    over.make_float(c);
    let ddof = call.named("ddof").map_or(Ok(0), |expr| c.literal_int(expr, "ddof"))?;
    let count = over.count(c);
    let sum = over.plain_reduce(c, &reduction::SUM, over.x);
    let mean = divide_by(c, sum, &count);
    let mean = over.spread(c, mean);
    let distance = c.graph.map(&SUBTRACT, &[over.x, mean]);
    let square = c.graph.times(distance, distance);
    let sum = over.reduce(c, &reduction::SUM, square);
    // As in NumPy a divisor is not below 0: what has too few elements is nan or infinite.
    let (freedom, zero) = (c.graph.size_value(&count.minus(&Size::from(ddof))), c.graph.int(0));
    let freedom = if ddof > 0 { c.graph.map(&MAXIMUM, &[freedom, zero]) } else { freedom };
    let freedom = c.graph.cast(freedom, c.graph.ty(sum).dtype);
    let variance = c.graph.map(&DIVIDE, &[sum, freedom]);
    Ok(over.rounded(c, variance))
}
