//! Ctrl-C.
//!
//! In: the signal. Out: a request to whatever runs to stop; at the second one without an answer, the end.
//! Always holds: a file that is being written is complete or absent, since it is renamed when it is complete.

use super::report::Status;
use microtome::Control;
use std::sync::Arc;

/// From here on Ctrl-C asks what runs under `control` to stop.
pub(super) fn on_ctrl_c(control: &Arc<Control>) {
    let control = Arc::clone(control);
    // Where there is no such signal, the process ends as it does without a handler.
    let _ = ctrlc::set_handler(move || {
        if control.is_interrupted() {
            std::process::exit(Status::Interrupted.number().into());
        }
        control.interrupt();
    });
}
