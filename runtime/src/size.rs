//! Sizes of axes: polynomials with integer coefficients in size variables.
//!
//! In: literals, size variables, and their sums, differences and products. Out: [`Size`], compared symbolically and
//! evaluated when the variables are bound.
//! Always holds: terms are sorted and none has coefficient zero, so equal polynomials are equal values.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A size variable, by the name that is unique within a graph.
pub type SizeVar = Arc<str>;

/// Values for size variables.
pub type SizeEnv = BTreeMap<SizeVar, i64>;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Term {
    vars: Vec<SizeVar>,
    coefficient: i64,
}

/// A polynomial in size variables. Coefficients saturate: a size that large is refused before anything is allocated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Size {
    terms: Vec<Term>,
}

impl From<i64> for Size {
    fn from(value: i64) -> Size {
        let terms = if value == 0 { Vec::new() } else { vec![Term { vars: Vec::new(), coefficient: value }] };
        Size { terms }
    }
}

impl Size {
    /// The size 1.
    pub fn one() -> Size {
        Size::from(1)
    }

    /// A bare variable.
    pub fn var(name: &str) -> Size {
        Size { terms: vec![Term { vars: vec![name.into()], coefficient: 1 }] }
    }

    /// The value, if no variable is involved.
    pub fn as_const(&self) -> Option<i64> {
        match self.terms.as_slice() {
            [] => Some(0),
            [Term { vars, coefficient }] if vars.is_empty() => Some(*coefficient),
            _ => None,
        }
    }

    /// The variable, if the size is exactly one.
    pub fn as_var(&self) -> Option<&SizeVar> {
        match self.terms.as_slice() {
            [Term { vars, coefficient: 1 }] if vars.len() == 1 => vars.first(),
            _ => None,
        }
    }

    /// Whether it is the literal 1, the only size that stretches.
    pub fn is_one(&self) -> bool {
        self.as_const() == Some(1)
    }

    /// The variables that occur, sorted.
    pub fn vars(&self) -> Vec<SizeVar> {
        let mut all: Vec<SizeVar> = self.terms.iter().flat_map(|term| term.vars.iter().cloned()).collect();
        all.sort();
        all.dedup();
        all
    }

    fn from_terms(terms: impl IntoIterator<Item = (Vec<SizeVar>, i64)>) -> Size {
        let mut sum: BTreeMap<Vec<SizeVar>, i64> = BTreeMap::new();
        for (vars, coefficient) in terms {
            let entry = sum.entry(vars).or_insert(0);
            *entry = entry.saturating_add(coefficient);
        }
        let terms = sum.into_iter().filter(|(_, c)| *c != 0);
        Size { terms: terms.map(|(vars, coefficient)| Term { vars, coefficient }).collect() }
    }

    /// `self + other`.
    #[must_use]
    pub fn plus(&self, other: &Size) -> Size {
        let terms = self.terms.iter().chain(&other.terms);
        Size::from_terms(terms.map(|t| (t.vars.clone(), t.coefficient)))
    }

    /// `self - other`.
    #[must_use]
    pub fn minus(&self, other: &Size) -> Size {
        self.plus(&other.times(&Size::from(-1)))
    }

    /// `self * other`.
    #[must_use]
    pub fn times(&self, other: &Size) -> Size {
        if self.is_one() {
            return other.clone();
        }
        if other.is_one() {
            return self.clone();
        }
        Size::from_terms(self.terms.iter().flat_map(|a| {
            other.terms.iter().map(move |b| {
                let mut vars: Vec<SizeVar> = a.vars.iter().chain(&b.vars).cloned().collect();
                vars.sort();
                (vars, a.coefficient.saturating_mul(b.coefficient))
            })
        }))
    }

