//! Products: index notation, and the products of vectors and matrices that have a name.
//!
//! In: arrays of numbers. Out: contractions.
//! Always holds: a sum of products is one node, so that its order of evaluation is the planner's.

use super::Builtin;
use super::indexing::diagonal;
use crate::check::call::Call;
use crate::check::operators::Operand;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{NodeId, Size};
use crate::ops::Labels;
use crate::ops::reduction::SUM;
use crate::runtime::array::DType;
use crate::syntax::ast::{Expr, ExprKind};
use crate::syntax::span::Span;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "einsum",
        doc: "einsum(\"ij,jk->ik\", a, b): the sum over every index that is not behind the arrow, of the product; without an arrow over every index that occurs twice.",
        example: ("print(einsum(\"ij,j->i\", [[1, 2], [3, 4]], [10, 1]))", "[12 34]"),
        apply: einsum,
    },
    Builtin {
        name: "dot",
        doc: "dot(a, b): NumPy's dot, a sum over the last axis of a and the second to last of b; a product where one is a scalar.",
        example: ("print(dot([1.0, 2.0], [3.0, 4.0]))", "11.0"),
        apply: |c, call| {
            call.allow(&[])?;
            let operands = c.operands_of::<2>(call, "dot(a, b)")?;
            summed(c, call, operands, 2)
        },
    },
    Builtin {
        name: "inner",
        doc: "inner(a, b): the sum of products over the last axes; a product where one is a scalar.",
        example: ("print(inner([1.0, 2.0], [3.0, 4.0]))", "11.0"),
        apply: |c, call| {
            call.allow(&[])?;
            let operands = c.operands_of::<2>(call, "inner(a, b)")?;
            summed(c, call, operands, 1)
        },
    },
    Builtin {
        name: "outer",
        doc: "outer(a, b): the matrix of all products a[i] * b[j]; arrays of more axes count as vectors.",
        example: ("print(outer([1, 2], [3, 4]))", "[[3 4]\n [6 8]]"),
        apply: |c, call| {
            call.allow(&[])?;
            let operands = c.operands_of::<2>(call, "outer(a, b)")?;
            c.graph.span = call.span;
            let [a, b] = numbers(c, &operands).map(|x| {
                let elements = c.graph.ty(x).elements();
                c.graph.reshape(x, &[elements])
            });
            Ok(Value::array(c.graph.contract(&[(a, vec![0]), (b, vec![1])], &[0, 1])))
        },
    },
    Builtin {
        name: "trace",
        doc: "trace(x): the sum of a matrix's diagonal; k=1 is the diagonal above, k=-1 below.",
        example: ("print(trace([[1, 2], [3, 4]]))", "5"),
        apply: |c, call| {
            call.allow(&["k"])?;
            let [operand] = c.operands_of(call, "trace(x) or trace(x, k=1)")?;
            let k = call.named("k").map_or(Ok(0), |expr| c.literal_int(expr, "the number of a diagonal"))?;
            c.graph.span = call.span;
            let mut line = diagonal(c, operand, k)?;
            if c.graph.ty(line).dtype == DType::Bool {
                line = c.graph.cast(line, DType::I64);
            }
            Ok(Value::array(c.graph.reduce(&SUM, line, &[0])))
        },
    },
];

/// Operands in the dtype that they meet in; truth values count as integers.
fn numbers<const N: usize>(c: &mut Checker<'_>, operands: &[Operand; N]) -> [NodeId; N] {
    let dtype = match c.common_dtype(operands) {
        DType::Bool => DType::I64,
        dtype => dtype,
    };
    operands.map(|operand| c.graph.cast(operand.id, dtype))
}

/// The sum of products over the last axis of the first and axis `rank - from_end` of the second (the only one of a vector).
fn summed(c: &mut Checker<'_>, call: &Call<'_>, operands: [Operand; 2], from_end: usize) -> Result<Value> {
    let [first, second] = operands.map(|operand| c.graph.ty(operand.id).rank());
    if first == 0 || second == 0 {
        return c.elementwise(&crate::ops::elementwise::MULTIPLY, &operands, call.span);
    }
    let [mut left, mut right] =
        [(0, first), (first, first + second)].map(|(from, to)| (from..to).map(|label| label as u8).collect::<Labels>());
    let at = second.saturating_sub(from_end);
    let inner = left.pop().unwrap_or_default();
    right.remove(at);
    let result: Labels = left.iter().chain(&right).copied().collect();
    left.push(inner);
    right.insert(at, inner);
    let axis = format!("the axis that `{}` sums over", call.name);
    contracted(c, call, operands.into_iter().zip([left, right]).collect(), &result, &|_| axis.clone())
}

