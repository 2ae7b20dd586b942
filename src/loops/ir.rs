//! The loop-nest IR: what the array graph is lowered to, and what the code generator reads.
//!
//! In: the schedule of a graph. Out: a [`Kernel`]: buffers and a list of steps, each a loop nest or a matrix product.
//! Always holds: steps run in order; every offset that a nest computes lies inside its buffer, except behind a `Check`
//! that fails first.

use crate::graph::{CheckKind, Constant, Size, SizeVar};
use crate::ops::{Elementwise, Reduction, Routine};
use crate::runtime::array::DType;
use crate::runtime::layout::depends;
use crate::syntax::span::Span;
use std::collections::BTreeMap;

pub use crate::runtime::layout::{Buffer, Role};

/// A buffer of the kernel, by position.
pub type BufferId = usize;

/// A value of a nest's body: the instruction at that position.
pub type Value = usize;

/// A compiled function before code generation.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    /// The function's name.
    pub name: String,
    /// The size variables whose values the caller passes.
    pub sizes: Vec<SizeVar>,
    /// Those among them that a [`Bind`] finds out; the caller passes nothing for them.
    pub found: Vec<SizeVar>,
    /// Memory that the steps read and write.
    pub buffers: Vec<Buffer>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What can go wrong while running; `Inst::Check` names one by position.
    pub faults: Vec<FaultSite>,
    /// What sizes that a [`Bind`] finds out are at most, where that is known.
    pub bounds: BTreeMap<SizeVar, Size>,
    /// The expressions whose values buffers first hold, by position; those that are no expression's come last.
    pub places: Vec<Span>,
}

/// A run-time error that may happen.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSite {
    /// What is checked.
    pub kind: CheckKind,
    /// The expression.
    pub span: Span,
}

/// One step of a kernel.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "kernels have tens of steps")]
pub enum Step {
    /// A loop nest.
    Nest(Nest),
    /// A matrix product.
    Product(Product),
    /// A library call over rows.
    Routine(Call),
    /// A loop around steps.
    Loop(Loop),
    /// Steps under a condition.
    If(If),
    /// A size is found out.
    Bind(Bind),
}

/// `for counter in 0..limit while again { body }`. What steps hand to later iterations is in buffers.
#[derive(Clone, Debug)]
pub struct Loop {
    /// The number of the iteration: an integer that the loop itself writes.
    pub counter: BufferId,
    /// The most iterations there are.
    pub limit: Scalar,
    /// No more than so many, whatever the data; `None` if nothing is known.
    pub most: Option<Size>,
    /// The expression that it computes.
    pub span: Span,
    /// What decides whether there is another iteration; computed before each one.
    pub head: Vec<Step>,
    /// Whether there is: a truth value that the head has computed. Always, if there is none.
    pub again: Option<BufferId>,
    /// The body.
    pub body: Vec<Step>,
}

/// Steps under a condition.
#[derive(Clone, Debug)]
pub struct If {
    /// A truth value.
    pub condition: BufferId,
    /// What is done if it holds.
    pub then: Vec<Step>,
}

/// The value of a size that only running tells: buffers that depend on it get their memory.
#[derive(Clone, Debug)]
pub struct Bind {
    /// The size variable.
    pub size: SizeVar,
    /// Holds its value.
    pub value: BufferId,
}

/// An integer: a size, or the only element of a buffer.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A size.
    Size(Size),
    /// What a buffer holds.
    Buffer(BufferId),
}

impl Step {
    /// The blocks of steps inside, in the order in which they run.
    pub fn blocks(&self) -> Vec<&[Step]> {
        match self {
            Step::Nest(_) | Step::Product(_) | Step::Routine(_) | Step::Bind(_) => Vec::new(),
            Step::Loop(inner) => vec![&inner.head, &inner.body],
            Step::If(inner) => vec![&inner.then],
        }
    }

    /// The same, to change.
    pub fn blocks_mut(&mut self) -> Vec<&mut Vec<Step>> {
        match self {
            Step::Nest(_) | Step::Product(_) | Step::Routine(_) | Step::Bind(_) => Vec::new(),
            Step::Loop(inner) => vec![&mut inner.head, &mut inner.body],
            Step::If(inner) => vec![&mut inner.then],
        }
    }

