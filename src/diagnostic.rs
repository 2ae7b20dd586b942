//! Errors and warnings that a user reads: place, cause, cure, and a stable code.
//!
//! In: facts from any phase. Out: a [`Diagnostic`], rendered with ariadne against [`Sources`].
//! Always holds: a code, once released, keeps its meaning; `docs/errors.md` has an entry for each.

mod json;

use crate::syntax::span::{FileId, Span};
use std::fmt;

/// The stable codes. `E…` stop the program, `W…` do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub &'static str);

/// Every code in use, by what it means.
pub mod codes {
    use super::Code;

    macro_rules! codes {
        ($($name:ident = $text:literal, $meaning:literal;)*) => {
            $(#[doc = $meaning] pub const $name: Code = Code($text);)*
            /// Every code with what it means, in order.
            pub const ALL: &[(Code, &str)] = &[$((Code($text), $meaning)),*];
        };
    }

    codes! {
        SYNTAX = "E0101", "The text is not a program: something else was expected here.";
        BAD_TOKEN = "E0102", "A character or literal that the language does not have.";
        FOREIGN_HABIT = "E0103", "Another language's way of writing this.";
        TOO_DEEP = "E0104", "The program nests deeper than the compiler's limit.";
        NOT_UTF8 = "E0105", "The source is not UTF-8 text.";
        UNKNOWN_NAME = "E0201", "No such name in scope.";
        DUPLICATE_NAME = "E0202", "The name is defined twice.";
        RECURSION = "E0203", "Functions call each other in a circle.";
        UNKNOWN_FIELD = "E0204", "The record has no such field.";
        TYPE = "E0301", "A value of another type was expected.";
        ARGUMENTS = "E0302", "The arguments do not fit what is called.";
        RANK = "E0303", "The number of axes does not fit.";
        NOT_DIFFERENTIABLE = "E0304", "The derivative of this does not exist.";
        NOT_A_CONSTANT = "E0305", "A value that must be known when compiling is not.";
        ASSIGNMENT = "E0306", "This cannot be assigned to.";
        SIZES = "E0401", "Two sizes that must agree do not.";
        BROADCAST = "E0402", "Two arrays do not broadcast together.";
        UNBOUND_SIZE = "E0403", "A size variable is bound by no argument.";
        INDEX_RANGE = "E0501", "An index is outside its axis.";
        DIVISION = "E0502", "An integer was divided by zero.";
        ASSERTION = "E0503", "An assertion failed.";
        MEMORY = "E0504", "The program needs more memory than there is.";
        INTERRUPTED = "E0505", "The program was stopped by Ctrl-C.";
        FILE = "E0601", "A file could not be read or written.";
        FILE_FORMAT = "E0602", "A file does not hold what its name promises.";
        INPUT = "E0603", "An input of the program is missing, misshapen or surplus.";
        LIMIT = "E0701", "The program is larger than the compiler's limit.";
        NOT_AVAILABLE = "E0702", "Part of the language that this version does not compile.";
        TIME_CONTRACT = "E0801", "A function takes more time than its contract allows.";
        MEMORY_CONTRACT = "E0802", "A function takes more memory than its contract allows.";
        UNBOUNDED = "E0803", "Nothing bounds the cost of a function with a contract.";
        MIXED = "E0804", "Examples that a contract keeps apart depend on each other.";
        CONTRACT = "E0805", "A contract that does not say what it bounds.";
        BUG = "E0901", "A fault in the compiler itself.";
        ZERO_GRADIENT = "W0101", "The expression does not depend on what it is differentiated by.";
        TIED_EXAMPLES = "W0102", "Examples are tied together, so one example's gradient costs a whole batch.";
    }
}

/// How grave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The program does not run.
    Error,
    /// It runs.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// A place with what there is to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What; may be empty.
    pub text: String,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its stable code.
    pub code: Code,
    /// How grave.
    pub severity: Severity,
    /// The cause, in one sentence without a full stop.
    pub message: String,
    /// Places, the most important first.
    pub labels: Vec<Label>,
    /// The cure.
    pub help: Option<String>,
    /// Anything else worth knowing.
    pub notes: Vec<String>,
}

