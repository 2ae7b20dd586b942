//! Normalising sums of products into contractions.
//!
//! In: sums over products, squares, broadcasts, transposes and contractions. Out: one contraction for each, its operands as
//! deep inside as they go; powers and absolute values of outer products move onto the factors.
//! Always holds: a product that is used for something else too is not computed again unless it is an outer product.

use super::condense::{condensed, outer_behind_sums, sums_inside};
use crate::graph::{Graph, NodeId, Op, Size, reachable};
use crate::ops::Labels;
use crate::ops::elementwise::{ABS, DIVIDE};
use crate::ops::reduction::SUM;
use rustc_hash::FxHashMap;

/// The most terms that a product of sums is multiplied out into.
const TERMS: usize = 32;

/// The most operands of one contraction.
const OPERANDS: usize = 32;

/// The most nodes that are looked into for one contraction.
const BUDGET: usize = 256;

/// How deep a sum is searched for outer products.
const DEPTH: usize = 8;

/// One product: factors with the labels of their axes.
pub(super) type Term = Vec<(NodeId, Labels)>;

/// Normalises every sum of products.
pub fn contract(graph: &Graph) -> Graph {
    let mut uses: FxHashMap<NodeId, usize> = FxHashMap::default();
    let order = reachable(graph, &graph.roots());
    for &id in &order {
        let mut users: Vec<NodeId> = graph.node(id).inputs.clone();
        users.dedup();
        for input in users {
            *uses.entry(input).or_insert(0) += 1;
        }
    }
    let mut shared = FxHashMap::default();
    graph.rewrite(|copier, next, id| {
        let node = graph.node(id);
        let inputs = copier.inputs(id);
        let result = match &node.op {
            Op::Reduce { kind, axes } if **kind == SUM && node.ty.dtype.is_float() => {
                sum_of_products(next, inputs[0], axes, &shared)
            }
            Op::Contract { operands, result } => {
                let factors: Term = inputs.iter().copied().zip(operands.iter().cloned()).collect();
                contraction_of_products(next, factors, result, &shared)
            }
            Op::Map(op) if op.name == "abs" => absolute_outer(next, inputs[0]),
            _ => None,
        };
        let result = result.unwrap_or_else(|| match &node.op {
            Op::Map(op) => next.map(op, &inputs),
            _ => copier.copy(next, id),
        });
        let count = uses.get(&id).copied().unwrap_or(0) + usize::from(graph.outputs.contains(&id));
        let entry = shared.entry(result).or_insert(0usize);
        *entry += count;
        result
    })
}

/// `|a ⊗ b| = |a| ⊗ |b|`, also where the product is rounded to 16 bits: rounding is the same for both signs.
fn absolute_outer(g: &mut Graph, x: NodeId) -> Option<NodeId> {
    let half = g.unrounded(x).map(|exact| (exact, g.ty(g.node(x).inputs[0]).dtype));
    let node = g.node(half.map_or(x, |(exact, _)| exact)).clone();
    let Op::Contract { operands, result } = &node.op else { return None };
    if !is_outer(operands, result) {
        return None;
    }
    let factors: Term =
        node.inputs.iter().zip(operands).map(|(&input, labels)| (g.map(&ABS, &[input]), labels.clone())).collect();
    let product = g.contract(&factors, result);
    Some(match half {
        Some((_, half)) => {
            let rounded = g.cast(product, half);
            g.cast(rounded, g.ty(x).dtype)
        }
        None => product,
    })
}

/// Whether nothing is summed.
fn is_outer(operands: &[Labels], result: &[u8]) -> bool {
    operands.iter().flatten().all(|label| result.contains(label))
}

/// Whether nothing is summed and the result is larger than every operand: an outer product.
pub(super) fn expands(operands: &[Labels], result: &[u8]) -> bool {
    is_outer(operands, result) && operands.iter().all(|labels| labels.len() < result.len())
}

/// Whether the result is made for each of a label (examples, say) of factors none of which is as large: a gradient of each
/// example. Whoever sums it is better off with the factors; who needs it itself has it made in blocks.
fn spreads(operands: &[Labels], result: &[u8]) -> bool {
    let holds = |labels: &[u8]| result.iter().all(|label| labels.contains(label));
    let made_for = |label: &u8| {
        let with: Labels = operands.iter().filter(|own| own.contains(label)).flatten().copied().collect();
        holds(&with)
    };
    result.len() > 2 && !operands.iter().any(|own| holds(own)) && result.iter().any(made_for)
}