    /// The buffers that the step itself (not those inside it) reads, then those that it writes.
    pub fn buffers(&self) -> (Vec<BufferId>, Vec<BufferId>) {
        match self {
            Step::Nest(nest) => {
                let loads = nest.body.iter().filter_map(|inst| match inst {
                    Inst::Load(buffer, _) => Some(*buffer),
                    _ => None,
                });
                let mut reads: Vec<BufferId> = loads.collect();
                let mut writes = vec![nest.sink.buffer()];
                if let Sink::Accumulate { buffer, partial, .. } = &nest.sink {
                    reads.push(*buffer);
                    writes.extend(partial);
                }
                (reads, writes)
            }
            Step::Product(product) => {
                let operands = [product.a.buffer, product.b.buffer];
                (operands.into_iter().chain(product.scale).collect(), vec![product.c.buffer])
            }
            Step::Routine(call) => (call.operands.iter().map(|rows| rows.buffer).collect(), vec![call.result.buffer]),
            Step::Loop(inner) => {
                let limit = match inner.limit {
                    Scalar::Buffer(buffer) => Some(buffer),
                    Scalar::Size(_) => None,
                };
                (limit.into_iter().chain(inner.again).collect(), vec![inner.counter])
            }
            Step::If(inner) => (vec![inner.condition], Vec::new()),
            Step::Bind(bind) => (vec![bind.value], Vec::new()),
        }
    }

    /// Calls `f` for every buffer that is named in the step or inside it.
    pub fn rename(&mut self, f: &mut dyn FnMut(&mut BufferId)) {
        match self {
            Step::Nest(nest) => {
                for inst in &mut nest.body {
                    if let Inst::Load(buffer, _) = inst {
                        f(buffer);
                    }
                }
                match &mut nest.sink {
                    Sink::Store { buffer, .. } | Sink::Reduce { buffer, .. } => f(buffer),
                    Sink::Accumulate { buffer, partial, .. } => {
                        f(buffer);
                        partial.iter_mut().for_each(&mut *f);
                    }
                }
            }
            Step::Product(product) => {
                [&mut product.a, &mut product.b, &mut product.c].into_iter().for_each(|m| f(&mut m.buffer));
                product.scale.iter_mut().for_each(&mut *f);
            }
            Step::Routine(call) => {
                call.operands.iter_mut().chain([&mut call.result]).for_each(|rows| f(&mut rows.buffer));
            }
            Step::Loop(inner) => {
                f(&mut inner.counter);
                if let Scalar::Buffer(buffer) = &mut inner.limit {
                    f(buffer);
                }
                inner.again.iter_mut().for_each(&mut *f);
            }
            Step::If(inner) => f(&mut inner.condition),
            Step::Bind(bind) => f(&mut bind.value),
        }
        self.blocks_mut().into_iter().flatten().for_each(|step| step.rename(f));
    }
}

impl Kernel {
    /// Adds a buffer that holds the value of an expression.
    pub(super) fn add_buffer(&mut self, buffer: Buffer, span: Span) -> BufferId {
        self.places.resize(self.buffers.len(), Span::default());
        self.places.push(span);
        self.buffers.push(buffer);
        self.buffers.len() - 1
    }

    /// Puts steps in place of each loop, of inner ones first.
    pub(super) fn rewrite_loops(&mut self, rewrite: &mut impl FnMut(&mut Kernel, Loop) -> Vec<Step>) {
        let mut steps = std::mem::take(&mut self.steps);
        self.rewrite_loops_of(&mut steps, rewrite);
        self.steps = steps;
    }

    fn rewrite_loops_of(&mut self, steps: &mut Vec<Step>, rewrite: &mut impl FnMut(&mut Kernel, Loop) -> Vec<Step>) {
        for mut step in std::mem::take(steps) {
            for inner in step.blocks_mut() {
                self.rewrite_loops_of(inner, rewrite);
            }
            match step {
                Step::Loop(inner) => steps.extend(rewrite(self, inner)),
                other => steps.push(other),
            }
        }
    }

    /// The expression whose value a buffer first holds.
    pub fn place(&self, id: BufferId) -> Span {
        self.places.get(id).copied().unwrap_or_default()
    }

    /// Whether a size is not known before the kernel runs.
    pub fn is_found(&self, size: &Size) -> bool {
        depends(size, &self.found)
    }
}

impl Inst {
    /// The values that it uses.
    pub(super) fn operands(&self) -> Vec<Value> {
        match self {
            Inst::Const(..) => Vec::new(),
            Inst::Index(affine) | Inst::Load(_, affine) => affine.values.iter().map(|(value, _)| *value).collect(),
            Inst::Map(_, args) | Inst::Check { args, .. } => args.clone(),
            Inst::Cast(from, _) => vec![*from],
        }
    }

