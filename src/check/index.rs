//! Indexing: scalars, slices, integer arrays and `newaxis`, as NumPy has them.
//!
//! In: `x[i, a:b, k, newaxis]`. Out: slices, gathers and reshapes, with run-time checks where a range is not proved.
//! Always holds: an index that is proved to be in range has no check.

use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{CheckKind, NodeId, Op, Size, VarId};
use crate::ops::elementwise;
use crate::runtime::array::DType;
use crate::syntax::ast::{Expr, IndexItem};
use crate::syntax::span::Span;
use std::collections::BTreeMap;

/// `Σ factor · variable + constant`; no factor is zero.
struct Linear {
    vars: BTreeMap<VarId, Size>,
    constant: Size,
}

impl Linear {
    fn times(&self, factor: &Size) -> Linear {
        let vars = self.vars.iter().map(|(var, own)| (*var, own.times(factor)));
        Linear {
            vars: vars.filter(|(_, size)| size.as_const() != Some(0)).collect(),
            constant: self.constant.times(factor),
        }
    }

    fn plus(self, other: &Linear, sign: i64) -> Linear {
        let other = other.times(&Size::from(sign));
        let mut vars = self.vars;
        for (var, factor) in other.vars {
            let sum = vars.get(&var).map_or(factor.clone(), |own| own.plus(&factor));
            vars.insert(var, sum);
        }
        vars.retain(|_, factor| factor.as_const() != Some(0));
        Linear { vars, constant: self.constant.plus(&other.constant) }
    }
}

/// A bound of a slice, as a size too if it is one.
type Bound = (NodeId, Option<Size>);

/// One item, read.
pub(super) enum Item {
    /// A scalar index: drops the axis.
    Scalar(NodeId),
    /// An integer array.
    Array(NodeId),
    /// First element, stride and count.
    Slice(Size, i64, Size),
    /// A slice that moves with a generator's index: the indexes along the axis.
    Window(NodeId),
    /// A new axis.
    New,
}

