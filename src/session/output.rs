//! What an expression of an interactive session comes to.
//!
//! In: a checked value and the arrays that were computed. Out: [`Output`], which can be shown.
//! Always holds: arrays are borrowed from the session, so looking at a large one costs nothing.

use crate::check::Value;
use crate::graph::NodeId;
use crate::runtime::array::Array;
use crate::runtime::print::{format_array, format_type};

/// A value: arrays, and what is made of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Output<'a> {
    /// An array or scalar.
    Array(&'a Array),
    /// A tuple.
    Tuple(Vec<Output<'a>>),
    /// A record: fields by name.
    Record(Vec<(&'a str, Output<'a>)>),
    /// A list.
    List(Vec<Output<'a>>),
    /// A string.
    Text(&'a str),
    /// A function, or what else is no data.
    Other(String),
}

/// The most items of a list, or parts of a tuple, that are shown.
const SHOWN: usize = 12;

impl<'a> Output<'a> {
    /// The value, its arrays looked up.
    pub(super) fn new(value: &'a Value, array: &impl Fn(NodeId) -> Option<&'a Array>) -> Output<'a> {
        let all = |parts: &'a [Value]| parts.iter().map(|part| Output::new(part, array)).collect();
        match value {
            Value::Array { id, .. } => array(*id).map_or_else(|| Output::Other("no value".into()), Output::Array),
            Value::Tuple(parts) => Output::Tuple(all(parts)),
            Value::List(items) => Output::List(all(items)),
            Value::Record(fields) => {
                Output::Record(fields.iter().map(|(name, value)| (name.as_str(), Output::new(value, array))).collect())
            }
            Value::Text(text) => Output::Text(text),
            Value::Function(name) => Output::Other(format!("the function `{name}`")),
            Value::Lambda(_) => Output::Other("a function".into()),
            Value::NewAxis => Output::Other("newaxis".into()),
            Value::Nothing => Output::Other("no value".into()),
        }
    }

    /// Its type as a program writes it; of a record its fields.
    pub fn type_text(&self) -> String {
        let all = |parts: &[Output<'_>]| parts.iter().map(Output::type_text).collect::<Vec<_>>().join(", ");
        match self {
            Output::Array(array) => format_type(array),
            Output::Tuple(parts) => format!("({})", all(parts)),
            Output::List(items) => {
                let first = items.first().map(Output::type_text);
                match first.filter(|first| items.iter().all(|item| item.type_text() == *first)) {
                    Some(first) => format!("a list of {}, each {first}", items.len()),
                    None => format!("a list of {}", items.len()),
                }
            }
            Output::Record(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}: {}", value.type_text())).collect();
                format!("a record of {}", fields.join(", "))
            }
            Output::Text(_) => "a string".into(),
            Output::Other(text) => text.clone(),
        }
    }

    /// As a person reads it: arrays as NumPy prints them, with types behind them if `types` says so; parts of tuples, records and
    /// lists one below the other, each behind what leads to it.
    pub fn render(&self, types: bool) -> String {
        match self {
            Output::Array(array) if types => format!("{}  {}", format_array(array), format_type(array)),
            Output::Array(array) => format_array(array),
            Output::Text(text) => (*text).to_string(),
            Output::Other(text) => text.clone(),
            Output::Record(fields) => {
                below(fields.iter().map(|(name, value)| (format!(".{name}"), value)), fields.len(), types)
            }
            Output::Tuple(parts) | Output::List(parts) => {
                let labelled = parts.iter().enumerate().map(|(k, part)| (format!("[{k}]"), part));
                below(labelled, parts.len(), types)
            }
        }
    }
}

/// Parts one below the other; of many the first and the last.
fn below<'p, 'a: 'p>(parts: impl Iterator<Item = (String, &'p Output<'a>)>, count: usize, types: bool) -> String {
    let skipped = if count > SHOWN { SHOWN / 2..count - SHOWN / 2 } else { 0..0 };
    let shown: Vec<(String, &Output<'_>)> =
        parts.enumerate().filter(|(k, _)| !skipped.contains(k)).map(|(_, part)| part).collect();
    let width = shown.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let margin = " ".repeat(width + 2);
    let mut lines: Vec<String> = shown
        .into_iter()
        .map(|(label, part)| format!("{label:<width$}  {}", part.render(types).replace('\n', &format!("\n{margin}"))))
        .collect();
    if !skipped.is_empty() {
        lines.insert(skipped.start, format!("… {} more", skipped.len()));
    }
    if lines.is_empty() { "nothing".into() } else { lines.join("\n") }
}
