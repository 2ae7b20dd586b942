//! `--watch`: a command done again whenever its files change.
//!
//! In: a command that notes the files it reads. Out: its reports, one after the other, until Ctrl-C.
//! Always holds: a change while the command runs is seen when it ends.

use super::report::{Console, Status};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// Does `command` now and after every change of the program or of a file that the last run has noted.
pub(super) fn repeat(
    console: &Console,
    program: &Path,
    mut command: impl FnMut(&mut Vec<PathBuf>) -> Status,
) -> Status {
    if program.as_os_str() == "-" {
        console.note("standard input cannot be watched");
        return Status::Failure;
    }
    loop {
        let started = stamp(program);
        let mut files = vec![program.to_path_buf()];
        let status = command(&mut files);
        if status == Status::Interrupted {
            return status;
        }
        let mut seen: Vec<_> = files.iter().map(|file| stamp(file)).collect();
        if let Some(first) = seen.first_mut() {
            *first = started;
        }
        console.note(&format!("watching {}, Ctrl-C ends", program.display()));
        while files.iter().map(|file| stamp(file)).eq(seen.iter().copied()) {
            std::thread::sleep(PERIOD);
        }
        // An editor may still be writing.
        std::thread::sleep(PERIOD / 2);
    }
}

/// When a file was changed last, and its length; nothing if it is not there.
fn stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let about = std::fs::metadata(file).ok()?;
    Some((about.modified().ok()?, about.len()))
}