struct Flattener<'a> {
    /// How many users a node has.
    uses: &'a FxHashMap<NodeId, usize>,
    fresh: u8,
    /// The labels that the sum keeps.
    kept: Labels,
    /// How many nodes may still be looked into; bounds the work on shared subexpressions.
    budget: usize,
    /// Whether what is looked into is a factor once: sums may be taken apart without digits being lost in squares.
    linear: bool,
}

/// `sum(product, axes)` as a contraction, or a sum of contractions.
fn sum_of_products(g: &mut Graph, x: NodeId, axes: &[usize], uses: &FxHashMap<NodeId, usize>) -> Option<NodeId> {
    let rank = u8::try_from(g.ty(x).rank()).ok()?;
    let labels: Labels = (0..rank).collect();
    let kept: Labels = labels.iter().copied().filter(|&l| !axes.contains(&(l as usize))).collect();
    let mut flattener = Flattener { uses, fresh: rank, kept: kept.clone(), budget: BUDGET, linear: true };
    let terms = flattener.flatten(g, x, &labels, false)?;
    let is_plain = matches!(terms.as_slice(), [term] if term.len() < 2);
    if is_plain {
        return None;
    }
    let sizes: Vec<(u8, Size)> = labels.iter().copied().zip(g.shape(x).iter().cloned()).collect();
    let parts: Option<Vec<NodeId>> = terms.into_iter().map(|term| finish(g, term, &kept, &sizes)).collect();
    parts?.into_iter().reduce(|a, b| g.plus(a, b))
}

/// A contraction whose operands are products themselves.
fn contraction_of_products(
    g: &mut Graph,
    factors: Term,
    result: &[u8],
    uses: &FxHashMap<NodeId, usize>,
) -> Option<NodeId> {
    let fresh = factors.iter().flat_map(|(_, labels)| labels.iter().copied()).max().map_or(0, |l| l + 1);
    let mut sizes = Vec::new();
    for (id, labels) in &factors {
        sizes.extend(labels.iter().copied().zip(g.shape(*id).iter().cloned()));
    }
    let once = factors.iter().enumerate().all(|(k, (id, _))| factors[..k].iter().all(|(other, _)| other != id));
    let mut flattener = Flattener { uses, fresh, kept: result.to_vec(), budget: BUDGET, linear: once };
    let mut terms: Vec<Term> = vec![Vec::new()];
    for (id, labels) in &factors {
        let more = flattener.flatten(g, *id, labels, false)?;
        terms = multiply_out(&terms, &more)?;
    }
    if terms == vec![factors] {
        return None;
    }
    let parts: Option<Vec<NodeId>> = terms.into_iter().map(|term| finish(g, term, result, &sizes)).collect();
    parts?.into_iter().reduce(|a, b| g.plus(a, b))
}

fn multiply_out(a: &[Term], b: &[Term]) -> Option<Vec<Term>> {
    if a.len() * b.len() > TERMS {
        return None;
    }
    let product = |x: &Term, y: &Term| x.iter().chain(y).cloned().collect::<Term>();
    Some(a.iter().flat_map(|x| b.iter().map(move |y| product(x, y))).collect())
}

/// The contraction of one term. A label that no factor carries any more multiplies by its size when it is summed, and
/// repeats the result when it is kept.
fn finish(g: &mut Graph, term: Term, kept: &[u8], sizes: &[(u8, Size)]) -> Option<NodeId> {
    let mut term = term;
    if term.len() > OPERANDS {
        return None;
    }
    let carried = |term: &Term, label: u8| term.iter().any(|(_, labels)| labels.contains(&label));
    let like = term.first()?.0;
    let mut counted: Labels = Vec::new();
    for (label, size) in sizes {
        if !kept.contains(label) && !carried(&term, *label) && !counted.contains(label) {
            counted.push(*label);
            let count = g.size_value(size);
            let count = g.cast(count, g.ty(like).dtype);
            term.push((count, Vec::new()));
        }
    }
    let present: Labels = kept.iter().copied().filter(|&label| carried(&term, label)).collect();
    let core = g.contract(&term, &present);
    if present.len() == kept.len() {
        return Some(core);
    }
    let axes: Vec<usize> = present.iter().filter_map(|label| kept.iter().position(|k| k == label)).collect();
    let shape: Option<Vec<Size>> =
        kept.iter().map(|label| sizes.iter().find(|(l, _)| l == label).map(|(_, size)| size.clone())).collect();
    Some(g.broadcast(core, &axes, &shape?))
}

