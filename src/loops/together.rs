//! Steps that run together: block by block of their outermost loops, so that what one writes is in cache when the next reads it.
//!
//! In: the steps of a block. Out: which of them, standing one behind the other, may run so: loop nests, and matrix products in
//! blocks of rows or of matrices.
//! Reductions of everything that run together are found in `totals`.
//! Always holds: of what another step of the run writes, iteration i of an outermost loop touches only what iteration i of
//! the other's writes, so it does not matter how far ahead each of them is.

use super::ir::{Affine, BufferId, Inst, Matrix, Nest, Product, Sink, Step};
use super::totals;
use crate::graph::Size;

/// The most steps of a run: each is compared with all before it.
const LONGEST: usize = 16;

/// How far behind a run is looked for who else reads what a product of it reads.
const FARTHEST: usize = 64;

/// The end of the run of steps that begins at a step; the step behind it if it runs by itself.
pub fn run_end(steps: &[Step], at: usize) -> usize {
    if let Some(end) = totals::run_end(steps, at) {
        return end;
    }
    let alone = at + 1;
    let Some(first) = steps.get(at).and_then(Member::of) else { return alone };
    let mut run = vec![first];
    let mut shares = false;
    let mut end = alone;
    // Where the last step that shares something with the others stands: the run goes no further.
    for (position, step) in steps.iter().enumerate().skip(alone).take(LONGEST - 1) {
        let Some(next) = Member::of(step).filter(|next| next.extent == run[0].extent) else { break };
        if !run.iter().all(|earlier| earlier.is_row_by_row(&next)) || frees_memory(steps, position) {
            break;
        }
        if run.iter().any(|earlier| earlier.meets(&next)) {
            (shares, end) = (true, position + 1);
        }
        run.push(next);
    }
    if shares { end } else { alone }
}

/// Whether the memory of the rows that a product multiplies is free for others behind it, as that of a layer's input is when nobody
/// goes back. What runs together is held at the same time, which would be all layers.
fn frees_memory(steps: &[Step], at: usize) -> bool {
    let Some(Step::Product(product)) = steps.get(at) else { return false };
    let mut later = steps.iter().skip(at + 1).take(FARTHEST);
    product.batch.is_one() && !later.any(|step| step.buffers().0.contains(&product.a.buffer))
}

/// What a step touches in an iteration of its outermost loop.
struct Member {
    /// How many iterations there are.
    extent: Size,
    /// The array that it writes.
    written: BufferId,
    /// How many elements it writes in an iteration: these are its own.
    own: Size,
    /// The arrays that it reads.
    reads: Vec<Read>,
}

/// How a step reads an array.
struct Read {
    buffer: BufferId,
    /// How many elements an iteration reads, if each stays among its own.
    own: Option<Size>,
    /// Whether the place changes from one iteration to the next.
    moves: bool,
}

impl Member {
    /// The step, if the iterations of its outermost loop may run in blocks: each writes elements of its own, and none can fail.
    fn of(step: &Step) -> Option<Member> {
        match step {
            Step::Nest(nest) => Member::of_nest(nest),
            Step::Product(product) => Member::of_product(product),
            _ => None,
        }
    }

    fn of_nest(nest: &Nest) -> Option<Member> {
        let fails = nest.body.iter().any(|inst| matches!(inst, Inst::Check { .. }));
        let kept = match &nest.sink {
            Sink::Store { .. } => nest.loops.len(),
            Sink::Reduce { loops, .. } => nest.loops.len() - loops,
            Sink::Accumulate { .. } => 1,
        };
        let extent = nest.loops.first().filter(|extent| kept > 0 && nest.parallel && !fails && !extent.is_one())?;
        let at = offset(&nest.sink);
        let own = match &nest.sink {
            Sink::Accumulate { .. } if !at.values.is_empty() => scattered_row(at),
            _ => row(at, &nest.loops),
        }?;
        let loads = nest.body.iter().filter_map(|inst| match inst {
            Inst::Load(buffer, at) => Some((*buffer, at)),
            _ => None,
        });
        let reads = loads.map(|(buffer, at)| Read {
            buffer,
            own: row(at, &nest.loops),
            moves: at.factor(0).as_const() != Some(0),
        });
        Some(Member { extent: extent.clone(), written: nest.sink.buffer(), own, reads: reads.collect() })
    }

