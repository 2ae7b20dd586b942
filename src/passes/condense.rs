//! Sums inside of one factor of a product, done before the product is formed.
//!
//! In: a product of factors under sums, which is about to be multiplied by itself or another one. Out: fewer factors.
//! Always holds: what is left of a gradient is the activations and what came back to them: no factor is as large as all
//! gradients.

use super::contract::Term;
use crate::graph::Graph;
use crate::ops::Labels;

/// Whether a sum is taken inside of one of the terms.
pub(super) fn sums_inside(terms: &[Term], kept: &[u8]) -> bool {
    terms.iter().any(|term| !inner_labels(term, kept).is_empty())
}

/// The terms with every sum done that makes nothing as large as the whole, and small factors multiplied into larger ones.
pub(super) fn condensed(g: &mut Graph, terms: Vec<Term>, kept: &[u8]) -> Vec<Term> {
    terms.into_iter().map(|term| if inner_labels(&term, kept).is_empty() { term } else { one(g, term, kept) }).collect()
}

/// Whether a contraction is an outer product once the sums inside of its factors are done.
pub(super) fn outer_behind_sums(operands: &[Labels], result: &[u8]) -> bool {
    let mut factors = operands.to_vec();
    while let Some((label, made)) = next_sum(&factors, result) {
        factors.retain(|labels| !labels.contains(&label));
        factors.push(made);
    }
    let inner = factors.iter().flatten().any(|label| !result.contains(label));
    !inner && !factors.iter().any(|labels| result.iter().all(|label| labels.contains(label)))
}

fn one(g: &mut Graph, term: Term, kept: &[u8]) -> Term {
    let mut term = term;
    loop {
        let labels: Vec<Labels> = term.iter().map(|(_, labels)| labels.clone()).collect();
        let Some((label, result)) = next_sum(&labels, kept) else { return absorbed(g, term) };
        let (with, mut rest): (Term, Term) = term.into_iter().partition(|(_, labels)| labels.contains(&label));
        rest.push((g.contract(&with, &result), result));
        term = rest;
    }
}

/// The labels that are summed over inside of the term.
fn inner_labels(term: &Term, kept: &[u8]) -> Labels {
    union(term.iter().map(|(_, labels)| labels)).into_iter().filter(|label| !kept.contains(label)).collect()
}

fn union<'a>(factors: impl Iterator<Item = &'a Labels>) -> Labels {
    let mut all: Labels = Vec::new();
    for label in factors.flatten() {
        if !all.contains(label) {
            all.push(*label);
        }
    }
    all
}

/// The label of fewest factors that can be summed over without making what is as large as the term's value, and the
/// labels of what that makes.
fn next_sum(factors: &[Labels], kept: &[u8]) -> Option<(u8, Labels)> {
    let all = union(factors.iter());
    let whole: Labels = all.iter().copied().filter(|label| kept.contains(label)).collect();
    let holds = |labels: &Labels| whole.iter().all(|label| labels.contains(label));
    let mut inner: Labels = all.into_iter().filter(|label| !kept.contains(label)).collect();
    inner.sort_by_key(|label| factors.iter().filter(|labels| labels.contains(label)).count());
    inner.into_iter().find_map(|label| {
        let with = || factors.iter().filter(|labels| labels.contains(&label));
        let outside = union(factors.iter().filter(|labels| !labels.contains(&label)));
        let made: Labels = union(with()).into_iter().filter(|l| kept.contains(l) || outside.contains(l)).collect();
        let more = made.iter().any(|l| !kept.contains(l));
        (more || !holds(&made) || with().any(holds)).then_some((label, made))
    })
}

/// Factors with the axes of another one are multiplied into it.
fn absorbed(g: &mut Graph, term: Term) -> Term {
    let mut left: Term = term;
    left.sort_by_key(|(_, labels)| std::cmp::Reverse(labels.len()));
    let mut kept: Term = Vec::new();
    for (id, labels) in left {
        // A scalar goes along with whatever is multiplied last.
        let host = kept.iter_mut().rev().find(|(_, own)| !labels.is_empty() && labels.iter().all(|l| own.contains(l)));
        match host {
            Some((of, own)) => *of = g.contract(&[(*of, own.clone()), (id, labels)], own),
            None => kept.push((id, labels)),
        }
    }
    kept
}
