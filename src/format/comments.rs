//! Where comments go.
//!
//! In: the places of tokens, in the order in which they are printed. Out: breaks that hold the comments before each.
//! Always holds: a comment is followed by the end of its line. One that stands where no line may end (between a name and
//! its `(`, say) waits for the next place where one may, so none is lost and none overtakes another.

use super::layout::{Doc, hard, indent, many, text};
use super::text::Printer;
use crate::syntax::comments::Comment;

impl Printer<'_> {
    /// A break before what stands at `place`, with the comments that stand before it.
    pub fn gap(&mut self, place: u32, otherwise: Doc) -> Doc {
        match self.comments_before(place) {
            Some(comments) => many([comments, hard()]),
            None => otherwise,
        }
    }

    /// The break before a bracket that closes at `place`; comments before it are as far in as what is in the brackets.
    pub fn closing_gap(&mut self, place: u32, otherwise: Doc) -> Doc {
        match self.comments_before(place) {
            Some(comments) => many([indent(comments), hard()]),
            None => otherwise,
        }
    }

    /// The comments before `place`: the first stays on the line if it stood behind something, the others get their own.
    fn comments_before(&mut self, place: u32) -> Option<Doc> {
        let first = self.source.next_comment(place)?;
        let mut parts = match first.trailing {
            true => vec![self.behind(first)],
            false => vec![hard(), self.alone(first)],
        };
        while let Some(comment) = self.source.next_comment(place) {
            parts.extend([hard(), self.alone(comment)]);
        }
        Some(many(parts))
    }

    /// Whether a comment waits that stands before `place`.
    pub fn comment_waits(&self, place: u32) -> bool {
        self.source.peek_comment(place).is_some()
    }

    /// A comment on the line of what it stands behind.
    pub fn behind(&self, comment: Comment) -> Doc {
        Doc::Comment(self.source.words(comment).to_string())
    }

    /// A comment on a line of its own.
    pub fn alone(&self, comment: Comment) -> Doc {
        text(self.source.words(comment))
    }
}
