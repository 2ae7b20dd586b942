//! The line editor.
//!
//! In: keys. Out: inputs, with history, completion and colours.
//! Always holds: the history is on disk before an input runs.

use super::highlight::Highlight;
use super::lines::{CONTINUATION, Line, Lines, PROMPT, Plain, goes_on};
use super::vocabulary::{Completion, Vocabulary};
use nu_ansi_term::{Color, Style};
use reedline::{
    ColumnarMenu, EditCommand, Emacs, FileBackedHistory, KeyCode, KeyModifiers, MenuBuilder, Prompt, PromptEditMode,
    PromptHistorySearch, PromptHistorySearchStatus, Reedline, ReedlineEvent, ReedlineMenu, Signal, ValidationResult,
    Validator, default_emacs_keybindings,
};
use std::borrow::Cow;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// How many inputs are remembered.
const REMEMBERED: usize = 10_000;
const MENU: &str = "completion";

/// A source of inputs as good as the terminal allows.
pub(super) fn open(vocabulary: &Arc<Mutex<Vocabulary>>, color: bool) -> Box<dyn Lines> {
    let moves = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    if !moves || !std::io::stdout().is_terminal() || !std::io::stderr().is_terminal() {
        return Box::new(Plain);
    }
    Box::new(Editor { editor: editor(vocabulary, color), hinted: false })
}

struct Editor {
    editor: Reedline,
    hinted: bool,
}

impl Lines for Editor {
    fn next(&mut self) -> Line {
        let signal = self.editor.read_line(&Marks);
        match signal {
            Ok(Signal::Success(text)) => {
                // Another session may write to the same file; what cannot be written is remembered until the end.
                let _ = self.editor.sync_history();
                Line::Text(text)
            }
            Ok(Signal::CtrlC) => {
                if !std::mem::replace(&mut self.hinted, true) {
                    println!("(Ctrl-D or :quit leaves)");
                }
                Line::Cancelled
            }
            Ok(Signal::CtrlD) => Line::End,
            Ok(_) => Line::Cancelled,
            Err(error) => Line::Failed(std::io::Error::other(error)),
        }
    }
}

fn editor(vocabulary: &Arc<Mutex<Vocabulary>>, color: bool) -> Reedline {
    let mut keys = default_emacs_keybindings();
    let complete = vec![ReedlineEvent::Menu(MENU.to_string()), ReedlineEvent::MenuNext];
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, ReedlineEvent::UntilFound(complete));
    keys.add_binding(KeyModifiers::SHIFT, KeyCode::BackTab, ReedlineEvent::MenuPrevious);
    let newline = ReedlineEvent::Edit(vec![EditCommand::InsertNewline]);
    keys.add_binding(KeyModifiers::ALT, KeyCode::Enter, newline);
    let mut menu = ColumnarMenu::default().with_name(MENU).with_marker("");
    if !color {
        let plain = Style::new();
        menu = menu
            .with_text_style(plain)
            .with_selected_text_style(plain.reverse())
            .with_match_text_style(plain)
            .with_selected_match_text_style(plain.reverse());
    }
    let editor = Reedline::create()
        .with_edit_mode(Box::new(Emacs::new(keys)))
        .with_validator(Box::new(Whole))
        .with_completer(Box::new(Completion::new(Arc::clone(vocabulary))))
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .with_highlighter(Box::new(Highlight { color }))
        .with_ansi_colors(color)
        .use_bracketed_paste(true);
    let history = history_file().and_then(|file| FileBackedHistory::with_file(REMEMBERED, file).ok());
    match history {
        Some(history) => editor.with_history(Box::new(history)),
        None => editor,
    }
}

/// Where inputs are remembered.
fn history_file() -> Option<PathBuf> {
    if let Some(file) = std::env::var_os("MICROTOME_HISTORY") {
        return Some(PathBuf::from(file)).filter(|file| !file.as_os_str().is_empty());
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
    Some(state.join("microtome/history"))
}

/// Asks for more while the input could go on.
struct Whole;

impl Validator for Whole {
    fn validate(&self, text: &str) -> ValidationResult {
        if goes_on(text) { ValidationResult::Incomplete } else { ValidationResult::Complete }
    }
}

/// What stands in front of lines.
struct Marks;

impl Prompt for Marks {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed(PROMPT)
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed(CONTINUATION)
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let found = match search.status {
            PromptHistorySearchStatus::Passing => "history",
            PromptHistorySearchStatus::Failing => "not in history",
        };
        Cow::Owned(format!("({found}: {}) ", search.term))
    }

    fn get_indicator_color(&self) -> Color {
        Color::Green
    }

    fn get_prompt_multiline_color(&self) -> Color {
        Color::Green
    }
}
