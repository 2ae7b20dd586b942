//! `microtome completions`: what a shell needs to complete commands and options.
//!
//! In: the name of a shell. Out: a script on standard output.
//! Always holds: the script is made from the same description as the arguments and `--help`.

use super::report::{Status, print};
use clap::Args;
use clap_complete::Shell;

/// For which shell.
#[derive(Args)]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

pub(super) const EXAMPLES: &str = "Examples:
  microtome completions bash > ~/.local/share/bash-completion/completions/microtome
  microtome completions zsh > ~/.zfunc/_microtome
  microtome completions fish > ~/.config/fish/completions/microtome.fish";

/// Writes the script.
pub(super) fn run(arguments: &Completions, mut command: clap::Command) -> Status {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "microtome", &mut script);
    print(&String::from_utf8_lossy(&script));
    Status::Success
}