    /// The same of values that are elsewhere now.
    pub(crate) fn renamed(&self, moved: &[Value]) -> Inst {
        let mut inst = self.clone();
        match &mut inst {
            Inst::Const(..) => {}
            Inst::Index(affine) | Inst::Load(_, affine) => affine.rename_values(moved),
            Inst::Map(_, args) | Inst::Check { args, .. } => args.iter_mut().for_each(|arg| *arg = moved[*arg]),
            Inst::Cast(value, _) => *value = moved[*value],
        }
        inst
    }
}

impl Sink {
    /// The values that it uses.
    pub(super) fn values(&self) -> Vec<Value> {
        let (value, position, offset) = match self {
            Sink::Store { value, offset, .. } | Sink::Accumulate { value, offset, .. } => (value, &None, offset),
            Sink::Reduce { value, position, offset, .. } => (value, position, offset),
        };
        let offsets = offset.values.iter().map(|(value, _)| *value);
        offsets.chain([*value]).chain(*position).collect()
    }

    /// Lets it use values that are elsewhere now.
    pub(super) fn rename_values(&mut self, moved: &[Value]) {
        match self {
            Sink::Store { value, offset, .. } | Sink::Accumulate { value, offset, .. } => {
                *value = moved[*value];
                offset.rename_values(moved);
            }
            Sink::Reduce { value, position, offset, .. } => {
                *value = moved[*value];
                position.iter_mut().for_each(|value| *value = moved[*value]);
                offset.rename_values(moved);
            }
        }
    }

    /// The buffer that is written.
    pub fn buffer(&self) -> BufferId {
        match self {
            Sink::Store { buffer, .. } | Sink::Reduce { buffer, .. } | Sink::Accumulate { buffer, .. } => *buffer,
        }
    }
}

/// A perfect nest of loops with one body.
#[derive(Clone, Debug)]
pub struct Nest {
    /// Extents, outermost first; loop `k` counts `0..loops[k]`. May be empty: the body runs once.
    pub loops: Vec<Size>,
    /// The outermost loop's iterations write disjoint memory and may run on several threads.
    pub parallel: bool,
    /// Instructions in order; each is a value.
    pub body: Vec<Inst>,
    /// What happens to the result of an iteration.
    pub sink: Sink,
    /// The expression that it computes.
    pub span: Span,
}

/// `constant + Σ factor · loop + Σ factor · value`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Affine {
    /// The constant part.
    pub constant: Size,
    /// (loop, factor), loops ascending, factors not zero.
    pub loops: Vec<(usize, Size)>,
    /// (value of the body, factor): indexes that are read from data.
    pub values: Vec<(Value, Size)>,
}

/// An instruction of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Inst {
    /// A constant.
    Const(Constant, DType),
    /// An integer: a size, or where the loops stand.
    Index(Affine),
    /// The element of a buffer at an offset, counted in elements.
    Load(BufferId, Affine),
    /// An elementwise operator.
    Map(&'static Elementwise, Vec<Value>),
    /// Conversion to a dtype.
    Cast(Value, DType),
    /// A check: ends the kernel with the fault if it does not hold. The value is the first operand; an index is
    /// counted from the front.
    Check {
        /// Which of `Kernel::faults`.
        fault: usize,
        /// Operands as `CheckKind` says.
        args: Vec<Value>,
    },
}

/// What a nest does with its value.
#[derive(Clone, Debug)]
pub enum Sink {
    /// Writes it.
    Store {
        /// What.
        value: Value,
        /// Where to.
        buffer: BufferId,
        /// At which element.
        offset: Affine,
    },
    /// Reduces over the innermost loops and writes the result once per point of the others.
    Reduce {
        /// How.
        kind: &'static Reduction,
        /// How many of the innermost loops are reduced over.
        loops: usize,
        /// What.
        value: Value,
        /// For positional reductions the position of the element, an integer value.
        position: Option<Value>,
        /// Where to.
        buffer: BufferId,
        /// At which element: does not depend on the reduced loops.
        offset: Affine,
    },
    /// `buffer[offset] = kind(buffer[offset], value)`, in the order of the iterations.
    Accumulate {
        /// How.
        kind: &'static Reduction,
        /// What.
        value: Value,
        /// Where to.
        buffer: BufferId,
        /// At which element.
        offset: Affine,
        /// Memory for partial results of blocks of the outermost loop, if that is reduced over and may be cut into blocks.
        partial: Option<BufferId>,
    },
}