impl Flattener<'_> {
    /// The node as a sum of products of factors. `None` when there would be too many labels or terms.
    fn flatten(&mut self, g: &mut Graph, id: NodeId, labels: &[u8], shared: bool) -> Option<Vec<Term>> {
        let node = g.node(id).clone();
        let leaf = || Some(vec![vec![(id, labels.to_vec())]]);
        if self.budget == 0 {
            return leaf();
        }
        self.budget -= 1;
        // What something else needs too is computed anyway: nothing below it is worth opening.
        let shared = shared || self.uses.get(&id).is_some_and(|&count| count > 1);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Map(op), [a, b]) if op.name == "multiply" => {
                let linear = self.linear;
                self.linear &= scalar(g, *a).is_some() || scalar(g, *b).is_some();
                let (mut left, mut right) =
                    (self.flatten(g, *a, labels, shared)?, self.flatten(g, *b, labels, shared)?);
                self.linear = linear;
                if sums_inside(&left, labels) && sums_inside(&right, labels) {
                    (left, right) = (condensed(g, left, labels), condensed(g, right, labels));
                }
                match multiply_out(&left, &right) {
                    Some(terms) => Some(terms),
                    None => leaf(),
                }
            }
            (Op::Map(op), [a, b]) if op.name == "divide" && scalar(g, *b).is_some() => {
                let below = scalar(g, *b)?;
                let one = g.constant_like(below, 1.0);
                let factor = g.map(&DIVIDE, &[one, below]);
                let terms = self.flatten(g, *a, labels, shared)?;
                multiply_out(&terms, &[vec![(factor, Vec::new())]])
            }
            (Op::Map(op), [a]) if op.name == "negate" => {
                let minus = g.constant_like(*a, -1.0);
                let terms = self.flatten(g, *a, labels, shared)?;
                multiply_out(&terms, &[vec![(minus, Vec::new())]])
            }
            // Twice the same.
            (Op::Map(op), [a, b]) if op.name == "add" && a == b => {
                let terms = self.flatten(g, *a, labels, shared)?;
                if terms.iter().all(|term| term.len() < 2) {
                    return leaf();
                }
                let two = g.constant_like(*a, 2.0);
                multiply_out(&terms, &[vec![(two, Vec::new())]])
            }
            (Op::Map(op), [a, b]) if op.name == "add" && self.worth_taking_apart(g, *a, *b) => {
                let mut terms = self.flatten(g, *a, labels, shared)?;
                terms.extend(self.flatten(g, *b, labels, shared)?);
                if terms.len() > TERMS { leaf() } else { Some(terms) }
            }
            (Op::Broadcast { axes }, [x]) => {
                let inner: Labels = axes.iter().map(|&axis| labels[axis]).collect();
                self.flatten(g, *x, &inner, shared)
            }
            (Op::Transpose { perm }, [x]) => {
                let mut inner = vec![0; perm.len()];
                for (to, &from) in perm.iter().enumerate() {
                    inner[from] = labels[to];
                }
                self.flatten(g, *x, &inner, shared)
            }
            // Rounding each product to 16 bits would need every one of them: the sum is taken of the exact ones.
            (Op::Cast, _) if unrounded_outer(g, id, DEPTH).is_some() => {
                let exact = unrounded_outer(g, id, DEPTH)?;
                self.flatten(g, exact, labels, shared)
            }
            (Op::Contract { operands, result }, inputs) if self.worth_opening(shared, operands, result, labels) => {
                let renamed = self.rename(operands, result, labels)?;
                Some(vec![inputs.iter().copied().zip(renamed).collect()])
            }
            _ => leaf(),
        }
    }

    /// An outer product is always opened, and what spreads; another contraction when the sum drops what it made and nothing else uses it.
    fn worth_opening(&self, shared: bool, operands: &[Labels], result: &[u8], labels: &[u8]) -> bool {
        if is_outer(operands, result) || spreads(operands, result) {
            return true;
        }
        let drops = labels.iter().any(|label| !self.kept.contains(label));
        drops && !shared
    }

    /// Whether the terms of a sum are made of smaller factors, so that the sum itself need not be made.
    fn worth_taking_apart(&self, g: &Graph, a: NodeId, b: NodeId) -> bool {
        let smaller = self.linear && of_smaller(g, a, DEPTH) && of_smaller(g, b, DEPTH);
        smaller || has_outer(g, a, DEPTH) || has_outer(g, b, DEPTH)
    }

    fn rename(&mut self, operands: &[Labels], result: &[u8], labels: &[u8]) -> Option<Vec<Labels>> {
        let mut names: FxHashMap<u8, u8> = result.iter().copied().zip(labels.iter().copied()).collect();
        for &label in operands.iter().flatten() {
            if let std::collections::hash_map::Entry::Vacant(entry) = names.entry(label) {
                entry.insert(self.fresh);
                self.fresh = self.fresh.checked_add(1)?;
            }
        }
        Some(operands.iter().map(|o| o.iter().filter_map(|l| names.get(l).copied()).collect()).collect())
    }
}