    /// A product's outermost loop is that over its matrices, or over the rows of the only one.
    fn of_product(product: &Product) -> Option<Member> {
        let single = product.batch.is_one();
        let extent = if single { &product.m } else { &product.batch };
        let own = |matrix: &Matrix, rows: &Size, columns: &Size| {
            let whole = rows.times(columns);
            let by_rows = matrix.row == *columns && matrix.column.is_one();
            let by_columns = matrix.column == *rows && matrix.row.is_one();
            let own = match single {
                true => by_rows.then(|| columns.clone()),
                false => ((by_rows || by_columns) && matrix.batch == whole).then_some(whole),
            };
            own.filter(|_| matrix.offset.as_const() == Some(0))
        };
        let step = |matrix: &Matrix| if single { matrix.row.clone() } else { matrix.batch.clone() };
        let moves = |matrix: &Matrix| step(matrix).as_const() != Some(0);
        let (a, b) = (&product.a, &product.b);
        let left = Read { buffer: a.buffer, own: own(a, &product.m, &product.k), moves: moves(a) };
        let right = match single {
            true => Read { buffer: b.buffer, own: None, moves: false },
            false => Read { buffer: b.buffer, own: own(b, &product.k, &product.n), moves: moves(b) },
        };
        let scale = product.scale.map(|buffer| Read { buffer, own: None, moves: false });
        Some(Member {
            extent: extent.clone(),
            written: product.c.buffer,
            own: own(&product.c, &product.m, &product.n).filter(|_| !extent.is_one())?,
            reads: [left, right].into_iter().chain(scale).collect(),
        })
    }

    /// Whether two steps touch what the other writes only at their own iteration's elements.
    fn is_row_by_row(&self, later: &Member) -> bool {
        let within = |reader: &Member, writer: &Member| {
            let own = |read: &Read| read.buffer != writer.written || read.own.as_ref() == Some(&writer.own);
            reader.reads.iter().all(own)
        };
        let both = self.written != later.written || self.own == later.own;
        within(later, self) && within(self, later) && both
    }

    /// Whether two steps read the same array, or one reads what the other writes.
    fn meets(&self, later: &Member) -> bool {
        let touches = |member: &Member, buffer: BufferId| {
            member.written == buffer || member.reads.iter().any(|read| read.moves && read.buffer == buffer)
        };
        let moving = later.reads.iter().filter(|read| read.moves).map(|read| read.buffer);
        moving.chain([later.written]).any(|buffer| touches(self, buffer))
    }
}

fn offset(sink: &Sink) -> &Affine {
    match sink {
        Sink::Store { offset, .. } | Sink::Reduce { offset, .. } | Sink::Accumulate { offset, .. } => offset,
    }
}

/// How many elements lie between one iteration of a scatter and the next, if data say where in a row an element goes, and the
/// outermost loop in which row.
fn scattered_row(at: &Affine) -> Option<Size> {
    let outer = at.factor(0);
    let within = at.constant.as_const() == Some(0) && at.values.iter().all(|(_, factor)| factor.is_one());
    (within && !matches!(outer.as_const(), Some(0 | 1))).then_some(outer)
}

