//! What a person is told when a call gives no result: cause, cure, stable code.
//!
//! In: a failed check or a failed call. Out: [`Message`], of which the compiler makes a diagnostic and the C interface a text.
//! Always holds: the same failure is told in the same words, whoever runs the kernel.

use super::execute::Failure;
use super::fault::CheckKind;
use super::memory::show_bytes;

/// What went wrong, by the stable codes of `docs/errors.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The arguments do not fit what is called.
    Arguments,
    /// An argument has another element type.
    Type,
    /// An argument has another number of axes.
    Rank,
    /// Two sizes that must agree do not.
    Sizes,
    /// A size is no value of its polynomial.
    UnboundSize,
    /// An index is outside its axis.
    Index,
    /// An integer was divided by zero.
    Division,
    /// An assertion failed.
    Assertion,
    /// There is not enough memory.
    Memory,
    /// Somebody asked to stop.
    Interrupted,
    /// The code was compiled for another processor.
    Processor,
    /// A defect of ours.
    Internal,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Cause; 12] = [
        Cause::Type,
        Cause::Arguments,
        Cause::Rank,
        Cause::Sizes,
        Cause::UnboundSize,
        Cause::Index,
        Cause::Division,
        Cause::Assertion,
        Cause::Memory,
        Cause::Interrupted,
        Cause::Processor,
        Cause::Internal,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Cause::Type => "E0301",
            Cause::Arguments => "E0302",
            Cause::Rank => "E0303",
            Cause::Sizes => "E0401",
            Cause::UnboundSize => "E0403",
            Cause::Index => "E0501",
            Cause::Division => "E0502",
            Cause::Assertion => "E0503",
            Cause::Memory => "E0504",
            Cause::Interrupted => "E0505",
            Cause::Processor => "E0506",
            Cause::Internal => "E0901",
        }
    }

    /// The number of the code, which the C interface returns.
    pub fn status(self) -> i32 {
        self.code().trim_start_matches('E').parse().unwrap_or(-1)
    }
}

/// Why a call gave no result, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What kind of cause.
    pub cause: Cause,
    /// The cause, in one sentence without a full stop.
    pub text: String,
    /// What is at the place in the program, if there is more to say than "here".
    pub at: Option<&'static str>,
    /// Anything else worth knowing.
    pub notes: Vec<String>,
    /// The cure.
    pub help: Option<String>,
}

impl Message {
    /// A message that is only a sentence.
    pub fn new(cause: Cause, text: impl Into<String>) -> Message {
        Message { cause, text: text.into(), at: None, notes: Vec::new(), help: None }
    }

    /// Says what is at the place.
    #[must_use]
    pub fn at(mut self, text: &'static str) -> Message {
        self.at = Some(text);
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Message {
        self.help = Some(text.into());
        self
    }

    /// Adds a remark.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Message {
        self.notes.push(text.into());
        self
    }
}

/// A check of the program failed, with these values where it is one of an index or of two sizes.
pub fn of_check(kind: &CheckKind, values: [i64; 2]) -> Message {
    match kind {
        CheckKind::Index { axis } => of_index(*axis, values[0], values[1]),
        CheckKind::NonZero => of_division(),
        CheckKind::Step => of_step(),
        CheckKind::Equal { what } => of_sizes(what, values[0], values[1]),
        CheckKind::Assert { message } => of_assertion(message.as_deref()),
    }
}

/// An index is outside its axis.
pub fn of_index(axis: usize, index: i64, extent: i64) -> Message {
    // An axis whose size comes out negative has nothing in it either.
    let extent = extent.max(0);
    let error = Message::new(Cause::Index, format!("the index {index} is outside axis {axis} of size {extent}"));
    if extent == 0 {
        error.help("the axis is empty")
    } else if index == extent {
        error.help(format!(
            "indexes start at 0, and a range a:b ends before b: the last element is at {}, or at -1",
            extent - 1
        ))
    } else {
        error.help(format!("indexes of this axis go from 0 to {}, or from -{extent} to -1 from the end", extent - 1))
    }
}

/// An integer is divided by zero.
pub fn of_division() -> Message {
    Message::new(Cause::Division, "an integer is divided by zero")
        .at("this is 0")
        .help("divide floats with / to get inf or nan instead")
}

/// A range that gets nowhere.
pub fn of_step() -> Message {
    Message::new(Cause::Division, "the step of a range is zero")
        .at("this is 0")
        .help("a step is positive, to count up, or negative, to count down")
}

/// Two sizes that only running tells differ.
pub fn of_sizes(what: &str, a: i64, b: i64) -> Message {
    Message::new(Cause::Assertion, format!("{what}: they are {} and {}", a.max(0), b.max(0)))
        .at("these sizes were found when running")
        .help("cut both to one length, x[:min(a, b)]; of a size that only running tells, 1 does not stretch either")
}

/// An assertion failed, with the program's own words if it has any.
pub fn of_assertion(message: Option<&str>) -> Message {
    Message::new(Cause::Assertion, message.unwrap_or("the assertion failed")).at("this does not hold")
}

/// There is no room.
pub fn of_memory(needed: u64, limit: u64) -> Message {
    let text = format!("{} are needed, {} are free", show_bytes(needed), show_bytes(limit));
    Message::new(Cause::Memory, text).help("work on fewer rows at a time, or reduce before keeping an array")
}

/// More is needed than was allowed.
pub fn of_allowance(needed: u64, limit: u64) -> Message {
    let text = format!("{} are needed, {} are allowed", show_bytes(needed), show_bytes(limit));
    Message::new(Cause::Memory, text).help("work on fewer rows at a time, or allow more")
}

/// A fault of the run-time library or of the compiler.
pub fn of_defect(text: impl Into<String>) -> Message {
    Message::new(Cause::Internal, text).help("please report this with the program that caused it")
}

/// A call failed; with the check that did, if one did.
pub fn of_failure(failure: &Failure, check: impl FnOnce(usize) -> Option<CheckKind>) -> Message {
    match failure {
        Failure::Memory { needed, limit } => of_memory(*needed, *limit),
        Failure::Unbound => of_defect("a size has no value"),
        Failure::Fault(fault) if fault.is_interrupted() => {
            Message::new(Cause::Interrupted, "the kernel was asked to stop")
        }
        Failure::Fault(fault) => match check(fault.site) {
            Some(kind) => of_check(&kind, fault.values),
            None => of_defect("the kernel failed for a reason of its own"),
        },
    }
}
