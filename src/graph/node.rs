//! Nodes, their types, and the arena that keeps them unique.
//!
//! In: operators with operands and a type. Out: [`NodeId`]s.
//! Always holds: [`Graph::add`] returns the same id for the same operator, operands and type.

use crate::ops::{Elementwise, Reduction, Routine};
use crate::runtime::array::DType;
use crate::runtime::fault::CheckKind;
use crate::runtime::size::{Size, SizeVar, display_shape};
use crate::syntax::span::Span;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A node of one graph; ids grow along data flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// An index variable of a comprehension: bound by [`Op::Build`], free in the nodes of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VarId(pub u32);

/// What is known of an index variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Var {
    /// The name in the source.
    pub name: String,
    /// It runs over `0..extent`.
    pub extent: Size,
}

/// The variables that a loop binds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Binder {
    /// The number of the iteration, from 0.
    pub counter: VarId,
    /// What is carried.
    pub states: Vec<VarId>,
}

/// The operands of a loop, by what they are.
pub struct LoopParts<'a> {
    /// The most iterations there are.
    pub limit: NodeId,
    /// Whether there is another one; seen from the beginning of it.
    pub again: NodeId,
    /// First values of the states.
    pub first: &'a [NodeId],
    /// Values of the states for the next iteration.
    pub next: &'a [NodeId],
    /// Checks of the body.
    pub checks: &'a [NodeId],
}

impl Binder {
    /// All variables.
    pub fn vars(&self) -> impl Iterator<Item = VarId> + '_ {
        std::iter::once(self.counter).chain(self.states.iter().copied())
    }

    /// The operands of the loop. `None` if there are too few.
    pub fn parts<'a>(&self, inputs: &'a [NodeId]) -> Option<LoopParts<'a>> {
        let [limit, again, rest @ ..] = inputs else { return None };
        let (first, rest) = rest.split_at_checked(self.states.len())?;
        let (next, checks) = rest.split_at_checked(self.states.len())?;
        Some(LoopParts { limit: *limit, again: *again, first, next, checks })
    }
}

/// A dtype and sizes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// The type of an element.
    pub dtype: DType,
    /// The sizes, outermost first; empty for a scalar.
    pub shape: Vec<Size>,
}

impl Type {
    /// A scalar type.
    pub fn scalar(dtype: DType) -> Type {
        Type { dtype, shape: Vec::new() }
    }

    /// An array type.
    pub fn array(dtype: DType, shape: Vec<Size>) -> Type {
        Type { dtype, shape }
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn elements(&self) -> Size {
        Size::product(&self.shape)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.dtype.name())?;
        if !self.shape.is_empty() {
            write!(f, "[{}]", display_shape(&self.shape))?;
        }
        Ok(())
    }
}

/// A scalar constant. Floats are kept by their bits, so that equality and hashing are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Constant {
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float, as the bits of an `f64`.
    Float(u64),
}

impl Constant {
    /// A float constant.
    pub fn float(value: f64) -> Constant {
        Constant::Float(value.to_bits())
    }

    /// The value as a float; `true` is 1.
    pub fn as_f64(self) -> f64 {
        match self {
            Constant::Bool(value) => f64::from(u8::from(value)),
            Constant::Int(value) => value as f64,
            Constant::Float(bits) => f64::from_bits(bits),
        }
    }
}

