//! A panic inside the compiler is a fault of its own, reported as such.
//!
//! In: a command. Out: its status; the place of a panic for the report.
//! Always holds: whoever sets `RUST_BACKTRACE` gets what Rust says instead.

use super::report::{Console, Status};
use microtome::Error;
use microtome::diagnostic::{Diagnostic, Sources, codes};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// From here on a panic says nothing by itself; its place is kept.
pub(super) fn keep_quiet() {
    if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
        return;
    }
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }));
}

/// Where the last panic was.
pub(super) fn take_place() -> Option<String> {
    PLACE.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Runs a command; a panic that nothing below has caught is an error that names the arguments.
pub(super) fn guarded(console: &Console, command: impl FnOnce() -> Status) -> Status {
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|payload| {
        let said = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let text = format!("the compiler failed: {}", said.unwrap_or("for an unknown reason"));
        let error = Diagnostic::global(codes::BUG, text)
            .note(format!("the command was microtome {}", arguments.join(" ")))
            .help("please report this with the program that caused it");
        console.error(&Error::new(vec![error], Sources::default()))
    })
}
