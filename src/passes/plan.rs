//! The contraction planner: in which order a contraction's operands are multiplied, and what is summed when.
//!
//! In: contractions of any number of operands, and sizes to expect. Out: matrix products in the form `bmk,bkn->bmn`,
//! elementwise products and sums.
//! Always holds: every contraction that is left has two operands and can be given to a matrix-product routine; products that are
//! small whatever the sizes are have become loops.

mod choice;

pub use choice::{Choice, Plan};

use crate::graph::{Graph, NodeId, Op, Size, SizeEnv};
use crate::ops::Labels;
use rustc_hash::FxHashMap;

/// The size assumed for a variable that nothing is known of.
const TYPICAL: i64 = 100;

/// Up to so many operands the order is optimal; beyond, greedy.
const EXHAUSTIVE: usize = 8;

/// What storing and reloading one element of an intermediate result costs, in multiplications.
const STORE: f64 = 4.0;

/// How much dearer a multiplication is outside a matrix product.
const LOOP: f64 = 4.0;

/// What a call of the matrix-product routine costs for each matrix of a batch, in multiplications: it packs operands.
const CALL: f64 = 4608.0;

/// What it costs there for each row, however short.
const ROW: f64 = 64.0;

/// Splits every contraction into pairs; says in `choices` how, if that is asked for.
pub fn plan(graph: &Graph, expected: &SizeEnv, mut choices: Option<&mut Vec<Choice>>) -> Graph {
    graph.rewrite(|copier, next, id| {
        let inputs = copier.inputs(id);
        match &graph.node(id).op {
            Op::Contract { operands, result } => {
                let factors: Vec<Factor> = inputs.iter().copied().zip(operands.iter().cloned()).collect();
                contraction(next, factors, result, expected, choices.as_deref_mut())
            }
            Op::Map(op) => next.map(op, &inputs),
            _ => copier.copy(next, id),
        }
    })
}

type Factor = (NodeId, Labels);

/// A product tree over operands, by their positions.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(usize),
    Pair(Box<Tree>, Box<Tree>),
}

fn contraction(
    g: &mut Graph,
    factors: Vec<Factor>,
    result: &[u8],
    expected: &SizeEnv,
    choices: Option<&mut Vec<Choice>>,
) -> NodeId {
    let sizes = label_sizes(g, &factors);
    let problem = Problem::new(&factors, result, &sizes, expected);
    let tree = if factors.len() <= EXHAUSTIVE { problem.optimal() } else { problem.greedy() };
    if let Some(choices) = choices {
        choices.push(choice::choice(g, &factors, &sizes, &problem, &tree));
    }
    let (node, labels) = execute(g, &tree, &factors, &problem);
    finish(g, node, &labels, result)
}

fn label_sizes(g: &Graph, factors: &[Factor]) -> FxHashMap<u8, Size> {
    let pairs = factors.iter().flat_map(|(id, labels)| labels.iter().copied().zip(g.shape(*id).iter().cloned()));
    pairs.collect()
}

/// The labels as bit sets with the sizes to expect.
struct Problem {
    operands: Vec<u128>,
    factors: Vec<Factor>,
    /// The labels of the result in order, so that products come out that way round.
    order: Labels,
    result: u128,
    extent: FxHashMap<u8, f64>,
    /// The labels whose sizes are literal.
    literal: u128,
}

impl Problem {
    fn new(factors: &[Factor], result: &[u8], sizes: &FxHashMap<u8, Size>, expected: &SizeEnv) -> Problem {
        let extent = sizes.iter().map(|(&label, size)| (label, expected_size(size, expected))).collect();
        let operands = factors.iter().map(|(_, labels)| set(labels)).collect();
        let known = sizes.iter().filter(|(_, size)| size.as_const().is_some());
        let literal = known.fold(0u128, |set, (&label, _)| set | 1 << label);
        Problem { operands, factors: factors.to_vec(), order: result.to_vec(), result: set(result), extent, literal }
    }

    fn volume(&self, labels: u128) -> f64 {
        let present = self.extent.iter().filter(|(label, _)| labels >> **label & 1 == 1);
        present.map(|(_, extent)| *extent).product()
    }

