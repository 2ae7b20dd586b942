//! Lists: sequences of values whose shapes may differ.
//!
//! In: `list(a, b, …)`, `list(e for i in 0:3)`. Out: a list.
//! Always holds: the number of items is known when compiling.

use super::Builtin;
use crate::check::Value;
use crate::diagnostic::{Diagnostic, codes};

/// The most items that a list may be written out with: each becomes code of its own.
const ITEM_LIMIT: usize = 10_000;

pub(super) const ALL: &[Builtin] = &[Builtin {
    name: "list",
    doc: "list(a, b, …): a list of values whose shapes may differ; list(r) of a record or tuple: its fields in order; list(e for i in 0:3): an item for each.",
    example: ("print(list([1, 2], 3)[-1], len(list([1, 2], 3)))", "3 2"),
    apply: |c, call| {
        if let Some((element, generators)) = call.generator() {
            return c.listed(element, generators).map(Value::List);
        }
        call.allow(&[])?;
        let exprs = call.positional(0..=usize::MAX, "list(a, b, …)")?;
        if exprs.len() > ITEM_LIMIT {
            let text = format!("a list is written out with more than {ITEM_LIMIT} items");
            return Err(Diagnostic::error(codes::LIMIT, call.span, text)
                .help("keep the values in one array, with an array of where each begins"));
        }
        let mut items = Vec::new();
        for expr in exprs {
            items.push(c.list_item(expr)?);
        }
        Ok(match items.as_mut_slice() {
            [Value::Record(fields)] => Value::List(fields.drain(..).map(|(_, value)| value).collect()),
            [Value::Tuple(parts)] | [Value::List(parts)] => Value::List(std::mem::take(parts)),
            _ => Value::List(items),
        })
    },
}];
