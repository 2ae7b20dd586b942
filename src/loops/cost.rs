//! What a kernel costs, for every size: scalar operations, and the memory that is live at each step.
//!
//! In: a kernel. Out: polynomials in the size variables, with the expression that each part of them is for.
//! Always holds: no run takes more, as far as loops and sizes have bounds; what has none is a variable of its own in the
//! polynomials, whose name begins with `?`.

use super::bounds::bounded;
use super::ir::{BufferId, Inst, Kernel, Loop, Nest, Product, Role, Scalar, Sink, Step};
use super::lives::lives;
use crate::graph::{Size, SizeEnv, SizeVar, envelope};
use crate::ops::looping::UNBOUNDED;
use crate::syntax::span::Span;

/// The most polynomials of which the largest is the peak of memory; beyond, one that is no less than all.
const PEAKS: usize = 4;

/// What a kernel costs.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// The work of each step, in the order in which it runs.
    pub works: Vec<Work>,
    /// Scalar operations, all in all.
    pub time: Size,
    /// The memory that is live at each step.
    pub moments: Vec<Moment>,
    /// Bytes of memory: the largest of these is the peak.
    pub peaks: Vec<Size>,
    /// Bytes of each buffer.
    pub bytes: Vec<Size>,
    /// What has no bound.
    pub unknown: Vec<Unknown>,
}

/// The work of one step.
#[derive(Clone, Debug)]
pub struct Work {
    /// What it does: `product`, `elementwise`, `copy`, the name of a reduction or routine.
    pub what: &'static str,
    /// The expression that it computes.
    pub span: Span,
    /// Extents of its loops; for a product batch, rows, summed length and columns.
    pub extents: Vec<Size>,
    /// How often it runs, if loops stand around it.
    pub runs: Size,
    /// Scalar operations of all its runs.
    pub operations: Size,
}

/// Memory while a step runs.
#[derive(Clone, Debug)]
pub struct Moment {
    /// Bytes of arguments, results and what else is needed then or later.
    pub bytes: Size,
    /// What is held.
    pub live: Vec<BufferId>,
}

/// A number that data decides and nothing bounds.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// Its name in the polynomials.
    pub name: SizeVar,
    /// Whether it counts the iterations of a loop; else it is the size of an axis.
    pub is_loop: bool,
    /// The expression.
    pub span: Span,
}

impl Cost {
    /// The cost of a kernel.
    pub fn of(kernel: &Kernel) -> Cost {
        let mut counter = Counter { kernel, cost: Cost::default() };
        for name in kernel.found.iter().filter(|name| !kernel.bounds.contains_key(*name)) {
            let span = bind_place(&kernel.steps, name, kernel).unwrap_or_default();
            counter.cost.unknown.push(Unknown { name: name.clone(), is_loop: false, span });
        }
        counter.steps(&kernel.steps, &Size::one());
        let mut cost = counter.cost;
        cost.time = cost.works.iter().fold(Size::default(), |sum, work| sum.plus(&work.operations));
        cost.memory(kernel);
        cost
    }

    /// Bytes at the peak, at these sizes. `None` when one is missing.
    pub fn peak(&self, sizes: &SizeEnv) -> Option<i64> {
        let bytes = self.moments.iter().map(|moment| moment.bytes.eval(sizes));
        bytes.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// What is live at each step, and the largest of it.
    fn memory(&mut self, kernel: &Kernel) {
        let bytes = |elements: &Size, width: usize| bounded(elements, &kernel.bounds).times(&Size::from(width as i64));
        self.bytes = kernel.buffers.iter().map(|buffer| bytes(&buffer.elements, buffer.dtype.size())).collect();
        let lives = lives(kernel);
        let last = lives.iter().flatten().map(|(_, last)| *last).max().unwrap_or(0);
        let (mut begins, mut ends) = (vec![Vec::new(); last + 2], vec![Vec::new(); last + 2]);
        for (id, buffer) in kernel.buffers.iter().enumerate() {
            let life = match buffer.role {
                Role::Input(_) | Role::Output(_) => Some((0, last)),
                // Memory of sizes that running tells is given back at the end.
                Role::Scratch if kernel.is_found(&buffer.elements) => lives[id].map(|(first, _)| (first, last)),
                Role::Scratch => lives[id],
            };
            if let Some((first, last)) = life {
                begins[first].push(id);
                ends[last + 1].push(id);
            }
        }
        let (mut now, mut live) = (Size::default(), Vec::new());
        for position in 0..=last {
            for &id in &ends[position] {
                now = now.minus(&self.bytes[id]);
                live.retain(|other| *other != id);
            }
            for &id in &begins[position] {
                now = now.plus(&self.bytes[id]);
                live.push(id);
            }
            self.note(&now, &live);
        }
        while self.peaks.len() > PEAKS {
            let (a, b) = (self.peaks.pop().unwrap_or_default(), self.peaks.pop().unwrap_or_default());
            self.peaks.push(envelope(&a, &b));
        }
    }

    /// Keeps what is live, if it is not less than at another step whatever the sizes.
    fn note(&mut self, now: &Size, live: &[BufferId]) {
        if self.moments.iter().any(|known| known.bytes.minus(now).is_nonnegative()) {
            return;
        }
        self.moments.retain(|known| !now.minus(&known.bytes).is_nonnegative());
        self.moments.push(Moment { bytes: now.clone(), live: live.to_vec() });
        self.peaks = self.moments.iter().map(|moment| moment.bytes.clone()).collect();
    }
}

/// The expression that a size comes from.
fn bind_place(steps: &[Step], name: &SizeVar, kernel: &Kernel) -> Option<Span> {
    steps.iter().find_map(|step| match step {
        Step::Bind(bind) if bind.size == *name => Some(kernel.place(bind.value)),
        other => other.blocks().into_iter().find_map(|block| bind_place(block, name, kernel)),
    })
}

struct Counter<'k> {
    kernel: &'k Kernel,
    cost: Cost,
}

