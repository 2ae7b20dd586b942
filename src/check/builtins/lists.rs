//! Lists: sequences of values whose shapes may differ.
//!
//! In: `list(a, b, …)`. Out: a list.
//! Always holds: the number of items is known when compiling.

use super::Builtin;
use crate::check::Value;
use crate::diagnostic::{Diagnostic, codes};

pub(super) const ALL: &[Builtin] = &[Builtin {
    name: "list",
    doc: "list(a, b, …): a list of values whose shapes may differ; list(r) of a record or tuple: its fields in order.",
    example: ("print(list([1, 2], 3)[-1], len(list([1, 2], 3)))", "3 2"),
    apply: |c, call| {
        if let Some((element, generators)) = call.generator() {
            let _ = (element, generators);
            return Err(Diagnostic::error(codes::ARGUMENTS, call.span, "`list` takes values, not a generator")
                .help("write [e for a in L], which is a list where the shapes of its elements differ"));
        }
        call.allow(&[])?;
        let exprs = call.positional(0..=usize::MAX, "list(a, b, …)")?;
        let mut items = Vec::new();
        for expr in exprs {
            let value = c.expression(expr)?.settled();
            if matches!(value, Value::Nothing | Value::NewAxis | Value::Function(_)) {
                return Err(Diagnostic::error(codes::TYPE, expr.span, "this cannot be in a list")
                    .at(format!("this is {}", value.describe(&c.graph))));
            }
            items.push(value);
        }
        Ok(match items.as_mut_slice() {
            [Value::Record(fields)] => Value::List(fields.drain(..).map(|(_, value)| value).collect()),
            [Value::Tuple(parts)] | [Value::List(parts)] => Value::List(std::mem::take(parts)),
            _ => Value::List(items),
        })
    },
}];