/// `c[b,m,n] = s · Σ_k a[b,m,k] · b[b,k,n]`, where `a` or `b` may be squares of what is in memory.
#[derive(Clone, Debug)]
pub struct Product {
    /// `f32` or `f64`.
    pub dtype: DType,
    /// How many products.
    pub batch: Size,
    /// Rows of the result.
    pub m: Size,
    /// Columns of the result.
    pub n: Size,
    /// The length that is summed over.
    pub k: Size,
    /// The left operand; its column axis is `k`.
    pub a: Matrix,
    /// The right operand; its row axis is `k`.
    pub b: Matrix,
    /// The result; overwritten.
    pub c: Matrix,
    /// Where the factor `s` is, if it is not 1.
    pub scale: Option<BufferId>,
    /// The expression that it computes.
    pub span: Span,
}

/// A routine, run for each row of its operands. Rows lie one behind the other, in C order.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which.
    pub routine: &'static Routine,
    /// How many rows there are.
    pub rows: Size,
    /// Scalar operations per row, about.
    pub work: Size,
    /// Where each operand's rows lie.
    pub operands: Vec<Rows>,
    /// Where the result's rows lie; overwritten.
    pub result: Rows,
    /// The expression that it computes.
    pub span: Span,
}

/// Rows in memory, from the beginning of a buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// The memory.
    pub buffer: BufferId,
    /// The sizes of a row.
    pub core: Vec<Size>,
    /// Whether there is one row for all.
    pub shared: bool,
}

/// Where a matrix lies. Distances are in elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// The memory.
    pub buffer: BufferId,
    /// The first element.
    pub offset: Size,
    /// From one matrix of the batch to the next.
    pub batch: Size,
    /// From one row to the next.
    pub row: Size,
    /// From one column to the next.
    pub column: Size,
    /// Whether what is multiplied is the square of each element.
    pub squared: bool,
}

impl Affine {
    /// A constant.
    pub fn constant(size: Size) -> Affine {
        Affine { constant: size, ..Affine::default() }
    }

    /// One loop's counter.
    pub fn of_loop(index: usize) -> Affine {
        Affine { loops: vec![(index, Size::one())], ..Affine::default() }
    }

    /// One value of the body.
    pub fn of_value(value: Value) -> Affine {
        Affine { values: vec![(value, Size::one())], ..Affine::default() }
    }

    /// Lets it use values that are elsewhere now.
    pub(super) fn rename_values(&mut self, moved: &[Value]) {
        for (value, factor) in std::mem::take(&mut self.values) {
            *self = self.plus(&Affine { values: vec![(moved[value], factor)], ..Affine::default() });
        }
    }

    /// The sum.
    #[must_use]
    pub fn plus(&self, other: &Affine) -> Affine {
        fn merge(a: &[(usize, Size)], b: &[(usize, Size)]) -> Vec<(usize, Size)> {
            let mut sum: BTreeMap<usize, Size> = BTreeMap::new();
            for (key, factor) in a.iter().chain(b) {
                let entry = sum.entry(*key).or_default();
                *entry = entry.plus(factor);
            }
            sum.into_iter().filter(|(_, factor)| factor.as_const() != Some(0)).collect()
        }
        Affine {
            constant: self.constant.plus(&other.constant),
            loops: merge(&self.loops, &other.loops),
            values: merge(&self.values, &other.values),
        }
    }

    /// The product with a size.
    #[must_use]
    pub fn times(&self, factor: &Size) -> Affine {
        if factor.as_const() == Some(0) {
            return Affine::default();
        }
        let scale = |parts: &[(usize, Size)]| parts.iter().map(|(key, f)| (*key, f.times(factor))).collect();
        Affine { constant: self.constant.times(factor), loops: scale(&self.loops), values: scale(&self.values) }
    }

    /// The factor of a loop; zero if it does not occur.
    pub fn factor(&self, index: usize) -> Size {
        self.loops.iter().find(|(l, _)| *l == index).map_or_else(Size::default, |(_, factor)| factor.clone())
    }

    /// The value, if it depends on no loop and no data.
    pub fn as_size(&self) -> Option<&Size> {
        (self.loops.is_empty() && self.values.is_empty()).then_some(&self.constant)
    }
}