impl Counter<'_> {
    fn steps(&mut self, steps: &[Step], runs: &Size) {
        for step in steps {
            match step {
                Step::Nest(nest) => self.nest(nest, runs),
                Step::Product(product) => self.product(product, runs),
                Step::Routine(call) => {
                    let extents = vec![self.bounded(&call.rows)];
                    let each = self.bounded(&call.rows.times(&call.work));
                    self.add(call.routine.name, call.span, extents, &each, runs);
                }
                Step::Loop(inner) => {
                    let trips = self.trips(inner);
                    let more = if inner.again.is_some() { Size::one() } else { Size::default() };
                    self.steps(&inner.head, &runs.times(&trips.plus(&more)));
                    self.steps(&inner.body, &runs.times(&trips));
                }
                Step::If(inner) => self.steps(&inner.then, runs),
                Step::Bind(_) => {}
            }
        }
    }

    fn bounded(&self, size: &Size) -> Size {
        bounded(size, &self.kernel.bounds)
    }

    /// The most iterations of a loop; one without a bound gets a name for them.
    fn trips(&mut self, inner: &Loop) -> Size {
        let known = match &inner.limit {
            Scalar::Size(size) => Some(size),
            Scalar::Buffer(_) => inner.most.as_ref(),
        };
        match known.filter(|size| size.as_const() != Some(UNBOUNDED)) {
            Some(size) => self.bounded(size),
            None => {
                let count = self.cost.unknown.iter().filter(|unknown| unknown.is_loop).count();
                let name: SizeVar = format!("?loop{}", count + 1).into();
                self.cost.unknown.push(Unknown { name: name.clone(), is_loop: true, span: inner.span });
                Size::var(&name)
            }
        }
    }

    fn add(&mut self, what: &'static str, span: Span, extents: Vec<Size>, each: &Size, runs: &Size) {
        let operations = each.times(runs);
        self.cost.works.push(Work { what, span, extents, runs: runs.clone(), operations });
    }

    fn nest(&mut self, nest: &Nest, runs: &Size) {
        let computes = |inst: &&Inst| matches!(inst, Inst::Map(..) | Inst::Cast(..) | Inst::Check { .. });
        let body = nest.body.iter().filter(computes).count() as i64;
        let (what, sink) = match &nest.sink {
            Sink::Store { .. } if body == 0 => ("copy", 1),
            Sink::Store { .. } => ("elementwise", 0),
            Sink::Reduce { kind, .. } | Sink::Accumulate { kind, .. } => (kind.name, 1),
        };
        let extents: Vec<Size> = nest.loops.iter().map(|extent| self.bounded(extent)).collect();
        let each = Size::product(&extents).times(&Size::from(body + sink));
        self.add(what, nest.span, extents, &each, runs);
    }

    fn product(&mut self, product: &Product, runs: &Size) {
        let sizes = [&product.batch, &product.m, &product.k, &product.n];
        let extents: Vec<Size> = sizes.into_iter().map(|size| self.bounded(size)).collect();
        let mut each = Size::product(&extents).times(&Size::from(2));
        if let [batch, m, k, n] = extents.as_slice() {
            for (squared, rows, columns) in [(product.a.squared, m, k), (product.b.squared, k, n)] {
                if squared {
                    each = each.plus(&batch.times(rows).times(columns));
                }
            }
            if product.scale.is_some() {
                each = each.plus(&batch.times(m).times(n));
            }
        }
        self.add("product", product.span, extents, &each, runs);
    }
}
