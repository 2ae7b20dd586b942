//! All functions of a kernel: one per nest, per group of nests that run together and per piece of a long run of steps, and the entry
//! that runs the steps in order.
//!
//! In: a kernel and a module to declare functions in. Out: functions in Cranelift IR, not yet compiled.
//! Always holds: the entry stops at the first step whose status is not zero, and returns that.
//!
//! The entry is `(context, frame, fault) -> status`. The frame holds the sizes, then the addresses of
//! the buffers, that of the flag that asks the run to stop, last that of the context.

use super::CodegenError;
use super::collapse;
use super::group;
use super::nest::NestWriter;
use super::pieces::{self, pieces};
use super::plan::Plan;
use super::product;
use super::runs::{Group, Groups, Run, join, runs};
use super::structured;
use super::target::has_vectors;
use super::writer::{Frame, Writer, aligned, signature};
use crate::graph::Size;
use crate::loops::{BufferId, Call, Kernel, Nest, Sink, Step};
use crate::runtime::array::DType;
use crate::runtime::reduce::Merge;
use crate::runtime::routine;
use cranelift_codegen::ir::{FuncRef, Function, InstBuilder, UserFuncName, Value, types};
use cranelift_module::{FuncId, Linkage, Module};

/// A function with its name.
pub(super) struct Named {
    /// Its id in the module.
    pub(super) id: FuncId,
    /// The name, for people.
    pub(super) name: String,
    /// The code.
    pub(super) function: Function,
    /// Whether the compiler should spend time on it.
    pub(super) optimised: bool,
}

/// The functions of a kernel, their names behind `label`; the entry is the last.
pub(super) fn functions(kernel: &Kernel, module: &mut dyn Module, label: &str) -> Result<Vec<Named>, CodegenError> {
    let frame = Frame::new(kernel);
    let vectors = has_vectors(module.isa());
    let structured =
        kernel.steps.iter().any(|step| matches!(step, Step::Loop(_) | Step::If(_))) || !kernel.found.is_empty();
    let mut all = Vec::new();
    let mut plans = Vec::new();
    plan_nests(kernel, &kernel.steps, (structured, vectors), &mut plans)?;
    let runs = runs(kernel);
    for nests in runs.iter().flat_map(Run::nests) {
        join(kernel, plans.get_mut(nests).unwrap_or_default(), vectors);
    }
    // How many of the next nests are in the loop of one before them.
    let mut joined = 0usize;
    for (index, (nest, planned)) in plans.iter_mut().enumerate() {
        if joined > 0 || planned.is_inline {
            joined = joined.saturating_sub(1);
            continue;
        }
        joined = planned.joined;
        let mut named = declare(module, format!("{label}nest{index}"), 4)?;
        let (mut writer, params) = Writer::new(&mut named.function, module, &frame, 0);
        NestWriter::write(&mut writer, &params, &planned.plan, &kernel.faults);
        writer.finish()?;
        planned.id = Some(named.id);
        debug_assert!(!nest.body.is_empty() || planned.plan.depth() == 0);
        all.push(named);
    }
    let mut groups = Groups::default();
    for (index, run) in runs.iter().enumerate() {
        let Some(members) = run.members(&plans).filter(|members| members.len() > 1) else { continue };
        let mut named = declare(module, format!("{label}group{index}"), 4)?;
        let (mut writer, params) = Writer::new(&mut named.function, module, &frame, 0);
        group::write(&mut writer, &params, &members);
        writer.finish()?;
        let group = Group { id: named.id, members, steps: run.steps, nests: run.plans.len() };
        groups.insert(run.steps.as_ptr(), group);
        all.push(named);
    }
    let mut in_pieces = pieces::Functions::default();
    for (index, piece) in pieces(&kernel.steps, &plans).into_iter().enumerate() {
        let mut named = declare(module, format!("{label}piece{index}"), 3)?;
        let (w, params) = Writer::new(&mut named.function, module, &frame, 1);
        let plans = plans.get(piece.plans.clone()).unwrap_or_default().iter().map(|(_, planned)| planned);
        let none = pieces::Functions::default();
        let mut entry = Entry { w, kernel, frame: &frame, plans, groups: &groups, pieces: &none, params, depth: 0 };
        entry.steps(piece.steps);
        entry.finish()?;
        in_pieces.insert(piece.steps.as_ptr(), (named.id, piece.steps.len(), piece.plans.len()));
        all.push(named);
    }
    let mut named = declare(module, format!("{label}entry"), 3)?;
    named.optimised = structured;
    let (mut w, params) = Writer::new(&mut named.function, module, &frame, 1);
    if structured {
        w.registers.mirrored = structured::registers(kernel, &plans);
        w.finds_sizes = !kernel.found.is_empty();
    }
    let plans = plans.iter().map(|(_, planned)| planned);
    let mut entry = Entry { w, kernel, frame: &frame, plans, groups: &groups, pieces: &in_pieces, params, depth: 0 };
    entry.take_inputs();
    entry.steps(&kernel.steps);
    entry.give_outputs();
    entry.finish()?;
    all.push(named);
    Ok(all)
}

