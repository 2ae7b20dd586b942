//! What is shown while something takes long.
//!
//! In: the control of what runs. Out: a bar with rate and time left for a loop whose end is known, else a spinner; on
//! standard error, and only if that is a terminal.
//! Always holds: what the program prints and the bar do not mix, and nothing of the bar is left behind.

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use microtome::Control;
use std::io::{IsTerminal, LineWriter, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What takes less shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often the bar moves.
const PERIOD: Duration = Duration::from_millis(100);

/// How long a terminal may take to echo a key.
const ECHO: Duration = Duration::from_millis(5);

type Shown = Arc<Mutex<Option<ProgressBar>>>;

/// Watches something that runs, until it is dropped.
pub(super) struct Progress {
    shown: Shown,
    watcher: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Watches what runs under `control`; shows nothing if it is not wanted or there is no terminal.
    pub(super) fn watch(control: &Arc<Control>, wanted: bool) -> Progress {
        let shown = Shown::default();
        let watcher = (wanted && std::io::stderr().is_terminal()).then(|| {
            let (stop, stopped) = channel();
            let (control, shown) = (Arc::clone(control), Arc::clone(&shown));
            let watcher = std::thread::spawn(move || {
                let start = Instant::now();
                let mut seen: Option<Loop> = None;
                while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                    seen = Loop::follow(seen, control.progress());
                    if start.elapsed() >= PATIENCE {
                        show(&shown, start, seen.as_ref());
                    }
                }
                if let Some(bar) = lock(&shown).take() {
                    bar.finish_and_clear();
                    // The terminal may still be about to echo the `^C` that ended it.
                    if control.is_interrupted() {
                        std::thread::sleep(ECHO);
                        let _ = Screen.clear_line();
                    }
                }
            });
            (stop, watcher)
        });
        Progress { shown, watcher }
    }

    /// Standard output, above the bar.
    pub(super) fn stdout(&self) -> impl Write + use<> {
        LineWriter::new(Above(Arc::clone(&self.shown)))
    }

    /// Writes something else above the bar.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        match &*lock(&self.shown) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, watcher)) = self.watcher.take() {
            drop(stop);
            let _ = watcher.join();
        }
    }
}

fn lock(shown: &Shown) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A loop that counts, as far as it was watched.
struct Loop {
    done: u64,
    total: u64,
    /// When it was seen first, and where it was.
    since: Instant,
    first: u64,
}

impl Loop {
    /// The loop that counts now: the one before a little further, or another.
    fn follow(before: Option<Loop>, progress: Option<(u64, u64)>) -> Option<Loop> {
        let (done, total) = progress?;
        Some(match before {
            Some(known) if known.total == total && done >= known.done => Loop { done, ..known },
            _ => Loop { done, total, since: Instant::now(), first: done },
        })
    }

    /// `471/s, 3 s left`; nothing before there is a rate.
    fn pace(&self) -> String {
        let (done, seconds) = ((self.done - self.first) as f64, self.since.elapsed().as_secs_f64());
        if done == 0.0 || seconds == 0.0 {
            return String::new();
        }
        let (rate, left) = (done / seconds, (self.total - self.done) as f64 * seconds / done);
        let rate = if rate >= 10.0 { format!("{rate:.0}/s") } else { format!("{rate:.2}/s") };
        format!("{rate}, {} left", HumanDuration(Duration::from_secs_f64(left.min(1e9).ceil())))
    }
}

/// Shows how far it is. Loops that are over at once show as a spinner, not as a bar that jumps.
fn show(shown: &Shown, start: Instant, seen: Option<&Loop>) {
    let mut shown = lock(shown);
    let bar = shown.get_or_insert_with(|| {
        ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like(Box::new(Screen)))
            .with_elapsed(start.elapsed())
    });
    match seen.filter(|seen| seen.since.elapsed() >= PATIENCE / 2) {
        Some(seen) => {
            bar.set_style(style("{bar:32} {percent:>3}%  {pos}/{len}  {msg}"));
            bar.set_length(seen.total);
            bar.set_message(seen.pace());
            bar.set_position(seen.done);
        }
        None => {
            bar.unset_length();
            bar.set_style(style("{spinner} {elapsed}"));
            bar.tick();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The terminal behind standard error, a little narrower than it is: the `^C` that it echoes stays on the line of the bar, and
/// is cleared with it.
#[derive(Debug)]
struct Screen;

impl TermLike for Screen {
    fn width(&self) -> u16 {
        let size = terminal_size::terminal_size_of(std::io::stderr());
        size.map_or(80, |(width, _)| width.0).saturating_sub(4).max(1)
    }

    fn move_cursor_up(&self, lines: usize) -> std::io::Result<()> {
        self.steer(lines, 'A')
    }

    fn move_cursor_down(&self, lines: usize) -> std::io::Result<()> {
        self.steer(lines, 'B')
    }

    fn move_cursor_right(&self, columns: usize) -> std::io::Result<()> {
        self.steer(columns, 'C')
    }

    fn move_cursor_left(&self, columns: usize) -> std::io::Result<()> {
        self.steer(columns, 'D')
    }

    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.write_str(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        std::io::stderr().write_all(text.as_bytes())
    }

    fn clear_line(&self) -> std::io::Result<()> {
        self.write_str("\r\x1b[2K")
    }

    fn flush(&self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

impl Screen {
    /// Moves the cursor.
    fn steer(&self, by: usize, direction: char) -> std::io::Result<()> {
        if by == 0 { Ok(()) } else { self.write_str(&format!("\x1b[{by}{direction}")) }
    }
}

/// Standard output; the bar makes way for what is written.
struct Above(Shown);

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let write = || std::io::stdout().write(bytes);
        match &*lock(&self.0) {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stdout().flush()
    }
}
