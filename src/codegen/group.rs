//! Nests that run together: a function that takes them by turns over blocks of their outermost loops.
//!
//! In: the plans of a run of nests. Out: a function `(frame, begin, end, fault) -> status` like that of a nest, and its call.
//! Always holds: each nest gets every iteration once, in blocks that begin where the last ended.

use super::plan::Plan;
use super::writer::Writer;
use crate::graph::Size;
use crate::loops::Nest;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use cranelift_module::FuncId;

/// A block has about as many elements as a few arrays of them fit the second-level cache.
const ELEMENTS: i64 = 1 << 12;
/// Where lanes run along the outermost loop, a block has at least so many iterations.
const ROWS: i64 = 64;
/// With fewer iterations than this, each nest is run by itself: its inner loops may be shared among threads then.
const FEW: i64 = 16;

/// A nest of the group.
pub(super) struct Member {
    /// Its function.
    pub(super) id: FuncId,
    /// How many iterations of its function's outermost loop are one of the group's.
    scale: Size,
    /// Elements of an iteration of the group.
    inner: Size,
    cost: i64,
    /// Whether lanes run along the outermost loop.
    along: bool,
}

impl Member {
    /// The nest, if its plan still has the outermost loop, alone or merged with those inside it.
    pub(super) fn new(nest: &Nest, plan: &Plan, id: FuncId) -> Option<Member> {
        let outer = plan.nest.loops.get(plan.outermost())?;
        let mut merged = Size::one();
        let scale = (0..nest.loops.len()).find_map(|inner| {
            if inner > 0 {
                merged = merged.times(&nest.loops[inner]);
            }
            (nest.loops[0].times(&merged) == *outer).then(|| merged.clone())
        })?;
        let inner = Size::product(&nest.loops[1..]);
        let along = plan.across && plan.kept == 0;
        plan.is_parallel().then_some(Member { id, scale, inner, cost: plan.cost(), along })
    }
}

/// Writes the function of a group, whose writer has just been made.
pub(super) fn write(w: &mut Writer<'_>, params: &[Value], members: &[Member]) {
    let &[frame, begin, end, fault] = params else { return };
    let some = w.ins().icmp(IntCC::SignedLessThan, begin, end);
    w.return_unless(some);
    let mut most = w.integer(1);
    for member in members {
        let inner = w.size(&member.inner);
        most = w.ins().smax(most, inner);
    }
    let elements = w.integer(ELEMENTS);
    let rows = w.ins().sdiv(elements, most);
    let least = w.integer(if members.iter().any(|member| member.along) { ROWS } else { 1 });
    let rows = w.ins().smax(rows, least);
    let scales: Vec<Value> = members.iter().map(|member| w.size(&member.scale)).collect();
    let (header, exit) = (w.block(&[types::I64]), w.block(&[]));
    w.jump(header, &[begin]);
    w.start(header);
    let first = w.params(header)[0];
    let stop = w.ins().iadd(first, rows);
    let stop = w.ins().smin(stop, end);
    for (member, scale) in members.iter().zip(scales) {
        let (from, to) = (w.ins().imul(first, scale), w.ins().imul(stop, scale));
        call(w, member.id, &[frame, from, to, fault]);
    }
    w.poll();
    let again = w.ins().icmp(IntCC::SignedLessThan, stop, end);
    w.branch(again, (header, &[stop]), (exit, &[]));
    w.start(exit);
    let zero = w.integer(0);
    w.ins().return_(&[zero]);
}

fn call(w: &mut Writer<'_>, id: FuncId, args: &[Value]) {
    let function = w.function(id);
    let call = w.cursor.ins().call(function, args);
    if let Some(status) = w.cursor.func.dfg.inst_results(call).first().copied() {
        w.check_status(status);
    }
}

/// Runs a group, if it has enough iterations; `apart` writes what runs its nests one by one.
pub(super) fn run<'a>(
    w: &mut Writer<'a>,
    params: &[Value],
    (id, members, extent): (FuncId, &[Member], &Size),
    apart: impl FnOnce(&mut Writer<'a>),
) {
    let &[context, frame, fault] = params else { return };
    let extent = w.size(extent);
    let few = w.integer(FEW);
    let enough = w.ins().icmp(IntCC::SignedGreaterThanOrEqual, extent, few);
    let (grouped, single, behind) = (w.block(&[]), w.block(&[]), w.block(&[]));
    w.branch(enough, (grouped, &[]), (single, &[]));
    w.start(grouped);
    let function = w.function(id);
    let address = w.ins().func_addr(types::I64, function);
    let work =
        members.iter().fold(Size::from(0), |sum, member| sum.plus(&member.inner.times(&Size::from(member.cost))));
    let work = w.size(&work);
    let status = w.call("parallel_for", &[context, address, frame, extent, work, fault], &[types::I64]);
    if let Some(status) = status {
        w.check_status(status);
    }
    w.jump(behind, &[]);
    w.start(single);
    apart(w);
    w.jump(behind, &[]);
    w.start(behind);
}