/// How many elements lie between one iteration of the outermost loop and the next, if each stays among its own: the inner loops
/// that occur count in C order within it.
fn row(at: &Affine, loops: &[Size]) -> Option<Size> {
    if !at.values.is_empty() || at.constant.as_const() != Some(0) {
        return None;
    }
    let outer = at.factor(0);
    let mut inner: Vec<&(usize, Size)> = at.loops.iter().filter(|(index, _)| *index != 0).collect();
    let mut reach = Size::one();
    while !inner.is_empty() {
        let next = inner.iter().position(|(_, factor)| *factor == reach)?;
        let (index, _) = inner.swap_remove(next);
        reach = reach.times(loops.get(*index)?);
    }
    (outer.as_const() != Some(0) && outer == reach).then_some(reach)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::elementwise::NOT;
    use crate::ops::reduction::SUM;
    use crate::syntax::span::Span;

    fn at(parts: &[(usize, Size)]) -> Affine {
        Affine { loops: parts.to_vec(), ..Affine::default() }
    }

    /// `to = f(from)` over n × m, each at the given places.
    fn map(from: (BufferId, Affine), to: (BufferId, Affine)) -> Step {
        let body = vec![Inst::Load(from.0, from.1), Inst::Map(&NOT, vec![0])];
        let sink = Sink::Store { value: 1, buffer: to.0, offset: to.1 };
        Step::Nest(Nest {
            loops: vec![Size::var("n"), Size::var("m")],
            parallel: true,
            body,
            sink,
            span: Span::default(),
        })
    }

    fn total(from: (BufferId, Affine), to: BufferId) -> Step {
        let body = vec![Inst::Load(from.0, from.1)];
        let offset = Affine::of_loop(0);
        let sink = Sink::Reduce { kind: &SUM, loops: 1, value: 0, position: None, buffer: to, offset };
        Step::Nest(Nest {
            loops: vec![Size::var("n"), Size::var("m")],
            parallel: true,
            body,
            sink,
            span: Span::default(),
        })
    }

    #[test]
    fn rows_run_together() {
        let own = at(&[(0, Size::var("m")), (1, Size::one())]);
        let flipped = at(&[(0, Size::one()), (1, Size::var("n"))]);
        let column = at(&[(1, Size::one())]);
        let steps = |middle: &Affine| {
            vec![
                map((0, own.clone()), (1, own.clone())),
                total((1, own.clone()), 2),
                map((1, middle.clone()), (3, own.clone())),
            ]
        };
        assert_eq!(run_end(&steps(&own), 0), 3);
        // What reads columns, or one row for all, needs the whole array.
        assert_eq!(run_end(&steps(&flipped), 0), 2);
        assert_eq!(run_end(&steps(&column), 0), 2);
        // A run ends where nothing is shared any more.
        let strangers = [map((0, own.clone()), (1, own.clone())), map((5, own.clone()), (6, own.clone()))];
        assert_eq!(run_end(&strangers, 0), 1);
        // Reading what is overwritten later has to be at the same place too.
        let over = |read: &Affine| [map((0, read.clone()), (1, own.clone())), map((2, own.clone()), (0, own.clone()))];
        assert_eq!(run_end(&over(&own), 0), 2);
        assert_eq!(run_end(&over(&flipped), 0), 1);
    }

    fn matrix(buffer: BufferId, row: &Size, column: &Size) -> Matrix {
        let (offset, batch) = (Size::from(0), Size::from(0));
        Matrix { buffer, offset, batch, row: row.clone(), column: column.clone(), squared: false }
    }

    /// `to = from @ weights` of n rows and m columns.
    fn product(from: Matrix, weights: BufferId, to: Matrix) -> Step {
        let (n, m, one) = (Size::var("n"), Size::var("m"), Size::one());
        let b = matrix(weights, &m, &one);
        let (dtype, span) = (crate::runtime::array::DType::F64, Span::default());
        let (batch, k) = (one, m.clone());
        Step::Product(Product { dtype, batch, m: n, n: m, k, a: from, b, c: to, scale: None, span })
    }

    #[test]
    fn products_run_together_with_what_is_at_their_rows() {
        let (m, one) = (Size::var("m"), Size::one());
        let rows = |buffer: BufferId| matrix(buffer, &m, &one);
        let own = at(&[(0, m.clone()), (1, one.clone())]);
        let layer = |from: BufferId, to: BufferId| product(rows(from), 9, rows(to));
        let behind = |from: BufferId, to: BufferId| map((from, own.clone()), (to, own.clone()));
        assert_eq!(run_end(&[layer(0, 1), behind(1, 2)], 0), 2);
        assert_eq!(run_end(&[behind(0, 1), layer(1, 2), behind(2, 3)], 0), 1);
        assert_eq!(run_end(&[behind(0, 1), layer(1, 2), behind(2, 3), behind(1, 4)], 0), 4);
        // Columns in place of rows, of the result or of the left operand; a right operand that is just being made.
        let columns = |buffer: BufferId| matrix(buffer, &one, &Size::var("n"));
        assert_eq!(run_end(&[product(rows(0), 9, columns(1)), behind(1, 2)], 0), 1);
        assert_eq!(run_end(&[behind(0, 1), product(columns(1), 9, rows(2))], 0), 1);
        assert_eq!(run_end(&[behind(0, 1), product(rows(0), 1, rows(2))], 0), 1);
        // What is read again later is held anyway.
        let back = [layer(0, 1), layer(1, 2), layer(2, 3), layer(3, 4), layer(1, 5), layer(2, 6), layer(3, 7)];
        assert_eq!(run_end(&back[..4], 0), 1);
        assert_eq!(run_end(&back, 0), 4);
    }
}