/// A nest's plan, and how it is run.
pub(super) struct Planned {
    pub(super) plan: Plan,
    /// Written where it is run, instead of called.
    pub(super) is_inline: bool,
    pub(super) id: Option<FuncId>,
    /// How many of the nests behind it are part of its plan: reductions that share its loop.
    pub(super) joined: usize,
}

/// Plans of all nests, in the order in which they stand in the kernel: for an entry with blocks in it, for a processor with
/// vectors.
fn plan_nests<'k>(
    kernel: &Kernel,
    steps: &'k [Step],
    (structured, vectors): (bool, bool),
    plans: &mut Vec<(&'k Nest, Planned)>,
) -> Result<(), CodegenError> {
    for step in steps {
        if let Step::Nest(nest) = step {
            let plan = Plan::new(kernel, nest, vectors)?;
            let is_inline = structured && plan.depth() == 0 && matches!(plan.nest.sink, Sink::Store { .. });
            plans.push((nest, Planned { plan, is_inline, id: None, joined: 0 }));
        }
        step.blocks().into_iter().try_for_each(|block| plan_nests(kernel, block, (structured, vectors), plans))?;
    }
    Ok(())
}

/// The entry under construction.
pub(super) struct Entry<'a, 'p, I> {
    pub(super) w: Writer<'a>,
    pub(super) kernel: &'p Kernel,
    pub(super) frame: &'p Frame,
    /// Plans of the nests that are still to come.
    pub(super) plans: I,
    /// Steps that run together.
    pub(super) groups: &'p Groups<'p>,
    /// Steps that have functions of their own.
    pub(super) pieces: &'p pieces::Functions,
    /// Context, frame and record of a fault.
    pub(super) params: Vec<Value>,
    /// How many loops are open.
    pub(super) depth: usize,
}

impl<'p, I: Iterator<Item = &'p Planned> + Clone> Entry<'_, 'p, I> {
    /// Ends the function: everything went well.
    fn finish(mut self) -> Result<(), CodegenError> {
        let zero = self.w.integer(0);
        self.w.ins().return_(&[zero]);
        self.w.finish()
    }

    /// Steps one after the other.
    pub(super) fn steps(&mut self, steps: &'p [Step]) {
        let mut done = 0;
        for step in steps {
            if done > 0 {
                done -= 1;
                continue;
            }
            if let Some((function, steps, nests)) = self.pieces.get(&std::ptr::from_ref(step)) {
                self.w.run_checked(*function, &self.params);
                self.plans.by_ref().take(*nests).for_each(drop);
                done = steps - 1;
                continue;
            }
            if let Some(group) = self.groups.get(&std::ptr::from_ref(step)) {
                self.group(group);
                done = group.steps.len() - 1;
                continue;
            }
            match step {
                Step::Nest(_) => done = self.nest(),
                Step::Product(product) => product::run(&mut self.w, &self.params, product),
                Step::Routine(call) => run_routine(&mut self.w, &self.params, self.kernel, call),
                Step::Loop(inner) => self.repeat(inner),
                Step::If(inner) => self.conditional(inner),
                Step::Bind(bind) => self.bind_size(bind),
            }
        }
    }

    /// Runs steps in blocks, or one after the other if there are too few iterations for blocks.
    fn group(&mut self, group: &Group<'p>) {
        let plans = self.plans.clone();
        self.plans.by_ref().take(group.nests).for_each(drop);
        let params = self.params.clone();
        let Some(behind) = group::run(&mut self.w, &params, (group.id, &group.members)) else { return };
        let after = std::mem::replace(&mut self.plans, plans);
        let mut steps = group.steps.iter();
        while let Some(step) = steps.next() {
            match step {
                Step::Product(product) => product::run(&mut self.w, &params, product),
                _ => {
                    let joined = self.nest();
                    steps.by_ref().take(joined).for_each(drop);
                }
            }
        }
        self.w.jump(behind, &[]);
        self.w.start(behind);
        self.plans = after;
    }

    /// Runs a nest; gives how many of those behind it are in its loop.
    fn nest(&mut self) -> usize {
        let Some(planned) = self.plans.next() else {
            self.w.fail("a nest without a plan");
            return 0;
        };
        match planned.id {
            Some(id) => {
                self.plans.by_ref().take(planned.joined).for_each(drop);
                run_nest(&mut self.w, &self.params, id, &planned.plan);
                return planned.joined;
            }
            None => {
                let fault = self.params[2];
                NestWriter::inline(&mut self.w, fault, &planned.plan, &self.kernel.faults);
            }
        }
        0
    }
}

fn declare(module: &mut dyn Module, name: String, params: usize) -> Result<Named, CodegenError> {
    let signature = signature(module, &vec![types::I64; params], &[types::I64]);
    let id = module.declare_function(&name, Linkage::Local, &signature).map_err(CodegenError::new)?;
    let function = Function::with_name_signature(UserFuncName::user(0, id.as_u32()), signature);
    Ok(Named { id, name, function, optimised: false })
}

