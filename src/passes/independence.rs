//! Independence of examples: whether results depend, row by row, on that row of the inputs alone.
//!
//! In: a graph whose derivatives are expanded, and the size of the axis along which examples lie. Out: the operator that
//! mixes them, if one does.
//! Always holds: what is called independent is; where nothing is known, examples count as mixed. How many examples there are
//! is no example's: `c / n` keeps them apart.

use crate::graph::{Binder, CheckKind, Graph, NodeId, Op, Size, VarId, reachable};
use crate::syntax::span::Span;
use rustc_hash::{FxHashMap, FxHashSet};

/// What a value knows of the examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    /// Nothing.
    Free,
    /// Element `i` along this axis knows example `i` alone.
    Rows(usize),
    /// The one example that this scalar names; `by` took it.
    One { index: NodeId, by: NodeId },
    /// More than one, because of this operator.
    Mixed(NodeId),
}

/// A result in which examples are mixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mixture {
    /// Which result.
    pub result: usize,
    /// The operator that mixes them.
    pub by: Op,
    /// The expression that made it.
    pub span: Span,
}

/// The first result with the examples' axis in front that knows, in some row, more than that row of the inputs.
pub fn mixture(graph: &Graph, axis: &Size) -> Option<Mixture> {
    let graph = &apart(graph);
    let mut tagger = Tagger { graph, axis, tags: FxHashMap::default(), states: FxHashMap::default() };
    tagger.run();
    graph.outputs.iter().enumerate().find_map(|(result, &id)| {
        if graph.shape(id).first() != Some(axis) {
            return None;
        }
        let by = match tagger.tag(id) {
            Tag::Free | Tag::Rows(0) => return None,
            Tag::Rows(_) => id,
            Tag::One { by, .. } | Tag::Mixed(by) => by,
        };
        Some(Mixture { result, span: graph.node(by).span, by: graph.node(by).op.clone() })
    })
}

/// The graph where every loop has variables of its own: what one of two loops carries is not what the other does.
fn apart(graph: &Graph) -> Graph {
    let mut seen: FxHashSet<VarId> = FxHashSet::default();
    graph.rewrite(|copier, next, id| {
        let copy = copier.copy(next, id);
        let node = next.node(copy).clone();
        match node.op {
            Op::Loop(binder) if binder.vars().filter(|var| !seen.insert(*var)).count() > 0 => {
                let (binder, inputs) = next.renamed_loop(&binder, &node.inputs);
                next.add_loop(binder, inputs)
            }
            _ => copy,
        }
    })
}

struct Tagger<'g> {
    graph: &'g Graph,
    axis: &'g Size,
    tags: FxHashMap<NodeId, Tag>,
    /// What loops carry, as far as it is known by now.
    states: FxHashMap<VarId, Tag>,
}