/// A contraction whose operands are brought to one dtype and whose labels are checked to have one size each.
/// `named` says what a label is, for messages.
fn contracted(
    c: &mut Checker<'_>,
    call: &Call<'_>,
    operands: Vec<(Operand, Labels)>,
    result: &[u8],
    named: &dyn Fn(u8) -> String,
) -> Result<Value> {
    let all: Vec<Operand> = operands.iter().map(|(operand, _)| *operand).collect();
    let dtype = match c.common_dtype(&all) {
        DType::Bool => DType::I64,
        dtype => dtype,
    };
    let mut known: Vec<(u8, Size, Operand)> = Vec::new();
    let mut operands = operands;
    for (operand, labels) in &mut operands {
        let shape = c.graph.shape(operand.id).to_vec();
        let wanted = |(label, own): (&u8, &Size)| {
            let known = known.iter().find(|(other, ..)| other == label).map(|(_, size, _)| size);
            known.filter(|size| !size.is_one() && !own.is_one() && c.may_be_equal(size, own)).unwrap_or(own).clone()
        };
        let wanted: Vec<Size> = labels.iter().zip(&shape).map(wanted).collect();
        let what = format!("`{}` needs equal sizes along its axes", call.name);
        operand.id = c.agreed(operand.id, &wanted, &what, call.span).unwrap_or(operand.id);
        let operand = &*operand;
        for (&label, size) in labels.iter().zip(c.graph.shape(operand.id).to_vec()) {
            match known.iter_mut().find(|(other, ..)| *other == label) {
                None => known.push((label, size, *operand)),
                Some((_, before, by)) if before.is_one() => (*before, *by) = (size, *operand),
                Some((_, before, by)) if !size.is_one() && *before != size => {
                    let (before, by) = (before.clone(), *by);
                    return Err(size_error(c, call, &named(label), (&before, by), (&size, *operand)));
                }
                Some(_) => {}
            }
        }
    }
    let stretches = |label: u8| known.iter().any(|(other, size, _)| *other == label && !size.is_one());
    c.graph.span = call.span;
    let mut parts = Vec::new();
    for (operand, labels) in operands {
        let shape = c.graph.shape(operand.id).to_vec();
        let lone = |axis: usize| shape.get(axis).is_some_and(Size::is_one);
        let dropped: Vec<usize> = (0..)
            .zip(&labels)
            .filter(|(axis, label)| lone(*axis) && stretches(**label))
            .map(|(axis, _)| axis)
            .collect();
        let kept = (0..).zip(&labels).filter(|(axis, _)| !dropped.contains(axis)).map(|(_, label)| *label).collect();
        let (x, labels) = diagonals(c, operand.id, &dropped, kept);
        parts.push((c.graph.cast(x, dtype), labels));
    }
    Ok(Value::array(c.graph.contract(&parts, result)))
}

/// An operand without the axes that stretch, and with the diagonal along axes of one label.
fn diagonals(c: &mut Checker<'_>, x: NodeId, dropped: &[usize], mut labels: Labels) -> (NodeId, Labels) {
    let mut x = c.graph.squeeze(x, dropped);
    while let Some(label) = labels.iter().copied().find(|l| labels.iter().filter(|other| *other == l).count() > 1) {
        let axes: Vec<usize> = (0..).zip(&labels).filter(|(_, l)| **l == label).map(|(axis, _)| axis).collect();
        let extent = axes.first().and_then(|axis| c.graph.shape(x).get(*axis)).cloned().unwrap_or_default();
        let iota = c.graph.iota(&extent);
        x = c.graph.gather(x, &axes, &vec![iota; axes.len()]);
        labels.retain(|l| *l != label);
        labels.insert(0, label);
    }
    (x, labels)
}

fn size_error(
    c: &Checker<'_>,
    call: &Call<'_>,
    label: &str,
    a: (&Size, Operand),
    b: (&Size, Operand),
) -> Box<Diagnostic> {
    let text = format!("{label} has the sizes {} and {}", a.0, b.0);
    let mut error =
        Diagnostic::error(codes::SIZES, call.span, text).label(a.1.span, format!("this is {}", c.graph.ty(a.1.id)));
    if a.1.span != b.1.span {
        error = error.label(b.1.span, format!("this is {}", c.graph.ty(b.1.id)));
    }
    c.origins(error, &[a.0, b.0])
}

/// The axes of an ellipsis get labels from here on, counted from the last.
const ELLIPSIS: u8 = 128;

/// One side of a comma or an arrow: letters before and behind an ellipsis.
struct Term {
    before: Labels,
    ellipsis: bool,
    after: Labels,
}

impl Term {
    /// The labels of an array whose ellipsis stands for `count` axes.
    fn labels(&self, count: usize) -> Labels {
        let spread = (0..count.min(64) as u8).rev().map(|k| ELLIPSIS + k);
        self.before.iter().copied().chain(spread).chain(self.after.iter().copied()).collect()
    }

    fn letters(&self) -> usize {
        self.before.len() + self.after.len()
    }
}