/// The scalar that is repeated to make the node.
fn scalar(g: &Graph, id: NodeId) -> Option<NodeId> {
    let node = g.node(id);
    match (&node.op, node.inputs.as_slice()) {
        (Op::Broadcast { axes }, [x]) if axes.is_empty() => Some(*x),
        _ if node.ty.rank() == 0 => Some(id),
        _ => None,
    }
}

/// Whether a sum has an outer product among its terms, so that multiplying out saves holding it.
fn has_outer(g: &Graph, id: NodeId, depth: usize) -> bool {
    let node = g.node(id);
    if depth == 0 {
        return false;
    }
    match (&node.op, node.inputs.as_slice()) {
        (Op::Contract { operands, result }, _) => {
            expands(operands, result) || (result.len() > 2 && outer_behind_sums(operands, result))
        }
        (Op::Map(op), inputs) if matches!(op.name, "add" | "negate" | "multiply") => {
            inputs.iter().any(|&x| has_outer(g, x, depth - 1))
        }
        (Op::Transpose { .. }, [x]) => has_outer(g, *x, depth - 1),
        (Op::Cast, _) => unrounded_outer(g, id, depth).is_some(),
        _ => false,
    }
}

/// Whether a value is a sum of products of repeated ones.
fn of_smaller(g: &Graph, id: NodeId, depth: usize) -> bool {
    let node = g.node(id);
    if depth == 0 {
        return false;
    }
    match (&node.op, node.inputs.as_slice()) {
        (Op::Broadcast { axes }, _) => axes.len() < node.ty.rank(),
        (Op::Contract { operands, result }, _) => expands(operands, result),
        (Op::Map(op), inputs) if matches!(op.name, "add" | "negate" | "multiply") => {
            inputs.iter().all(|&x| of_smaller(g, x, depth - 1))
        }
        (Op::Transpose { .. }, [x]) => of_smaller(g, *x, depth - 1),
        _ => false,
    }
}

/// What was rounded to 16 bits to make the node, if it is an outer product or made of one.
fn unrounded_outer(g: &Graph, id: NodeId, depth: usize) -> Option<NodeId> {
    let exact = g.unrounded(id)?;
    let node = g.node(exact);
    let factors = match &node.op {
        Op::Map(op) if op.name == "multiply" => node.inputs.clone(),
        _ => vec![exact],
    };
    // Gradients of two examples meet as repetitions of either.
    let repeated = |x: NodeId| match (&g.node(x).op, g.node(x).inputs.as_slice()) {
        (Op::Broadcast { .. }, [inner]) => *inner,
        _ => x,
    };
    factors.into_iter().any(|x| has_outer(g, repeated(x), depth.saturating_sub(1))).then_some(exact)
}