    /// The labels that a product of these operands still has to carry.
    fn carried(&self, members: u32) -> u128 {
        let (mut inside, mut outside) = (0u128, self.result);
        for (k, labels) in self.operands.iter().enumerate() {
            if members >> k & 1 == 1 {
                inside |= labels;
            } else {
                outside |= labels;
            }
        }
        inside & outside
    }

    /// The cost of multiplying two parts that carry `a` and `b` into one that carries `c`.
    fn pair_cost(&self, a: u128, b: u128, c: u128) -> f64 {
        let (work, batch) = (self.volume(a | b), self.volume(a & b & c));
        let work =
            if self.is_product(a, b, c) { work + batch * (CALL + ROW * self.volume(a & c & !b)) } else { LOOP * work };
        work + STORE * self.volume(c)
    }

    /// Whether that is a matrix product for the routine: neither elementwise, nor so small that loops are done before.
    fn is_product(&self, a: u128, b: u128, c: u128) -> bool {
        let (inner, first, second) = (a & b & !c, a & c & !b, b & c & !a);
        let is_turned = self.place(second) < self.place(first);
        let (rows, columns) = if is_turned { (second, first) } else { (first, second) };
        inner != 0 && rows != 0 && columns != 0 && !self.is_small(rows, inner, columns)
    }

    /// Where the first of some labels stands in the result.
    fn place(&self, labels: u128) -> Option<usize> {
        self.order.iter().position(|label| labels >> label & 1 == 1)
    }

    /// Whether loops over rows, columns and what is summed are faster than the routine, however many rows there are if that is
    /// not literal.
    fn is_small(&self, rows: u128, inner: u128, columns: u128) -> bool {
        let is_literal = |labels: u128| labels & !self.literal == 0;
        let more = |labels: u128| (LOOP - 1.0) * self.volume(labels);
        is_literal(inner | columns)
            && match is_literal(rows) {
                true => more(rows | inner | columns) < CALL + ROW * self.volume(rows),
                false => more(inner | columns) < ROW,
            }
    }

    /// What a product of these operands is: two of one key are one value, whatever their labels are called.
    fn key(&self, members: u32) -> Vec<(NodeId, Vec<(usize, bool)>)> {
        let carried = self.carried(members);
        let mut own: Vec<usize> = (0..self.factors.len()).filter(|k| members >> k & 1 == 1).collect();
        own.sort_by_key(|k| self.factors[*k].0);
        let mut seen: Labels = Vec::new();
        let mut name = |label: u8| {
            let known = seen.iter().position(|other| *other == label);
            let number = known.unwrap_or_else(|| {
                seen.push(label);
                seen.len() - 1
            });
            (number, carried >> label & 1 == 1)
        };
        own.into_iter().map(|k| (self.factors[k].0, self.factors[k].1.iter().map(|l| name(*l)).collect())).collect()
    }

    /// Dynamic programming over subsets of operands.
    fn optimal(&self) -> Tree {
        let count = self.operands.len();
        let full = (1u32 << count) - 1;
        let keys: Vec<_> = (0..=full).map(|members| self.key(members)).collect();
        let mut best: Vec<Option<(f64, Tree)>> = vec![None; 1 << count];
        for k in 0..count {
            best[1 << k] = Some((0.0, Tree::Leaf(k)));
        }
        for members in 1..=full {
            if members.count_ones() < 2 {
                continue;
            }
            let c = self.carried(members);
            let mut part = (members - 1) & members;
            while part > 0 {
                let rest = members & !part;
                if part > rest
                    && let (Some((left, left_tree)), Some((right, right_tree))) =
                        (&best[part as usize], &best[rest as usize])
                {
                    // A square: what is multiplied by itself is computed once.
                    let twins = keys[part as usize] == keys[rest as usize];
                    let parts = if twins { *left } else { left + right };
                    let cost = parts + self.pair_cost(self.carried(part), self.carried(rest), c);
                    if best[members as usize].as_ref().is_none_or(|(known, _)| cost < *known) {
                        let tree = Tree::Pair(Box::new(right_tree.clone()), Box::new(left_tree.clone()));
                        best[members as usize] = Some((cost, tree));
                    }
                }
                part = (part - 1) & members;
            }
        }
        best[full as usize].take().map_or(Tree::Leaf(0), |(_, tree)| tree)
    }