/// What a phase returns: a value, or the first thing wrong.
pub type Result<T> = std::result::Result<T, Box<Diagnostic>>;

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, span: Span, message: impl Into<String>) -> Box<Diagnostic> {
        Box::new(Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: vec![Label { span, text: String::new() }],
            help: None,
            notes: Vec::new(),
        })
    }

    /// An error that no place in a program stands for (a missing input file, say).
    pub fn global(code: Code, message: impl Into<String>) -> Box<Diagnostic> {
        Box::new(Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            notes: Vec::new(),
        })
    }

    /// A warning at a place.
    pub fn warning(code: Code, span: Span, message: impl Into<String>) -> Box<Diagnostic> {
        let mut diagnostic = Diagnostic::error(code, span, message);
        diagnostic.severity = Severity::Warning;
        diagnostic
    }

    /// Says something at the main place.
    #[must_use]
    pub fn at(mut self: Box<Self>, text: impl Into<String>) -> Box<Self> {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// Adds a place.
    #[must_use]
    pub fn label(mut self: Box<Self>, span: Span, text: impl Into<String>) -> Box<Self> {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn help(mut self: Box<Self>, text: impl Into<String>) -> Box<Self> {
        self.help = Some(text.into());
        self
    }

    /// Adds a remark.
    #[must_use]
    pub fn note(mut self: Box<Self>, text: impl Into<String>) -> Box<Self> {
        self.notes.push(text.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity.name(), self.code.0, self.message)
    }
}

impl std::error::Error for Diagnostic {}

/// The texts that spans point into.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<(String, String)>,
}

impl Sources {
    /// Adds a text under the name that messages show.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let id = FileId(u16::try_from(self.files.len()).unwrap_or(u16::MAX));
        self.files.push((name.into(), text.into()));
        id
    }

    /// The name and text of a file; both empty if there is none such.
    pub fn get(&self, file: FileId) -> (&str, &str) {
        self.files.get(file.0 as usize).map_or(("", ""), |(name, text)| (name, text))
    }

    /// The text that a span covers.
    pub fn text(&self, span: Span) -> &str {
        self.get(span.file).1.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    /// Names and texts of the files.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The diagnostic as an editor reads it: a JSON object on a line of its own.
    pub fn json(&self, diagnostic: &Diagnostic) -> String {
        json::object(diagnostic, self)
    }

    /// The diagnostic as a person reads it, with the lines of source it speaks of.
    pub fn render(&self, diagnostic: &Diagnostic, color: bool) -> String {
        let Some(main) = diagnostic.labels.first() else {
            return render_bare(diagnostic);
        };
        let kind = match diagnostic.severity {
            Severity::Error => ariadne::ReportKind::Error,
            Severity::Warning => ariadne::ReportKind::Warning,
        };
        let config = ariadne::Config::default().with_color(color).with_index_type(ariadne::IndexType::Byte);
        let mut report = ariadne::Report::build(kind, self.ariadne_span(main.span))
            .with_config(config)
            .with_code(diagnostic.code.0)
            .with_message(&diagnostic.message);
        for (order, label) in diagnostic.labels.iter().enumerate() {
            let mut shown = ariadne::Label::new(self.ariadne_span(label.span)).with_order(order as i32);
            shown = shown.with_message(if label.text.is_empty() { "here" } else { &label.text });
            let color = if order == 0 { ariadne::Color::Red } else { ariadne::Color::Blue };
            report = report.with_label(shown.with_color(color));
        }
        for note in &diagnostic.notes {
            report = report.with_note(note);
        }
        if let Some(help) = &diagnostic.help {
            report = report.with_help(help);
        }
        let cache = ariadne::sources(self.files.iter().cloned());
        let mut out = Vec::new();
        match report.finish().write(cache, &mut out) {
            Ok(()) => String::from_utf8_lossy(&out).into_owned(),
            Err(_) => render_bare(diagnostic),
        }
    }

    fn ariadne_span(&self, span: Span) -> (String, std::ops::Range<usize>) {
        let (name, text) = self.get(span.file);
        let end = (span.end as usize).min(text.len());
        (name.to_string(), (span.start as usize).min(end)..end)
    }
}

fn render_bare(diagnostic: &Diagnostic) -> String {
    let mut out = format!("{diagnostic}\n");
    for note in &diagnostic.notes {
        out.push_str(&format!("  note: {note}\n"));
    }
    if let Some(help) = &diagnostic.help {
        out.push_str(&format!("  help: {help}\n"));
    }
    out
}

/// The known name nearest to `wanted`, if one is near enough to be what was meant.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = wanted.chars().count();
    let limit = if length < 3 { 0 } else { (length / 3).max(1) };
    known
        .into_iter()
        .map(|name| (if name.eq_ignore_ascii_case(wanted) { 0 } else { edit_distance(wanted, name) }, name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Damerau–Levenshtein distance with adjacent transpositions (optimal string alignment).
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0usize; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let substitute = last[j] + usize::from(ca != cb);
            let mut best = substitute.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i - 1] == *cb && *ca == b[j - 1] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_slips_and_no_strangers() {
        assert_eq!(nearest("weihgt", ["weight", "height"]), Some("weight"));
        assert_eq!(nearest("maen", ["mean", "max"]), Some("mean"));
        assert_eq!(nearest("zzz", ["mean", "max"]), None);
        assert_eq!(nearest("z", ["k"]), None);
        assert_eq!(nearest("PI", ["pi"]), Some("pi"));
    }
}
