//! What standard output can show.
//!
//! In: the environment. Out: width and colours for plots.
//! Always holds: what is no terminal gets plain text.

use super::report::colors_wanted;
use microtome::plot::{ColorDepth, Terminal};
use std::io::IsTerminal;

/// What standard output can show of a plot.
pub(super) fn of_stdout() -> Terminal {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if !std::io::stdout().is_terminal() {
        return Terminal::default();
    }
    let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    let colors = match (colors_wanted(), set("TERM"), set("COLORTERM").as_deref()) {
        (false, ..) | (_, None, _) => ColorDepth::None,
        (_, _, Some("truecolor" | "24bit")) => ColorDepth::Full,
        _ => ColorDepth::Indexed,
    };
    Terminal { width, colors }
}
