//! Sums inside of one factor of a product, done before the product is formed.
//!
//! In: a product of factors under sums, which is about to be multiplied by itself or another one. Out: fewer factors.
//! Always holds: what is left of a gradient is the activations and what came back to them: no factor is as large as all
//! gradients.

use super::contract::Term;
use crate::graph::{Graph, NodeId};
use crate::ops::Labels;

/// Whether a sum is taken inside of one of the terms.
pub(super) fn sums_inside(terms: &[Term], kept: &[u8]) -> bool {
    terms.iter().any(|term| !inner_labels(term, kept).is_empty())
}

/// The terms with every sum done that makes nothing as large as the whole, and small factors multiplied into larger ones.
pub(super) fn condensed(g: &mut Graph, terms: Vec<Term>, kept: &[u8]) -> Vec<Term> {
    terms.into_iter().map(|term| if inner_labels(&term, kept).is_empty() { term } else { one(g, term, kept) }).collect()
}

fn one(g: &mut Graph, term: Term, kept: &[u8]) -> Term {
    let mut term = term;
    while let Some(label) = next_sum(&term, kept) {
        let (with, mut rest): (Term, Term) = term.into_iter().partition(|(_, labels)| labels.contains(&label));
        let outside = union(&rest);
        let result: Labels = union(&with).into_iter().filter(|l| kept.contains(l) || outside.contains(l)).collect();
        rest.push((g.contract(&with, &result), result));
        term = rest;
    }
    absorbed(g, term)
}

/// The labels that are summed over inside of the term.
fn inner_labels(term: &Term, kept: &[u8]) -> Labels {
    union(term).into_iter().filter(|label| !kept.contains(label)).collect()
}

fn union(term: &[(NodeId, Labels)]) -> Labels {
    let mut all: Labels = Vec::new();
    for label in term.iter().flat_map(|(_, labels)| labels) {
        if !all.contains(label) {
            all.push(*label);
        }
    }
    all
}

/// The label of fewest factors that can be summed over without making what is as large as the term's value.
fn next_sum(term: &Term, kept: &[u8]) -> Option<u8> {
    let whole: Labels = union(term).into_iter().filter(|label| kept.contains(label)).collect();
    let holds = |labels: &Labels| whole.iter().all(|label| labels.contains(label));
    let mut inner = inner_labels(term, kept);
    inner.sort_by_key(|label| term.iter().filter(|(_, labels)| labels.contains(label)).count());
    inner.into_iter().find(|label| {
        let with: Term = term.iter().filter(|(_, labels)| labels.contains(label)).cloned().collect();
        let outside: Term = term.iter().filter(|(_, labels)| !labels.contains(label)).cloned().collect();
        let made: Labels = union(&with).into_iter().filter(|l| kept.contains(l) || union(&outside).contains(l)).collect();
        let more = made.iter().any(|l| !kept.contains(l));
        more || !holds(&made) || with.iter().any(|(_, labels)| holds(labels))
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
