//! Names in scope.
//!
//! In: bindings as statements make them. Out: the value of a name, or the nearest name that there is.
//! Always holds: leaving a block forgets what was bound in it.

use super::value::Value;
use crate::diagnostic::nearest;
use crate::syntax::span::Span;

/// A bound name.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The name.
    pub name: String,
    /// What it stands for.
    pub value: Value,
    /// Where it was bound.
    pub span: Span,
    /// Bound by `var`, so that it can be assigned.
    pub assignable: bool,
}

/// A stack of blocks with their bindings.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    bindings: Vec<Binding>,
    blocks: Vec<usize>,
    /// Names and blocks at the last [`Scope::begin`], and the values that were replaced since.
    begun: (usize, usize),
    replaced: Vec<(usize, Value)>,
}

impl Scope {
    /// Enters a block.
    pub fn enter(&mut self) {
        self.blocks.push(self.bindings.len());
    }

    /// Leaves a block.
    pub fn leave(&mut self) {
        if let Some(length) = self.blocks.pop() {
            self.bindings.truncate(length);
        }
    }

    /// Binds a name; an older binding is hidden.
    pub fn bind(&mut self, name: &str, value: Value, span: Span, assignable: bool) {
        self.bindings.push(Binding { name: name.to_string(), value, span, assignable });
    }

    /// The binding of a name.
    pub fn get(&self, name: &str) -> Option<&Binding> {
        self.bindings.iter().rev().find(|binding| binding.name == name)
    }

    /// The binding of a name, to change.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Binding> {
        self.bindings.iter_mut().rev().find(|binding| binding.name == name)
    }

    /// Whether a block is open.
    pub fn is_inner(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Forgets what was bound later, and the blocks that were opened since.
    pub fn shorten(&mut self, length: usize) {
        self.bindings.truncate(length);
        self.blocks.retain(|start| *start <= length);
    }

    /// Forgets bindings that others hide, and those whose value is not worth keeping. No block is open.
    pub fn retain_latest(&mut self, keep: impl Fn(&Value) -> bool) {
        let mut latest: Vec<Binding> = Vec::new();
        for binding in self.bindings.drain(..).rev() {
            if keep(&binding.value) && !latest.iter().any(|other| other.name == binding.name) {
                latest.push(binding);
            }
        }
        latest.reverse();
        self.bindings = latest;
    }

    /// Remembers this state, so that a statement can be taken back. Costs nothing, however many names there are.
    pub fn begin(&mut self) {
        self.begun = (self.bindings.len(), self.blocks.len());
        self.replaced.clear();
    }

    /// Goes back to the state at the last [`Scope::begin`].
    pub fn take_back(&mut self) {
        for (position, value) in std::mem::take(&mut self.replaced).into_iter().rev() {
            if let Some(binding) = self.bindings.get_mut(position) {
                binding.value = value;
            }
        }
        self.bindings.truncate(self.begun.0);
        self.blocks.truncate(self.begun.1);
    }

    /// Leaves every block, and forgets what was bound later than the first `length` names.
    pub fn leave_all(&mut self, length: usize) {
        self.bindings.truncate(length);
        self.blocks.clear();
        self.begin();
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.bindings.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bindings.is_empty()
    }

    /// The position of a name's binding; positions stay while their block is open.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.bindings.iter().rposition(|binding| binding.name == name)
    }

    /// What every name stands for, by position.
    pub fn values(&self) -> Vec<Value> {
        self.bindings.iter().map(|binding| binding.value.clone()).collect()
    }

    /// The value at a position.
    pub fn value(&self, position: usize) -> Option<&Value> {
        self.bindings.get(position).map(|binding| &binding.value)
    }

    /// Changes the value at a position.
    pub fn set(&mut self, position: usize, value: Value) {
        let Some(binding) = self.bindings.get_mut(position) else { return };
        let old = std::mem::replace(&mut binding.value, value);
        if position < self.begun.0 {
            self.replaced.push((position, old));
        }
    }

    /// Every binding, oldest first.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.iter()
    }

    /// The bound name nearest to what was written.
    pub fn nearest<'n>(&'n self, name: &str, others: impl IntoIterator<Item = &'n str>) -> Option<String> {
        let bound = self.bindings.iter().map(|binding| binding.name.as_str());
        nearest(name, bound.chain(others)).map(str::to_string)
    }
}
