//! Integers and the sizes that they are.
//!
//! In: integer scalars. Out: sizes, which are polynomials in size variables.
//! Always holds: a size is never below 0, an integer may be. A size that is read from an integer when running is 0 where the integer
//! is negative, so only integers that cannot be negative are what their sizes are.

use super::elementwise::MAXIMUM;
use crate::graph::{Constant, Graph, NodeId, Op, Size, SizeVar};

/// How deep a number is looked into.
const DEPTH: usize = 12;

impl Graph {
    /// The size whose value an integer has, whatever that is when running.
    pub fn as_size(&self, id: NodeId) -> Option<Size> {
        match &self.node(id).op {
            Op::Const(Constant::Int(value)) => Some(Size::from(*value)),
            Op::Size(size) => Some(size.clone()),
            _ => match self.known(id) {
                Some(value) => Some(Size::from(value)),
                None => self.dynamic_name(id).filter(|_| self.is_never_negative(id, DEPTH)).map(|name| Size::var(name)),
            },
        }
    }

    /// The size of an axis that is as long as an integer says, and empty where that is negative; if it has a name already.
    pub fn as_extent(&self, id: NodeId) -> Option<Size> {
        self.as_size(id).or_else(|| self.dynamic_name(id).map(|name| Size::var(name)))
    }

    /// The size of an axis that is as long as an integer says, as a polynomial in other sizes: below 0 for an empty one. It holds where no
    /// integer that a size is read from is negative.
    pub fn size_polynomial(&self, id: NodeId) -> Option<Size> {
        match (&self.node(id).op, self.node(id).inputs.as_slice()) {
            (Op::Map(op), &[x, zero]) if op.name == "maximum" && self.as_constant(zero) == Some(Constant::Int(0)) => {
                self.polynomial(x, DEPTH)
            }
            _ => self.polynomial(id, DEPTH),
        }
    }

    /// An integer, or 0 where it is negative.
    pub fn no_less_than_nothing(&mut self, id: NodeId) -> NodeId {
        let zero = self.int(0);
        self.map(&MAXIMUM, &[id, zero])
    }

    fn polynomial(&self, id: NodeId, depth: usize) -> Option<Size> {
        if let Some(size) = self.as_extent(id) {
            return Some(size);
        }
        let depth = depth.checked_sub(1)?;
        match (&self.node(id).op, self.node(id).inputs.as_slice()) {
            (Op::Map(op), &[a]) if op.name == "negate" => Some(Size::from(0).minus(&self.polynomial(a, depth)?)),
            (Op::Map(op), &[a, b]) if matches!(op.name, "add" | "subtract" | "multiply") => {
                let (a, b) = (self.polynomial(a, depth)?, self.polynomial(b, depth)?);
                Some(match op.name {
                    "add" => a.plus(&b),
                    "subtract" => a.minus(&b),
                    _ => a.times(&b),
                })
            }
            _ => None,
        }
    }

    /// The integers that sizes of a polynomial are read from and that may be negative.
    pub fn possibly_negative(&self, size: &Size) -> Vec<NodeId> {
        let values = size.vars().into_iter().filter_map(|var| self.dynamic_value(&var));
        values.filter(|value| !self.is_never_negative(*value, DEPTH)).collect()
    }

    /// The integers of which none may be negative for an axis to be as long as a polynomial says. `k - 1` is no axis with the size of
    /// `k` as without.
    pub fn needed_nonnegative(&self, size: &Size) -> Vec<NodeId> {
        let doubtful = self.possibly_negative(size);
        let is_of = |vars: &[SizeVar], value: NodeId| vars.iter().any(|var| self.dynamic_value(var) == Some(value));
        match doubtful.as_slice() {
            [value] => {
                let falls = size.monomials().all(|(vars, factor)| match vars {
                    [_] if is_of(vars, *value) => factor > 0,
                    _ => !is_of(vars, *value) && factor <= 0,
                });
                if falls { Vec::new() } else { doubtful }
            }
            _ => doubtful,
        }
    }

    /// Whether an integer is at least 0 whatever it is computed from.
    fn is_never_negative(&self, id: NodeId, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return false };
        let below = |id: &NodeId| self.is_never_negative(*id, depth);
        match (&self.node(id).op, self.node(id).inputs.as_slice()) {
            (Op::Const(constant), _) => constant.as_f64() >= 0.0,
            (Op::Size(size), _) => size.is_nonnegative(),
            (Op::Iota | Op::Var(_), _) => true,
            // What is cast from a truth value, as `count` does it, is 0 or 1.
            (Op::Cast, [of]) => self.ty(*of).dtype == crate::runtime::array::DType::Bool,
            (Op::Reduce { kind, .. }, [of]) => kind.name == "sum" && below(of),
            (Op::Map(op), operands) => match op.name {
                "maximum" => operands.iter().any(below),
                "add" | "multiply" | "minimum" => operands.iter().all(below),
                _ => false,
            },
            (Op::Broadcast { .. } | Op::Reshape | Op::Mark(_) | Op::Check(_), [of, ..]) => below(of),
            _ => self.known(id).is_some_and(|value| value >= 0),
        }
    }
}