    /// Always the cheapest pair next.
    fn greedy(&self) -> Tree {
        let mut parts: Vec<(u32, Tree)> = (0..self.operands.len()).map(|k| (1 << k, Tree::Leaf(k))).collect();
        while parts.len() > 1 {
            let mut best = (f64::INFINITY, 0, 1);
            for i in 0..parts.len() {
                for j in i + 1..parts.len() {
                    let (a, b) = (parts[i].0, parts[j].0);
                    let cost = self.pair_cost(self.carried(a), self.carried(b), self.carried(a | b))
                        - STORE * (self.volume(self.carried(a)) + self.volume(self.carried(b)));
                    if cost < best.0 {
                        best = (cost, i, j);
                    }
                }
            }
            let (second, second_tree) = parts.swap_remove(best.2);
            let (first, first_tree) = parts[best.1].clone();
            parts[best.1] = (first | second, Tree::Pair(Box::new(first_tree), Box::new(second_tree)));
        }
        parts.pop().map_or(Tree::Leaf(0), |(_, tree)| tree)
    }

    fn members(tree: &Tree) -> u32 {
        match tree {
            Tree::Leaf(k) => 1 << k,
            Tree::Pair(a, b) => Problem::members(a) | Problem::members(b),
        }
    }
}

pub(super) fn expected_size(size: &Size, expected: &SizeEnv) -> f64 {
    let mut env = expected.clone();
    for var in size.vars() {
        env.entry(var).or_insert(TYPICAL);
    }
    size.eval(&env).unwrap_or(TYPICAL).max(1) as f64
}

/// Builds the nodes of a product tree; a leaf has the labels summed that nothing else needs.
fn execute(g: &mut Graph, tree: &Tree, factors: &[Factor], problem: &Problem) -> Factor {
    match tree {
        Tree::Leaf(k) => {
            let (id, labels) = &factors[*k];
            let carried = problem.carried(1 << k);
            let axes: Vec<usize> = (0..labels.len()).filter(|&a| carried >> labels[a] & 1 == 0).collect();
            let kept = labels.iter().copied().filter(|&l| carried >> l & 1 == 1).collect();
            (g.sum(*id, &axes), kept)
        }
        Tree::Pair(a, b) => {
            let (left, right) = (execute(g, a, factors, problem), execute(g, b, factors, problem));
            let carried = problem.carried(Problem::members(tree));
            pair(g, left, right, carried, problem)
        }
    }
}

/// The product of two factors, keeping the labels in `carried`.
fn pair(g: &mut Graph, a: Factor, b: Factor, carried: u128, problem: &Problem) -> Factor {
    let kept = |l: u8| carried >> l & 1 == 1;
    let both: Labels = a.1.iter().copied().filter(|l| b.1.contains(l)).collect();
    let batch: Labels = both.iter().copied().filter(|&l| kept(l)).collect();
    let inner: Labels = both.iter().copied().filter(|&l| !kept(l)).collect();
    let rows: Labels = a.1.iter().copied().filter(|l| !both.contains(l)).collect();
    let columns: Labels = b.1.iter().copied().filter(|l| !both.contains(l)).collect();
    let is_float = g.ty(a.0).dtype.is_float();
    if !is_float || inner.is_empty() || rows.is_empty() || columns.is_empty() {
        return product(g, a, b, carried);
    }
    let is_turned = problem.place(set(&columns)) < problem.place(set(&rows));
    let (a, rows, b, columns) = if is_turned { (b, columns, a, rows) } else { (a, rows, b, columns) };
    if problem.is_product(set(&a.1), set(&b.1), carried) {
        return matrix_product(g, (a, b), &batch, &rows, &inner, &columns);
    }
    // In this order neither operand need be transposed.
    let all: Labels = [batch, rows, inner, columns].concat();
    product_in_order(g, a, b, all, carried)
}

