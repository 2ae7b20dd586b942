//! What an expression stands for while checking.
//!
//! In: graph nodes and what is known only when compiling. Out: [`Value`].
//! Always holds: only arrays reach the graph; strings, functions and records are resolved here.

use super::scope::Scope;
use super::types::Layout;
use crate::graph::{Graph, NodeId, Size};
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
    /// A list: items whose shapes may differ, their number known when compiling.
    List(Vec<Value>),
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
    /// A record.
    Record(Vec<(String, Shape)>),
    /// A list.
    List(Vec<Shape>),
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
            Value::Tuple(parts) | Value::List(parts) => parts.iter().flat_map(Value::nodes).collect(),
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
            Value::List(items) => Value::List(items.iter().map(|item| item.map(f)).collect()),
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
            Value::List(items) => Value::List(items.into_iter().map(Value::settled).collect()),
            Value::Record(fields) => {
                Value::Record(fields.into_iter().map(|(name, value)| (name, value.settled())).collect())
            }
            other => other,
        }
    }

    /// How many items its lists have.
    pub(super) fn layout(&self) -> Layout {
        match self {
            Value::Tuple(parts) => Layout::Tuple(parts.iter().map(Value::layout).collect()),
            Value::List(items) => Layout::List(items.iter().map(Value::layout).collect()),
            _ => Layout::Plain,
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
            Value::List(items) => describe_list(items, graph),
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
            Shape::List(items) => Value::List(items.iter().map(|item| Value::from_shape(item, outputs)).collect()),
            Shape::Record(fields) => {
                let value = |(name, shape): &(String, Shape)| (name.clone(), Value::from_shape(shape, outputs));
                Value::Record(fields.iter().map(value).collect())
            }
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
            Value::List(items) => Shape::List(items.iter().map(|item| item.shape(outputs)).collect()),
            Value::Record(fields) => {
                Shape::Record(fields.iter().map(|(name, value)| (name.clone(), value.shape(outputs))).collect())
            }
            _ => Shape::Nothing,
        }
    }
}

/// `a list of 3, each f64[20]` where all items are alike, `a list of 3` otherwise.
fn describe_list(items: &[Value], graph: &Graph) -> String {
    match items.split_first() {
        Some((first, rest)) if rest.iter().all(|item| item.describe(graph) == first.describe(graph)) => {
            format!("a list of {}, each {}", items.len(), first.describe(graph))
        }
        _ => format!("a list of {}", items.len()),
    }
}

/// Sizes as a type shows them: `[n, 3]`, or `one number`.
pub(super) fn sizes_shown(shape: &[Size]) -> String {
    match shape {
        [] => "one number".to_string(),
        sizes => format!("[{}]", sizes.iter().map(Size::to_string).collect::<Vec<_>>().join(", ")),
    }
}