/// The operators of the core. Every builtin of the language is made of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// A parameter, by position.
    Input(usize),
    /// A scalar constant.
    Const(Constant),
    /// The value of a size, an `i64` scalar.
    Size(Size),
    /// The value of an index variable, an `i64` scalar.
    Var(VarId),
    /// `0, 1, …` along one axis.
    Iota,
    /// An elementwise operator over operands of one shape.
    Map(&'static Elementwise),
    /// Conversion to the dtype of the node.
    Cast,
    /// A reduction that drops axes.
    Reduce {
        /// Which.
        kind: &'static Reduction,
        /// The axes that go, ascending.
        axes: Vec<usize>,
    },
    /// Axis `k` of the operand becomes axis `axes[k]` (ascending); the others are repeated.
    Broadcast {
        /// Where the operand's axes go.
        axes: Vec<usize>,
    },
    /// Axis `k` of the result is axis `perm[k]` of the operand.
    Transpose {
        /// The permutation.
        perm: Vec<usize>,
    },
    /// The same elements in C order under other sizes.
    Reshape,
    /// Element `i` along axis `k` is the operand's element `starts[k] + steps[k]*i`.
    Slice {
        /// First element per axis.
        starts: Vec<Size>,
        /// Stride per axis, not zero.
        steps: Vec<i64>,
    },
    /// The transpose of `Slice`: the operand placed into zeros.
    Place {
        /// First element per axis.
        starts: Vec<Size>,
        /// Stride per axis, not zero.
        steps: Vec<i64>,
    },
    /// Operands one after the other along an axis.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// A sum of products in index notation: `operands[k]` are the labels of operand k's axes, `result` the labels kept.
    Contract {
        /// Labels of each operand.
        operands: Vec<Vec<u8>>,
        /// Labels of the result.
        result: Vec<u8>,
    },
    /// Operands: an array, then one index array per entry of `axes`, all of one shape.
    /// The result has the index arrays' axes first, then the array's other axes.
    Gather {
        /// The axes that are indexed, ascending.
        axes: Vec<usize>,
    },
    /// Operands: an array, new values, a truth value, then one index array per entry of `axes`. The array with the
    /// values at the indexes (shaped as a `Gather` there would be), of equal indexes the last; where the truth value is
    /// false, the array as it is.
    Update {
        /// The axes that are indexed, ascending.
        axes: Vec<usize>,
        /// Whether the values are added to what is there; equal indexes then add up.
        adds: bool,
    },
    /// The transpose of `Gather`: operands are the index arrays, then the values; equal indexes add up.
    ScatterAdd {
        /// The axes of the result that are indexed, ascending.
        axes: Vec<usize>,
    },
    /// A library call over rows: the operands' last axes are the core, leading axes the batch; see [`Routine`].
    Routine(&'static Routine),
    /// A new leading axis: element `i` is the operand with the index variable at `i`.
    Build(VarId),
    /// What a loop carries from one iteration to the next, as it is when an iteration begins.
    State(VarId),
    /// A loop. Operands: the most iterations there are; whether there is another one; the first value of each state;
    /// its value for the next iteration; checks of the body. The result is the number of iterations.
    Loop(Binder),
    /// The state of that position behind the loop that is the operand.
    Final(usize),
    /// A run-time check that passes its first operand on.
    Check(CheckKind),
    /// The gradient of the first operand, a scalar, by the second.
    Grad,
    /// Operands: a value, what it is differentiated by, and a cotangent of the value's shape. The cotangent of what it is
    /// by.
    Vjp,
    /// Operands: a value, then pairs of what it is differentiated by and a tangent of that. The tangent of the value.
    Jvp,
    /// All partial derivatives of the first operand by the second: the axes of the first, then those of the second.
    Jacobian,
    /// A value with an identity of its own, so that two names of one value can be told apart by `Grad`.
    Mark(u32),
    /// A value that counts as constant for `Grad`.
    StopGradient,
    /// A value whose derivative keeps only some of the states of the loops that it goes through, and computes the
    /// others once more.
    Checkpoint,
}

/// A node: operator, operands, type, and the index variables it depends on.
#[derive(Clone, Debug)]
pub struct Node {
    /// The operator.
    pub op: Op,
    /// The operands.
    pub inputs: Vec<NodeId>,
    /// The type of the result.
    pub ty: Type,
    /// The free index variables, sorted.
    pub free: Vec<VarId>,
    /// The expression that made it.
    pub span: Span,
}

impl Node {
    /// What is differentiated, and what by, if the node is a derivative that no pass has expanded.
    pub fn derivative(&self) -> Option<(NodeId, Vec<NodeId>)> {
        let (value, rest) = self.inputs.split_first()?;
        let by = match self.op {
            Op::Grad | Op::Vjp | Op::Jacobian => rest.iter().take(1).copied().collect(),
            Op::Jvp => rest.iter().step_by(2).copied().collect(),
            _ => return None,
        };
        Some((*value, by))
    }
}

/// A parameter of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// How many index variables and marks there are.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    vars: usize,
    marks: u32,
}

