//! Loops, builders and updates as steps.
//!
//! In: loop nodes and the regions of their bodies. Out: steps with steps inside.
//! Always holds: a loop's states live in buffers of their own; an array is changed in place if nobody reads the old one
//! afterwards, else in a copy.

use super::bounds;
use super::ir::{Affine, Bind, BufferId, If, Inst, Loop, Nest, Role, Scalar, Sink, Step};
use super::lower::{Body, Lowering, flatten, row_major};
use super::regions::RegionId;
use crate::diagnostic::{Diagnostic, Result, codes};
use crate::graph::{Binder, Constant, LoopParts, NodeId, Op, Size, SizeVar, VarId, reachable};
use crate::ops::reduction::SUM;
use crate::runtime::array::DType;

impl Lowering<'_> {
    /// Emits what a node of the present block needs, in the order of the program.
    pub(super) fn require(&mut self, root: NodeId) -> Result<()> {
        let region = self.regions.of(root);
        let (mut needed, mut pending) = (Vec::new(), vec![root]);
        let mut seen = rustc_hash::FxHashSet::default();
        while let Some(id) = pending.pop() {
            if self.done[id.0 as usize] || !seen.insert(id) {
                continue;
            }
            // What belongs to an outer block is there already; what belongs to an inner one comes with its loop.
            if self.regions.of(id) == region {
                needed.push(id);
            }
            pending.extend(self.before(id).into_iter().filter(|x| !self.done[x.0 as usize]));
        }
        needed.sort_unstable();
        for id in needed {
            self.bind_sizes(id, region)?;
            if self.stored[id.0 as usize] && !self.done[id.0 as usize] {
                self.done[id.0 as usize] = true;
                self.open.push(id);
                self.emit(id)?;
                self.open.pop();
            }
        }
        Ok(())
    }

    /// What has to be emitted before a node.
    fn before(&self, id: NodeId) -> Vec<NodeId> {
        [self.graph.node(id).inputs.as_slice(), &self.graph.size_values(id)].concat()
    }

    /// Finds out the sizes that a node needs and that belong to the present block.
    fn bind_sizes(&mut self, id: NodeId, region: RegionId) -> Result<()> {
        for value in self.graph.size_values(id) {
            if self.regions.of(value) == region {
                self.bind_size(value)?;
            }
        }
        Ok(())
    }

    fn bind_size(&mut self, value: NodeId) -> Result<()> {
        // A number may have the name of a size that nothing in the kernel has.
        let size = self.graph.dynamic_name(value).filter(|size| self.kernel.sizes.contains(size));
        if let (Some(size), true) = (size, self.bound.insert(value)) {
            let value = self.held(value)?;
            self.steps.push(Step::Bind(Bind { size: size.clone(), value }));
        }
        Ok(())
    }

    /// The buffer that holds a stored node.
    pub(super) fn held(&mut self, id: NodeId) -> Result<BufferId> {
        match self.graph.node(id).op {
            Op::Var(var) => self.counters.get(&var).copied().ok_or_else(|| self.unbound(id)),
            Op::State(var) => self.states.get(&var).copied().ok_or_else(|| self.unbound(id)),
            _ => Ok(self.target(id)),
        }
    }

    fn unbound(&self, id: NodeId) -> Box<Diagnostic> {
        Diagnostic::error(codes::BUG, self.graph.node(id).span, "a variable is used outside of its loop")
    }

    /// Writes a block of steps.
    fn block(&mut self, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<Vec<Step>> {
        let outer = std::mem::take(&mut self.steps);
        let done = write(self);
        let steps = std::mem::replace(&mut self.steps, outer);
        done.map(|()| steps)
    }

    /// Emits what a region and those inside it read from outside.
    fn require_outside(&mut self, node: NodeId, inside: RegionId) -> Result<()> {
        let mut outside: Vec<NodeId> = Vec::new();
        let inputs = self.graph.node(node).inputs.clone();
        for id in reachable(self.graph, &inputs) {
            let within = self.regions.contains(inside, self.regions.of(id));
            if within {
                let inputs = self.before(id);
                outside.extend(inputs.iter().filter(|x| !self.regions.contains(inside, self.regions.of(**x))));
            }
        }
        outside.extend(inputs.iter().filter(|x| !self.regions.contains(inside, self.regions.of(**x))));
        outside.sort_unstable();
        outside.dedup();
        let here = self.regions.of(node);
        for id in outside {
            if self.regions.of(id) == here {
                self.require(id)?;
                self.bind_size(id)?;
            }
        }
        Ok(())
    }

    /// A buffer with the sizes of a node.
    fn fresh(&mut self, like: NodeId) -> BufferId {
        self.new_buffer(like, Role::Scratch)
    }

    /// A buffer of one integer.
    fn counter(&mut self) -> BufferId {
        let buffer = super::ir::Buffer { dtype: DType::I64, elements: Size::one(), role: Role::Scratch };
        self.kernel.add_buffer(buffer, self.span)
    }

    /// Copies a node into a buffer.
    fn copy_into(&mut self, id: NodeId, buffer: BufferId) -> Result<()> {
        let mut body = Body::default();
        let index = self.own_index(id);
        let value = self.value(&mut body, id, &index)?;
        self.store_nest(id, body, value, buffer, &index);
        Ok(())
    }

    /// Copies a buffer with the sizes of a node into another.
    fn copy_buffer(&mut self, like: NodeId, from: BufferId, to: BufferId) {
        let mut body = Body::default();
        let index = self.own_index(like);
        let offset = flatten(&index, &row_major(self.graph.shape(like)));
        let value = body.push(Inst::Load(from, offset));
        self.store_nest(like, body, value, to, &index);
    }

    /// A loop: states into their buffers, then iterations, each of which leaves the next values there.
    pub(super) fn emit_loop(&mut self, id: NodeId, binder: &Binder) -> Result<()> {
        let node = self.graph.node(id).clone();
        let (Some(parts), Some(inside)) = (binder.parts(&node.inputs), self.regions.inside(id)) else {
            return Err(self.unbound(id));
        };
        self.require_outside(id, inside)?;
        let mut buffers = Vec::new();
        for (position, (&state, &first)) in binder.states.iter().zip(parts.first).enumerate() {
            let repeated = parts.first[..position].contains(&first);
            let taken = if repeated || self.graph.ty(first).rank() == 0 { None } else { self.take_over(first, id)? };
            let buffer = match taken {
                Some(buffer) => buffer,
                None => {
                    let buffer = self.fresh(first);
                    self.copy_into(first, buffer)?;
                    buffer
                }
            };
            buffers.push(buffer);
            self.states.insert(state, buffer);
        }
        let counter = self.counter();
        self.counters.insert(binder.counter, counter);
        self.mark_variables(binder);
        // A number with the name of a size is one here if that has been found by now.
        let bound = self.bound.contains(&parts.limit) || matches!(self.graph.node(parts.limit).op, Op::Size(_));
        let is_known = |var: &SizeVar| self.kernel.sizes.contains(var) && (bound || !self.kernel.found.contains(var));
        let limit = self.graph.as_extent(parts.limit).filter(|size| size.vars().iter().all(is_known));
        let limit = match limit {
            Some(size) => Scalar::Size(size),
            None => Scalar::Buffer(self.held(parts.limit)?),
        };
        let always = self.graph.as_constant(parts.again) == Some(Constant::Bool(true));
        let head = if always { Vec::new() } else { self.block(|l| l.require(parts.again))? };
        let again = if always { None } else { Some(self.held(parts.again)?) };
        let mut body = self.block(|l| l.iteration(&parts, &buffers, inside))?;
        if self.is_count_read(id) {
            let count = self.target(id);
            let mut zero = Body::default();
            let value = zero.push(Inst::Const(Constant::Int(0), DType::I64));
            self.store_nest(id, zero, value, count, &[]);
            body.extend(self.block(|l| {
                let mut next = Body::default();
                let at = Affine::of_value(next.push(Inst::Load(counter, Affine::default())));
                let value = next.push(Inst::Index(at.plus(&Affine::constant(Size::one()))));
                l.store_nest(id, next, value, count, &[]);
                Ok(())
            })?);
        }
        let (most, span) = (bounds::upper(self.graph, parts.limit), node.span);
        self.steps.push(Step::Loop(Loop { counter, limit, most, span, head, again, body }));
        Ok(())
    }

    /// Whether anybody asks how many iterations there were.
    fn is_count_read(&self, id: NodeId) -> bool {
        let counts = |user: &NodeId| !matches!(self.graph.node(*user).op, Op::Final(_));
        self.graph.dynamic_name(id).is_some() || self.users[id.0 as usize].iter().any(counts)
    }

    /// The variables themselves need no step.
    fn mark_variables(&mut self, binder: &Binder) {
        for id in self.graph.ids() {
            if let Op::Var(var) | Op::State(var) = self.graph.node(id).op
                && binder.vars().any(|own| own == var)
            {
                self.done[id.0 as usize] = true;
            }
        }
    }

    fn iteration(&mut self, parts: &LoopParts<'_>, buffers: &[BufferId], inside: RegionId) -> Result<()> {
        for root in parts.checks.iter().chain(parts.next) {
            if self.regions.of(*root) == inside {
                self.require(*root)?;
            }
        }
        // A value that lies in another state's buffer is moved aside before that one changes.
        let mut sources: Vec<Option<BufferId>> = Vec::new();
        for (&next, &own) in parts.next.iter().zip(buffers) {
            let source = if self.stored[next.0 as usize] { Some(self.held(next)?) } else { None };
            let source = match source {
                Some(other) if other != own && buffers.contains(&other) => {
                    let aside = self.fresh(next);
                    self.copy_buffer(next, other, aside);
                    Some(aside)
                }
                known => known,
            };
            sources.push(source);
        }
        for ((&next, &own), source) in parts.next.iter().zip(buffers).zip(sources) {
            match source {
                Some(source) if source == own => {}
                Some(source) => self.copy_buffer(next, source, own),
                None => self.copy_into(next, own)?,
            }
        }
        Ok(())
    }

    /// A state behind its loop lies where it was carried.
    pub(super) fn emit_final(&mut self, id: NodeId, position: usize) -> Result<()> {
        let node = self.graph.node(id);
        let of = node.inputs[0];
        let Op::Loop(binder) = &self.graph.node(of).op else { return Err(self.unbound(id)) };
        let state = binder.states.get(position).and_then(|state| self.states.get(state)).copied();
        let Some(state) = state else { return Err(self.unbound(id)) };
        match self.buffers.get(&id).copied() {
            Some(output) => self.copy_buffer(id, state, output),
            None => {
                self.buffers.insert(id, state);
            }
        }
        Ok(())
    }

    /// A builder that is no whole-array operation: a loop that fills one row after the other.
    pub(super) fn emit_builder(&mut self, id: NodeId, var: VarId) -> Result<()> {
        let node = self.graph.node(id).clone();
        let Some(inside) = self.regions.inside(id) else { return Err(self.unbound(id)) };
        let body = node.inputs[0];
        self.require_outside(id, inside)?;
        let counter = self.counter();
        self.counters.insert(var, counter);
        self.mark_variables(&Binder { counter: var, states: Vec::new() });
        let buffer = self.target(id);
        let steps = self.block(|l| {
            if l.regions.of(body) == inside {
                l.require(body)?;
            }
            let mut insts = Body::default();
            let index = l.own_index(body);
            let value = l.value(&mut insts, body, &index)?;
            let row = insts.push(Inst::Load(counter, Affine::default()));
            let mut at = vec![Affine::of_value(row)];
            at.extend(index);
            let offset = flatten(&at, &row_major(&node.ty.shape));
            let loops = l.graph.shape(body).to_vec();
            let sink = Sink::Store { value, buffer, offset };
            l.push_nest(Nest { loops, parallel: true, body: insts.insts, sink, span: node.span });
            Ok(())
        })?;
        let extent = self.graph.var(var).extent.clone();
        let (limit, most, span) = (Scalar::Size(extent.clone()), Some(extent), node.span);
        self.steps.push(Step::Loop(Loop { counter, limit, most, span, head: Vec::new(), again: None, body: steps }));
        Ok(())
    }

    /// A gather that is stored; one whose index may not be meant reads only if it is.
    pub(super) fn emit_gather(&mut self, id: NodeId) -> Result<()> {
        let guards: Vec<NodeId> =
            self.graph.node(id).inputs.iter().skip(1).filter_map(|index| self.guard_of(*index)).collect();
        let Some(&guard) = guards.first() else { return self.emit_elementwise(id) };
        self.target(id);
        let inner = self.block(|l| l.emit_elementwise(id))?;
        self.conditionally(guard, inner)
    }

    /// The condition under which an index is meant.
    pub(super) fn guard_of(&self, index: NodeId) -> Option<NodeId> {
        super::schedule::guard_of(self.graph, index)
    }

    /// Steps under a condition.
    fn conditionally(&mut self, condition: NodeId, then: Vec<Step>) -> Result<()> {
        match self.graph.as_constant(condition) {
            Some(Constant::Bool(true)) => self.steps.extend(then),
            Some(_) => {}
            None => {
                let condition = self.held(condition)?;
                self.steps.push(Step::If(If { condition, then }));
            }
        }
        Ok(())
    }

    /// An array with some elements changed: in place if it can be.
    pub(super) fn emit_update(&mut self, id: NodeId, axes: &[usize], adds: bool) -> Result<()> {
        let inputs = self.graph.node(id).inputs.clone();
        let (array, values, guard) = (inputs[0], inputs[1], inputs[2]);
        let indexes = &inputs[3..];
        let buffer = match self.take_over(array, id)? {
            Some(buffer) => {
                match self.buffers.get(&id).copied() {
                    // The result has a place of its own: it is copied there behind this.
                    Some(output) => {
                        self.copy_buffer(id, buffer, output);
                        output
                    }
                    None => buffer,
                }
            }
            None => {
                let buffer = self.target(id);
                self.copy_into(array, buffer)?;
                buffer
            }
        };
        self.buffers.insert(id, buffer);
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
        let loops = self.graph.shape(values).to_vec();
        let scattered = body.insts.iter().any(|inst| matches!(inst, Inst::Load(..))) && leading > 0;
        let sink = match adds {
            false => Sink::Store { value, buffer, offset },
            true => Sink::Accumulate { kind: &SUM, value, buffer, offset, partial: None },
        };
        let nest = Nest { loops, parallel: !scattered, body: body.insts, sink, span: self.span };
        self.conditionally(guard, vec![Step::Nest(nest)])
    }

    /// The buffer of an array, if the one who asks may write to it: everybody else who reads it has done so.
    fn take_over(&mut self, array: NodeId, taker: NodeId) -> Result<Option<BufferId>> {
        let region = self.regions.of(taker);
        let node = self.graph.node(array);
        let owned = self.stored[array.0 as usize]
            && self.regions.of(array) == region
            && !matches!(node.op, Op::Input(_))
            && !self.graph.outputs.contains(&array);
        let uses = self.graph.node(taker).inputs.iter().filter(|x| **x == array).count();
        if !owned || (uses > 1 && !matches!(self.graph.node(taker).op, Op::Loop(_))) {
            return Ok(None);
        }
        let mut readers: Vec<NodeId> = Vec::new();
        for &user in &self.users[array.0 as usize] {
            // The value that an iteration leaves is read when it ends.
            let Some(reader) = self.regions.ancestor(user, region) else { return Ok(None) };
            if reader == taker {
                if user != taker {
                    return Ok(None);
                }
                continue;
            }
            readers.push(reader);
        }
        readers.sort_unstable();
        readers.dedup();
        for reader in readers {
            // A loop whose body is being written has not read everything yet.
            if self.open.contains(&reader) {
                return Ok(None);
            }
            if self.done[reader.0 as usize] {
                continue;
            }
            // Of several who would write, the last one may; who comes behind the writer reads too late.
            let writes = matches!(self.graph.node(reader).op, Op::Update { .. } | Op::Loop(_));
            let late = reachable(self.graph, &[reader]).contains(&taker) || (writes && reader > taker);
            if late || !self.stored[reader.0 as usize] {
                return Ok(None);
            }
            self.require(reader)?;
        }
        self.held(array).map(Some)
    }
}