impl Tagger<'_> {
    /// Tags every node; again until what loops carry no longer changes.
    fn run(&mut self) {
        let order = reachable(self.graph, &self.graph.roots());
        loop {
            let before = self.states.clone();
            for &id in &order {
                let tag = self.compute(id);
                self.tags.insert(id, tag);
                if let Op::Loop(binder) = &self.graph.node(id).op {
                    self.carry(id, binder);
                }
            }
            if self.states == before {
                return;
            }
        }
    }

    fn tag(&self, id: NodeId) -> Tag {
        self.tags.get(&id).copied().unwrap_or(Tag::Free)
    }

    /// What two values know that meet in `at`, element by element.
    fn join(&self, at: NodeId, a: Tag, b: Tag) -> Tag {
        match (a, b) {
            (Tag::Free, other) | (other, Tag::Free) => other,
            (Tag::Mixed(by), _) | (_, Tag::Mixed(by)) => Tag::Mixed(by),
            (Tag::Rows(a), Tag::Rows(b)) if a == b => Tag::Rows(a),
            (Tag::One { index: a, by }, Tag::One { index: b, .. }) if a == b => Tag::One { index: a, by },
            _ => Tag::Mixed(at),
        }
    }

    fn join_all(&self, at: NodeId, tags: impl IntoIterator<Item = Tag>) -> Tag {
        tags.into_iter().fold(Tag::Free, |all, tag| self.join(at, all, tag))
    }

    /// The tag of an operand with its axis of examples moved; `None` for an axis that is gone.
    fn moved(&self, at: NodeId, of: NodeId, to: impl Fn(usize) -> Option<usize>) -> Tag {
        match self.tag(of) {
            Tag::Rows(axis) => to(axis).map_or(Tag::Mixed(at), Tag::Rows),
            other => other,
        }
    }

    fn compute(&self, id: NodeId) -> Tag {
        let node = self.graph.node(id);
        let inputs = node.inputs.as_slice();
        match (&node.op, inputs) {
            (Op::Input(_), _) => self.input(id),
            (Op::State(var), _) => self.states.get(var).copied().unwrap_or(Tag::Free),
            (Op::Reduce { axes, .. }, &[x]) => self.moved(id, x, |axis| {
                let below = axes.iter().filter(|dropped| **dropped < axis).count();
                (!axes.contains(&axis)).then(|| axis - below)
            }),
            (Op::Broadcast { axes }, &[x]) => self.moved(id, x, |axis| axes.get(axis).copied()),
            (Op::Transpose { perm }, &[x]) => self.moved(id, x, |axis| perm.iter().position(|from| *from == axis)),
            (Op::Reshape, &[x]) => self.moved(id, x, |axis| self.reshaped(id, x, axis)),
            (Op::Slice { starts, steps }, &[x]) => self.moved(id, x, |axis| {
                let whole = self.graph.shape(id).get(axis) == self.graph.shape(x).get(axis);
                let same = starts.get(axis)?.as_const() == Some(0) && steps.get(axis) == Some(&1);
                (whole && same).then_some(axis)
            }),
            (Op::Place { starts, steps }, &[x]) => self.moved(id, x, |axis| {
                let whole = self.graph.shape(id).get(axis) == self.graph.shape(x).get(axis);
                let same = starts.get(axis)?.as_const() == Some(0) && steps.get(axis) == Some(&1);
                (whole && same).then_some(axis)
            }),
            (Op::Concat { axis: along }, parts) => {
                let parts = parts.iter().map(|x| self.moved(id, *x, |axis| (axis != *along).then_some(axis)));
                self.join_all(id, parts)
            }
            (Op::Contract { operands, result }, inputs) => {
                // One label for all: rows of different operands meet only where they are the same row.
                let labels = inputs.iter().zip(operands).filter_map(|(x, labels)| match self.tag(*x) {
                    Tag::Rows(axis) => labels.get(axis).copied(),
                    _ => None,
                });
                let labels: Vec<u8> = labels.collect();
                let one = labels.windows(2).all(|pair| pair[0] == pair[1]);
                let parts = inputs.iter().map(|x| {
                    self.moved(id, *x, |_| {
                        let label = labels.first().filter(|_| one)?;
                        result.iter().position(|kept| kept == label)
                    })
                });
                self.join_all(id, parts)
            }
            (Op::Gather { axes }, [x, indexes @ ..]) => self.gather(id, *x, axes, indexes),
            (Op::Update { axes, .. }, [x, values, guard, indexes @ ..]) => {
                let written = self.written(id, *values, axes, indexes);
                self.join_all(id, [self.tag(*x), written, self.guarded(id, *guard, written)])
            }
            (Op::ScatterAdd { axes }, [indexes @ .., values]) => self.written(id, *values, axes, indexes),
            (Op::Routine(routine), inputs) => {
                let lead = self.graph.batch_axes(id);
                let parts = inputs.iter().zip(routine.cores).map(|(x, core)| {
                    let own = self.graph.ty(*x).rank().saturating_sub(*core);
                    self.moved(id, *x, |axis| (axis < own && own == lead).then_some(axis))
                });
                self.join_all(id, parts)
            }
            (Op::Build(var), &[body]) => self.built(id, *var, body),
            (Op::Loop(binder), inputs) => {
                let parts = binder.parts(inputs);
                self.join_all(id, parts.into_iter().flat_map(|parts| [self.tag(parts.limit), self.tag(parts.again)]))
            }
            (Op::Final(position), &[of]) => {
                let Op::Loop(binder) = &self.graph.node(of).op else { return Tag::Mixed(id) };
                binder.states.get(*position).and_then(|state| self.states.get(state)).copied().unwrap_or(Tag::Free)
            }
            (Op::Check(_), [x, rest @ ..]) => {
                // Whether a check holds is not part of the value.
                let guard = matches!(self.graph.node(id).op, Op::Check(CheckKind::Index { .. }));
                let more = rest.iter().skip(1).filter(|_| guard).map(|x| self.tag(*x));
                self.join_all(id, std::iter::once(self.tag(*x)).chain(more))
            }
            (_, inputs) => self.join_all(id, inputs.iter().map(|x| self.tag(*x))),
        }
    }

    /// An input has its examples along the first axis of that size; one that has them otherwise has them mixed.
    fn input(&self, id: NodeId) -> Tag {
        let shape = self.graph.shape(id);
        let name = self.axis.as_var();
        match shape.iter().position(|size| size == self.axis) {
            Some(axis) => Tag::Rows(axis),
            None if shape.iter().flat_map(Size::vars).any(|var| Some(&var) == name) => Tag::Mixed(id),
            None => Tag::Free,
        }
    }

    /// Where an axis stands behind a reshape, if it is still one of its own.
    fn reshaped(&self, id: NodeId, x: NodeId, axis: usize) -> Option<usize> {
        let (own, inner) = (self.graph.shape(id), self.graph.shape(x));
        let before = Size::product(inner.get(..axis)?);
        let is_place = |at: &usize| own[*at] == inner[axis] && Size::product(&own[..*at]) == before;
        (0..own.len()).find(is_place)
    }

    /// The scalar that names an example: made of counters, sizes and constants alone.
    fn name(&self, index: NodeId) -> Option<NodeId> {
        let mut at = index;
        while let (Op::Check(CheckKind::Index { .. }), Some(inner)) =
            (&self.graph.node(at).op, self.graph.node(at).inputs.first())
        {
            at = *inner;
        }
        let pure = |id: &NodeId| {
            matches!(self.graph.node(*id).op, Op::Var(_) | Op::Const(_) | Op::Size(_) | Op::Map(_))
                && self.graph.size_values(*id).is_empty()
        };
        (self.graph.ty(at).rank() == 0 && reachable(self.graph, &[at]).iter().all(pure)).then_some(at)
    }

    /// The axis along which an index array counts, each element its own place.
    fn counts(&self, index: NodeId) -> Option<usize> {
        let node = self.graph.node(index);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Iota, _) => Some(0),
            (Op::Check(CheckKind::Index { .. }), [x, ..]) => self.counts(*x),
            (Op::Broadcast { axes }, &[x]) => axes.get(self.counts(x)?).copied(),
            (Op::Transpose { perm }, &[x]) => {
                let axis = self.counts(x)?;
                perm.iter().position(|from| *from == axis)
            }
            (Op::Reshape, &[x]) => self.reshaped(index, x, self.counts(x)?),
            _ => None,
        }
    }

    fn gather(&self, id: NodeId, x: NodeId, axes: &[usize], indexes: &[NodeId]) -> Tag {
        let chosen = self.join_all(id, indexes.iter().map(|index| self.tag(*index)));
        let rank = indexes.first().map_or(0, |index| self.graph.ty(*index).rank());
        let taken = match self.tag(x) {
            Tag::Rows(axis) => match axes.iter().position(|indexed| *indexed == axis).and_then(|at| indexes.get(at)) {
                Some(index) => match (self.name(*index), self.counts(*index)) {
                    (Some(index), _) => Tag::One { index, by: id },
                    (_, Some(axis)) => Tag::Rows(axis),
                    _ => Tag::Mixed(id),
                },
                None => Tag::Rows(rank + axis - axes.iter().filter(|indexed| **indexed < axis).count()),
            },
            other => other,
        };
        self.join(id, taken, chosen)
    }

    /// What an array knows into which values are written at indexes, beside what was there: `axes` are those of the array.
    fn written(&self, id: NodeId, values: NodeId, axes: &[usize], indexes: &[NodeId]) -> Tag {
        let rank = indexes.first().map_or(0, |index| self.graph.ty(*index).rank());
        let told = self.join_all(id, indexes.iter().map(|index| self.tag(*index)).chain([self.tag(values)]));
        match told {
            Tag::One { index, .. } => {
                let at = indexes.iter().position(|other| self.name(*other) == Some(index));
                at.and_then(|at| axes.get(at)).map_or(told, |axis| Tag::Rows(*axis))
            }
            Tag::Rows(axis) if axis < rank => {
                let at = indexes.iter().position(|index| self.counts(*index) == Some(axis));
                at.and_then(|at| axes.get(at)).map_or(Tag::Mixed(id), |axis| Tag::Rows(*axis))
            }
            Tag::Rows(axis) => {
                let kept: Vec<usize> = (0..self.graph.ty(id).rank()).filter(|axis| !axes.contains(axis)).collect();
                kept.get(axis - rank).map_or(Tag::Mixed(id), |axis| Tag::Rows(*axis))
            }
            other => other,
        }
    }

    /// What a condition tells under which something is written: nothing more, if it knows the example that is written.
    fn guarded(&self, id: NodeId, guard: NodeId, written: Tag) -> Tag {
        match (self.tag(guard), written) {
            (Tag::Free, _) => Tag::Free,
            (Tag::One { index: a, .. }, Tag::One { index: b, .. }) if a == b => Tag::Free,
            (Tag::One { index, .. }, Tag::Rows(_)) => {
                let node = self.graph.node(id);
                let named = node.inputs.iter().skip(3).any(|other| self.name(*other) == Some(index));
                if named { Tag::Free } else { Tag::Mixed(id) }
            }
            (Tag::Mixed(by), _) => Tag::Mixed(by),
            _ => Tag::Mixed(id),
        }
    }

    fn built(&self, id: NodeId, var: VarId, body: NodeId) -> Tag {
        match self.tag(body) {
            Tag::Rows(axis) => Tag::Rows(axis + 1),
            Tag::One { index, .. } if self.graph.node(index).op == Op::Var(var) => {
                if self.graph.var(var).extent == *self.axis { Tag::Rows(0) } else { Tag::Mixed(id) }
            }
            Tag::One { index, .. } if self.graph.depends_on(index, var) => Tag::Mixed(id),
            other => other,
        }
    }

    /// What a loop's states know: what they begin with and become, and what decides how long it goes on.
    fn carry(&mut self, id: NodeId, binder: &Binder) {
        let Some(parts) = binder.parts(&self.graph.node(id).inputs) else { return };
        let control = self.tag(id);
        let inside = |index: NodeId| binder.vars().any(|var| self.graph.depends_on(index, var));
        let mut found = Vec::new();
        for (state, (first, next)) in binder.states.iter().zip(parts.first.iter().zip(parts.next)) {
            let next = match self.tag(*next) {
                // The next iteration has another example.
                Tag::One { index, .. } if inside(index) => Tag::Mixed(*next),
                other => other,
            };
            let known = self.states.get(state).copied().unwrap_or(Tag::Free);
            found.push((*state, self.join_all(id, [known, self.tag(*first), next, control])));
        }
        self.states.extend(found);
    }
}
