//! `microtome repl`, and `microtome` without a command: an interactive session in the terminal.
//!
//! In: lines from the terminal; a script if standard input is none. Out: what inputs print, their values, errors.
//! Always holds: an error, Ctrl-C or a fault of the compiler's ends the input, never the session.

mod commands;
mod editor;
mod highlight;
mod lines;
mod vocabulary;

use super::progress::Progress;
use super::report::{Console, Status};
use super::run::Resources;
use super::{interrupt, terminal};
use clap::Args;
use lines::{Line, Lines};
use microtome::{Answer, Error, Interactive, LAST, Outlet, Session};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use vocabulary::Vocabulary;

/// How to start.
#[derive(Args, Default)]
pub(super) struct Start {
    /// A program to begin with; its names are there at the first prompt.
    file: Option<PathBuf>,
    /// Use the reference interpreter instead of machine code.
    #[arg(long)]
    interpret: bool,
    #[command(flatten)]
    resources: Resources,
}

pub(super) const EXAMPLES: &str = "Examples:
  microtome
  microtome repl fit.tome
  microtome repl --threads 1
  echo 'print(sum(arange(5)))' | microtome

History is kept in $XDG_STATE_HOME/microtome/history; MICROTOME_HISTORY names another file, empty keeps none.";

/// What the loop works with.
struct Repl {
    session: Interactive,
    console: Console,
    vocabulary: Arc<Mutex<Vocabulary>>,
    /// Show types behind values.
    types: bool,
    /// Show how long each input took.
    timed: bool,
    /// Show a bar when something takes long.
    progress: bool,
}

/// What to do after a line.
#[derive(PartialEq)]
enum Next {
    Prompt,
    Leave,
}

/// A session in the terminal; without one, standard input as a program.
pub(super) fn run(start: &Start, console: &Console) -> Status {
    if !std::io::stdin().is_terminal() && start.file.is_none() {
        return super::run::stdin(start.interpret, start.resources, console);
    }
    let mut repl = Repl::new(start.resources.session(), console);
    repl.session.set_interprets(start.interpret);
    interrupt::on_ctrl_c(&repl.session.control());
    if let Some(file) = &start.file {
        repl.load(file);
    }
    let mut lines = editor::open(&repl.vocabulary, console.color);
    println!(
        "Microtome {} on {} threads. :help lists commands, ?name explains a builtin, Ctrl-D leaves.",
        env!("CARGO_PKG_VERSION"),
        repl.session.threads()
    );
    repl.converse(&mut *lines)
}

/// `microtome -e`: expressions or statements, one after the other; values are printed as `print` prints them.
pub(super) fn evaluate(texts: &[String], console: &Console) -> Status {
    let mut repl = Repl::new(Session::new(), console);
    repl.types = false;
    interrupt::on_ctrl_c(&repl.session.control());
    for text in texts {
        let done = repl.evaluate(text);
        if let Err(error) = done {
            return console.error(&error);
        }
    }
    Status::Success
}

impl Repl {
    fn new(session: Session, console: &Console) -> Repl {
        let mut session = Interactive::new(&session);
        session.set_terminal(terminal::of_stdout());
        let repl = Repl {
            session,
            console: console.clone(),
            vocabulary: Arc::default(),
            types: true,
            timed: false,
            progress: true,
        };
        repl.learn();
        repl
    }

    fn converse(&mut self, lines: &mut dyn Lines) -> Status {
        loop {
            match lines.next() {
                Line::Text(text) => {
                    if self.line(&text) == Next::Leave {
                        return Status::Success;
                    }
                    self.learn();
                }
                Line::Cancelled => {}
                Line::End => return Status::Success,
                Line::Failed(error) => return self.console.error(&Error::unreadable("the terminal", &error)),
            }
        }
    }

    /// Does what a line says: a command or an input.
    fn line(&mut self, text: &str) -> Next {
        self.session.control().clear();
        self.session.set_terminal(terminal::of_stdout());
        let text = text.trim();
        if text.is_empty() {
            return Next::Prompt;
        }
        if let Some(name) = text.strip_prefix('?') {
            return commands::run(self, "doc", name.trim());
        }
        if let Some(command) = text.strip_prefix(':') {
            let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
            return commands::run(self, name, argument.trim());
        }
        let done = self.evaluate(text).map(|answer| {
            if self.timed {
                println!("{}", commands::times(answer.compile, answer.run));
            }
        });
        self.report(done);
        Next::Prompt
    }

    /// Evaluates an input and shows its value.
    fn evaluate(&mut self, text: &str) -> Result<Answer, Error> {
        let answer = self.outside(|session, outlet| session.evaluate(text, outlet))?;
        if let (true, true, Some(value)) = (answer.has_value, answer.shows, self.session.value(LAST)) {
            println!("{}", value.render(self.types));
        }
        Ok(answer)
    }

    fn load(&mut self, path: &std::path::Path) {
        let done = self.outside(|session, outlet| session.load(path, outlet)).map(|_| ());
        self.report(done);
        self.learn();
    }

    /// Does something that may print, warn and take long.
    fn outside<T>(
        &mut self,
        work: impl FnOnce(&mut Interactive, &mut Outlet<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let progress = Progress::watch(&self.session.control(), self.progress);
        let (mut out, console) = (progress.stdout(), &self.console);
        let mut warn = |warning| progress.aside(|| console.warning(&warning));
        work(&mut self.session, &mut Outlet { out: &mut out, warn: &mut warn })
    }

    fn report(&self, done: Result<(), Error>) {
        self.console.finish(done);
    }

    /// Tells the line editor which names there are now.
    fn learn(&self) {
        let mut vocabulary = self.vocabulary.lock().unwrap_or_else(PoisonError::into_inner);
        vocabulary.learn(&self.session);
    }
}
