//! Assignment: to names, and into arrays.
//!
//! In: `x = e`, `x += e`, `a[i, 1:3] = e`. Out: the new value of a variable; for an array, an update of the old one.
//! Always holds: a variable keeps its type, except that a literal takes the type of what it meets.

use super::index::Item;
use super::operators::Operand;
use super::{Checker, Value};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Constant, NodeId, Size};
use crate::ops::elementwise::WHERE;
use crate::runtime::array::DType;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, IndexItem};
use crate::syntax::span::Span;

/// Where an axis of the selected part comes from.
#[derive(Clone, Copy, PartialEq)]
enum Axis {
    /// The index arrays, their axis of that number.
    Indexed(usize),
    /// The slice of that axis of the array.
    Sliced(usize),
    /// `newaxis`.
    New,
}

impl Checker<'_> {
    /// `target = value`, `target op= value`.
    pub(super) fn assign(&mut self, target: &Expr, op: Option<BinaryOp>, value: &Expr, span: Span) -> Result<()> {
        if let (Some(_), ExprKind::Name(name)) = (op, &target.kind) {
            self.variable(name, target.span)?;
        }
        let new = match op {
            Some(op) => self.binary(op, target, value, span)?,
            None => self.expression(value)?,
        };
        self.assign_value(target, new, value.span)
    }

    fn assign_value(&mut self, target: &Expr, new: Value, span: Span) -> Result<()> {
        match &target.kind {
            ExprKind::Name(name) => {
                let position = self.variable(name, target.span)?;
                let old = self.scope.value(position).cloned().unwrap_or(Value::Nothing);
                let new = self.same_kind(&old, new, span, name)?;
                let new = self.named_value(name, new);
                self.scope.set(position, new);
                Ok(())
            }
            ExprKind::Index(base, items) => {
                let name = super::looping::root(base).unwrap_or_default();
                self.variable(&name, base.span)?;
                let old = self.operand(base)?;
                let value = self.as_operand(&new, span)?;
                let updated = self.updated(&old, items, value, target.span)?;
                self.assign_value(base, updated, span)
            }
            _ => Err(Diagnostic::error(codes::ASSIGNMENT, target.span, "this cannot be assigned to")
                .help("assign to a variable: var x = …; x = …")),
        }
    }

    /// The position of a variable that may be assigned here.
    fn variable(&self, name: &str, span: Span) -> Result<usize> {
        let Some((position, binding)) =
            self.scope.position(name).and_then(|at| Some((at, self.scope.bindings().nth(at)?)))
        else {
            let mut error = self.unknown_name(name, span);
            if error.help.as_deref().is_none_or(|help| help.starts_with("bind it first")) {
                error.help =
                    Some(format!("write let {name} = … for a value that stays, var {name} = … for one that changes"));
            }
            return Err(error);
        };
        if !binding.assignable {
            return Err(Diagnostic::error(codes::ASSIGNMENT, span, format!("`{name}` is not a variable"))
                .label(binding.span, "it was bound here")
                .help(format!("declare it with var {name} = …, or bind it anew with let {name} = …")));
        }
        if position < self.flow.barrier {
            let text = format!("`{name}` cannot be assigned inside a comprehension or a lambda");
            return Err(Diagnostic::error(codes::ASSIGNMENT, span, text)
                .label(binding.span, "it was declared outside")
                .help("write a for loop, or a fold"));
        }
        Ok(position)
    }

    /// A variable keeps its type; a literal takes the type of what it meets.
    fn same_kind(&mut self, old: &Value, new: Value, span: Span, name: &str) -> Result<Value> {
        match (old, &new) {
            (Value::Array { id: old, literal }, Value::Array { literal: still, .. }) => {
                let operand = self.as_operand(&new, span)?;
                let was = self.graph.ty(*old).clone();
                let mut operand = operand;
                let what = format!("`{name}` keeps its sizes");
                if self.host.is_none() || self.flow.function {
                    operand.id = self.agreed(operand.id, &was.shape, &what, span).unwrap_or(operand.id);
                }
                let is = self.graph.ty(operand.id).clone();
                let fits = was.shape == is.shape
                    || (self.host.is_some() && !self.flow.function && self.flow.frames.is_empty());
                if fits && *literal && (is.dtype.is_float() || is.dtype == was.dtype) {
                    return Ok(Value::Array { id: operand.id, literal: *still || is.dtype == was.dtype });
                }
                if !fits && self.host.is_some() && !self.flow.function {
                    self.varies.set(true);
                }
                match self.assignable(operand, was.dtype).filter(|_| fits) {
                    Some(id) => Ok(Value::array(id)),
                    None => Err(Diagnostic::error(codes::TYPE, span, format!("`{name}` is {was}, this is {is}"))
                        .help("a variable keeps its type; bind a new name with let")),
                }
            }
            (Value::Tuple(old), Value::Tuple(parts)) if old.len() == parts.len() => Ok(Value::Tuple(
                old.iter()
                    .zip(parts.clone())
                    .map(|(old, new)| self.same_kind(old, new, span, name))
                    .collect::<Result<_>>()?,
            )),
            (Value::Array { .. } | Value::Tuple(_), _) => {
                let (was, is) = (old.describe(&self.graph), new.describe(&self.graph));
                Err(Diagnostic::error(codes::TYPE, span, format!("`{name}` is {was}, this is {is}"))
                    .help("a variable keeps its type; bind a new name with let"))
            }
            _ => Ok(new),
        }
    }

    /// An array with a value put where the items point.
    fn updated(&mut self, old: &Operand, items: &[IndexItem], value: Operand, span: Span) -> Result<Value> {
        let own = self.graph.ty(old.id).clone();
        if let [IndexItem::At(expr)] = items
            && let Some(mask) = self.mask(expr, &own.shape)?
            && self.graph.ty(value.id).rank() + self.graph.ty(mask.id).rank() <= own.rank()
        {
            return self.masked(old, mask, value, span);
        }
        let read = self.items(items, old.id, span)?;
        let mut array = old.id;
        let value_dtype = self.graph.ty(value.id).dtype;
        let adapts = old.literal && value_dtype.is_float() && !own.dtype.is_float();
        if adapts {
            array = self.graph.cast(array, value_dtype);
        }
        let dtype = self.graph.ty(array).dtype;
        let Some(value) = self.assignable(value, dtype) else {
            return Err(Diagnostic::error(codes::TYPE, value.span, format!("an element of {own} is a {dtype}"))
                .at(format!("this is {}", self.graph.ty(value.id)))
                .help(format!("convert with {dtype}(…), or declare the array with the other type")));
        };
        let literal = old.literal && !adapts;
        let (axes, indexes, layout) = self.places(array, &read, span)?;
        // What lies at the places, in NumPy's order of axes, is what the value has to fit.
        let shown: Vec<Size> = layout.iter().map(|(_, size)| size.clone()).collect();
        let value = self.fitted(value, &shown, span)?;
        let squeezed: Vec<usize> =
            layout.iter().enumerate().filter(|(_, (axis, _))| *axis == Axis::New).map(|(at, _)| at).collect();
        let value = self.graph.squeeze(value, &squeezed);
        let order: Vec<Axis> = layout.iter().map(|(axis, _)| *axis).filter(|axis| *axis != Axis::New).collect();
        let mut wanted: Vec<Axis> = order.iter().copied().filter(|axis| matches!(axis, Axis::Indexed(_))).collect();
        wanted.sort_by_key(|axis| if let Axis::Indexed(k) = axis { *k } else { 0 });
        let sliced = |partial: bool| {
            let axes = &axes;
            order.iter().copied().filter(move |axis| matches!(axis, Axis::Sliced(k) if axes.contains(k) == partial))
        };
        let wanted: Vec<Axis> = wanted.into_iter().chain(sliced(true)).chain(sliced(false)).collect();
        let perm: Vec<usize> = wanted.iter().filter_map(|axis| order.iter().position(|other| other == axis)).collect();
        let value = self.graph.transpose(value, &perm);
        let condition = self.condition();
        if axes.is_empty() {
            let id = match condition {
                None => value,
                Some(condition) => {
                    let shape = self.graph.shape(value).to_vec();
                    let wide = self.graph.broadcast(condition, &[], &shape);
                    self.graph.map(&WHERE, &[wide, value, array])
                }
            };
            return Ok(Value::Array { id, literal });
        }
        let guard = match condition {
            Some(condition) => condition,
            None => self.graph.constant(Constant::Bool(true), DType::Bool),
        };
        let id = self.graph.update(array, value, guard, &axes, &indexes);
        if condition.is_some() && array == old.id {
            self.flow.kept.insert(id, array);
        }
        Ok(Value::Array { id, literal })
    }

    /// A value spread over the selected part.
    fn fitted(&mut self, value: NodeId, shape: &[Size], span: Span) -> Result<NodeId> {
        let own = self.graph.shape(value).to_vec();
        let lead = shape.len().saturating_sub(own.len());
        let here = shape.iter().skip(lead);
        let wanted: Vec<Size> =
            own.iter().zip(here).map(|(own, size)| if own.is_one() { own } else { size }.clone()).collect();
        if let Some(value) = self.agreed(value, &wanted, "what is assigned has the sizes of the part", span) {
            return Ok(self.stretch(value, shape));
        }
        let (is, wanted) = (self.graph.ty(value).clone(), crate::graph::display_shape(shape));
        let error = Diagnostic::error(codes::SIZES, span, format!("{is} does not fit into [{wanted}]"))
            .at(format!("[{wanted}] is selected here"));
        let sizes: Vec<&Size> = own.iter().chain(shape).collect();
        Err(self.origins(error, &sizes).help("only a missing axis or the literal size 1 stretches"))
    }

    /// A boolean array as the only index.
    fn mask(&mut self, expr: &Expr, shape: &[Size]) -> Result<Option<Operand>> {
        let value = self.expression(expr)?;
        let Value::Array { id, .. } = value else { return Ok(None) };
        let ty = self.graph.ty(id).clone();
        if ty.dtype != DType::Bool {
            return Ok(None);
        }
        if ty.rank() == 0 || shape.get(..ty.rank()) != Some(ty.shape.as_slice()) {
            let text = format!(
                "a mask has the sizes of the array that it selects from: {ty} for [{}]",
                crate::graph::display_shape(shape)
            );
            return Err(Diagnostic::error(codes::SIZES, expr.span, text));
        }
        Ok(Some(Operand { id, literal: false, span: expr.span }))
    }

    /// `a[mask] = value` with one value for all places, which needs not know how many there are.
    fn masked(&mut self, old: &Operand, mask: Operand, value: Operand, span: Span) -> Result<Value> {
        let shape = self.graph.shape(old.id).to_vec();
        let rank = self.graph.ty(mask.id).rank();
        let mut condition = mask.id;
        if let Some(here) = self.condition() {
            let own = self.graph.shape(condition).to_vec();
            let wide = self.graph.broadcast(here, &[], &own);
            condition = self.graph.map(&crate::ops::elementwise::AND, &[wide, condition]);
        }
        let axes: Vec<usize> = (0..rank).collect();
        let condition = self.graph.broadcast(condition, &axes, &shape);
        let spread = self.fitted(value.id, &shape, span)?;
        let dtype = self.graph.ty(old.id).dtype;
        let operand = Operand { id: spread, ..value };
        let Some(spread) = self.assignable(operand, dtype) else {
            return Err(Diagnostic::error(codes::TYPE, value.span, format!("an element here is a {dtype}"))
                .at(format!("this is {}", self.graph.ty(value.id))));
        };
        let id = self.graph.map(&WHERE, &[condition, spread, old.id]);
        Ok(Value::Array { id, literal: old.literal })
    }

    /// The axes that are indexed, an index array for each (all of one shape), and the axes of the selected part as
    /// NumPy orders them.
    #[allow(clippy::type_complexity, reason = "three lists that only the caller takes apart")]
    fn places(
        &mut self,
        array: NodeId,
        items: &[Item],
        span: Span,
    ) -> Result<(Vec<usize>, Vec<NodeId>, Vec<(Axis, Size)>)> {
        let own = self.graph.shape(array).to_vec();
        let (mut operands, mut spots) = (Vec::new(), Vec::new());
        let mut axis = 0;
        for (position, item) in items.iter().enumerate() {
            if let Item::Scalar(id) | Item::Array(id) = item {
                operands.push(Operand { id: *id, literal: false, span });
                spots.push((position, axis));
            }
            axis += usize::from(!matches!(item, Item::New));
        }
        let together = self.broadcast_together(&operands, "index", span)?;
        let advanced = together.first().map_or(Vec::new(), |&id| self.graph.shape(id).to_vec());
        // Axes of the part, in order; index arrays that stand together put theirs there, others in front.
        let adjacent = spots.is_sorted_by(|a, b| a.0 + 1 == b.0);
        let first = spots.first().map(|(position, _)| *position);
        let indexed: Vec<(Axis, Size)> =
            advanced.iter().enumerate().map(|(k, size)| (Axis::Indexed(k), size.clone())).collect();
        let mut layout: Vec<(Axis, Size)> = if adjacent { Vec::new() } else { indexed.clone() };
        let mut partial: Vec<(usize, NodeId, Size)> = Vec::new();
        axis = 0;
        for (position, item) in items.iter().enumerate() {
            if adjacent && first == Some(position) {
                layout.extend(indexed.clone());
            }
            match item {
                Item::New => layout.push((Axis::New, Size::one())),
                Item::Slice(start, step, length) => {
                    layout.push((Axis::Sliced(axis), length.clone()));
                    let whole = start.as_const() == Some(0) && *step == 1 && own.get(axis) == Some(length);
                    if !whole {
                        let along = self.progression(start, *step, length);
                        partial.push((axis, along, length.clone()));
                    }
                }
                Item::Window(at) => {
                    let length = self.graph.shape(*at).first().cloned().unwrap_or_else(Size::one);
                    layout.push((Axis::Sliced(axis), length.clone()));
                    partial.push((axis, *at, length));
                }
                Item::Scalar(_) | Item::Array(_) => {}
            }
            axis += usize::from(!matches!(item, Item::New));
        }
        let shape: Vec<Size> = advanced.iter().chain(partial.iter().map(|(_, _, size)| size)).cloned().collect();
        let mut all: Vec<(usize, NodeId)> = Vec::new();
        let front: Vec<usize> = (0..advanced.len()).collect();
        for (id, (_, axis)) in together.into_iter().zip(&spots) {
            all.push((*axis, self.graph.broadcast(id, &front, &shape)));
        }
        for (k, (axis, id, _)) in partial.into_iter().enumerate() {
            all.push((axis, self.graph.broadcast(id, &[advanced.len() + k], &shape)));
        }
        all.sort_by_key(|(axis, _)| *axis);
        let (axes, indexes) = all.into_iter().unzip();
        Ok((axes, indexes, layout))
    }

    /// `start, start + step, …`.
    fn progression(&mut self, start: &Size, step: i64, length: &Size) -> NodeId {
        let g = &mut self.graph;
        let (iota, start, step) = (g.iota(length), g.size_value(start), g.int(step));
        let shape = [length.clone()];
        let (start, step) = (g.broadcast(start, &[], &shape), g.broadcast(step, &[], &shape));
        let scaled = g.times(step, iota);
        g.plus(start, scaled)
    }
}
