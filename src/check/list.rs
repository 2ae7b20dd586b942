//! Lists: indexes, and generators that run over their items.
//!
//! In: lists, whose items and their shapes are known when compiling. Out: one item, or what was made of all of them.
//! Always holds: an expression over a list's items is checked for each with the item's own shape, and an error names it.

use super::expression::not_available;
use super::function::NODE_LIMIT;
use super::generator::Generated;
use super::operators::Operand;
use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{NodeId, Size, Type, VarId};
use crate::runtime::array::DType;
use crate::syntax::ast::{Expr, ExprKind, Generator, IndexItem, Iterable, Pattern};
use crate::syntax::span::Span;
use crate::syntax::visit;

/// A generator over a list's items, and what follows it.
pub(super) struct OverList<'e> {
    /// What is bound to each item.
    pub pattern: &'e Pattern,
    /// The items.
    pub items: Vec<Value>,
    /// The generators behind it.
    pub rest: &'e [Generator],
    /// What is made of each.
    pub element: &'e Expr,
}

impl Checker<'_> {
    /// `L[k]`, `L[a:b]`.
    pub(super) fn list_index(&mut self, items: &[Value], index: &[IndexItem], span: Span) -> Result<Value> {
        match index {
            [IndexItem::At(expr)] => {
                let at = self.list_position(expr)?;
                let count = items.len() as i64;
                let from_front = if at < 0 { at + count } else { at };
                usize::try_from(from_front).ok().and_then(|k| items.get(k)).cloned().ok_or_else(|| {
                    let text = format!("the index {at} is outside the list, which has {}", counted(items.len()));
                    let error = Diagnostic::error(codes::INDEX_RANGE, expr.span, text);
                    match items.len() {
                        0 => error,
                        length if at == count => {
                            error.help(format!("indexes start at 0: the last item is at {}, or at -1", length - 1))
                        }
                        length => error.help(format!("indexes of this list go from 0 to {}", length - 1)),
                    }
                })
            }
            [IndexItem::Slice { start, stop, step, .. }] => {
                let mut bound = |expr: &Option<Expr>| expr.as_ref().map(|e| self.list_position(e)).transpose();
                let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?.unwrap_or(1));
                if step == 0 {
                    return Err(Diagnostic::error(codes::NOT_A_CONSTANT, span, "the step of a slice is not 0"));
                }
                let positions = super::slicing::known_positions(start, stop, step, items.len() as i64);
                Ok(Value::List(positions.filter_map(|k| items.get(k)).cloned().collect()))
            }
            _ => Err(Diagnostic::error(codes::RANK, span, "a list has one index")
                .help("index the item in brackets of its own: L[0][1, 2]")),
        }
    }

    /// A position in a list: which item it is decides on the type, so it has to be known.
    fn list_position(&mut self, expr: &Expr) -> Result<i64> {
        let operand = self.operand(expr)?;
        let ty = self.graph.ty(operand.id);
        if ty.dtype != DType::I64 || ty.rank() != 0 {
            return Err(Diagnostic::error(codes::TYPE, expr.span, "the index of a list is a whole number")
                .at(format!("this is {ty}")));
        }
        if let Some(known) = self.graph.as_size(operand.id).and_then(|size| size.as_const()) {
            return Ok(known);
        }
        self.concrete(operand.id, expr.span)?;
        Err(not_available(expr.span, "the index of a list that is known only at run time")
            .note("the items of a list may differ in type")
            .help("run over the items, [f(a) for a in L], or over 0:len(L) with the index itself, L[i]"))
    }

    /// Whether a list is indexed by a name in the expressions that `visit` shows: then what runs over that name runs over
    /// the items of a list.
    pub(super) fn picks_items<'e>(&self, name: &str, visit: impl FnOnce(&mut dyn FnMut(&'e Expr))) -> bool {
        let mut found = false;
        visit(&mut |expr| {
            let ExprKind::Index(base, items) = &expr.kind else { return };
            if !matches!(self.known(base), Some(Value::List(_))) {
                return;
            }
            for item in items {
                if let IndexItem::At(at) = item {
                    visit::expressions(at, &mut |part| found |= matches!(&part.kind, ExprKind::Name(n) if n == name));
                }
            }
        });
        found
    }

    /// What a name, or a field of one, stands for.
    fn known(&self, expr: &Expr) -> Option<&Value> {
        match &expr.kind {
            ExprKind::Name(name) => self.scope.get(name).map(|binding| &binding.value),
            ExprKind::Field(base, field) => match self.known(base)? {
                Value::Record(fields) => fields.iter().find_map(|(name, value)| (*name == field.text).then_some(value)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a generator's element has other sizes for other values of its variables.
    pub(super) fn differs_in_shape(&self, value: &Value, vars: &[VarId]) -> bool {
        let sizes = value.nodes().into_iter().flat_map(|id| self.graph.size_values(id));
        let extents = vars.iter().flat_map(|var| self.graph.var(*var).extent.vars());
        let extents = extents.filter_map(|size| self.graph.dynamic_value(&size));
        sizes.chain(extents).any(|size| vars.iter().any(|var| self.graph.depends_on(size, *var)))
    }

    /// A comprehension whose rows differ in length: a list with an item for each round of the first generator.
    pub(super) fn ragged(&mut self, element: &Expr, generators: &[Generator], span: Span) -> Result<Value> {
        let Some((first, rest)) = generators.split_first() else { return self.expression(element) };
        let items = self.rounds(first).map_err(|problem| {
            self.uneven = true;
            let text = "the rows of this array would differ in length, so it is a list, whose length has to be known";
            let error = Diagnostic::error(codes::NOT_A_CONSTANT, span, text).label(first.span, problem.message);
            error.help(
                "reduce inside, [sum(e for j in …) for i in …], or run over the whole range and use where(c, e, 0)",
            )
        })?;
        let over = OverList { pattern: &first.pattern, items, rest, element };
        let mut listed = Vec::new();
        for (position, item) in over.items.iter().enumerate() {
            listed.push(self.with_item(&over, position, item, &mut |c| match over.rest {
                [] => c.expression(element),
                rest => c.comprehension(element, rest, span),
            })?);
        }
        Ok(Value::List(listed.into_iter().map(Value::settled).collect()))
    }

    /// The rows of an array that stands beside a list.
    pub(super) fn rows(&mut self, value: &Value, span: Span) -> Result<Vec<Value>> {
        let operand = self.as_operand(value, span)?;
        let count = self.leading((operand.id, span))?.as_const().ok_or_else(|| {
            Diagnostic::error(codes::NOT_A_CONSTANT, span, "an array beside a list has a size that is known")
                .at(format!("this is {}", self.graph.ty(operand.id)))
        })?;
        check_count(count, span)?;
        let rows = (0..count).map(|k| {
            let at = self.graph.int(k);
            Value::array(self.graph.gather(operand.id, &[0], &[at]))
        });
        Ok(rows.collect())
    }

    /// `list(e for …)`: an item for each round, of whatever shape.
    pub(super) fn listed(&mut self, element: &Expr, generators: &[Generator]) -> Result<Vec<Value>> {
        let [generator, rest @ ..] = generators else { return Ok(vec![self.list_item(element)?]) };
        let items = self.rounds(generator)?;
        let over = OverList { pattern: &generator.pattern, items, rest, element };
        let mut listed = Vec::new();
        for (position, item) in over.items.iter().enumerate() {
            listed.extend(self.with_item(&over, position, item, &mut |c| c.listed(element, rest))?);
        }
        Ok(listed)
    }

    /// An expression as an item of a list.
    pub(super) fn list_item(&mut self, expr: &Expr) -> Result<Value> {
        let value = self.expression(expr)?.settled();
        match value {
            Value::Array { .. } | Value::Tuple(_) | Value::Record(_) | Value::List(_) | Value::Text(_) => Ok(value),
            _ => Err(Diagnostic::error(codes::TYPE, expr.span, "this cannot be in a list")
                .at(format!("this is {}", value.describe(&self.graph)))),
        }
    }

    /// The values that a generator takes, one by one.
    pub(super) fn rounds(&mut self, generator: &Generator) -> Result<Vec<Value>> {
        let (start, stop, step) = match &generator.iterable {
            Iterable::Over(expr) => {
                let source = self.zipped(expr)?;
                return self.items_together(&source, expr.span);
            }
            Iterable::Range { start, stop, step } => (start, stop, step.as_ref()),
        };
        let what = "the bound of a range that makes a list";
        let (first, last) = (self.literal_int(start, what)?, self.literal_int(stop, what)?);
        let step = step.map_or(Ok(1), |expr| self.literal_int(expr, "the step of a range"))?;
        let distance =
            if step > 0 { i128::from(last) - i128::from(first) } else { i128::from(first) - i128::from(last) };
        if step == 0 {
            return Err(Diagnostic::error(codes::NOT_A_CONSTANT, generator.span, "the step of a range is not 0"));
        }
        let count = (distance.max(0) as u128).div_ceil(u128::from(step.unsigned_abs()));
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        check_count(count, generator.span)?;
        Ok((0..count).map(|k| Value::array(self.graph.int(first + k * step))).collect())
    }

    /// `[e for a in L]`: an array with a new leading axis where all results have one shape, a list otherwise.
    pub(super) fn for_each_item(&mut self, over: &OverList<'_>, span: Span) -> Result<Value> {
        let mut results = Vec::new();
        for (position, item) in over.items.iter().enumerate() {
            results.push(self.with_item(over, position, item, &mut |c| match over.rest {
                [] => c.expression(over.element),
                rest => c.comprehension(over.element, rest, span),
            })?);
        }
        self.gathered(results, over.element.span)
    }

    /// The elements of a reduction over items, along one axis.
    pub(super) fn reduced_items(&mut self, over: &OverList<'_>, left_out: Option<f64>) -> Result<Generated> {
        let span = over.element.span;
        let (mut parts, mut counts): (Vec<Operand>, Vec<NodeId>) = (Vec::new(), Vec::new());
        let mut guarded = false;
        for (position, item) in over.items.iter().enumerate() {
            let part = self.with_item(over, position, item, &mut |c| match over.rest {
                [] => {
                    let value = c.expression(over.element)?;
                    let operand = c.as_operand(&value, span)?;
                    Ok((Generated { x: operand.id, axes: 0, members: None }, operand.literal))
                }
                rest => Ok((c.generated(over.element, rest, left_out)?, false)),
            })?;
            let (Generated { x, axes, members }, literal) = part;
            guarded |= members.is_some();
            let (line, length) = self.in_line(x, axes);
            counts.push(members.unwrap_or_else(|| self.graph.size_value(&length)));
            parts.push(Operand { id: line, literal, span });
        }
        let x = self.joined(&parts, span)?;
        let total = counts.into_iter().reduce(|a, b| self.graph.plus(a, b));
        Ok(Generated { x, axes: 1, members: total.filter(|_| guarded) })
    }

    /// The leading axes as one, and its size.
    fn in_line(&mut self, x: NodeId, axes: usize) -> (NodeId, Size) {
        let shape = self.graph.shape(x).to_vec();
        let (leading, rest) = shape.split_at_checked(axes).unwrap_or((&[], &shape));
        let length = Size::product(leading);
        let flat: Vec<Size> = std::iter::once(length.clone()).chain(rest.iter().cloned()).collect();
        (self.graph.reshape(x, &flat), length)
    }

    /// Arrays one behind the other; but for the first axis they have one shape.
    fn joined(&mut self, parts: &[Operand], span: Span) -> Result<NodeId> {
        let empty = |c: &Self, id: NodeId| c.graph.shape(id).first().is_some_and(|size| size.as_const() == Some(0));
        let some: Vec<Operand> = parts.iter().copied().filter(|part| !empty(self, part.id)).collect();
        let parts = if some.is_empty() { parts.get(..1).unwrap_or_default() } else { &some };
        let Some(first) = parts.first() else {
            return Ok(self.graph.zeros(&Type::array(DType::F64, vec![Size::from(0)])));
        };
        let rows = |c: &Self, id: NodeId| c.graph.shape(id).get(1..).map(<[Size]>::to_vec).unwrap_or_default();
        let expected = rows(self, first.id);
        for (position, part) in parts.iter().enumerate() {
            if rows(self, part.id) != expected {
                let text = format!("items 0 and {position} of the list give arrays that do not add up");
                let row = |id| super::value::sizes_shown(&rows(self, id));
                return Err(Diagnostic::error(codes::SIZES, span, text)
                    .at(format!("the first is {}, the other {}", row(first.id), row(part.id)))
                    .help("reduce each to one number or to one shape first: sum(sum(a) for a in L)"));
            }
        }
        let dtype = self.common_dtype(parts);
        let cast: Vec<NodeId> = parts.iter().map(|part| self.graph.cast(part.id, dtype)).collect();
        Ok(self.graph.concat(&cast, 0))
    }

    /// Does something with an item bound to its name.
    fn with_item<T>(
        &mut self,
        over: &OverList<'_>,
        position: usize,
        item: &Value,
        f: &mut dyn FnMut(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if self.graph.len() > NODE_LIMIT {
            return Err(Diagnostic::error(codes::LIMIT, over.element.span, "the program is too large to compile")
                .note(format!("each item of a list is compiled for itself, and at item {position} there are more than {NODE_LIMIT} operations"))
                .help("put items of one shape into an array with a leading axis"));
        }
        self.scope.enter();
        let barrier = std::mem::replace(&mut self.flow.barrier, self.scope.len());
        let done = self.bind_pattern(over.pattern, item.clone(), false).and_then(|()| f(self));
        self.flow.barrier = barrier;
        self.scope.leave();
        let what = item.describe(&self.graph);
        done.map_err(|error| error.note(format!("in item {position} of the list, which is {what}")))
    }

    /// Results of one shape stacked; tuples part by part; others as a list.
    pub(super) fn gathered(&mut self, results: Vec<Value>, span: Span) -> Result<Value> {
        let arrays: Option<Vec<Operand>> = results
            .iter()
            .map(|value| match value {
                Value::Array { id, literal } => Some(Operand { id: *id, literal: *literal, span }),
                _ => None,
            })
            .collect();
        if let Some([first, rest @ ..]) = arrays.as_deref()
            && rest.iter().all(|part| Self::same_shape(self.graph.ty(part.id), self.graph.ty(first.id)))
        {
            return self.stack(&arrays.unwrap_or_default(), 0, span).map(Value::settled);
        }
        let widths: Option<Vec<usize>> = results
            .iter()
            .map(|value| match value {
                Value::Tuple(parts) => Some(parts.len()),
                _ => None,
            })
            .collect();
        match widths.as_deref() {
            Some([width, rest @ ..]) if rest.iter().all(|other| other == width) => {
                let part = |k: usize| {
                    let column = results.iter().filter_map(|value| match value {
                        Value::Tuple(parts) => parts.get(k).cloned(),
                        _ => None,
                    });
                    self.gathered(column.collect(), span)
                };
                (0..*width).map(part).collect::<Result<_>>().map(Value::Tuple)
            }
            _ => Ok(Value::List(results.into_iter().map(Value::settled).collect())),
        }
    }
}

/// That a list of so many items can be compiled.
fn check_count(count: i64, span: Span) -> Result<()> {
    if usize::try_from(count).is_ok_and(|count| count <= NODE_LIMIT) {
        return Ok(());
    }
    Err(Diagnostic::error(codes::LIMIT, span, format!("a list of {count} items is too large to compile"))
        .help("make an array with a leading axis: [e for i in 0:n]"))
}

pub(super) fn counted(items: usize) -> String {
    if items == 1 { "1 item".to_string() } else { format!("{items} items") }
}