    /// The product of sizes; 1 for none.
    pub fn product<'a>(sizes: impl IntoIterator<Item = &'a Size>) -> Size {
        sizes.into_iter().fold(Size::one(), |product, size| product.times(size))
    }

    /// The value under `env`; `None` when a variable is not bound. Saturates instead of overflowing.
    pub fn eval(&self, env: &SizeEnv) -> Option<i64> {
        let mut sum = 0i64;
        for term in &self.terms {
            let mut product = term.coefficient;
            for var in &term.vars {
                product = product.saturating_mul(*env.get(var)?);
            }
            sum = sum.saturating_add(product);
        }
        Some(sum)
    }

    /// The polynomial with variables replaced; those that `replace` does not know stay.
    #[must_use]
    pub fn substitute(&self, replace: &dyn Fn(&SizeVar) -> Option<Size>) -> Size {
        if self.terms.iter().all(|term| term.vars.is_empty()) {
            return self.clone();
        }
        let mut sum = Size::default();
        for term in &self.terms {
            let mut product = Size::from(term.coefficient);
            for var in &term.vars {
                product = product.times(&replace(var).unwrap_or_else(|| Size::var(var)));
            }
            sum = sum.plus(&product);
        }
        sum
    }

    /// The quotient by a single term, if every term is divisible by it.
    pub fn divide(&self, by: &Size) -> Option<Size> {
        let [divisor] = by.terms.as_slice() else { return None };
        let mut quotient = Vec::new();
        for term in &self.terms {
            if term.coefficient % divisor.coefficient != 0 {
                return None;
            }
            let mut vars = term.vars.clone();
            for var in &divisor.vars {
                let at = vars.iter().position(|known| known == var)?;
                vars.remove(at);
            }
            quotient.push((vars, term.coefficient / divisor.coefficient));
        }
        Some(Size::from_terms(quotient))
    }

    /// Whether it is at least 0 whatever the variables are (sizes are never negative).
    pub fn is_nonnegative(&self) -> bool {
        self.terms.iter().all(|term| term.coefficient >= 0)
    }

    /// The terms as (variables, coefficient), for generating code that evaluates the polynomial.
    pub fn monomials(&self) -> impl Iterator<Item = (&[SizeVar], i64)> {
        self.terms.iter().map(|term| (term.vars.as_slice(), term.coefficient))
    }

    /// Solves `self = value` for the single variable that `env` does not bind, when it occurs linearly.
    /// `None` when there is no such variable or no whole, non-negative solution.
    pub fn solve(&self, value: i64, env: &SizeEnv) -> Option<(SizeVar, i64)> {
        let unbound: Vec<SizeVar> = self.vars().into_iter().filter(|var| !env.contains_key(var)).collect();
        let [var] = unbound.as_slice() else { return None };
        let (mut slope, mut rest) = (0i64, 0i64);
        for term in &self.terms {
            let occurrences = term.vars.iter().filter(|v| *v == var).count();
            let mut product = term.coefficient;
            for other in term.vars.iter().filter(|v| *v != var) {
                product = product.checked_mul(*env.get(other)?)?;
            }
            match occurrences {
                0 => rest = rest.checked_add(product)?,
                1 => slope = slope.checked_add(product)?,
                _ => return None,
            }
        }
        let numerator = value.checked_sub(rest)?;
        (slope != 0 && numerator % slope == 0 && numerator / slope >= 0).then(|| (var.clone(), numerator / slope))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terms.is_empty() {
            return f.write_str("0");
        }
        // Variables first, the constant last: `n - k + 1`.
        let mut terms: Vec<&Term> = self.terms.iter().collect();
        terms.sort_by_key(|term| (term.vars.is_empty(), term.coefficient < 0));
        for (position, term) in terms.iter().enumerate() {
            match (position, term.coefficient < 0) {
                (0, true) => f.write_str("-")?,
                (0, false) => {}
                (_, true) => f.write_str(" - ")?,
                (_, false) => f.write_str(" + ")?,
            }
            let magnitude = term.coefficient.unsigned_abs();
            if term.vars.is_empty() {
                write!(f, "{magnitude}")?;
            } else {
                if magnitude != 1 {
                    write!(f, "{magnitude}*")?;
                }
                f.write_str(&term.vars.join("*"))?;
            }
        }
        Ok(())
    }
}

/// The sizes as they stand in a type: `n, d`.
pub fn display_shape(shape: &[Size]) -> String {
    shape.iter().map(Size::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn polynomials_are_canonical() {
        let (n, k) = (Size::var("n"), Size::var("k"));
        let a = n.minus(&k).plus(&Size::one());
        let b = Size::one().minus(&k).plus(&n);
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "n - k + 1");
        assert_eq!(n.minus(&n), Size::from(0));
        assert_eq!(n.times(&k), k.times(&n));
        assert_eq!(n.plus(&n).to_string(), "2*n");
    }

    #[test]
    fn evaluates_and_solves() {
        let mut env = SizeEnv::new();
        env.insert("k".into(), 3);
        let size = Size::var("n").times(&Size::from(2)).plus(&Size::var("k"));
        assert_eq!(size.eval(&env), None);
        assert_eq!(size.solve(13, &env), Some(("n".into(), 5)));
        assert_eq!(size.solve(12, &env), None, "not a whole number");
        env.insert("n".into(), 5);
        assert_eq!(size.eval(&env), Some(13));
    }
}
