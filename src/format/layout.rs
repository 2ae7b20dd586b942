//! Text with choices of where to break its lines, after Wadler, "A prettier printer" (2003).
//!
//! In: a [`Doc`], made of the functions below. Out: lines, each at most [`WIDTH`] characters wide where a break allows it.
//! Always holds: no line ends in a space; a group is on one line exactly if all of it, and what clings to it, fits and
//! nothing in it demands a break.

/// The width of a line, in characters. What cannot be broken (a comment, a long string) may be wider.
pub(super) const WIDTH: usize = 100;

/// One level of indentation, in spaces.
const STEP: usize = 4;

/// A text, with its possible breaks.
#[derive(Clone, Debug)]
pub(super) enum Doc {
    /// Nothing.
    Nil,
    /// Characters of one line.
    Text(String),
    /// A comment behind other text: two spaces before it, and no say in whether its line is too long.
    Comment(String),
    /// A possible break.
    Line(Break),
    /// Text that is there only if the group around it is broken.
    IfBroken(&'static str),
    /// One behind the other.
    Many(Vec<Doc>),
    /// A level further in, from the next line on.
    Indent(Box<Doc>),
    /// Broken at all of its own lines, or at none. The flag: something in it demands a break.
    Group(Box<Doc>, bool),
}

/// What a break is when its group stays on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// Nothing.
    Soft,
    /// A space.
    Space,
    /// Always a break.
    Hard,
}

/// Characters.
pub(super) fn text(text: impl Into<String>) -> Doc {
    Doc::Text(text.into())
}

/// One behind the other.
pub(super) fn many(parts: impl Into<Vec<Doc>>) -> Doc {
    Doc::Many(parts.into())
}

/// A level further in.
pub(super) fn indent(doc: Doc) -> Doc {
    Doc::Indent(Box::new(doc))
}

/// On one line if it fits.
pub(super) fn group(doc: Doc) -> Doc {
    let broken = demands_break(&doc);
    Doc::Group(Box::new(doc), broken)
}

/// On several lines, fit or not.
pub(super) fn broken(doc: Doc) -> Doc {
    Doc::Group(Box::new(doc), true)
}

/// Nothing, or a break.
pub(super) fn soft() -> Doc {
    Doc::Line(Break::Soft)
}

/// A space, or a break.
pub(super) fn line() -> Doc {
    Doc::Line(Break::Space)
}

/// A break.
pub(super) fn hard() -> Doc {
    Doc::Line(Break::Hard)
}

fn demands_break(doc: &Doc) -> bool {
    match doc {
        Doc::Line(kind) => *kind == Break::Hard,
        Doc::Many(parts) => parts.iter().any(demands_break),
        Doc::Indent(inner) => demands_break(inner),
        Doc::Group(_, broken) => *broken,
        Doc::Nil | Doc::Text(_) | Doc::Comment(_) | Doc::IfBroken(_) => false,
    }
}

/// A piece still to be written: how far in, whether its group is broken, and what.
type Piece<'d> = (usize, bool, &'d Doc);

/// Lays the document out. The last line has no end.
pub(super) fn render(doc: &Doc) -> String {
    let mut page = Page::default();
    let mut stack: Vec<Piece<'_>> = vec![(0, true, doc)];
    while let Some((depth, in_broken, doc)) = stack.pop() {
        match doc {
            Doc::Nil => {}
            Doc::Text(text) => page.write(text),
            Doc::Comment(text) => page.write(&format!("  {text}")),
            Doc::IfBroken(text) if in_broken => page.write(text),
            Doc::IfBroken(_) => {}
            Doc::Line(Break::Soft) if !in_broken => {}
            Doc::Line(Break::Space) if !in_broken => page.write(" "),
            Doc::Line(_) => page.end_line(depth),
            Doc::Many(parts) => stack.extend(parts.iter().rev().map(|part| (depth, in_broken, part))),
            Doc::Indent(inner) => stack.push((depth + 1, in_broken, inner)),
            Doc::Group(inner, demanded) => {
                let breaks = *demanded || !fits(page.room(), inner, &stack);
                stack.push((depth, breaks, inner));
            }
        }
    }
    page.out
}

/// Whether the group fits on the rest of the line, with what stands behind it up to the next possible break.
fn fits(room: usize, inner: &Doc, behind: &[Piece<'_>]) -> bool {
    let mut room = Some(room);
    let mut stack: Vec<(bool, &Doc)> = vec![(false, inner)];
    let mut behind = behind.iter().rev();
    while let Some(left) = room {
        let next = stack.pop().or_else(|| behind.next().map(|(_, in_broken, doc)| (*in_broken, *doc)));
        let Some((in_broken, doc)) = next else { return true };
        match doc {
            Doc::Nil | Doc::Comment(_) => {}
            Doc::Text(text) => room = left.checked_sub(text.chars().count()),
            Doc::IfBroken(text) if in_broken => room = left.checked_sub(text.chars().count()),
            Doc::IfBroken(_) => {}
            Doc::Line(kind) if in_broken || *kind == Break::Hard => return true,
            Doc::Line(Break::Space) => room = left.checked_sub(1),
            Doc::Line(_) => {}
            Doc::Many(parts) => stack.extend(parts.iter().rev().map(|part| (in_broken, part))),
            Doc::Indent(inner) => stack.push((in_broken, inner)),
            Doc::Group(inner, demanded) => stack.push((in_broken || *demanded, inner)),
        }
    }
    false
}

/// What has been written.
#[derive(Default)]
struct Page {
    out: String,
    /// Characters on the current line, its indentation included.
    column: usize,
    /// The indentation that the next text on this line will need.
    pending: usize,
}

impl Page {
    fn room(&self) -> usize {
        WIDTH.saturating_sub(self.column + self.pending)
    }

    fn write(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.out.extend(std::iter::repeat_n(' ', self.pending));
        self.out.push_str(text);
        self.column += self.pending + text.chars().count();
        self.pending = 0;
    }

    fn end_line(&mut self, depth: usize) {
        self.out.push('\n');
        self.column = 0;
        self.pending = depth * STEP;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(width: usize) -> Doc {
        let item = "x".repeat(width);
        let inside = many([soft(), text(&item), text(","), line(), text(&item), Doc::IfBroken(",")]);
        group(many([text("["), indent(inside), soft(), text("]")]))
    }

    #[test]
    fn a_group_breaks_when_it_is_one_too_wide() {
        assert!(!render(&list(48)).contains('\n'));
        assert_eq!(render(&list(48)).len(), WIDTH);
        let x = "x".repeat(49);
        assert_eq!(render(&list(49)), format!("[\n    {x},\n    {x},\n]"));
    }

    #[test]
    fn what_clings_to_a_group_counts() {
        assert!(render(&many([list(48), text(".")])).contains('\n'));
        assert!(!render(&many([list(48), Doc::Comment("# c".into())])).contains('\n'));
        assert!(!render(&many([list(48), hard(), text(".")])).starts_with("[\n"));
    }

    #[test]
    fn a_hard_break_breaks_all_groups_around_it_and_leaves_no_spaces() {
        let inner = group(many([text("a"), line(), text("b"), indent(many([hard(), hard(), text("c")]))]));
        assert_eq!(render(&group(many([inner, line(), text("d")]))), "a\nb\n\n    c\nd");
    }
}