impl Checker<'_> {
    /// `base[items]`.
    pub(super) fn index(&mut self, base: &Expr, items: &[IndexItem], span: Span) -> Result<Value> {
        let value = self.expression(base)?;
        if let Value::Tuple(parts) = &value {
            return self.tuple_part(parts, items, span);
        }
        if let Value::List(parts) = &value {
            return self.list_index(parts, items, span);
        }
        let operand = self.as_operand(&value, base.span)?;
        let read = self.items(items, operand.id, span)?;
        self.graph.span = span;
        self.apply(operand.id, read, span).map(Value::array)
    }

    /// The items of an index, one for every axis of the array.
    pub(super) fn items(&mut self, items: &[IndexItem], array: NodeId, span: Span) -> Result<Vec<Item>> {
        let shape = self.graph.shape(array).to_vec();
        let mut read = Vec::new();
        let mut axis = 0;
        for item in items {
            let item = match item {
                IndexItem::Slice { start, stop, step, span } => {
                    let Some(extent) = shape.get(axis) else {
                        axis += 1;
                        continue;
                    };
                    self.slice_item([start, stop, step].map(Option::as_ref), extent, axis, *span)?
                }
                IndexItem::At(expr) => {
                    let value = self.expression(expr)?;
                    if let Some(places) = self.mask_item(&value, expr.span, &shape, axis, span)? {
                        axis += places.len();
                        read.extend(places.into_iter().map(Item::Array));
                        continue;
                    }
                    self.item(&value, expr.span, shape.get(axis), axis)?
                }
            };
            axis += usize::from(!matches!(item, Item::New));
            read.push(item);
        }
        if axis > shape.len() {
            let text = format!("{axis} indexes for an array of {} axes", shape.len());
            return Err(
                Diagnostic::error(codes::RANK, span, text).note(format!("the array is {}", self.graph.ty(array)))
            );
        }
        for size in shape.iter().skip(axis) {
            read.push(Item::Slice(Size::from(0), 1, size.clone()));
        }
        Ok(read)
    }

    /// A boolean array selects along as many axes as it has.
    fn mask_item(
        &mut self,
        value: &Value,
        place: Span,
        shape: &[Size],
        axis: usize,
        span: Span,
    ) -> Result<Option<Vec<NodeId>>> {
        let Value::Array { id, .. } = *value else { return Ok(None) };
        let ty = self.graph.ty(id).clone();
        if ty.dtype != DType::Bool || ty.rank() == 0 {
            return Ok(None);
        }
        if shape.get(axis..axis + ty.rank()) != Some(ty.shape.as_slice()) {
            let selected = crate::graph::display_shape(shape.get(axis..).unwrap_or_default());
            let text = format!("a mask has the sizes of what it selects from: {ty} for [{selected}]");
            let error = Diagnostic::error(codes::SIZES, place, text);
            let sizes: Vec<&Size> = ty.shape.iter().chain(shape).collect();
            return Err(self.origins(error, &sizes));
        }
        self.mask_places(id, span).map(Some)
    }

    fn tuple_part(&mut self, parts: &[Value], items: &[IndexItem], span: Span) -> Result<Value> {
        if let [IndexItem::At(expr)] = items
            && let Some(k) = self.size_of(expr, "the index of a tuple")?.as_const()
        {
            let at = if k < 0 { k + parts.len() as i64 } else { k };
            return usize::try_from(at).ok().and_then(|at| parts.get(at)).cloned().ok_or_else(|| {
                Diagnostic::error(codes::INDEX_RANGE, expr.span, format!("the tuple has {} parts", parts.len()))
            });
        }
        Err(Diagnostic::error(codes::TYPE, span, "a tuple is indexed by one literal")
            .help("take it apart with let (a, b) = …"))
    }

    /// An index that is no slice and no mask.
    fn item(&mut self, value: &Value, place: Span, extent: Option<&Size>, axis: usize) -> Result<Item> {
        if *value == Value::NewAxis {
            return Ok(Item::New);
        }
        let operand = self.as_operand(value, place)?;
        let ty = self.graph.ty(operand.id).clone();
        match ty.dtype {
            DType::Bool => {
                return Err(Diagnostic::error(codes::TYPE, place, "one truth value is no index")
                    .help("a mask is an array of truth values: x[x > 0]"));
            }
            DType::I64 => {}
            _ => {
                return Err(Diagnostic::error(codes::TYPE, place, "an index is a whole number")
                    .at(format!("this is {ty}"))
                    .help("convert with i64(x)"));
            }
        }
        // The rank error comes later, with the count of all items.
        let Some(extent) = extent else { return Ok(Item::Scalar(operand.id)) };
        let index = self.in_range(operand.id, extent, axis, place)?;
        Ok(if ty.rank() == 0 { Item::Scalar(index) } else { Item::Array(index) })
    }

    /// The index counted from the front, with a check unless it is proved to be in range.
    fn in_range(&mut self, index: NodeId, extent: &Size, axis: usize, span: Span) -> Result<NodeId> {
        if let Some(value) = self.graph.as_size(index).and_then(|size| size.as_const()) {
            let known = extent.as_const();
            let outside = known.filter(|extent| !(-*extent..*extent).contains(&value));
            // Where control may never come it is no error yet.
            if let Some(extent) = outside.filter(|_| self.flow.guards.is_empty()) {
                return Err(self.out_of_range(value, extent, axis, span));
            }
            if value < 0 && outside.is_none() {
                let from_end = extent.plus(&Size::from(value));
                self.require_nonnegative(
                    &from_end,
                    &format!("the index {value} is outside axis {axis} of size {extent}"),
                    span,
                )?;
                return Ok(self.graph.size_value(&from_end));
            }
        }
        if let Some((low, high)) = self.bounds(index)
            && low.is_nonnegative()
            && extent.minus(&Size::one()).minus(&high).is_nonnegative()
        {
            return Ok(index);
        }
        let size = self.graph.size_value(extent);
        Ok(self.check(CheckKind::Index { axis }, index, Some(size), span))
    }

    fn out_of_range(&self, value: i64, extent: i64, axis: usize, span: Span) -> Box<Diagnostic> {
        let error = Diagnostic::error(
            codes::INDEX_RANGE,
            span,
            format!("the index {value} is outside axis {axis} of size {extent}"),
        );
        if value == extent {
            error.help(format!("indexes start at 0: the last element is at {}, or at -1", extent - 1))
        } else {
            error.help(format!("indexes of this axis go from 0 to {}", extent - 1))
        }
    }

    /// The smallest and the largest value of an integer made of sizes and index variables.
    pub(super) fn bounds(&self, id: NodeId) -> Option<(Size, Size)> {
        let node = self.graph.node(id);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Const(_) | Op::Size(_), _) => self.graph.as_size(id).map(|size| (size.clone(), size)),
            (Op::Var(var), _) => Some((Size::from(0), self.graph.var(*var).extent.minus(&Size::one()))),
            (Op::Map(op), [a, b]) => {
                let ((la, ha), (lb, hb)) = (self.bounds(*a)?, self.bounds(*b)?);
                match op.name {
                    "add" => Some((la.plus(&lb), ha.plus(&hb))),
                    "subtract" => Some((la.minus(&hb), ha.minus(&lb))),
                    "multiply" => {
                        let (factor, low, high) = match (la.as_const(), lb.as_const()) {
                            (Some(f), _) if la == ha => (f, lb, hb),
                            (_, Some(f)) if lb == hb => (f, la, ha),
                            _ => return None,
                        };
                        let (low, high) = (low.times(&Size::from(factor)), high.times(&Size::from(factor)));
                        Some(if factor < 0 { (high, low) } else { (low, high) })
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn slice_item(
        &mut self,
        [start, stop, step]: [Option<&Expr>; 3],
        extent: &Size,
        axis: usize,
        span: Span,
    ) -> Result<Item> {
        let step = match step {
            None => 1,
            Some(expr) => {
                let id = self.whole(expr, "the step of a slice")?;
                match self.graph.as_size(id).and_then(|size| size.as_const()) {
                    Some(0) => {
                        return Err(Diagnostic::error(
                            codes::NOT_A_CONSTANT,
                            expr.span,
                            "the step of a slice is not 0",
                        ));
                    }
                    Some(step) => step,
                    None => {
                        let stride = self.checked_step(id, expr.span)?;
                        let bounds = self.slice_bounds(start, stop)?.map(|bound| bound.map(|(id, _)| id));
                        return self.strided_slice(bounds, stride, extent, span);
                    }
                }
            }
        };
        if let Some(window) = self.window(start, stop, step, extent, axis)? {
            return Ok(window);
        }
        let bounds = self.slice_bounds(start, stop)?;
        let running = bounds.clone().map(|bound| bound.map(|(id, _)| id));
        if bounds.iter().flatten().any(|(_, size)| size.is_none()) {
            return self.running_slice(running, step, extent, span);
        }
        let [start, stop] = bounds.map(|bound| bound.and_then(|(_, size)| size));
        if let Some(known) = known_slice(start.as_ref(), stop.as_ref(), step, extent) {
            return Ok(known);
        }
        if step == -1 && start.is_none() && stop.is_none() {
            return Ok(Item::Slice(extent.minus(&Size::one()), -1, extent.clone()));
        }
        if step != 1 {
            return self.running_slice(running, step, extent, span);
        }
        self.slice_as_written(start, stop, extent, span)
    }

    /// The bounds of a slice, as sizes too if they are some.
    fn slice_bounds(&mut self, start: Option<&Expr>, stop: Option<&Expr>) -> Result<[Option<Bound>; 2]> {
        let bound = |c: &mut Self, e: &Expr| c.whole(e, "the bound of a slice").map(|id| (id, c.graph.as_size(id)));
        Ok([start.map(|e| bound(self, e)).transpose()?, stop.map(|e| bound(self, e)).transpose()?])
    }

    /// A slice over an axis whose size is not known yet: its length is taken as written, and what that assumes of sizes
    /// is noted, and checked when running.
    fn slice_as_written(&mut self, start: Option<Size>, stop: Option<Size>, extent: &Size, span: Span) -> Result<Item> {
        let from_front = |bound: Size| match bound.as_const() {
            Some(value) if value < 0 => extent.plus(&bound),
            _ => bound,
        };
        let first = start.map_or(Size::from(0), from_front);
        let last = stop.map_or(extent.clone(), from_front);
        let length = last.minus(&first);
        if length.as_const().is_some_and(|length| length <= 0) {
            return Ok(Item::Slice(Size::from(0), 1, Size::from(0)));
        }
        let (shown, rest) = (format!("{first}:{last}"), extent.minus(&last));
        for (size, message) in [
            (&first, format!("the slice {shown} starts before the axis")),
            (&length, format!("the slice {shown} ends before it starts")),
            (&rest, format!("the slice {shown} ends behind the axis of size {extent}")),
        ] {
            if !size.is_nonnegative() {
                self.assumed.push(size.clone());
            }
            self.require_nonnegative(size, &message, span)?;
        }
        Ok(Item::Slice(first, 1, length))
    }

    /// A slice whose bounds are found out when running, clipped as NumPy does it: the indexes along the axis.
    fn running_slice(&mut self, bounds: [Option<NodeId>; 2], step: i64, extent: &Size, span: Span) -> Result<Item> {
        let (from, to) = self.clipped_bounds(bounds, step > 0, extent);
        let stride = self.graph.int(step);
        self.positions_between(from, to, stride, step.abs() == 1, span)
    }

    /// The same with a step that is found out when running.
    fn strided_slice(
        &mut self,
        bounds: [Option<NodeId>; 2],
        stride: NodeId,
        extent: &Size,
        span: Span,
    ) -> Result<Item> {
        let (up_from, up_to) = self.clipped_bounds(bounds, true, extent);
        let (down_from, down_to) = self.clipped_bounds(bounds, false, extent);
        let g = &mut self.graph;
        let zero = g.int(0);
        let up = g.map(&elementwise::GREATER, &[stride, zero]);
        let from = g.map(&elementwise::WHERE, &[up, up_from, down_from]);
        let to = g.map(&elementwise::WHERE, &[up, up_to, down_to]);
        self.positions_between(from, to, stride, false, span)
    }

    /// Where a slice begins and ends after clipping.
    fn clipped_bounds(&mut self, bounds: [Option<NodeId>; 2], up: bool, extent: &Size) -> (NodeId, NodeId) {
        let g = &mut self.graph;
        let (size, zero, one) = (g.size_value(extent), g.int(0), g.int(1));
        // Where counting forwards and backwards may begin and end.
        let (lowest, highest) =
            if up { (zero, size) } else { (g.int(-1), g.map(&elementwise::SUBTRACT, &[size, one])) };
        let clip = |g: &mut crate::graph::Graph, bound: NodeId| {
            let negative = g.map(&elementwise::LESS, &[bound, zero]);
            let from_end = g.map(&elementwise::ADD, &[bound, size]);
            let counted = g.map(&elementwise::WHERE, &[negative, from_end, bound]);
            let low = g.map(&elementwise::MAXIMUM, &[counted, lowest]);
            g.map(&elementwise::MINIMUM, &[low, highest])
        };
        let (first, last) = if up { (lowest, highest) } else { (highest, lowest) };
        let [start, stop] = bounds;
        (start.map_or(first, |bound| clip(g, bound)), stop.map_or(last, |bound| clip(g, bound)))
    }

    /// `from, from + stride, …` up to `to`, which is left out.
    fn positions_between(&mut self, from: NodeId, to: NodeId, stride: NodeId, unit: bool, span: Span) -> Result<Item> {
        let g = &mut self.graph;
        let (zero, distance) = (g.int(0), g.map(&elementwise::SUBTRACT, &[to, from]));
        let count = match g.as_constant(stride) {
            Some(crate::graph::Constant::Int(1)) => distance,
            Some(crate::graph::Constant::Int(-1)) if unit => g.map(&elementwise::SUBTRACT, &[from, to]),
            // Rounded up: -(-distance // stride).
            _ => {
                let negative = g.map(&elementwise::NEGATE, &[distance]);
                let rounded = g.map(&elementwise::FLOOR_DIVIDE, &[negative, stride]);
                g.map(&elementwise::NEGATE, &[rounded])
            }
        };
        let count = g.map(&elementwise::MAXIMUM, &[count, zero]);
        let length = self.dynamic_size(count, span)?;
        let g = &mut self.graph;
        let (iota, shape) = (g.iota(&length), [length]);
        let (first, stride) = (g.broadcast(from, &[], &shape), g.broadcast(stride, &[], &shape));
        let scaled = g.times(stride, iota);
        Ok(Item::Window(g.plus(first, scaled)))
    }

    /// The places where a mask is true: an index array per axis.
    pub(super) fn mask_places(&mut self, mask: NodeId, span: Span) -> Result<Vec<NodeId>> {
        let shape = self.graph.shape(mask).to_vec();
        let elements = Size::product(&shape);
        let line = self.graph.reshape(mask, &[elements]);
        let (positions, count) = super::builtins::found(self, line);
        let length = self.dynamic_size(count, span)?;
        let mut flat = self.graph.slice(positions, &[Size::from(0)], &[1], std::slice::from_ref(&length));
        let mut places = Vec::new();
        for size in shape.iter().skip(1).rev() {
            let divisor = self.graph.size_value(size);
            let divisor = self.graph.broadcast(divisor, &[], std::slice::from_ref(&length));
            places.push(self.graph.map(&elementwise::REMAINDER, &[flat, divisor]));
            flat = self.graph.map(&elementwise::FLOOR_DIVIDE, &[flat, divisor]);
        }
        places.push(flat);
        places.reverse();
        Ok(places)
    }

    /// `x[i:i+3]` with a generator's index: both bounds move together, so the length is a size.
    fn window(
        &mut self,
        start: Option<&Expr>,
        stop: Option<&Expr>,
        step: i64,
        extent: &Size,
        axis: usize,
    ) -> Result<Option<Item>> {
        let (Some(start), Some(stop)) = (start, stop) else { return Ok(None) };
        let (first, last) = (self.operand(start)?, self.operand(stop)?);
        let span = start.span.to(stop.span);
        let (Some(from), Some(to)) = (self.linear(first.id), self.linear(last.id)) else { return Ok(None) };
        if from.vars.is_empty() && to.vars.is_empty() {
            return Ok(None);
        }
        if from.vars != to.vars || step != 1 {
            return Ok(None);
        }
        let length = to.constant.minus(&from.constant);
        let length = length.as_const().map_or(length, |value| Size::from(value.max(0)));
        self.require_nonnegative(&length, "the slice ends before it starts", span)?;
        let iota = self.graph.iota(&length);
        let at = self.graph.plus(first.id, iota);
        let proved = |(low, _): (Size, Size), (_, high): (Size, Size)| {
            low.is_nonnegative() && extent.minus(&high).is_nonnegative()
        };
        let inside = self.bounds(first.id).zip(self.bounds(last.id)).is_some_and(|(a, b)| proved(a, b));
        if inside {
            return Ok(Some(Item::Window(at)));
        }
        let size = self.graph.size_value(extent);
        Ok(Some(Item::Window(self.check(CheckKind::Index { axis }, at, Some(size), span))))
    }

    /// An integer as a sum of index variables with factors, and a size.
    fn linear(&self, id: NodeId) -> Option<Linear> {
        let node = self.graph.node(id);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Const(_) | Op::Size(_), _) => {
                self.graph.as_size(id).map(|constant| Linear { vars: BTreeMap::new(), constant })
            }
            (Op::Var(var), _) => Some(Linear { vars: BTreeMap::from([(*var, Size::one())]), constant: Size::from(0) }),
            (Op::Map(op), [a, b]) => {
                let (a, b) = (self.linear(*a)?, self.linear(*b)?);
                match op.name {
                    "add" => Some(a.plus(&b, 1)),
                    "subtract" => Some(a.plus(&b, -1)),
                    "multiply" if a.vars.is_empty() => Some(b.times(&a.constant)),
                    "multiply" if b.vars.is_empty() => Some(a.times(&b.constant)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Slices first, then scalars and arrays as one gather, then axes into NumPy's order.
    fn apply(&mut self, x: NodeId, items: Vec<Item>, span: Span) -> Result<NodeId> {
        let (mut starts, mut steps, mut shape) = (Vec::new(), Vec::new(), Vec::new());
        let own = self.graph.shape(x).to_vec();
        for item in &items {
            let axis = starts.len();
            match item {
                Item::Slice(start, step, length) => {
                    starts.push(start.clone());
                    steps.push(*step);
                    shape.push(length.clone());
                }
                Item::Scalar(_) | Item::Array(_) | Item::Window(_) => {
                    starts.push(Size::from(0));
                    steps.push(1);
                    shape.push(own.get(axis).cloned().unwrap_or_else(Size::one));
                }
                Item::New => {}
            }
        }
        let mut sliced = self.graph.slice(x, &starts, &steps, &shape);
        for (axis, item) in items.iter().filter(|item| !matches!(item, Item::New)).enumerate() {
            if let Item::Window(at) = item {
                let window = self.graph.gather(sliced, &[axis], &[*at]);
                sliced = self.graph.move_axis(window, 0, axis);
            }
        }
        let (gathered, order) = self.gather_items(sliced, &items, span)?;
        Ok(self.insert_axes(gathered, &items, &order))
    }

    /// Gathers at the scalar and array items. Also gives, for each axis of the result, the item it comes from.
    fn gather_items(&mut self, x: NodeId, items: &[Item], span: Span) -> Result<(NodeId, Vec<usize>)> {
        let (mut axes, mut indexes, mut at_items, mut kept) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut axis = 0;
        for (position, item) in items.iter().enumerate() {
            match item {
                Item::New => continue,
                Item::Slice(..) | Item::Window(_) => kept.push(position),
                Item::Scalar(id) | Item::Array(id) => {
                    axes.push(axis);
                    indexes.push(super::operators::Operand { id: *id, literal: false, span });
                    at_items.push(position);
                }
            }
            axis += 1;
        }
        let Some(&first) = at_items.first() else { return Ok((x, kept)) };
        let indexes = self.broadcast_together(&indexes, "index", span)?;
        let rank = indexes.first().map_or(0, |&index| self.graph.ty(index).rank());
        let gathered = self.graph.gather(x, &axes, &indexes);
        // NumPy: index arrays that stand together put their axes there, others in front.
        let adjacent = at_items.is_sorted_by(|a, b| a + 1 == *b);
        let total = rank + kept.len();
        let (front, back): (Vec<_>, Vec<_>) = kept.into_iter().partition(|&position| adjacent && position < first);
        let before = front.len();
        let perm: Vec<usize> = (rank..rank + before).chain(0..rank).chain(rank + before..total).collect();
        let moved = self.graph.transpose(gathered, &perm);
        Ok((moved, [front, vec![first; rank], back].concat()))
    }

    /// Puts `newaxis` items where they were written.
    fn insert_axes(&mut self, x: NodeId, items: &[Item], order: &[usize]) -> NodeId {
        let mut shape = self.graph.shape(x).to_vec();
        let mut order = order.to_vec();
        for (position, item) in items.iter().enumerate() {
            if matches!(item, Item::New) {
                let at = order.iter().take_while(|&&from| from < position).count();
                shape.insert(at, Size::one());
                order.insert(at, position);
            }
        }
        self.graph.reshape(x, &shape)
    }
}

/// NumPy's slice rules, when everything is a literal.
fn known_slice(start: Option<&Size>, stop: Option<&Size>, step: i64, extent: &Size) -> Option<Item> {
    let literal = |bound: Option<&Size>| bound.map_or(Some(None), |size| size.as_const().map(Some));
    let (first, count) = clipped(literal(start)?, literal(stop)?, step, extent.as_const()?);
    Some(Item::Slice(Size::from(first), step, Size::from(count)))
}

/// First position and number of positions of a slice over `n`, by NumPy's rules.
fn clipped(start: Option<i64>, stop: Option<i64>, step: i64, n: i64) -> (i64, i64) {
    let clip = |bound: i64| {
        let from_front = if bound < 0 { bound + n } else { bound };
        if step > 0 { from_front.clamp(0, n) } else { from_front.clamp(-1, n - 1) }
    };
    let (low, high) = if step > 0 { (0, n) } else { (n - 1, -1) };
    let (first, last) = (start.map_or(low, clip), stop.map_or(high, clip));
    let distance = if step > 0 { last - first } else { first - last };
    let count = if distance <= 0 { 0 } else { (distance - 1) / step.abs() + 1 };
    (if count == 0 { 0 } else { first }, count)
}

/// The positions of a slice over `n`.
pub(super) fn known_positions(start: Option<i64>, stop: Option<i64>, step: i64, n: i64) -> impl Iterator<Item = usize> {
    let (first, count) = clipped(start, stop, step, n);
    (0..count).filter_map(move |k| usize::try_from(first + k * step).ok())
}
