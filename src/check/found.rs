//! Sizes of which only running tells how long they are: clipped at 0, and checked to be equal where they have to be.
//!
//! In: sizes that may be negative, or unequal. Out: sizes, arrays of them, and checks.
//! Always holds: what relies on a check is computed only where the check is done; sizes that are known to differ are an
//! error when compiling.

use super::Checker;
use crate::diagnostic::{Diagnostic, Result};
use crate::graph::{CheckKind, NodeId, Size, SizeVar};
use crate::ops::elementwise::MINIMUM;
use crate::syntax::span::Span;

impl Checker<'_> {
    /// Whether a size is read from data, or from a number that a function is given.
    pub(super) fn is_found(&self, size: &Size) -> bool {
        size.vars().iter().any(|var| self.graph.dynamic_value(var).is_some())
    }

    /// The size that is read from a number that is not negative. At the top level that is computed now, if it can be.
    pub(super) fn found_size(&mut self, value: NodeId, span: Span) -> Result<Size> {
        if let Some(size) = self.graph.as_size(value) {
            return Ok(size);
        }
        self.concrete(value, span)?;
        Ok(self.graph.dynamic_size(value))
    }

    /// A size, or 0 where that is negative.
    fn clipped_size(&mut self, size: &Size, span: Span) -> Result<Size> {
        let value = self.graph.size_value(size);
        let clipped = self.graph.no_less_than_nothing(value);
        self.found_size(clipped, span)
    }

    /// The length of what ends that far behind its beginning: nothing where that is negative. A polynomial of parameters'
    /// sizes stays one, so that it is known to equal others: it is checked not to be negative, and a call that knows its
    /// sizes has the function checked for them.
    pub(super) fn length_of(&mut self, length: Size, message: &str, span: Span) -> Result<Size> {
        if let Some(value) = length.as_const() {
            return Ok(Size::from(value.max(0)));
        }
        if length.is_nonnegative() {
            return Ok(length);
        }
        if self.is_found(&length) || !self.flow.guards.is_empty() {
            return self.clipped_size(&length, span);
        }
        self.assume_nonnegative(&length, message, span)?;
        Ok(length)
    }

    /// Makes sure when running that a size is not negative, and notes that what is made here relies on it.
    pub(super) fn assume_nonnegative(&mut self, size: &Size, message: &str, span: Span) -> Result<()> {
        if !size.is_nonnegative() {
            self.assumed.push(size.clone());
            self.relies = true;
        }
        self.require_nonnegative(size, message, span)
    }

    /// A size that is written as an argument, where a negative one is an error.
    pub(super) fn written_size(&mut self, size: Size, span: Span) -> Result<Size> {
        self.require_nonnegative(&size, &format!("the size {size} is negative"), span)?;
        if size.is_nonnegative() {
            return Ok(size);
        }
        if !self.flow.guards.is_empty() {
            return self.clipped_size(&size, span);
        }
        self.relies = true;
        Ok(size)
    }

    /// Whether two sizes are equal, as far as is known when compiling.
    pub(super) fn may_be_equal(&self, a: &Size, b: &Size) -> bool {
        a == b || ((self.is_found(a) || self.is_found(b)) && a.minus(b).as_const().is_none())
    }

    /// The array with sizes that equal its own; those of which only running tells are checked to, as `what` needs it.
    /// `None` if some are known to differ.
    pub(super) fn agreed(&mut self, x: NodeId, shape: &[Size], what: &str, span: Span) -> Option<NodeId> {
        let own = self.graph.shape(x).to_vec();
        if own.len() != shape.len() || own.iter().zip(shape).any(|(own, wanted)| !self.may_be_equal(own, wanted)) {
            return None;
        }
        if own == shape {
            return Some(x);
        }
        let conditional = self.is_conditional(&[x]);
        let (starts, steps) = (vec![Size::from(0); shape.len()], vec![1; shape.len()]);
        let mut common = Vec::new();
        for (own, wanted) in own.iter().zip(shape) {
            if own == wanted {
                common.push(own.clone());
                continue;
            }
            let (a, b) = (self.graph.size_value(wanted), self.graph.size_value(own));
            let kind = CheckKind::Equal { what: what.to_string() };
            self.check(kind, a, Some(b), span);
            if conditional {
                let least = self.graph.map(&MINIMUM, &[a, b]);
                common.push(self.graph.dynamic_size(least));
            }
        }
        if !conditional {
            self.relies = true;
            return Some(self.graph.slice(x, &starts, &steps, shape));
        }
        // Where the check is not done, nothing outside of the array may be read: as much as there is, among zeros.
        let part = self.graph.slice(x, &starts, &steps, &common);
        Some(self.graph.place(part, &starts, &steps, shape))
    }

    /// A message without the names that sizes found when running have in the graph: what they are, and where they come from.
    pub(super) fn explained(&self, mut error: Box<Diagnostic>) -> Box<Diagnostic> {
        let mut names: Vec<SizeVar> = Vec::new();
        let mut texts: Vec<&mut String> = vec![&mut error.message];
        texts.extend(error.labels.iter_mut().map(|label| &mut label.text));
        texts.extend(error.help.as_mut());
        texts.extend(error.notes.iter_mut());
        for text in &texts {
            for (at, _) in text.match_indices('?') {
                let name = number_at(text, at);
                if self.graph.dynamic_value(&name.into()).is_some() && !names.iter().any(|known| **known == *name) {
                    names.push(name.into());
                }
            }
        }
        let shown = |position: usize| match names.len() {
            1 => "?".to_string(),
            _ => format!("?{}", char::from(b'a' + (position % 26) as u8)),
        };
        for text in texts {
            let mut rest = std::mem::take(text);
            while let Some(at) = rest.find('?') {
                let name = number_at(&rest, at).to_string();
                text.push_str(rest.get(..at).unwrap_or_default());
                let position = names.iter().position(|known| **known == *name);
                text.push_str(&position.map_or(name.clone(), shown));
                rest = rest.get(at + name.len()..).unwrap_or_default().to_string();
            }
            text.push_str(&rest);
        }
        for (position, name) in names.iter().enumerate() {
            let Some(value) = self.graph.dynamic_value(name) else { continue };
            let text = format!("{} is the size of this, found when running", shown(position));
            error = error.label(self.graph.node(value).span, text);
        }
        error
    }
}

/// The question mark at a place in a text, with the digits behind it.
fn number_at(text: &str, at: usize) -> &str {
    let rest = text.get(at..).unwrap_or_default();
    let end = rest.char_indices().skip(1).find(|(_, c)| !c.is_ascii_digit()).map_or(rest.len(), |(end, _)| end);
    rest.get(..end).unwrap_or_default()
}
