//! What an expression stands for while checking.
//!
//! In: graph nodes and what is known only when compiling. Out: [`Value`].
//! Always holds: only arrays reach the graph; strings, functions and records are resolved here.

use super::scope::Scope;
use crate::graph::{Graph, NodeId};
use crate::syntax::ast::{Expr, Pattern};
use std::rc::Rc;

/// A value of the language.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An array or scalar.
    Array {
        /// The node.
        id: NodeId,
        /// Whether it is a literal that still takes the type of what it meets.
        literal: bool,
    },
    /// A tuple.
    Tuple(Vec<Value>),
    /// A record: fields by name.
    Record(Vec<(String, Value)>),
    /// A string.
    Text(String),
    /// A function, by name.
    Function(String),
    /// A function without a name.
    Lambda(Rc<Lambda>),
    /// `newaxis`.
    NewAxis,
    /// No value: of a block without a last expression.
    Nothing,
}

/// `(a, b) -> e`, with the names that were in scope where it was written.
#[derive(Debug)]
pub struct Lambda {
    /// What its arguments are bound to.
    pub patterns: Vec<Pattern>,
    /// Its value.
    pub body: Expr,
    /// Names in scope.
    pub scope: Scope,
}

impl PartialEq for Lambda {
    /// Two lambdas are the same only if they are one.
    fn eq(&self, other: &Lambda) -> bool {
        std::ptr::eq(self, other)
    }
}

/// How a result is put together from a graph's outputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// The output of that position.
    Array(usize),
    /// A tuple.
    Tuple(Vec<Shape>),
    /// No result.
    Nothing,
}

impl Value {
    /// An array with a type of its own.
    pub fn array(id: NodeId) -> Value {
        Value::Array { id, literal: false }
    }

    /// The nodes in it, in order.
    pub fn nodes(&self) -> Vec<NodeId> {
        match self {
            Value::Array { id, .. } => vec![*id],
            Value::Tuple(parts) => parts.iter().flat_map(Value::nodes).collect(),
            Value::Record(fields) => fields.iter().flat_map(|(_, value)| value.nodes()).collect(),
            _ => Vec::new(),
        }
    }

    /// The same value with each node replaced.
    #[must_use]
    pub fn map(&self, f: &mut impl FnMut(NodeId) -> NodeId) -> Value {
        match self {
            Value::Array { id, literal } => Value::Array { id: f(*id), literal: *literal },
            Value::Tuple(parts) => Value::Tuple(parts.iter().map(|part| part.map(f)).collect()),
            Value::Record(fields) => {
                Value::Record(fields.iter().map(|(name, value)| (name.clone(), value.map(f))).collect())
            }
            other => other.clone(),
        }
    }

    /// A literal takes the type it has by itself.
    #[must_use]
    pub fn settled(self) -> Value {
        match self {
            Value::Array { id, .. } => Value::array(id),
            Value::Tuple(parts) => Value::Tuple(parts.into_iter().map(Value::settled).collect()),
            other => other,
        }
    }

    /// What it is, for messages: `f64[n, d]`, `a tuple of 2`.
    pub fn describe(&self, graph: &Graph) -> String {
        match self {
            Value::Array { id, .. } => graph.ty(*id).to_string(),
            Value::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| part.describe(graph)).collect();
                format!("({})", parts.join(", "))
            }
            Value::Record(fields) => {
                let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                format!("a record of {}", names.join(", "))
            }
            Value::Text(_) => "a string".into(),
            Value::Function(name) => format!("the function `{name}`"),
            Value::Lambda(_) => "a function".into(),
            Value::NewAxis => "newaxis".into(),
            Value::Nothing => "no value".into(),
        }
    }

    /// Makes a value from outputs as a [`Shape`] says.
    pub fn from_shape(shape: &Shape, outputs: &[NodeId]) -> Value {
        match shape {
            Shape::Array(k) => outputs.get(*k).map_or(Value::Nothing, |&id| Value::array(id)),
            Shape::Tuple(parts) => Value::Tuple(parts.iter().map(|part| Value::from_shape(part, outputs)).collect()),
            Shape::Nothing => Value::Nothing,
        }
    }

    /// The shape of the value over its own nodes, which are appended to `outputs`.
    pub fn shape(&self, outputs: &mut Vec<NodeId>) -> Shape {
        match self {
            Value::Array { id, .. } => {
                outputs.push(*id);
                Shape::Array(outputs.len() - 1)
            }
            Value::Tuple(parts) => Shape::Tuple(parts.iter().map(|part| part.shape(outputs)).collect()),
            _ => Shape::Nothing,
        }
    }
}
