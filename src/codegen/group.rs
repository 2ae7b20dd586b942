//! Steps that run together: a function that takes them by turns over blocks of their outermost loops.
//!
//! In: the plans of the nests of a run, and its matrix products. Out: a function `(frame, begin, end, fault) -> status` like that of
//! a nest, and its call.
//! Always holds: each step gets every iteration once, in blocks that begin where the last ended.
//!
//! A product takes a block as a whole, so blocks of rows with one among them are as long as those of a product by itself; nests
//! between products take it in smaller ones.

use super::plan::Plan;
use super::product;
use super::writer::Writer;
use crate::graph::Size;
use crate::loops::{Nest, Product};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use cranelift_module::FuncId;

/// A block has about as many elements as a few arrays of them fit the second-level cache.
const ELEMENTS: i64 = 1 << 12;
/// Where lanes run along the outermost loop, a block has at least so many iterations.
const ROWS: i64 = 64;
/// With fewer iterations than this, each nest is run by itself: its inner loops may be shared among threads then.
const FEW: i64 = 16;
/// How many multiplications of a product take as long as a simple operation of a nest.
const AT_ONCE: i64 = 8;

/// A step of the group.
pub(super) enum Member<'k> {
    /// A loop nest.
    Nest(Part),
    /// A matrix product.
    Product(&'k Product),
}

/// A nest of the group.
pub(super) struct Part {
    /// Its function.
    id: FuncId,
    /// Iterations of the group.
    extent: Size,
    /// How many iterations of its function's outermost loop are one of the group's.
    scale: Size,
    /// Elements of an iteration of the group.
    inner: Size,
    cost: i64,
    /// Whether lanes run along the outermost loop.
    along: bool,
}

impl<'k> Member<'k> {
    /// The nest, if its plan still has the outermost loop, alone or merged with those inside it.
    pub(super) fn nest(nest: &Nest, plan: &Plan, id: FuncId) -> Option<Member<'k>> {
        let outer = plan.nest.loops.get(plan.outermost())?;
        let extent = nest.loops.first()?.clone();
        let mut merged = Size::one();
        let scale = (0..nest.loops.len()).find_map(|inner| {
            if inner > 0 {
                merged = merged.times(&nest.loops[inner]);
            }
            (extent.times(&merged) == *outer).then(|| merged.clone())
        })?;
        let others = plan.nest.loops.iter().enumerate().filter(|(index, _)| *index != plan.outermost());
        let inner = Size::product(others.map(|(_, extent)| extent)).times(&scale);
        let along = plan.across && plan.kept == 0;
        let part = Part { id, extent, scale, inner, cost: plan.cost(), along };
        plan.is_parallel().then_some(Member::Nest(part))
    }

    fn extent(&self) -> &Size {
        match self {
            Member::Nest(part) => &part.extent,
            Member::Product(product) if product::is_by_rows(product) => &product.m,
            Member::Product(product) => &product.batch,
        }
    }

    fn is_nest(&self) -> bool {
        matches!(self, Member::Nest(_))
    }
}

/// Writes the function of a group, whose writer has just been made.
pub(super) fn write(w: &mut Writer<'_>, params: &[Value], members: &[Member<'_>]) {
    let &[frame, begin, end, fault] = params else { return };
    let some = w.ins().icmp(IntCC::SignedLessThan, begin, end);
    w.return_unless(some);
    for members in members.chunk_by(|a, b| a.is_nest() == b.is_nest()) {
        let nests: Vec<&Part> = members
            .iter()
            .filter_map(|member| if let Member::Nest(part) = member { Some(part) } else { None })
            .collect();
        if !nests.is_empty() {
            write_nests(w, (frame, fault), (begin, end), &nests);
        }
        for member in members {
            if let Member::Product(product) = member {
                product::run_part(w, product, (begin, end));
            }
        }
    }
    let zero = w.integer(0);
    w.ins().return_(&[zero]);
}

/// Nests by turns, in blocks that fit the cache; one alone at once.
fn write_nests(w: &mut Writer<'_>, (frame, fault): (Value, Value), (begin, end): (Value, Value), nests: &[&Part]) {
    if let [only] = nests {
        let (from, to) = (w.times_size(begin, &only.scale), w.times_size(end, &only.scale));
        return w.run_checked(only.id, &[frame, from, to, fault]);
    }
    let mut most = w.integer(1);
    for nest in nests {
        let inner = w.size(&nest.inner);
        most = w.ins().smax(most, inner);
    }
    let elements = w.integer(ELEMENTS);
    let rows = w.ins().sdiv(elements, most);
    let least = w.integer(if nests.iter().any(|nest| nest.along) { ROWS } else { 1 });
    let rows = w.ins().smax(rows, least);
    let scales: Vec<Value> = nests.iter().map(|nest| w.size(&nest.scale)).collect();
    let (header, exit) = (w.block(&[types::I64]), w.block(&[]));
    w.jump(header, &[begin]);
    w.start(header);
    let first = w.params(header)[0];
    let stop = w.ins().iadd(first, rows);
    let stop = w.ins().smin(stop, end);
    for (nest, scale) in nests.iter().zip(scales) {
        let (from, to) = (w.ins().imul(first, scale), w.ins().imul(stop, scale));
        w.run_checked(nest.id, &[frame, from, to, fault]);
    }
    w.poll();
    let again = w.ins().icmp(IntCC::SignedLessThan, stop, end);
    w.branch(again, (header, &[stop]), (exit, &[]));
    w.start(exit);
}

/// Runs a group. Without rows of a product it does so only if it has enough iterations, and goes on where it has not: what is written
/// next runs its steps one by one, and ends with a jump to the block that is given back.
pub(super) fn run(w: &mut Writer<'_>, params: &[Value], (id, members): (FuncId, &[Member<'_>])) -> Option<Block> {
    let (&[context, frame, fault], Some(first)) = (params, members.first()) else { return None };
    let extent = w.size(first.extent());
    let products =
        || members.iter().filter_map(|m| if let Member::Product(product) = m { Some(*product) } else { None });
    let sum = |sizes: &mut dyn Iterator<Item = Size>| sizes.fold(Size::default(), |sum, size| sum.plus(&size));
    let function = w.function(id);
    if products().any(product::is_by_rows) {
        let work = w.size(&sum(&mut products().map(|product| product.n.times(&product.k).times(&Size::from(2)))));
        let address = w.ins().func_addr(types::I64, function);
        w.call_checked("parallel_rows", &[context, address, frame, extent, work, fault]);
        return None;
    }
    let few = w.integer(FEW);
    let enough = w.ins().icmp(IntCC::SignedGreaterThanOrEqual, extent, few);
    let (grouped, single, behind) = (w.block(&[]), w.block(&[]), w.block(&[]));
    w.branch(enough, (grouped, &[]), (single, &[]));
    w.start(grouped);
    let mut of_nests = members.iter().filter_map(|member| match member {
        Member::Nest(part) => Some(part.inner.times(&Size::from(part.cost))),
        Member::Product(_) => None,
    });
    let mut work = w.size(&sum(&mut of_nests));
    let multiplications = sum(&mut products().map(|product| product.m.times(&product.n).times(&product.k)));
    if multiplications.as_const() != Some(0) {
        let (multiplications, at_once) = (w.size(&multiplications), w.integer(AT_ONCE));
        let of_products = w.ins().sdiv(multiplications, at_once);
        work = w.ins().iadd(work, of_products);
    }
    let address = w.ins().func_addr(types::I64, function);
    w.call_checked("parallel_for", &[context, address, frame, extent, work, fault]);
    w.jump(behind, &[]);
    w.start(single);
    Some(behind)
}
