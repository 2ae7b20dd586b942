//! What a command tells beside its result: errors and warnings, and how it ended.
//!
//! In: the library's errors and warnings. Out: text for people or JSON for editors, and an exit status.
//! Always holds: what was printed before an error stands before it.

use super::panics;
use microtome::diagnostic::codes;
use microtome::{Error, Warning};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// How a command ended. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// All went well.
    Success,
    /// Something is wrong with the program, its inputs or its files.
    Failure,
    /// A fault of the compiler's own.
    Fault,
    /// Stopped by Ctrl-C.
    Interrupted,
}

impl Status {
    /// The number that the shell sees.
    pub(super) fn number(self) -> u8 {
        match self {
            Status::Success => 0,
            Status::Failure => 1,
            Status::Fault => 3,
            Status::Interrupted => 130,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status.number())
    }
}

/// The exit statuses, for `--help`.
pub(super) const STATUSES: &str = "Exit status:
    0  all went well
    1  an error in the program, its inputs or its files; `fmt --check` would change something
    2  wrong arguments
    3  a fault of the compiler's own
  130  stopped by Ctrl-C";

/// Where errors and warnings go.
#[derive(Clone)]
pub(super) struct Console {
    json: bool,
    stdout: bool,
    pub(super) color: bool,
}

impl Console {
    /// On standard error, as JSON if that is asked for.
    pub(super) fn new(json: bool) -> Console {
        Console { json, stdout: false, color: std::io::stderr().is_terminal() && colors_wanted() }
    }

    /// Whether what is told is for programs.
    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// The same for a command whose result they are: JSON goes to standard output.
    pub(super) fn on_stdout(&self) -> Console {
        Console { stdout: self.json, ..self.clone() }
    }

    /// Whether a program reads what is said.
    pub(super) fn json(&self) -> bool {
        self.json
    }

    fn tell(&self, text: &str) {
        let _ = std::io::stdout().flush();
        // A reader that has gone away is no error.
        let _ = match self.stdout {
            true => std::io::stdout().write_all(text.as_bytes()),
            false => std::io::stderr().write_all(text.as_bytes()),
        };
    }

    /// Reports a warning.
    pub(super) fn warning(&self, warning: &Warning) {
        self.tell(&if self.json { warning.json() } else { warning.render(self.color) });
    }

    /// Reports an error; gives what it means for the exit status.
    pub(super) fn error(&self, error: &Error) -> Status {
        self.tell(&if self.json { error.json() } else { error.render(self.color) });
        let has = |code| error.diagnostics().any(|diagnostic| diagnostic.code == code);
        match (has(codes::INTERRUPTED), has(codes::BUG)) {
            (true, _) => Status::Interrupted,
            (_, true) => {
                if let Some(place) = panics::take_place() {
                    self.note(&format!("  the compiler stopped at {place}"));
                }
                Status::Fault
            }
            _ => Status::Failure,
        }
    }

    /// Reports the error, if there is one.
    pub(super) fn finish(&self, done: Result<(), Error>) -> Status {
        match done {
            Ok(()) => Status::Success,
            Err(error) => self.error(&error),
        }
    }

    /// Says something in passing, to a person.
    pub(super) fn note(&self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }
}

/// Whether the user has nothing against colours.
pub(super) fn colors_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Writes to standard output.
pub(super) fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