fn run_nest(w: &mut Writer, params: &[Value], id: FuncId, plan: &Plan) {
    let &[context, frame, fault] = params else { return };
    let function = w.function(id);
    let outermost = plan.outermost();
    let extent = w.size(plan.nest.loops.get(outermost).unwrap_or(&Size::one()));
    let status = if plan.is_parallel() {
        let address = w.ins().func_addr(types::I64, function);
        let inner = plan.nest.loops.iter().enumerate().filter(|(index, _)| *index != outermost);
        let inner = Size::product(inner.map(|(_, extent)| extent));
        let work = w.size(&inner.times(&Size::from(plan.cost())));
        w.call("parallel_for", &[context, address, frame, extent, work, fault], &[types::I64])
    } else if let Some(merges) = plan.merges() {
        run_reduction(w, params, function, (plan, &merges, extent))
    } else if let Some((merge, partial)) = plan.adds_rows() {
        run_columns(w, params, function, (plan, merge, partial, extent))
    } else {
        let zero = w.integer(0);
        let call = w.cursor.ins().call(function, &[frame, zero, extent, fault]);
        w.cursor.func.dfg.inst_results(call).first().copied()
    };
    if let Some(status) = status {
        w.check_status(status);
    }
}

/// Reduces everything to one element, or to several, with tables as `runtime::reduce` has them.
fn run_reduction(
    w: &mut Writer,
    params: &[Value],
    function: FuncRef,
    (plan, merges, extent): (&Plan, &[Merge], Value),
) -> Option<Value> {
    let &[context, frame, fault] = params else { return None };
    let constant = &collapse::offset(&plan.nest.sink).constant;
    let mut results = Vec::new();
    for (total, merge) in plan.totals.iter().zip(merges) {
        let dtype = plan.buffers[total.buffer];
        let slot = w.buffer_slot(total.buffer);
        results.extend([w.integer(slot), w.size(&constant.times(&Size::from(dtype.size() as i64)))]);
        results.extend([routine::code(dtype), merge.code()].map(|code| w.integer(code)));
    }
    let results = on_stack(w, &results);
    let slots = w.frame_slots();
    let work = Size::product(plan.nest.loops.iter().skip(1)).times(&Size::from(plan.blocks_as()));
    let mut table = vec![frame, w.integer(slots), results, w.integer(merges.len() as i64)];
    table.extend([extent, w.size(&work)]);
    let request = on_stack(w, &table);
    let address = w.ins().func_addr(types::I64, function);
    w.call("parallel_reduce", &[context, address, request, fault], &[types::I64])
}

/// Adds row upon row, in blocks of rows, with a table as `runtime::columns::Request` has it.
fn run_columns(
    w: &mut Writer,
    params: &[Value],
    function: FuncRef,
    (plan, merge, partial, extent): (&Plan, Merge, BufferId, Value),
) -> Option<Value> {
    let &[context, frame, fault] = params else { return None };
    let offset = collapse::offset(&plan.nest.sink);
    let (dtype, loops) = (plan.buffers[plan.target()], plan.nest.loops.iter().enumerate());
    let columns = Size::product(loops.filter(|(index, _)| offset.factor(*index).as_const() != Some(0)).map(|(_, n)| n));
    let work = Size::product(plan.nest.loops.iter().skip(1)).times(&Size::from(plan.cost()));
    let (slots, slot) = (w.frame_slots(), w.buffer_slot(plan.target()));
    let mut table = vec![frame, w.integer(slots), w.integer(slot)];
    table.extend([routine::code(dtype), merge.code()].map(|code| w.integer(code)));
    table.extend([w.buffer(partial), w.size(&columns), extent, w.size(&work)]);
    let request = on_stack(w, &table);
    let address = w.ins().func_addr(types::I64, function);
    w.call("parallel_columns", &[context, address, request, fault], &[types::I64])
}

/// Calls a routine with a table of its rows, as `runtime::routine` reads it.
fn run_routine(w: &mut Writer, params: &[Value], kernel: &Kernel, call: &Call) {
    let &[context, _, _] = params else { return };
    let Some(position) = call.routine.position() else {
        return w.fail(format_args!("the run-time library has no {:?}", call.routine));
    };
    let mut table: Vec<Value> = vec![w.integer(position as i64)];
    table.extend([&call.rows, &call.work].map(|size| w.size(size)));
    for rows in call.operands.iter().chain([&call.result]) {
        let dtype = kernel.buffers.get(rows.buffer).map_or(DType::F64, |buffer| buffer.dtype);
        table.extend([w.integer(routine::code(dtype)), w.buffer(rows.buffer), w.integer(i64::from(rows.shared))]);
        table.push(w.integer(rows.core.len() as i64));
        table.extend(rows.core.iter().map(|size| w.size(size)));
    }
    let start = on_stack(w, &table);
    w.call_checked("routine", &[context, start]);
}

/// The address of a table of integers on the stack.
pub(super) fn on_stack(w: &mut Writer, table: &[Value]) -> Value {
    let slot = w.stack(8 * table.len() as u32);
    let start = w.ins().stack_addr(types::I64, slot, 0);
    for (index, value) in table.iter().enumerate() {
        w.ins().store(aligned(), *value, start, 8 * index as i32);
    }
    start
}
