//! The array graph: the program as immutable, typed, hash-consed nodes.
//!
//! In: what the checker builds. Out: graphs that the passes rewrite and the schedule lowers.
//! Always holds: a node's operands have smaller ids than the node, and equal nodes are one node.

mod node;
mod order;
mod parse;
mod print;
mod rewrite;
mod verify;

pub use crate::runtime::fault::CheckKind;
pub use crate::runtime::size::{Size, SizeEnv, SizeVar, display_shape};
pub use node::{Binder, Constant, Graph, Input, LoopParts, Names, Node, NodeId, Op, Type, Var, VarId};
pub use order::{coefficient, envelope, grows_within, polynomial};
pub use parse::parse;
pub use rewrite::{Copier, reachable};
pub use verify::verify;
