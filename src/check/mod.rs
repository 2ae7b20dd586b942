//! Checking: names, types and sizes; what passes is an array graph.
//!
//! In: the syntax tree. Out: one [`Checked`] graph per function, and the graph of the statements as they come.
//! Always holds: every error of the user's is found here or, where it depends on data, becomes a `Check` node;
//! no file is read and nothing panics.
#![deny(clippy::indexing_slicing)]

mod assignment;
mod builtins;
mod call;
mod contract;
mod expression;
mod flow;
mod found;
mod function;
mod generator;
mod habits;
mod index;
mod list;
mod looping;
mod operators;
pub mod plots;
mod range;
mod scope;
mod slicing;
mod statement;
mod types;
mod value;
mod zip;

pub use crate::io::Loaded;
pub use builtins::{documentation, foreign};
pub use contract::{Bounded, Promise};
pub use function::{Checked, Functions, Parameter};
pub use scope::Scope;
pub use types::{Declared, declared, size_names};
pub use value::{Lambda, Shape, Value};

use crate::diagnostic::{Diagnostic, Result};
use crate::graph::{Graph, NodeId};
use crate::runtime::array::Array;
use crate::syntax::ast::{Name, Statement};
use crate::syntax::span::Span;
use std::collections::BTreeSet;

/// What only statements at the top level may do, offered by the session.
pub trait Host {
    /// Reads a file or a folder: an array, or a tree of them.
    fn load(&mut self, path: &str, span: Span) -> Result<Loaded>;
    /// Seconds since the program began; what was written above has been computed by then.
    fn clock(&mut self) -> f64;
}

/// The state of checking one function, or the statements of a program.
pub struct Checker<'a> {
    /// What has been built so far.
    pub graph: Graph,
    /// Names in scope.
    pub scope: Scope,
    /// Warnings so far.
    pub warnings: Vec<Box<Diagnostic>>,
    /// Arrays read by `load`, with the input that stands for each.
    pub loaded: Vec<(NodeId, Array)>,
    functions: &'a Functions,
    host: Option<&'a mut dyn Host>,
    /// Whether the program is run while it is checked, so that scalars can be asked for.
    pub live: bool,
    /// The scalar whose value is needed before a statement can be checked.
    pub wanted: Option<NodeId>,
    /// Whether a variable was found to change its sizes in a loop: run iteration by iteration it may.
    pub varies: std::cell::Cell<bool>,
    /// Whether every name keeps an identity of its own: what will be differentiated by is not known yet.
    pub keeps_names: bool,
    /// Whether a comprehension could be no array, and its length was not known.
    uneven: bool,
    /// Sizes that slices over axes of unknown sizes take to be no less than 0.
    assumed: Vec<crate::graph::Size>,
    /// Whether something is read that only a check keeps inside of its array.
    relies: bool,
    /// Where control stands: conditions, loops around, and what has been left.
    flow: flow::Flow,
    /// The names that the function, or the program's statements, differentiate by.
    targets: BTreeSet<String>,
    /// Lambdas that are being applied, one in the other, and how many were since the outermost began.
    lambdas: (usize, usize),
}

impl<'a> Checker<'a> {
    /// A checker for a function's body, or for a program's statements when there is a host.
    pub fn new(name: &str, functions: &'a Functions, host: Option<&'a mut dyn Host>) -> Checker<'a> {
        Checker {
            graph: Graph::new(name),
            scope: Scope::default(),
            warnings: Vec::new(),
            loaded: Vec::new(),
            functions,
            host,
            live: false,
            wanted: None,
            varies: std::cell::Cell::new(false),
            keeps_names: false,
            uneven: false,
            assumed: Vec::new(),
            relies: false,
            flow: flow::Flow::default(),
            targets: BTreeSet::new(),
            lambdas: (0, 0),
        }
    }

    /// Says which statements are going to come, so that names they differentiate by keep an identity of their own.
    pub fn announce<'s>(&mut self, statements: impl IntoIterator<Item = &'s Statement>) {
        for statement in statements {
            function::statement_targets(statement, &mut self.targets);
        }
    }

    /// Goes back to where a statement began, as [`Scope::begin`] remembers it, to check it again.
    pub fn start_again(&mut self, checks: usize, warnings: usize) {
        self.scope.take_back();
        self.graph.checks.truncate(checks);
        self.warnings.truncate(warnings);
        self.flow = flow::Flow::default();
    }

    /// Binds a name to a value.
    pub fn bind_value(&mut self, name: &Name, value: Value) {
        self.bind_name(name, value, false);
    }

    fn differentiated(&self, name: &str) -> bool {
        self.keeps_names || self.targets.contains(name)
    }
}