/// A function as a graph.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The name, for dumps.
    pub name: String,
    /// The parameters.
    pub inputs: Vec<Input>,
    /// The results.
    pub outputs: Vec<NodeId>,
    /// Checks that must hold whether or not a result depends on them, in program order.
    pub checks: Vec<NodeId>,
    /// The place that new nodes get.
    pub span: Span,
    nodes: Vec<Node>,
    unique: FxHashMap<(Op, Vec<NodeId>, Type), NodeId>,
    vars: Vec<Var>,
    /// How many of the index variables are in use: the others are of statements that were begun and are checked again.
    used_vars: usize,
    marks: u32,
    /// Sizes that are known only when running: the scalar that each is read from.
    dynamic: BTreeMap<SizeVar, NodeId>,
    /// Names of such sizes in the graph that this one is being copied from: theirs, even before they are copied.
    reserved: BTreeSet<SizeVar>,
    /// The same as `dynamic`, the other way round.
    dynamic_of: FxHashMap<NodeId, SizeVar>,
    /// Scalars whose values are known although nothing in the graph says so.
    known: FxHashMap<NodeId, i64>,
}

impl Graph {
    /// An empty graph.
    pub fn new(name: impl Into<String>) -> Graph {
        Graph { name: name.into(), ..Graph::default() }
    }

    /// The node; ids come from this graph.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The type of a node.
    pub fn ty(&self, id: NodeId) -> &Type {
        &self.node(id).ty
    }

