//! Builtins that repeat elements.
//!
//! In: arrays and counts. Out: views in which elements occur more than once.
//! Always holds: counts are sizes, known before the program runs.

use super::Builtin;
use crate::check::call::Call;
use crate::check::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{NodeId, Size};
use crate::syntax::ast::ExprKind;

pub(super) const ALL: &[Builtin] = &[
    Builtin {
        name: "tile",
        doc: "tile(x, n): x n times over along its last axis; tile(x, n, m): one count per axis, from the last.",
        example: ("print(tile([1, 2], 2))", "[1 2 1 2]"),
        apply: tile,
    },
    Builtin {
        name: "repeat",
        doc: "repeat(x, n, axis=0): each element n times in a row; without axis= of all elements in row-major order.",
        example: ("print(repeat([1, 2], 2))", "[1 1 2 2]"),
        apply: repeat,
    },
    Builtin {
        name: "broadcast_to",
        doc: "broadcast_to(x, n, m, …): x repeated along missing axes and axes of literal size 1.",
        example: ("print(broadcast_to([1, 2], 2, 2))", "[[1 2]\n [1 2]]"),
        apply: broadcast_to,
    },
    Builtin {
        name: "meshgrid",
        doc: "meshgrid(x, y): the coordinates of a grid as a pair of matrices whose rows run along x; with indexing=\"ij\" rows run along y.",
        example: ("let (a, b) = meshgrid([1, 2], [3, 4])\nprint(a + 10 * b)", "[[31 32]\n [41 42]]"),
        apply: meshgrid,
    },
];

fn tile(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let (x, counts) = call.first_and_rest(2..=17, "tile(x, n) or tile(x, n, m)")?;
    let x = c.operand(x)?.id;
    let mut counts = c.sizes(&counts)?;
    let mut shape = c.graph.shape(x).to_vec();
    let rank = shape.len().max(counts.len());
    let lead = |sizes: &mut Vec<Size>| drop(sizes.splice(0..0, vec![Size::one(); rank - sizes.len()]));
    lead(&mut counts);
    lead(&mut shape);
    c.graph.span = call.span;
    let aligned = c.graph.reshape(x, &shape);
    let (mut axes, mut spread) = (Vec::new(), Vec::new());
    for (size, count) in shape.iter().zip(&counts) {
        spread.extend((!count.is_one()).then(|| count.clone()));
        axes.push(spread.len());
        spread.push(size.clone());
    }
    let repeated = c.graph.broadcast(aligned, &axes, &spread);
    let whole: Vec<Size> = shape.iter().zip(&counts).map(|(size, count)| size.times(count)).collect();
    Ok(Value::array(c.graph.reshape(repeated, &whole)))
}

fn repeat(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["axis"])?;
    let [x, count] = call.exactly("repeat(x, n) or repeat(x, n, axis=0)")?;
    let operand = c.operand(x)?;
    let [count] = c.sizes(&[count])?.try_into().map_err(|_| {
        Diagnostic::error(codes::ARGUMENTS, count.span, "`repeat` takes one count")
            .help("a count per element would make a size that depends on data")
    })?;
    let shape = c.graph.shape(operand.id).to_vec();
    let (x, axis) = match call.named("axis") {
        Some(expr) => (operand.id, c.axis(expr, shape.len())?),
        None => (c.graph.reshape(operand.id, &[Size::product(&shape)]), 0),
    };
    c.graph.span = call.span;
    let mut whole = c.graph.shape(x).to_vec();
    let mut spread = whole.clone();
    spread.insert(axis + 1, count.clone());
    let axes: Vec<usize> = (0..whole.len()).map(|k| k + usize::from(k > axis)).collect();
    let repeated = c.graph.broadcast(x, &axes, &spread);
    whole.iter_mut().skip(axis).take(1).for_each(|size| *size = size.times(&count));
    Ok(Value::array(c.graph.reshape(repeated, &whole)))
}

fn broadcast_to(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&[])?;
    let (x, sizes) = call.first_and_rest(2..=17, "broadcast_to(x, n, m)")?;
    let operand = c.operand(x)?;
    let shape = c.sizes(&sizes)?;
    let own = c.graph.shape(operand.id).to_vec();
    let lead = shape.len().checked_sub(own.len());
    let fits = lead.is_some_and(|lead| {
        own.iter().zip(shape.iter().skip(lead)).all(|(size, wanted)| size.is_one() || size == wanted)
    });
    if !fits {
        let text = format!("{} does not stretch to [{}]", c.graph.ty(operand.id), crate::graph::display_shape(&shape));
        let error = Diagnostic::error(codes::BROADCAST, call.span, text);
        return Err(c
            .origins(error, &own.iter().chain(&shape).collect::<Vec<_>>())
            .help("axes are matched from the last; only a missing axis or the literal size 1 stretches"));
    }
    c.graph.span = call.span;
    Ok(Value::array(c.stretch(operand.id, &shape)))
}

fn meshgrid(c: &mut Checker<'_>, call: &Call<'_>) -> Result<Value> {
    call.allow(&["indexing"])?;
    let exprs = call.positional(1..=16, "meshgrid(x, y)")?;
    let operands = c.operands(&exprs)?;
    let swapped = match call.named("indexing").map(|expr| (&expr.kind, expr.span)) {
        None => true,
        Some((ExprKind::Str(text), _)) if text == "xy" || text == "ij" => text == "xy",
        Some((_, span)) => {
            return Err(Diagnostic::error(codes::ARGUMENTS, span, "`indexing` is \"xy\" or \"ij\""));
        }
    };
    let mut axes: Vec<usize> = (0..operands.len()).collect();
    if let ([first, second, ..], true) = (axes.as_mut_slice(), swapped) {
        std::mem::swap(first, second);
    }
    let mut shape = vec![Size::one(); operands.len()];
    for (operand, &axis) in operands.iter().zip(&axes) {
        let [size] = c.graph.shape(operand.id) else {
            return Err(Diagnostic::error(codes::RANK, operand.span, "`meshgrid` takes vectors")
                .at(format!("this is {}", c.graph.ty(operand.id))));
        };
        shape.iter_mut().skip(axis).take(1).for_each(|place| *place = size.clone());
    }
    c.graph.span = call.span;
    let spread = |(operand, &axis): (&crate::check::operators::Operand, &usize)| -> NodeId {
        c.graph.broadcast(operand.id, &[axis], &shape)
    };
    Ok(Value::Tuple(operands.iter().zip(&axes).map(spread).map(Value::array).collect()))
}
