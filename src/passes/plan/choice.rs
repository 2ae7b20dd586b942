//! What the planner chose for a contraction, and what it left.
//!
//! In: a contraction as the planner sees it, and the tree that won. Out: a [`Choice`]: the plans, the winner first, with their costs.
//! Always holds: nothing here changes what is chosen; it is only asked for when somebody wants to read it.

use super::{EXHAUSTIVE, Factor, Problem, Tree};
use crate::graph::{Graph, NodeId, Size, Type};
use crate::ops::Labels;
use crate::syntax::span::Span;
use rustc_hash::FxHashMap;

/// The most plans that are kept beside the winner.
const OTHERS: usize = 3;

/// A contraction with its plans.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The expression.
    pub span: Span,
    /// In index notation: `nd,nh->dh`.
    pub notation: String,
    /// The distinct operands, by letters `A`, `B`, …: type and expression.
    pub operands: Vec<(Type, Span)>,
    /// The plans, the winner first, then from cheap to dear.
    pub plans: Vec<Plan>,
}

/// One way to compute a contraction.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How the operands are multiplied: `(A·A)@(B·B)`, where `@` is a matrix product and `·` a loop.
    pub text: String,
    /// Scalar operations.
    pub operations: Size,
    /// Elements of the intermediate results.
    pub held: Size,
    /// What the planner weighs at the sizes to expect: multiplications in a matrix product count 1, others, calls and what is held more.
    pub cost: f64,
}

/// The choice between the tree that won and the best of the others.
pub(super) fn choice(
    g: &Graph,
    factors: &[Factor],
    sizes: &FxHashMap<u8, Size>,
    problem: &Problem,
    won: &Tree,
) -> Choice {
    let mut distinct: Vec<NodeId> = Vec::new();
    factors.iter().for_each(|(id, _)| {
        if !distinct.contains(id) {
            distinct.push(*id)
        }
    });
    let letters: Vec<String> =
        factors.iter().map(|(id, _)| letter(distinct.iter().position(|other| other == id).unwrap_or(0))).collect();
    let names = names(factors, &problem.order, sizes);
    let text = |labels: &[u8]| labels.iter().filter_map(|label| names.get(label).copied()).collect::<String>();
    let operands: Vec<String> = factors.iter().map(|(_, labels)| text(labels)).collect();
    let describe = |tree: &Tree| {
        let mut plan = Plan { text: String::new(), operations: Size::default(), held: Size::default(), cost: 0.0 };
        let written = plan.add(problem, sizes, &letters, tree, true);
        Plan { text: written, ..plan }
    };
    let mut plans = vec![describe(won)];
    for tree in others(problem) {
        let plan = describe(&tree);
        if plans.len() <= OTHERS && !plans.iter().any(|known| known.text == plan.text) {
            plans.push(plan);
        }
    }
    Choice {
        span: g.span,
        notation: format!("{}->{}", operands.join(","), text(&problem.order)),
        operands: distinct.iter().map(|id| (g.ty(*id).clone(), g.node(*id).span)).collect(),
        plans,
    }
}

fn letter(position: usize) -> String {
    let letter = char::from(b'A' + (position % 26) as u8);
    if position < 26 { letter.to_string() } else { format!("{letter}{}", position / 26) }
}

/// A letter for each label: the name of its size if that is one, and free.
fn names(factors: &[Factor], result: &[u8], sizes: &FxHashMap<u8, Size>) -> FxHashMap<u8, char> {
    let mut names: FxHashMap<u8, char> = FxHashMap::default();
    let labels: Labels =
        factors.iter().flat_map(|(_, labels)| labels.iter().copied()).chain(result.iter().copied()).collect();
    for wants_size in [true, false] {
        for &label in &labels {
            if names.contains_key(&label) {
                continue;
            }
            let own = sizes.get(&label).and_then(Size::as_var).and_then(|var| {
                let mut letters = var.chars();
                letters.next().filter(|first| letters.next().is_none() && first.is_alphabetic())
            });
            let free = |letter: &char| !names.values().any(|taken| taken == letter);
            let chosen = if wants_size { own.filter(free) } else { ('i'..='z').chain('a'..='h').find(free) };
            if let Some(chosen) = chosen {
                names.insert(label, chosen);
            }
        }
    }
    names
}

impl Plan {
    /// Adds what a tree costs; gives it as text.
    fn add(
        &mut self,
        problem: &Problem,
        sizes: &FxHashMap<u8, Size>,
        letters: &[String],
        tree: &Tree,
        whole: bool,
    ) -> String {
        let (left, right) = match tree {
            Tree::Leaf(k) => return letters.get(*k).cloned().unwrap_or_default(),
            Tree::Pair(left, right) => (left, right),
        };
        let parts = [left, right].map(|part| self.add(problem, sizes, letters, part, false));
        let [a, b] = [left, right].map(|part| problem.carried(Problem::members(part)));
        let c = problem.carried(Problem::members(tree));
        let volume = |set: u128| {
            let present = sizes.iter().filter(|(label, _)| set >> **label & 1 == 1);
            Size::product(present.map(|(_, size)| size).collect::<Vec<_>>())
        };
        let sums = (a | b) & !c != 0;
        let each = if sums { 2 } else { 1 };
        // A square's factors are one value, computed once.
        self.operations = self.operations.plus(&volume(a | b).times(&Size::from(each)));
        if !whole {
            self.held = self.held.plus(&volume(c));
        }
        self.cost += problem.pair_cost(a, b, c);
        let [first, second] = parts;
        let text = format!("{first}{}{second}", if problem.is_product(a, b, c) { " @ " } else { "·" });
        if whole { text } else { format!("({text})") }
    }
}

/// The best tree for each way to split all operands in two, from cheap to dear.
fn others(problem: &Problem) -> Vec<Tree> {
    let count = problem.operands.len();
    if !(3..=EXHAUSTIVE).contains(&count) {
        return Vec::new();
    }
    let full = (1u32 << count) - 1;
    let mut best: Vec<Option<(f64, Tree)>> = vec![None; 1 << count];
    let mut whole: Vec<(f64, Tree)> = Vec::new();
    for members in 1..=full {
        if members.count_ones() == 1 {
            best[members as usize] = Some((0.0, Tree::Leaf(members.trailing_zeros() as usize)));
            continue;
        }
        let carried = problem.carried(members);
        let mut part = (members - 1) & members;
        while part > 0 {
            let rest = members & !part;
            if let (true, Some((left, a)), Some((right, b))) = (part > rest, &best[part as usize], &best[rest as usize])
            {
                let cost = left + right + problem.pair_cost(problem.carried(part), problem.carried(rest), carried);
                let tree = Tree::Pair(Box::new(b.clone()), Box::new(a.clone()));
                if members == full {
                    whole.push((cost, tree));
                } else if best[members as usize].as_ref().is_none_or(|(known, _)| cost < *known) {
                    best[members as usize] = Some((cost, tree));
                }
            }
            part = (part - 1) & members;
        }
    }
    whole.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    whole.into_iter().map(|(_, tree)| tree).collect()
}
