//! Orders of growth: whether one polynomial in sizes stays within a bound, and how people write both.
//!
//! In: polynomials. Out: the terms that a bound does not cover; text with powers.
//! Always holds: constants do not matter for what is covered, and sizes count as at least 1.

use super::{Size, SizeVar};

/// The terms of `cost` that no term of `bound` covers: one is covered if it divides the other but for the constant. What is
/// subtracted needs no cover. Constants are left out of what is given back; what grows fastest comes first.
pub fn grows_within(cost: &Size, bound: &Size) -> Vec<Size> {
    let allowed: Vec<&[SizeVar]> = bound.monomials().filter(|(_, c)| *c > 0).map(|(vars, _)| vars).collect();
    let mut uncovered: Vec<(&[SizeVar], i64)> =
        cost.monomials().filter(|(vars, c)| *c > 0 && !allowed.iter().any(|by| divides(vars, by))).collect();
    uncovered.sort_by_key(|(vars, _)| std::cmp::Reverse(vars.len()));
    uncovered.into_iter().map(|(vars, _)| term(vars, 1)).collect()
}

/// The constant with which a polynomial has a term; 0 if it has none such.
pub fn coefficient(size: &Size, term: &Size) -> i64 {
    let Some((wanted, _)) = term.monomials().next() else { return 0 };
    size.monomials().find(|(vars, _)| *vars == wanted).map_or(0, |(_, coefficient)| coefficient)
}

/// One term as a polynomial.
fn term(vars: &[SizeVar], coefficient: i64) -> Size {
    vars.iter().fold(Size::from(coefficient), |product, var| product.times(&Size::var(var)))
}

/// Whether every variable of `part` is in `whole`, as often; both are sorted.
fn divides(part: &[SizeVar], whole: &[SizeVar]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|var| rest.any(|other| other == var))
}

/// The least polynomial with no coefficient smaller than in either, and none below 0: no less than both, whatever the sizes.
#[must_use]
pub fn envelope(a: &Size, b: &Size) -> Size {
    let positive = |size: &Size| -> Vec<(Vec<SizeVar>, i64)> {
        size.monomials().filter(|(_, c)| *c > 0).map(|(vars, c)| (vars.to_vec(), c)).collect()
    };
    let (first, mut second) = (positive(a), positive(b));
    let mut sum = Size::default();
    for (vars, coefficient) in first {
        let same = second.iter().position(|(other, _)| *other == vars);
        let other = same.map_or(0, |at| second.swap_remove(at).1);
        sum = sum.plus(&term(&vars, coefficient.max(other)));
    }
    second.iter().fold(sum, |sum, (vars, coefficient)| sum.plus(&term(vars, *coefficient)))
}

/// A polynomial as people write it: powers instead of repeated factors, the terms that grow fastest first.
pub fn polynomial(size: &Size) -> String {
    let mut terms: Vec<(&[SizeVar], i64)> = size.monomials().collect();
    terms.sort_by_key(|(vars, _)| (std::cmp::Reverse(vars.len()), *vars));
    if terms.first().is_some_and(|(_, c)| *c < 0)
        && let Some(at) = terms.iter().position(|(_, c)| *c > 0)
    {
        let first = terms.remove(at);
        terms.insert(0, first);
    }
    let mut text = String::new();
    for (position, (vars, coefficient)) in terms.iter().enumerate() {
        text.push_str(match (position, *coefficient < 0) {
            (0, true) => "-",
            (0, false) => "",
            (_, true) => " - ",
            (_, false) => " + ",
        });
        let mut factors: Vec<String> = Vec::new();
        if vars.is_empty() || coefficient.unsigned_abs() != 1 {
            factors.push(coefficient.unsigned_abs().to_string());
        }
        for run in vars.chunk_by(|a, b| a == b) {
            match run {
                [var] => factors.push(var.to_string()),
                _ => factors.extend(run.first().map(|var| format!("{var}^{}", run.len()))),
            }
        }
        text.push_str(&factors.join("*"));
    }
    if text.is_empty() { "0".to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n() -> Size {
        Size::var("n")
    }

    fn d() -> Size {
        Size::var("d")
    }

    #[test]
    fn a_bound_covers_what_divides_it() {
        let cost = n().times(&n()).times(&d()).plus(&n().times(&Size::from(7))).plus(&Size::from(5)).minus(&d());
        assert!(grows_within(&cost, &n().times(&n()).times(&d())).is_empty());
        assert_eq!(grows_within(&cost, &n().times(&d())), vec![n().times(&n()).times(&d())]);
        assert_eq!(grows_within(&cost, &Size::one()).len(), 2, "a constant bounds no size");
        assert!(grows_within(&Size::from(9), &Size::one()).is_empty());
        assert!(grows_within(&Size::default(), &Size::default()).is_empty(), "nothing is within nothing");
    }

    #[test]
    fn an_envelope_is_no_less_than_both() {
        let (a, b) = (n().times(&Size::from(3)).minus(&d()), n().plus(&d()));
        assert_eq!(envelope(&a, &b), n().times(&Size::from(3)).plus(&d()));
    }

    #[test]
    fn polynomials_are_written_with_powers() {
        let size = n().times(&n()).times(&d()).times(&Size::from(2)).plus(&n()).minus(&Size::from(4));
        assert_eq!(polynomial(&size), "2*d*n^2 + n - 4");
        assert_eq!(polynomial(&Size::default()), "0");
        assert_eq!(polynomial(&n().minus(&d().times(&d()))), "n - d^2");
    }
}
