//! Lowering: stored nodes become steps, and everything between them becomes the bodies of their loops.
//!
//! In: a graph after all passes. Out: a [`Kernel`].
//! Always holds: a step comes after the steps whose results it reads, and checks come in program order, before results.

use super::bounds;
use super::ir::{Affine, Buffer, BufferId, Call, FaultSite, Inst, Kernel, Nest, Role, Rows, Sink, Step, Value};
use super::products::scaled;
use super::regions::{self, Regions};
use super::schedule::{self, is_relabelling};
use super::straight::{is_few, is_inline};
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Constant, Graph, NodeId, Op, Size, VarId, reachable};
use crate::ops::reduction::SUM;
use crate::ops::{Reduction, Routine};
use crate::runtime::array::DType;
use crate::runtime::columns::{LEAST, PARTIAL};
use crate::runtime::reduce::Merge;
use crate::syntax::span::Span;
use rustc_hash::{FxHashMap, FxHashSet};

/// Lowers a graph.
pub fn lower(graph: &Graph) -> Result<Kernel> {
    // A loop that got variables of its own may hold copies of loops, which are next.
    let mut renamed: Option<Graph> = None;
    while let Some(next) = regions::with_own_variables(renamed.as_ref().unwrap_or(graph)) {
        renamed = Some(next);
    }
    let graph = renamed.as_ref().unwrap_or(graph);
    let regions = Regions::new(graph);
    let mut lowering = Lowering {
        graph,
        kernel: Kernel::default(),
        stored: schedule::stored(graph, &regions),
        users: regions::users(graph),
        regions,
        steps: Vec::new(),
        buffers: FxHashMap::default(),
        counters: FxHashMap::default(),
        states: FxHashMap::default(),
        done: vec![false; graph.len()],
        open: Vec::new(),
        bound: FxHashSet::default(),
        span: Span::default(),
    };
    lowering.kernel.name.clone_from(&graph.name);
    lowering.kernel.sizes = size_variables(graph);
    let found = lowering.kernel.sizes.iter().filter(|name| graph.dynamic_value(name).is_some());
    lowering.kernel.found = found.cloned().collect();
    lowering.kernel.bounds = bounds::of_sizes(graph, &lowering.kernel.found);
    lowering.run()?;
    lowering.kernel.steps = lowering.steps;
    super::totals::gather(&mut lowering.kernel);
    super::reuse::reuse(&mut lowering.kernel);
    Ok(lowering.kernel)
}

/// Every size variable that the graph mentions, sorted.
fn size_variables(graph: &Graph) -> Vec<crate::graph::SizeVar> {
    let mut all = Vec::new();
    for id in reachable(graph, &graph.roots()) {
        let node = graph.node(id);
        node.ty.shape.iter().for_each(|size| all.extend(size.vars()));
        match &node.op {
            Op::Size(size) => all.extend(size.vars()),
            Op::Slice { starts, .. } | Op::Place { starts, .. } => {
                starts.iter().for_each(|size| all.extend(size.vars()))
            }
            _ => {}
        }
    }
    for input in &graph.inputs {
        input.ty.shape.iter().for_each(|size| all.extend(size.vars()));
    }
    all.sort();
    all.dedup();
    all
}

pub(super) struct Lowering<'g> {
    pub(super) graph: &'g Graph,
    pub(super) kernel: Kernel,
    /// Which nodes are held in memory.
    pub(super) stored: Vec<bool>,
    /// Who reads each node.
    pub(super) users: Vec<Vec<NodeId>>,
    pub(super) regions: Regions,
    /// The steps of the block that is being written.
    pub(super) steps: Vec<Step>,
    pub(super) buffers: FxHashMap<NodeId, BufferId>,
    /// Where each loop counts.
    pub(super) counters: FxHashMap<VarId, BufferId>,
    /// Where each loop carries its states.
    pub(super) states: FxHashMap<VarId, BufferId>,
    pub(super) done: Vec<bool>,
    /// What is being emitted: the innermost last.
    pub(super) open: Vec<NodeId>,
    /// Scalars whose sizes have been bound.
    pub(super) bound: FxHashSet<NodeId>,
    /// The expression that steps are being written for.
    pub(super) span: Span,
}