fn set(labels: &[u8]) -> u128 {
    labels.iter().fold(0u128, |set, &label| set | 1 << label)
}

/// An elementwise product with what is no longer needed summed.
fn product(g: &mut Graph, a: Factor, b: Factor, carried: u128) -> Factor {
    let mut all = a.1.clone();
    all.extend(b.1.iter().copied().filter(|label| !a.1.contains(label)));
    // The order of a larger operand is kept, so that its elements are read in order.
    if b.1.len() > a.1.len() {
        all = b.1.clone();
        all.extend(a.1.iter().copied().filter(|label| !b.1.contains(label)));
    }
    product_in_order(g, a, b, all, carried)
}

/// The same with the axes of the product in the order of `all`.
fn product_in_order(g: &mut Graph, a: Factor, b: Factor, all: Labels, carried: u128) -> Factor {
    let mut shape = vec![Size::one(); all.len()];
    for (id, labels) in [&a, &b] {
        for (label, size) in labels.iter().zip(g.shape(*id)) {
            if let Some(at) = all.iter().position(|l| l == label) {
                shape[at] = size.clone();
            }
        }
    }
    let (x, y) = (aligned(g, &a, &all, &shape), aligned(g, &b, &all, &shape));
    let product = g.times(x, y);
    let axes: Vec<usize> = (0..all.len()).filter(|&axis| carried >> all[axis] & 1 == 0).collect();
    let kept = all.into_iter().filter(|&l| carried >> l & 1 == 1).collect();
    (g.sum(product, &axes), kept)
}

/// A factor with its axes in the order of `all`, repeated along those it lacks.
fn aligned(g: &mut Graph, factor: &Factor, all: &[u8], shape: &[Size]) -> NodeId {
    let (id, labels) = factor;
    let present: Labels = all.iter().copied().filter(|label| labels.contains(label)).collect();
    let ordered = finish(g, *id, labels, &present);
    let axes: Vec<usize> = present.iter().filter_map(|label| all.iter().position(|l| l == label)).collect();
    g.broadcast(ordered, &axes, shape)
}

/// `id` with its axes from the order `from` brought into the order `to`.
fn finish(g: &mut Graph, id: NodeId, from: &[u8], to: &[u8]) -> NodeId {
    let perm: Vec<usize> = to.iter().filter_map(|label| from.iter().position(|l| l == label)).collect();
    g.transpose(id, &perm)
}

/// `bmk,bkn->bmn`: each group of labels as one axis.
fn matrix_product(
    g: &mut Graph,
    (a, b): (Factor, Factor),
    batch: &[u8],
    rows: &[u8],
    inner: &[u8],
    columns: &[u8],
) -> Factor {
    let sizes = label_sizes(g, &[a.clone(), b.clone()]);
    let group = |labels: &[u8]| Size::product(labels.iter().filter_map(|l| sizes.get(l)));
    let operand = |g: &mut Graph, factor: &Factor, first: &[u8], second: &[u8]| {
        let order: Labels = batch.iter().chain(first).chain(second).copied().collect();
        let ordered = finish(g, factor.0, &factor.1, &order);
        let mut shape: Vec<Size> = Vec::new();
        shape.extend((!batch.is_empty()).then(|| group(batch)));
        shape.push(group(first));
        shape.push(group(second));
        g.reshape(ordered, &shape)
    };
    let left = operand(g, &a, rows, inner);
    let right = operand(g, &b, inner, columns);
    let product = if batch.is_empty() {
        g.contract(&[(left, vec![0, 1]), (right, vec![1, 2])], &[0, 2])
    } else {
        g.contract(&[(left, vec![0, 1, 2]), (right, vec![0, 2, 3])], &[0, 1, 3])
    };
    let labels: Labels = batch.iter().chain(rows).chain(columns).copied().collect();
    let shape: Vec<Size> = labels.iter().filter_map(|l| sizes.get(l).cloned()).collect();
    (g.reshape(product, &shape), labels)
}