fn term(text: &str, span: Span) -> Result<Term> {
    let (before, after) = match text.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    };
    let letters = |text: &str| -> Result<Labels> {
        match text.chars().find(|letter| !letter.is_ascii_alphabetic()) {
            None => Ok(text.bytes().collect()),
            Some(other) => Err(Diagnostic::error(codes::ARGUMENTS, span, format!("`{other}` is not an index"))
                .help("indexes are letters; ... stands for the axes without one: einsum(\"...ij,jk->...ik\", a, b)")),
        }
    };
    Ok(Term { before: letters(before)?, ellipsis: after.is_some(), after: letters(after.unwrap_or(""))? })
}

fn einsum(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let (first, rest) = call.first_and_rest(2..=64, "einsum(\"ij,jk->ik\", a, b)")?;
    let ExprKind::Str(formula) = &first.kind else {
        return Err(Diagnostic::error(codes::TYPE, first.span, "`einsum` begins with its indexes as a string")
            .help("write einsum(\"ij,jk->ik\", a, b)"));
    };
    let compact: String = formula.chars().filter(|letter| !letter.is_whitespace()).collect();
    let (inputs, output) = match compact.split_once("->") {
        Some((inputs, output)) => (inputs, Some(term(output, first.span)?)),
        None => (compact.as_str(), None),
    };
    let terms = inputs.split(',').map(|text| term(text, first.span)).collect::<Result<Vec<_>>>()?;
    if terms.len() != rest.len() {
        let text = format!("{} lists of indexes do not fit {} arrays", terms.len(), rest.len());
        return Err(Diagnostic::error(codes::ARGUMENTS, first.span, text));
    }
    let operands =
        terms.iter().zip(rest).map(|(term, expr)| einsum_operand(c, term, expr)).collect::<Result<Vec<_>>>()?;
    let spread = operands.iter().flat_map(|(_, labels)| labels).filter(|label| **label >= ELLIPSIS);
    let spread = spread.map(|label| usize::from(label - ELLIPSIS) + 1).max().unwrap_or(0);
    let result = einsum_result(&operands, output, spread, first.span)?;
    contracted(c, call, operands, &result, &|label| match label {
        0..ELLIPSIS => format!("the index {}", label as char),
        _ => format!("axis -{} of the `...`", label - ELLIPSIS + 1),
    })
}

fn einsum_operand(c: &mut Checker<'_>, term: &Term, expr: &Expr) -> Result<(Operand, Labels)> {
    let operand = c.operand(expr)?;
    let ty = c.graph.ty(operand.id).clone();
    let open = ty.rank().checked_sub(term.letters()).filter(|open| term.ellipsis || *open == 0);
    let Some(open) = open else {
        let text = format!("{} indexes for an array of {} axes", term.letters(), ty.rank());
        return Err(Diagnostic::error(codes::RANK, expr.span, text).at(format!("this is {ty}")));
    };
    let labels = term.labels(open);
    // The diagonal along equal indexes needs equal sizes, literal 1 or not.
    for (at, label) in labels.iter().enumerate() {
        let twin = labels.iter().take(at).position(|other| other == label);
        if let Some((a, b)) = twin.and_then(|twin| ty.shape.get(twin)).zip(ty.shape.get(at))
            && a != b
        {
            let text = format!("the index {} has the sizes {a} and {b}", *label as char);
            let error = Diagnostic::error(codes::SIZES, expr.span, text).at(format!("this is {ty}"));
            return Err(c.origins(error, &[a, b]));
        }
    }
    Ok((operand, labels))
}

/// The labels of the result: as written, or those of the ellipsis and every index that occurs once, in alphabetical order.
fn einsum_result(operands: &[(Operand, Labels)], output: Option<Term>, spread: usize, span: Span) -> Result<Labels> {
    let all: Labels = operands.iter().flat_map(|(_, labels)| labels.iter().copied()).collect();
    let Some(output) = output else {
        let mut single: Labels = all
            .iter()
            .copied()
            .filter(|l| *l < ELLIPSIS && all.iter().filter(|other| *other == l).count() == 1)
            .collect();
        single.sort_unstable();
        return Ok(Term { before: Vec::new(), ellipsis: true, after: single }.labels(spread));
    };
    let labels = output.labels(if output.ellipsis { spread } else { 0 });
    for (at, label) in labels.iter().enumerate() {
        let letter = *label as char;
        if labels.iter().take(at).any(|other| other == label) {
            return Err(Diagnostic::error(
                codes::ARGUMENTS,
                span,
                format!("the index {letter} is in the result twice"),
            )
            .help("a result has each index once; diag(v) makes a diagonal matrix"));
        }
        if !all.contains(label) {
            let text = format!("the index {letter} of the result is in no array");
            return Err(Diagnostic::error(codes::ARGUMENTS, span, text));
        }
    }
    if spread > 0 && !output.ellipsis {
        return Err(Diagnostic::error(codes::ARGUMENTS, span, "the axes of `...` are missing in the result")
            .help("write them behind the arrow too: \"...ij->...ji\""));
    }
    Ok(labels)
}
