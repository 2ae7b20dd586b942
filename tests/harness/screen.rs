//! A terminal with the real program in it.
//!
//! In: keys. Out: what the screen shows.
//! Always holds: waits are for what is shown, with a generous limit, never for a time.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const ROWS: NonZero<u16> = NonZero::new(60).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(100).unwrap();
/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A terminal and the program in it.
pub struct Screen {
    parser: vt100::Parser,
    bytes: Receiver<Vec<u8>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    _terminal: Box<dyn MasterPty + Send>,
    /// Everything the program wrote, colours and all.
    pub raw: Vec<u8>,
}

impl Screen {
    /// Starts the program in `folder`, where its history is kept too, with these arguments and environment.
    pub fn start(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Screen {
        let size = PtySize { rows: ROWS.get(), cols: COLUMNS.get(), pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_microtome"));
        command.args(arguments);
        command.cwd(folder);
        command.env("MICROTOME_HISTORY", folder.join("history"));
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        environment.iter().for_each(|(name, value)| command.env(name, value));
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let keys = pair.master.take_writer().expect("a writer");
        let (send, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let parser = vt100::Parser::new(ROWS, COLUMNS, 0);
        Screen { parser, bytes, keys, child, _terminal: pair.master, raw: Vec::new() }
    }

    /// Types.
    pub fn keys(&mut self, text: &str) {
        self.keys.write_all(text.as_bytes()).and_then(|()| self.keys.flush()).expect("keys arrive");
    }

    /// Types a line, waits until the editor shows it, and presses Enter.
    pub fn line(&mut self, text: &str) {
        self.keys(text);
        let last = text.lines().last().unwrap_or_default().to_string();
        self.wait(&format!("`{last}` is echoed"), |screen| screen.text().contains(&last));
        self.keys("\r");
    }

    /// What the screen shows.
    pub fn text(&self) -> String {
        let contents = self.parser.screen().contents();
        contents.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_string()
    }

    /// Waits until the screen shows a text.
    pub fn sees(&mut self, text: &str) {
        self.wait(&format!("`{text}` is shown"), |screen| screen.text().contains(text));
    }

    /// Waits until the editor asks for input on an empty line.
    pub fn ready(&mut self) {
        self.wait("there is a prompt", |screen| screen.text().lines().last() == Some(">"));
    }

    /// Waits until something holds.
    pub fn wait(&mut self, what: &str, holds: impl Fn(&Screen) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < LIMIT, "not in time: {what}; the screen shows\n{}", self.text());
            match self.bytes.recv_timeout(Duration::from_millis(50)) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    assert!(holds(self), "the program ended before this: {what}; it showed\n{}", self.text());
                }
            }
        }
    }

    /// Waits until the program ends; its exit status.
    pub fn end(&mut self) -> u32 {
        let start = Instant::now();
        loop {
            while let Ok(bytes) = self.bytes.try_recv() {
                self.take(&bytes);
            }
            if let Some(status) = self.child.try_wait().expect("the program can be asked") {
                while let Ok(bytes) = self.bytes.recv_timeout(Duration::from_millis(200)) {
                    self.take(&bytes);
                }
                return status.exit_code();
            }
            assert!(start.elapsed() < LIMIT, "the program does not end; the screen shows\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Shows what the program writes, and answers where the cursor is, as a terminal does.
    fn take(&mut self, bytes: &[u8]) {
        const WHERE: &[u8] = b"\x1b[6n";
        self.raw.extend_from_slice(bytes);
        let mut rest = bytes;
        while let Some(at) = rest.windows(WHERE.len()).position(|window| window == WHERE) {
            self.parser.process(&rest[..at]);
            let (row, column) = self.parser.screen().cursor_position();
            self.keys(&format!("\x1b[{};{}R", row + 1, column + 1));
            rest = &rest[at + WHERE.len()..];
        }
        self.parser.process(rest);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