/// The body of one nest while it grows.
#[derive(Default)]
pub(super) struct Body {
    pub(super) insts: Vec<Inst>,
    memo: FxHashMap<(NodeId, Vec<Affine>), Value>,
}

impl Body {
    pub(super) fn push(&mut self, inst: Inst) -> Value {
        if let Some(known) = self.insts.iter().position(|other| *other == inst) {
            return known;
        }
        self.insts.push(inst);
        self.insts.len() - 1
    }
}

/// Row-major distances between elements of the axes of a shape.
pub(super) fn row_major(shape: &[Size]) -> Vec<Size> {
    let mut strides = vec![Size::one(); shape.len()];
    for axis in (0..shape.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1].times(&shape[axis + 1]);
    }
    strides
}

pub(super) fn flatten(index: &[Affine], strides: &[Size]) -> Affine {
    index.iter().zip(strides).fold(Affine::default(), |sum, (part, stride)| sum.plus(&part.times(stride)))
}

impl Lowering<'_> {
    fn run(&mut self) -> Result<()> {
        let inputs: Vec<(usize, DType, Size)> =
            self.graph.inputs.iter().enumerate().map(|(k, input)| (k, input.ty.dtype, input.ty.elements())).collect();
        for (k, dtype, elements) in inputs {
            self.kernel.add_buffer(Buffer { dtype, elements, role: Role::Input(k) }, Span::default());
        }
        for id in reachable(self.graph, &self.graph.roots()) {
            if let Op::Input(k) = self.graph.node(id).op {
                self.kernel.places[k] = self.graph.node(id).span;
                self.buffers.insert(id, k);
                self.done[id.0 as usize] = true;
            }
        }
        let mut copies = Vec::new();
        for (k, &output) in self.graph.outputs.iter().enumerate() {
            let role = Role::Output(k);
            let buffer = self.new_buffer(output, role);
            let taken = self.buffers.contains_key(&output) || !self.stored[output.0 as usize];
            if taken {
                copies.push((output, buffer));
            } else {
                self.buffers.insert(output, buffer);
            }
        }
        for root in self.graph.roots() {
            self.require(root)?;
        }
        for (output, buffer) in copies {
            self.span = self.graph.node(output).span;
            let mut body = Body::default();
            let index = self.own_index(output);
            let value = self.value(&mut body, output, &index)?;
            self.store_nest(output, body, value, buffer, &index);
        }
        Ok(())
    }

    pub(super) fn new_buffer(&mut self, id: NodeId, role: Role) -> BufferId {
        let ty = self.graph.ty(id);
        let span = self.graph.node(id).span;
        self.kernel.add_buffer(Buffer { dtype: ty.dtype, elements: ty.elements(), role }, span)
    }

    /// The buffer that a stored node is written to.
    pub(super) fn target(&mut self, id: NodeId) -> BufferId {
        if let Some(&known) = self.buffers.get(&id) {
            return known;
        }
        let buffer = self.new_buffer(id, Role::Scratch);
        self.buffers.insert(id, buffer);
        buffer
    }

    /// One loop per axis.
    pub(super) fn own_index(&self, id: NodeId) -> Vec<Affine> {
        (0..self.graph.ty(id).rank()).map(Affine::of_loop).collect()
    }

    /// The steps that compute a stored node.
    pub(super) fn emit(&mut self, id: NodeId) -> Result<()> {
        let outer = std::mem::replace(&mut self.span, self.graph.node(id).span);
        let done = self.emit_node(id);
        self.span = outer;
        done
    }

    fn emit_node(&mut self, id: NodeId) -> Result<()> {
        let node = self.graph.node(id).clone();
        match &node.op {
            Op::Reduce { .. } => self.emit_reduce(id, id, &self.own_axes(id)),
            Op::Transpose { perm } if self.is_reduced_here(node.inputs[0]) => {
                self.emit_reduce(id, node.inputs[0], perm)
            }
            Op::Contract { .. } => self.emit_product(id, id, None),
            Op::Map(_)
                if let Some((product, scale)) = scaled(self.graph, id)
                    && !self.stored[product.0 as usize] =>
            {
                self.emit_product(id, product, Some(scale))
            }
            Op::ScatterAdd { axes } => self.emit_scatter(id, axes),
            Op::Routine(routine) => self.emit_routine(id, routine),
            Op::Place { starts, steps } => {
                self.emit_zeros(id)?;
                let index = self.own_index(node.inputs[0]);
                let at: Vec<Affine> = index
                    .iter()
                    .zip(starts.iter().zip(steps))
                    .map(|(ix, (start, step))| ix.times(&Size::from(*step)).plus(&Affine::constant(start.clone())))
                    .collect();
                self.emit_part(id, node.inputs[0], &index, &at)
            }
            Op::Concat { axis } => {
                let mut offset = Size::from(0);
                for &part in &node.inputs {
                    let index = self.own_index(part);
                    let mut at = index.clone();
                    at[*axis] = at[*axis].plus(&Affine::constant(offset.clone()));
                    offset = offset.plus(&self.graph.shape(part)[*axis]);
                    self.emit_part(id, part, &index, &at)?;
                }
                Ok(())
            }
            Op::Update { axes, adds } => self.emit_update(id, axes, *adds),
            Op::Loop(binder) => self.emit_loop(id, binder),
            Op::Build(var) => self.emit_builder(id, *var),
            Op::Final(position) => self.emit_final(id, *position),
            Op::Gather { .. } => self.emit_gather(id),
            // Their buffers belong to the loop.
            Op::Var(_) | Op::State(_) => Ok(()),
            Op::Grad | Op::Vjp | Op::Jvp | Op::Jacobian => {
                Err(Diagnostic::error(codes::BUG, node.span, "a derivative was left over"))
            }
            _ => self.emit_elementwise(id),
        }
    }

    /// A node whose elements are computed each by itself.
    pub(super) fn emit_elementwise(&mut self, id: NodeId) -> Result<()> {
        let mut body = Body::default();
        let index = self.own_index(id);
        let value = self.compute(&mut body, id, &index)?;
        let buffer = self.target(id);
        self.store_nest(id, body, value, buffer, &index);
        Ok(())
    }

    /// Writes `part` into the buffer of `id`, its element `index` to `at`.
    fn emit_part(&mut self, id: NodeId, part: NodeId, index: &[Affine], at: &[Affine]) -> Result<()> {
        let mut body = Body::default();
        let value = self.value(&mut body, part, index)?;
        let buffer = self.target(id);
        let offset = flatten(at, &row_major(self.graph.shape(id)));
        let loops = self.graph.shape(part).to_vec();
        let (sink, span) = (Sink::Store { value, buffer, offset }, self.span);
        self.push_nest(Nest { parallel: true, loops, body: body.insts, sink, span });
        Ok(())
    }

    pub(super) fn store_nest(&mut self, id: NodeId, body: Body, value: Value, buffer: BufferId, index: &[Affine]) {
        let shape = self.graph.shape(id).to_vec();
        let offset = flatten(index, &row_major(&shape));
        self.push_nest(Nest {
            loops: shape,
            parallel: true,
            body: body.insts,
            sink: Sink::Store { value, buffer, offset },
            span: self.span,
        });
    }

    pub(super) fn push_nest(&mut self, nest: Nest) {
        self.steps.push(Step::Nest(nest));
    }

    fn emit_zeros(&mut self, id: NodeId) -> Result<()> {
        self.emit_fill(id, 0.0)
    }

    /// Fills the buffer of a node with one value.
    fn emit_fill(&mut self, id: NodeId, value: f64) -> Result<()> {
        let mut body = Body::default();
        let dtype = self.graph.ty(id).dtype;
        let constant = match dtype {
            DType::I64 => Constant::Int(value as i64),
            DType::Bool => Constant::Bool(value != 0.0),
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => Constant::float(value),
        };
        let value = body.push(Inst::Const(constant, dtype));
        let (buffer, index) = (self.target(id), self.own_index(id));
        self.store_nest(id, body, value, buffer, &index);
        Ok(())
    }

    /// Whether a node is a reduction that is computed where its transpose is.
    fn is_reduced_here(&self, id: NodeId) -> bool {
        !self.stored[id.0 as usize] && matches!(self.graph.node(id).op, Op::Reduce { .. })
    }

    fn own_axes(&self, id: NodeId) -> Vec<usize> {
        (0..self.graph.ty(id).rank()).collect()
    }

    /// The reduction `of` with its axes permuted, as the value of `id`: in registers when the innermost axis goes, else row
    /// by row into memory.
    fn emit_reduce(&mut self, id: NodeId, of: NodeId, perm: &[usize]) -> Result<()> {
        let node = self.graph.node(of).clone();
        let (Op::Reduce { kind, axes }, &[x]) = (&node.op, node.inputs.as_slice()) else { return Ok(()) };
        let shape = self.graph.shape(x).to_vec();
        let kept: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
        let space: Vec<usize> = perm.iter().map(|&axis| kept[axis]).collect();
        let last_kept = space.last().is_some_and(|&axis| axis + 1 == shape.len());
        let is_straight = is_few(axes.iter().map(|&axis| &shape[axis])) && is_inline(self.graph, &self.stored, x);
        if last_kept && !kind.positional && !axes.is_empty() && !is_straight {
            return self.emit_row_reduce(id, x, kind, axes, &space);
        }
        let order: Vec<usize> = space.iter().chain(axes).copied().collect();
        let mut index = vec![Affine::default(); shape.len()];
        for (position, &axis) in order.iter().enumerate() {
            index[axis] = Affine::of_loop(position);
        }
        let mut body = Body::default();
        let value = self.value(&mut body, x, &index)?;
        let position = if kind.positional {
            let reduced: Vec<Affine> = axes.iter().map(|&axis| index[axis].clone()).collect();
            let sizes: Vec<Size> = axes.iter().map(|&axis| shape[axis].clone()).collect();
            Some(body.push(Inst::Index(flatten(&reduced, &row_major(&sizes)))))
        } else {
            None
        };
        let kept: Vec<Affine> = (0..space.len()).map(Affine::of_loop).collect();
        let offset = flatten(&kept, &row_major(self.graph.shape(id)));
        let buffer = self.target(id);
        let sink = Sink::Reduce { kind, loops: axes.len(), value, position, buffer, offset };
        let loops = order.iter().map(|&axis| shape[axis].clone()).collect();
        self.push_nest(Nest { loops, parallel: !space.is_empty(), body: body.insts, sink, span: self.span });
        Ok(())
    }

    /// `for outer, for reduced, for last: out[outer, last] ∘= x`: the innermost loop runs along memory.
    fn emit_row_reduce(
        &mut self,
        id: NodeId,
        x: NodeId,
        kind: &'static Reduction,
        axes: &[usize],
        space: &[usize],
    ) -> Result<()> {
        self.emit_fill(id, identity(kind, self.graph.ty(id).dtype))?;
        let shape = self.graph.shape(x).to_vec();
        let (outer, last) = space.split_at(space.len() - 1);
        let order: Vec<usize> = outer.iter().chain(axes).chain(last).copied().collect();
        let mut index = vec![Affine::default(); shape.len()];
        for (position, &axis) in order.iter().enumerate() {
            index[axis] = Affine::of_loop(position);
        }
        let mut body = Body::default();
        let value = self.value(&mut body, x, &index)?;
        let kept: Vec<Affine> = space.iter().map(|&axis| index[axis].clone()).collect();
        let offset = flatten(&kept, &row_major(self.graph.shape(id)));
        let buffer = self.target(id);
        let partial = outer.is_empty().then(|| self.partial_results(id, kind, &shape)).flatten();
        let sink = Sink::Accumulate { kind, value, buffer, offset, partial };
        let loops = order.iter().map(|&axis| shape[axis].clone()).collect();
        self.push_nest(Nest { loops, parallel: !outer.is_empty(), body: body.insts, sink, span: self.span });
        Ok(())
    }

    /// Memory for partial results of a reduction of `shape` that keeps its last axis, if that may be cut into blocks of rows.
    fn partial_results(&mut self, id: NodeId, kind: &Reduction, shape: &[Size]) -> Option<BufferId> {
        let elements = Size::product(shape).as_const();
        let columns = shape.last().and_then(Size::as_const);
        let pays = elements.is_none_or(|count| count >= LEAST) && columns.is_none_or(|count| count <= PARTIAL);
        let dtype = self.graph.ty(id).dtype;
        let buffer = Buffer { dtype, elements: Size::from(PARTIAL), role: Role::Scratch };
        (pays && Merge::of(kind.name).is_some()).then(|| self.kernel.add_buffer(buffer, self.span))
    }

    fn emit_scatter(&mut self, id: NodeId, axes: &[usize]) -> Result<()> {
        self.emit_zeros(id)?;
        let inputs = self.graph.node(id).inputs.clone();
        let (indexes, values) = inputs.split_at(inputs.len() - 1);
        let values = values[0];
        let index = self.own_index(values);
        let leading = self.graph.ty(indexes[0]).rank();
        let mut body = Body::default();
        let value = self.value(&mut body, values, &index)?;
        let mut at: Vec<Affine> = Vec::new();
        let (mut picked, mut rest) = (indexes.iter(), index[leading..].iter());
        for axis in 0..self.graph.ty(id).rank() {
            if axes.contains(&axis) {
                if let Some(&indexed) = picked.next() {
                    at.push(self.affine(&mut body, indexed, &index[..leading])?);
                }
            } else if let Some(kept) = rest.next() {
                at.push(kept.clone());
            }
        }
        let offset = flatten(&at, &row_major(self.graph.shape(id)));
        let buffer = self.target(id);
        let loops = self.graph.shape(values).to_vec();
        let sink = Sink::Accumulate { kind: &SUM, value, buffer, offset, partial: None };
        // Rows that the outermost loop counts are apart, wherever in its row an element goes.
        let parallel = !loops.is_empty() && at.first() == Some(&Affine::of_loop(0));
        self.push_nest(Nest { loops, parallel, body: body.insts, sink, span: self.span });
        Ok(())
    }

    /// A routine over rows of stored operands.
    fn emit_routine(&mut self, id: NodeId, routine: &'static Routine) -> Result<()> {
        let lead = self.graph.batch_axes(id);
        let shape = self.graph.shape(id).to_vec();
        let (batch, core) = shape.split_at(lead.min(shape.len()));
        let mut operands = Vec::new();
        for (&x, &axes) in self.graph.node(id).inputs.iter().zip(routine.cores) {
            let own = self.graph.shape(x).to_vec();
            let inner = own.get(own.len().saturating_sub(axes)..).unwrap_or_default().to_vec();
            let buffer = self.target(self.graph.unshaped(x));
            operands.push(Rows { buffer, core: inner, shared: own.len() == axes && lead > 0 });
        }
        let cores: Vec<&[Size]> = operands.iter().map(|operand| operand.core.as_slice()).collect();
        let work = (routine.work)(&cores);
        let result = Rows { buffer: self.target(id), core: core.to_vec(), shared: false };
        let (rows, span) = (Size::product(batch), self.span);
        self.steps.push(Step::Routine(Call { routine, rows, work, operands, result, span }));
        Ok(())
    }

    /// The value of a node at an index: loaded if it is stored, else computed here.
    pub(super) fn value(&mut self, body: &mut Body, id: NodeId, index: &[Affine]) -> Result<Value> {
        if self.stored[id.0 as usize] {
            let buffer = self.held(id)?;
            let offset = flatten(index, &row_major(self.graph.shape(id)));
            return Ok(body.push(Inst::Load(buffer, offset)));
        }
        let key = (id, index.to_vec());
        if let Some(&known) = body.memo.get(&key) {
            return Ok(known);
        }
        let value = stacker::maybe_grow(128 * 1024, 4 * 1024 * 1024, || self.compute(body, id, index))?;
        body.memo.insert(key, value);
        Ok(value)
    }

    /// The value of a node at an index, computed from its operands.
    fn compute(&mut self, body: &mut Body, id: NodeId, index: &[Affine]) -> Result<Value> {
        let node = self.graph.node(id).clone();
        Ok(match &node.op {
            Op::Const(constant) => body.push(Inst::Const(*constant, node.ty.dtype)),
            Op::Size(size) => body.push(Inst::Index(Affine::constant(size.clone()))),
            Op::Iota => body.push(Inst::Index(index.first().cloned().unwrap_or_default())),
            Op::Map(op) => {
                if let Some(affine) = self.integer(body, id, index)? {
                    return Ok(body.push(Inst::Index(affine)));
                }
                let args = node.inputs.iter().map(|&x| self.value(body, x, index)).collect::<Result<Vec<_>>>()?;
                body.push(Inst::Map(op, args))
            }
            Op::Cast => {
                let inner = self.value(body, node.inputs[0], index)?;
                body.push(Inst::Cast(inner, node.ty.dtype))
            }
            Op::Check(kind) => {
                let mut args = vec![self.value(body, node.inputs[0], index)?];
                for &more in &node.inputs[1..] {
                    let at = if self.graph.ty(more).rank() == 0 { &[] } else { index };
                    args.push(self.value(body, more, at)?);
                }
                self.kernel.faults.push(FaultSite { kind: kind.clone(), span: node.span });
                body.push(Inst::Check { fault: self.kernel.faults.len() - 1, args })
            }
            _ => {
                let (inner, at) = self.moved(body, id, index)?;
                self.value(body, inner, &at)?
            }
        })
    }

    /// For an operator that only moves elements: the operand and the index in it.
    fn moved(&mut self, body: &mut Body, id: NodeId, index: &[Affine]) -> Result<(NodeId, Vec<Affine>)> {
        let node = self.graph.node(id).clone();
        let Some(&x) = node.inputs.first() else {
            return Err(Diagnostic::error(codes::BUG, node.span, format!("no loop code for {:?}", node.op)));
        };
        let at = match &node.op {
            Op::Broadcast { axes } => axes.iter().map(|&axis| index[axis].clone()).collect(),
            Op::Transpose { perm } => {
                let mut at = vec![Affine::default(); perm.len()];
                for (to, &from) in perm.iter().enumerate() {
                    at[from] = index[to].clone();
                }
                at
            }
            Op::Slice { starts, steps } => index
                .iter()
                .zip(starts.iter().zip(steps))
                .map(|(ix, (start, step))| ix.times(&Size::from(*step)).plus(&Affine::constant(start.clone())))
                .collect(),
            Op::Reshape => return self.reshaped(id, x, index),
            Op::Gather { axes } => self.gathered(body, &node.inputs, axes, index)?,
            other => {
                return Err(Diagnostic::error(codes::BUG, node.span, format!("no loop code for {other:?}")));
            }
        };
        Ok((x, at))
    }

    fn gathered(
        &mut self,
        body: &mut Body,
        inputs: &[NodeId],
        axes: &[usize],
        index: &[Affine],
    ) -> Result<Vec<Affine>> {
        let leading = self.graph.ty(inputs[1]).rank();
        let (mut picked, mut rest) = (inputs[1..].iter(), index[leading..].iter());
        let mut at = Vec::new();
        for axis in 0..self.graph.ty(inputs[0]).rank() {
            if axes.contains(&axis) {
                if let Some(&indexed) = picked.next() {
                    at.push(self.affine(body, indexed, &index[..leading])?);
                }
            } else if let Some(kept) = rest.next() {
                at.push(kept.clone());
            }
        }
        Ok(at)
    }

    /// A reshape: axes of size 1 come and go; anything else reads stored memory in order.
    fn reshaped(&mut self, id: NodeId, x: NodeId, index: &[Affine]) -> Result<(NodeId, Vec<Affine>)> {
        let (own, inner) = (self.graph.shape(id).to_vec(), self.graph.shape(x).to_vec());
        if is_relabelling(self.graph, id) {
            let mut wide = own.iter().zip(index).filter(|(size, _)| !size.is_one()).map(|(_, ix)| ix.clone());
            let at = inner
                .iter()
                .map(|size| if size.is_one() { Affine::default() } else { wide.next().unwrap_or_default() });
            return Ok((x, at.collect()));
        }
        // The operand is stored: put the whole offset on its last axis, whose stride is 1.
        let mut at = vec![Affine::default(); inner.len()];
        if let Some(last) = at.last_mut() {
            *last = flatten(index, &row_major(&own));
        }
        Ok((x, at))
    }

    /// An integer node at an index, as an affine expression.
    pub(super) fn affine(&mut self, body: &mut Body, id: NodeId, index: &[Affine]) -> Result<Affine> {
        if let Some(affine) = self.integer(body, id, index)? {
            return Ok(affine);
        }
        let value = self.value(body, id, index)?;
        Ok(Affine::of_value(value))
    }

    /// The same, if the node is made of loop counters, sizes and constants.
    fn integer(&mut self, body: &mut Body, id: NodeId, index: &[Affine]) -> Result<Option<Affine>> {
        let node = self.graph.node(id).clone();
        if node.ty.dtype != DType::I64 || self.stored[id.0 as usize] {
            return Ok(None);
        }
        Ok(match &node.op {
            Op::Const(Constant::Int(value)) => Some(Affine::constant(Size::from(*value))),
            Op::Size(size) => Some(Affine::constant(size.clone())),
            Op::Iota => index.first().cloned(),
            Op::Map(op) if matches!(op.name, "add" | "subtract" | "multiply") => {
                let (Some(a), Some(b)) =
                    (self.integer(body, node.inputs[0], index)?, self.integer(body, node.inputs[1], index)?)
                else {
                    return Ok(None);
                };
                match (op.name, a.as_size(), b.as_size()) {
                    ("add", ..) => Some(a.plus(&b)),
                    ("subtract", ..) => Some(a.plus(&b.times(&Size::from(-1)))),
                    (_, Some(size), _) => Some(b.times(size)),
                    (_, _, Some(size)) => Some(a.times(size)),
                    _ => None,
                }
            }
            Op::Broadcast { .. } | Op::Transpose { .. } | Op::Slice { .. } => {
                let (inner, at) = self.moved(body, id, index)?;
                self.integer(body, inner, &at)?
            }
            _ => None,
        })
    }
}

/// The result of a reduction over nothing, as the dtype has it.
fn identity(kind: &Reduction, dtype: DType) -> f64 {
    match dtype {
        DType::I64 if kind.identity == f64::INFINITY => i64::MAX as f64,
        DType::I64 if kind.identity == f64::NEG_INFINITY => i64::MIN as f64,
        _ => kind.identity,
    }
}
