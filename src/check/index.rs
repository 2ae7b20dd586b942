//! Indexing: scalars, slices, integer arrays and `newaxis`, as NumPy has them.
//!
//! In: `x[i, a:b, k, newaxis]`. Out: slices, gathers and reshapes, with run-time checks where a range is not proved.
//! Always holds: an index that is proved to be in range has no check.

use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{CheckKind, Constant, NodeId, Op, Size};
use crate::ops::elementwise;
use crate::ops::looping::UNBOUNDED;
use crate::runtime::array::DType;
use crate::syntax::ast::{Expr, IndexItem};
use crate::syntax::span::Span;

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
                    if axis >= shape.len() {
                        axis += 1;
                        continue;
                    }
                    self.slice_item([start, stop, step].map(Option::as_ref), (array, axis), *span)?
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
            if let Some(extent) = outside.filter(|_| self.is_sure()) {
                return Err(self.out_of_range(value, extent, axis, span));
            }
            if value < 0 && outside.is_none() {
                let from_end = extent.plus(&Size::from(value));
                let doubtful = self.is_found(extent) || self.is_conditional(&[index]);
                if from_end.is_nonnegative() || !doubtful {
                    let message = format!("the index {value} is outside axis {axis} of size {extent}");
                    self.require_nonnegative(&from_end, &message, span)?;
                    self.relies |= !from_end.is_nonnegative();
                    return Ok(self.graph.size_value(&from_end));
                }
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
        // An axis whose size comes out negative has nothing in it either.
        let extent = extent.max(0);
        let error = Diagnostic::error(
            codes::INDEX_RANGE,
            span,
            format!("the index {value} is outside axis {axis} of size {extent}"),
        );
        if extent == 0 {
            error.help("the axis is empty")
        } else if value == extent {
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
            (Op::Var(var), _) => {
                let extent = &self.graph.var(*var).extent;
                let bounded = extent.as_const() != Some(UNBOUNDED);
                bounded.then(|| (Size::from(0), self.last_position(extent)))
            }
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

    /// The last position along an axis that has any.
    fn last_position(&self, extent: &Size) -> Size {
        let value = extent.as_var().and_then(|name| self.graph.dynamic_value(name)).map(|value| self.graph.node(value));
        // An axis that is empty instead of negative: where it has positions it is as long as it says.
        let as_written = value.and_then(|node| match (&node.op, node.inputs.as_slice()) {
            (Op::Map(op), [size, least]) if op.name == "maximum" => {
                let least = self.graph.as_constant(*least) == Some(Constant::Int(0));
                self.graph.as_size(*size).filter(|_| least)
            }
            _ => None,
        });
        as_written.as_ref().unwrap_or(extent).minus(&Size::one())
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
