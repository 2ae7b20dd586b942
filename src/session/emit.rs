//! Showing a program at each stage of its way through the compiler.
//!
//! In: a module, a function (or the statements), a stage. Out: text.
//! Always holds: what is shown is what the next stage gets.

use super::{Error, Module};
use crate::codegen::{assembly_text, clif_text};
use crate::diagnostic::{Diagnostic, Result as Checking, codes};
use crate::graph::Graph;
use crate::loops;
use crate::pipeline::{self, Context};
use crate::syntax::span::FileId;
use crate::syntax::{dump, lexer};

/// A stage whose result can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Tokens with their places.
    Tokens,
    /// The syntax tree.
    Ast,
    /// The array graph as the checker builds it.
    Graph,
    /// The array graph behind a pass of [`pipeline::PASSES`].
    Pass(&'static str),
    /// Loop nests.
    Loops,
    /// Cranelift IR.
    Clif,
    /// Machine code as text.
    Assembly,
}

impl Stage {
    /// The stage of that name.
    pub fn from_name(name: &str) -> Option<Stage> {
        Some(match name {
            "tokens" => Stage::Tokens,
            "ast" => Stage::Ast,
            "graph" => Stage::Graph,
            "loops" => Stage::Loops,
            "clif" => Stage::Clif,
            "asm" => Stage::Assembly,
            other => Stage::Pass(pipeline::PASSES.iter().find(|pass| pass.name == other)?.name),
        })
    }

    /// The names of all stages, in order.
    pub fn names() -> Vec<&'static str> {
        let passes = pipeline::PASSES.iter().map(|pass| pass.name);
        ["tokens", "ast", "graph"].into_iter().chain(passes).chain(["loops", "clif", "asm"]).collect()
    }
}

impl Module {
    /// The text of a stage, for one function or, without a name, for the program's statements.
    ///
    /// # Errors
    /// When there is no such function, or the program does not get that far.
    pub fn emit(&self, stage: &Stage, function: Option<&str>) -> Result<String, Error> {
        match stage {
            Stage::Tokens | Stage::Ast => Ok(emit_text(self.sources.get(FileId(0)).1, stage)),
            _ => {
                let graph = match function {
                    Some(name) => self.checked(name)?.graph.clone(),
                    None => self.program_graph()?,
                };
                emit_graph(&graph, stage).map_err(|diagnostic| self.error(diagnostic))
            }
        }
    }
}

/// A text by itself: its tokens, or its syntax tree.
pub(super) fn emit_text(text: &str, stage: &Stage) -> String {
    let file = FileId(0);
    if *stage == Stage::Ast {
        return crate::syntax::parse(file, text).map(|module| dump(&module)).unwrap_or_default();
    }
    let lexed = lexer::lex(file, text);
    let line = |token: &lexer::Lexeme| format!("{}..{} {}\n", token.span.start, token.span.end, token.token);
    lexed.tokens.iter().map(line).collect()
}

pub(super) fn emit_graph(graph: &Graph, stage: &Stage) -> Checking<String> {
    if *stage == Stage::Graph {
        return Ok(graph.to_string());
    }
    let mut context = Context::default();
    if let Stage::Pass(name) = stage {
        return Ok(pipeline::run(graph, &mut context, Some(name), |_, _| {})?.to_string());
    }
    let mut kernel = loops::lower(&pipeline::run(graph, &mut context, None, |_, _| {})?)?;
    if *stage == Stage::Loops {
        return Ok(kernel.to_string());
    }
    loops::prepare(&mut kernel);
    let failed = |text: String| Diagnostic::global(codes::BUG, text);
    match stage {
        Stage::Clif => clif_text(&kernel).map_err(|error| failed(error.to_string())),
        _ => assembly_text(&kernel).map_err(|error| failed(error.to_string())),
    }
}