    /// The shape of a node.
    pub fn shape(&self, id: NodeId) -> &[Size] {
        &self.node(id).ty.shape
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// All ids, operands before users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    /// The index variables.
    pub fn vars(&self) -> &[Var] {
        &self.vars
    }

    /// What is known of an index variable.
    pub fn var(&self, id: VarId) -> &Var {
        &self.vars[id.0 as usize]
    }

    /// A fresh index variable over `0..extent`.
    pub fn new_var(&mut self, name: impl Into<String>, extent: Size) -> VarId {
        let (var, position) = (Var { name: name.into(), extent }, self.used_vars);
        match self.vars.get_mut(position) {
            Some(abandoned) => *abandoned = var,
            None => self.vars.push(var),
        }
        self.used_vars += 1;
        VarId(position as u32)
    }

    /// How many names of its own the graph has given out.
    pub fn names(&self) -> Names {
        Names { vars: self.used_vars, marks: self.marks }
    }

    /// Gives the names since then out again: what is built once more in the same way are the same nodes, whose values may be known.
    pub fn reuse_names(&mut self, since: Names) {
        (self.used_vars, self.marks) = (since.vars, since.marks);
    }

    /// Adds a parameter.
    pub fn add_input(&mut self, name: impl Into<String>, ty: Type) -> NodeId {
        self.inputs.push(Input { name: name.into(), ty: ty.clone() });
        self.add(Op::Input(self.inputs.len() - 1), Vec::new(), ty)
    }

    /// The value behind the marks of names.
    pub fn unmarked(&self, id: NodeId) -> NodeId {
        let mut at = id;
        while let (Op::Mark(_), [of]) = (&self.node(at).op, self.node(at).inputs.as_slice()) {
            at = *of;
        }
        at
    }

    /// A copy of the value with an identity of its own.
    pub fn mark(&mut self, id: NodeId) -> NodeId {
        self.marks += 1;
        let ty = self.ty(id).clone();
        self.add(Op::Mark(self.marks - 1), vec![id], ty)
    }

    /// How many marks were given out; a graph copied into another one shifts its marks by this.
    pub fn reserve_marks(&mut self, count: u32) -> u32 {
        self.marks += count;
        self.marks - count
    }

    /// The number of marks given out so far.
    pub fn mark_count(&self) -> u32 {
        self.marks
    }

    /// The node with this operator, operands and type: the existing one, or a new one.
    pub fn add(&mut self, op: Op, inputs: Vec<NodeId>, ty: Type) -> NodeId {
        let key = (op, inputs, ty);
        if let Some(&id) = self.unique.get(&key) {
            return id;
        }
        let mut free: Vec<VarId> = key.1.iter().flat_map(|&input| self.node(input).free.iter().copied()).collect();
        for value in self.read_sizes(&key.0, &key.2) {
            free.extend(&self.node(value).free);
        }
        match &key.0 {
            Op::Var(var) | Op::State(var) => free.push(*var),
            Op::Build(var) => free.retain(|other| other != var),
            Op::Loop(binder) => free.retain(|other| !binder.vars().any(|var| var == *other)),
            _ => {}
        }
        free.sort_unstable();
        free.dedup();
        let id = NodeId(self.nodes.len() as u32);
        let (op, inputs, ty) = key.clone();
        self.nodes.push(Node { op, inputs, ty, free, span: self.span });
        self.unique.insert(key, id);
        id
    }

    /// The size that a scalar is the value of: found out when running, unless it is known.
    pub fn dynamic_size(&mut self, value: NodeId) -> Size {
        if let Some(size) = self.as_extent(value) {
            return size;
        }
        let taken = |name: &str| self.dynamic.contains_key(name) || self.reserved.contains(name);
        let free = (0usize..).map(|k| format!("?{k}")).find(|name| !taken(name));
        let name: SizeVar = free.unwrap_or_default().into();
        self.bind_size(name.clone(), value);
        Size::var(&name)
    }

    /// Keeps the names of another graph's dynamic sizes for what is copied from there.
    pub(super) fn reserve_sizes(&mut self, source: &Graph) {
        self.reserved.extend(source.dynamic.keys().chain(&source.reserved).cloned());
    }

    /// Says that a size variable is the value of a scalar.
    pub fn bind_size(&mut self, name: SizeVar, value: NodeId) {
        self.dynamic.insert(name.clone(), value);
        self.dynamic_of.insert(value, name);
    }

    /// The scalar that a size is read from when running.
    pub fn dynamic_value(&self, name: &SizeVar) -> Option<NodeId> {
        self.dynamic.get(name).copied()
    }

    /// The size that is read from a scalar when running.
    pub fn dynamic_name(&self, value: NodeId) -> Option<&SizeVar> {
        self.dynamic_of.get(&value)
    }

    /// All sizes that are known only when running.
    pub fn dynamic_sizes(&self) -> impl Iterator<Item = (&SizeVar, NodeId)> {
        self.dynamic.iter().map(|(name, value)| (name, *value))
    }

    /// Says what a scalar's value is.
    pub fn know(&mut self, id: NodeId, value: i64) {
        self.known.insert(id, value);
    }

    /// What was said of a scalar's value.
    pub fn known(&self, id: NodeId) -> Option<i64> {
        self.known.get(&id).copied()
    }

    /// Says how many values an index variable takes.
    pub(super) fn set_extent(&mut self, var: VarId, extent: Size) {
        if let Some(info) = self.vars.get_mut(var.0 as usize) {
            info.extent = extent;
        }
    }

    /// Replaces a size variable in the extents of index variables.
    pub(super) fn replace_in_extents(&mut self, name: &SizeVar, by: &Size) {
        for var in &mut self.vars {
            var.extent = var.extent.substitute(&|other| (other == name).then(|| by.clone()));
        }
    }

    /// The scalars that the sizes of a node are read from.
    pub fn size_values(&self, id: NodeId) -> Vec<NodeId> {
        let node = self.node(id);
        self.read_sizes(&node.op, &node.ty)
    }

    fn read_sizes(&self, op: &Op, ty: &Type) -> Vec<NodeId> {
        if self.dynamic.is_empty() {
            return Vec::new();
        }
        let own: &[Size] = match op {
            Op::Slice { starts, .. } | Op::Place { starts, .. } => starts,
            Op::Size(size) => std::slice::from_ref(size),
            _ => &[],
        };
        let vars = ty.shape.iter().chain(own).flat_map(Size::vars);
        let mut values: Vec<NodeId> = vars.filter_map(|var| self.dynamic_value(&var)).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Whether the value changes with the index variable.
    pub fn depends_on(&self, id: NodeId, var: VarId) -> bool {
        self.node(id).free.binary_search(&var).is_ok()
    }

    /// The roots that must be computed: checks, then outputs.
    pub fn roots(&self) -> Vec<NodeId> {
        self.checks.iter().chain(&self.outputs).copied().collect()
    }
}
