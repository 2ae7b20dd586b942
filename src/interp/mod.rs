//! The reference interpreter: what a graph means, by plain loops.
//!
//! In: a graph without `Grad`, arrays for its parameters, values for its size variables. Out: its results, or the first fault.
//! Always holds: a node is evaluated at most once for each binding of the index variables it depends on, and only when reached.

mod eval;
mod tensor;
#[cfg(test)]
mod tests;

use crate::graph::{Binder, Graph, NodeId, Op, Size, SizeEnv, VarId, verify};
use crate::ops::elementwise::Value;
use crate::runtime::array::{Array, DType};
use crate::runtime::control::{Control, Count};
use crate::syntax::span::Span;
use rustc_hash::{FxHashMap, FxHashSet};
use std::fmt;
use std::rc::Rc;
use tensor::Tensor;

/// Builders within builders are evaluated by recursion; the stack grows in steps when it runs short.
const STACK_RESERVE: usize = 128 * 1024;
const STACK_STEP: usize = 4 * 1024 * 1024;

/// Why there is no result, and the node's place in the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// The expression whose node failed.
    pub span: Span,
}

/// What can go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// An index outside its axis.
    Index {
        /// The axis.
        axis: usize,
        /// The index as the program gave it, so perhaps negative.
        index: i64,
        /// The size of the axis.
        extent: i64,
    },
    /// An integer divisor is zero.
    DivisionByZero,
    /// The step of a range is zero.
    Step,
    /// Two sizes that must be equal are not.
    Sizes {
        /// What needs them to be.
        what: String,
        /// Both.
        sizes: [i64; 2],
    },
    /// A condition does not hold.
    Assertion {
        /// What the program says then.
        message: Option<String>,
    },
    /// Somebody asked the evaluation to stop.
    Interrupted,
    /// The graph or an input is not what an evaluation can start from, for this reason.
    Unsupported(String),
    /// A size that depends on a variable without a value.
    NoSize(String),
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultKind::Index { axis, index, extent } => {
                write!(f, "index {index} is outside axis {axis} of size {extent}")
            }
            FaultKind::DivisionByZero => f.write_str("an integer was divided by zero"),
            FaultKind::Step => f.write_str("the step of a range is zero"),
            FaultKind::Sizes { what, sizes: [a, b] } => write!(f, "{what}: they are {a} and {b}"),
            FaultKind::Assertion { message: Some(message) } => write!(f, "assertion failed: {message}"),
            FaultKind::Assertion { message: None } => f.write_str("assertion failed"),
            FaultKind::Interrupted => f.write_str("the evaluation was asked to stop"),
            FaultKind::Unsupported(reason) => f.write_str(reason),
            FaultKind::NoSize(size) => write!(f, "the size `{size}` is not known"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for Fault {}

/// The results of a graph. Its checks are evaluated first, in order; the first that fails is the error.
pub fn evaluate(graph: &Graph, inputs: &[Array], sizes: &SizeEnv) -> Result<Vec<Array>, Fault> {
    evaluate_under(graph, inputs, sizes, &Control::default())
}

/// The same, which stops when `control` says so.
pub fn evaluate_under(
    graph: &Graph,
    inputs: &[Array],
    sizes: &SizeEnv,
    control: &Control,
) -> Result<Vec<Array>, Fault> {
    let fault = |kind| Fault { kind, span: graph.span };
    verify(graph).map_err(|message| fault(FaultKind::Unsupported(message)))?;
    let mut interpreter = Interpreter {
        graph,
        inputs,
        control,
        sizes: sizes.clone(),
        values: vec![None; graph.len()],
        bound: vec![None; graph.vars().len()],
        states: vec![None; graph.vars().len()],
        finals: FxHashMap::default(),
        regions: FxHashMap::default(),
    };
    for &check in &graph.checks {
        interpreter.demand(check)?;
    }
    let mut results = Vec::new();
    for &output in &graph.outputs {
        results.push(interpreter.demand(output)?.to_array().map_err(fault)?);
    }
    Ok(results)
}

/// The value of a size; one that would be negative is 0.
fn extent(size: &Size, sizes: &SizeEnv) -> Result<usize, FaultKind> {
    Ok(usize::try_from(size_value(size, sizes)?).unwrap_or(0))
}

fn size_value(size: &Size, sizes: &SizeEnv) -> Result<i64, FaultKind> {
    size.eval(sizes).ok_or_else(|| FaultKind::NoSize(size.to_string()))
}

/// The nodes around one builder.
struct Region {
    /// Those that change with its index variable: evaluated afresh for each value.
    inside: Vec<NodeId>,
    /// Operands of those that change with no index variable bound inside: evaluated once, before the loop.
    outside: Vec<NodeId>,
}

struct Interpreter<'a> {
    graph: &'a Graph,
    inputs: &'a [Array],
    control: &'a Control,
    sizes: SizeEnv,
    /// What has been evaluated, for the present binding of the index variables.
    values: Vec<Option<Rc<Tensor>>>,
    bound: Vec<Option<i64>>,
    /// What loops carry, for the present iteration.
    states: Vec<Option<Rc<Tensor>>>,
    /// What loops that have been run have left.
    finals: FxHashMap<NodeId, Vec<Rc<Tensor>>>,
    regions: FxHashMap<NodeId, Rc<Region>>,
}

impl Interpreter<'_> {
    /// The value of a node, after those of its operands. Data flow, however long, needs no recursion.
    fn demand(&mut self, root: NodeId) -> Result<Rc<Tensor>, Fault> {
        let mut pending = vec![root];
        while let Some(&id) = pending.last() {
            if self.values[id.0 as usize].is_some() {
                pending.pop();
                continue;
            }
            if self.control.is_interrupted() {
                return Err(self.fault(id, FaultKind::Interrupted));
            }
            let known = pending.len();
            let operands = self.before(id).map_err(|kind| self.fault(id, kind))?;
            pending.extend(operands.into_iter().rev().filter(|operand| self.values[operand.0 as usize].is_none()));
            if pending.len() == known {
                pending.pop();
                let value = self.value(id)?;
                self.values[id.0 as usize] = Some(Rc::new(value));
            }
        }
        let value = self.values[root.0 as usize].clone();
        value.ok_or_else(|| self.fault(root, FaultKind::Unsupported("a node without a value".to_string())))
    }

    fn fault(&self, id: NodeId, kind: FaultKind) -> Fault {
        Fault { kind, span: self.graph.node(id).span }
    }

    /// What must be evaluated before the node: its operands; of a builder, what its loop does not change.
    fn before(&mut self, id: NodeId) -> Result<Vec<NodeId>, FaultKind> {
        let node = self.graph.node(id);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Build(var), [body]) => {
                let sizes = self.graph.size_values(id);
                if let Some(open) = sizes.iter().find(|value| self.values[value.0 as usize].is_none()) {
                    return Ok(vec![*open]);
                }
                self.read_sizes(id);
                match extent(&self.graph.var(*var).extent, &self.sizes)? {
                    0 => Ok(Vec::new()),
                    _ => Ok(self.region(id, &[*var], &[*body])?.outside.clone()),
                }
            }
            (Op::Loop(binder), inputs) => {
                let vars: Vec<VarId> = binder.vars().collect();
                let Some(parts) = binder.parts(inputs) else { return Ok(Vec::new()) };
                let inner: Vec<NodeId> = [&[parts.again], parts.next, parts.checks].concat();
                let mut before = [&[parts.limit], parts.first].concat();
                before.extend(&self.region(id, &vars, &inner)?.outside);
                Ok(before)
            }
            _ => Ok([node.inputs.as_slice(), &self.graph.size_values(id)].concat()),
        }
    }

    /// Sizes that are found out when running, as they are for the present binding of the variables.
    fn read_sizes(&mut self, id: NodeId) {
        for value in self.graph.size_values(id) {
            let known = self.values[value.0 as usize].as_ref().and_then(|value| value.data.first().copied());
            if let (Some(name), Some(known)) = (self.graph.dynamic_name(value), known) {
                self.sizes.insert(name.clone(), known.int().max(0));
            }
        }
    }

    /// The value of a node whose operands are evaluated.
    fn value(&mut self, id: NodeId) -> Result<Tensor, Fault> {
        let graph = self.graph;
        let node = graph.node(id);
        self.read_sizes(id);
        if let (Op::Build(var), [body]) = (&node.op, node.inputs.as_slice()) {
            return self.build(id, *var, *body);
        }
        if let Op::Loop(binder) = &node.op {
            return self.run_loop(id, binder);
        }
        let shape = self.shape(&node.ty.shape).map_err(|kind| self.fault(id, kind))?;
        let result = match &node.op {
            Op::Input(position) => self.input(*position, node.ty.dtype, shape),
            Op::Var(var) => match self.bound[var.0 as usize] {
                Some(value) => Ok(Tensor::scalar(DType::I64, Value::Int(value))),
                None => Err(FaultKind::Unsupported("an index variable outside its builder".to_string())),
            },
            Op::State(var) => match &self.states[var.0 as usize] {
                Some(value) => Ok(Tensor::clone(value)),
                None => Err(FaultKind::Unsupported("a state outside its loop".to_string())),
            },
            Op::Final(position) => {
                let left = node.inputs.first().and_then(|of| self.finals.get(of));
                match left.and_then(|left| left.get(*position)) {
                    Some(value) => Ok(Tensor::clone(value)),
                    None => Err(FaultKind::Unsupported("a loop without that state".to_string())),
                }
            }
            op => {
                let args: Vec<Rc<Tensor>> =
                    node.inputs.iter().filter_map(|input| self.values[input.0 as usize].clone()).collect();
                eval::evaluate(op, &args, node.ty.dtype, shape, &self.sizes, self.control)
            }
        };
        result.map_err(|kind| self.fault(id, kind))
    }

    fn shape(&self, shape: &[Size]) -> Result<Vec<usize>, FaultKind> {
        shape.iter().map(|size| extent(size, &self.sizes)).collect()
    }

    fn input(&self, position: usize, dtype: DType, shape: Vec<usize>) -> Result<Tensor, FaultKind> {
        let Some(array) = self.inputs.get(position) else {
            return Err(FaultKind::Unsupported(format!("there is no input {position}")));
        };
        if array.dtype() != dtype || array.shape() != shape {
            let (found, name) = (array.shape(), &self.graph.inputs[position].name);
            let message = format!("input `{name}` is {}{found:?} instead of {dtype}{shape:?}", array.dtype());
            return Err(FaultKind::Unsupported(message));
        }
        Ok(Tensor::from_array(array))
    }

    /// A builder: its body once for each value of the index variable.
    fn build(&mut self, id: NodeId, var: VarId, body: NodeId) -> Result<Tensor, Fault> {
        let ty = &self.graph.node(id).ty;
        let shape = self.shape(&ty.shape).map_err(|kind| self.fault(id, kind))?;
        let mut result = Tensor { dtype: ty.dtype, shape, data: Vec::new() };
        let Some(&extent @ 1..) = result.shape.first() else { return Ok(result) };
        let region = self.region(id, &[var], &[body]).map_err(|kind| self.fault(id, kind))?;
        // The same variable may be bound further out: what was evaluated for its value there is kept aside.
        let outer_value = self.bound[var.0 as usize];
        let outer: Vec<_> = region.inside.iter().map(|inner| self.values[inner.0 as usize].take()).collect();
        let count = self.control.count(extent as i64);
        for value in 0..extent {
            count.iter().for_each(Count::step);
            for inner in &region.inside {
                self.values[inner.0 as usize] = None;
            }
            self.bound[var.0 as usize] = i64::try_from(value).ok();
            let part = stacker::maybe_grow(STACK_RESERVE, STACK_STEP, || self.demand(body))?;
            result.data.extend_from_slice(&part.data);
        }
        for (inner, value) in region.inside.iter().zip(outer) {
            self.values[inner.0 as usize] = value;
        }
        self.bound[var.0 as usize] = outer_value;
        Ok(result)
    }

    /// A loop: its body as often as its limit and its condition say. The result is the number of iterations.
    fn run_loop(&mut self, id: NodeId, binder: &Binder) -> Result<Tensor, Fault> {
        let Some(parts) = binder.parts(&self.graph.node(id).inputs) else {
            return Err(self.fault(id, FaultKind::Unsupported("a loop without operands".to_string())));
        };
        let vars: Vec<VarId> = binder.vars().collect();
        let roots = [&[parts.again], parts.next, parts.checks].concat();
        let region = self.region(id, &vars, &roots).map_err(|kind| self.fault(id, kind))?;
        let limit = self.demand(parts.limit)?.data.first().map_or(0, |limit| limit.int());
        let mut states = parts.first.iter().map(|first| self.demand(*first)).collect::<Result<Vec<_>, _>>()?;
        let kept: Vec<_> = region.inside.iter().map(|inner| self.values[inner.0 as usize].take()).collect();
        let outer: Vec<_> = binder.states.iter().map(|state| self.states[state.0 as usize].take()).collect();
        let outer_count = self.bound[binder.counter.0 as usize];
        let mut count = 0;
        let progress = self.control.count(if limit == i64::MAX { 0 } else { limit });
        while count < limit {
            progress.iter().for_each(Count::step);
            for inner in &region.inside {
                self.values[inner.0 as usize] = None;
            }
            self.bound[binder.counter.0 as usize] = Some(count);
            for (state, value) in binder.states.iter().zip(&states) {
                self.states[state.0 as usize] = Some(Rc::clone(value));
            }
            let again = stacker::maybe_grow(STACK_RESERVE, STACK_STEP, || self.demand(parts.again))?;
            if !again.data.first().is_some_and(|again| again.truth()) {
                break;
            }
            states = stacker::maybe_grow(STACK_RESERVE, STACK_STEP, || {
                parts.checks.iter().try_for_each(|check| self.demand(*check).map(|_| ()))?;
                parts.next.iter().map(|next| self.demand(*next)).collect::<Result<Vec<_>, _>>()
            })?;
            count += 1;
        }
        for (inner, value) in region.inside.iter().zip(kept) {
            self.values[inner.0 as usize] = value;
        }
        for (state, value) in binder.states.iter().zip(outer) {
            self.states[state.0 as usize] = value;
        }
        self.bound[binder.counter.0 as usize] = outer_count;
        self.finals.insert(id, states);
        Ok(Tensor::scalar(DType::I64, Value::Int(count)))
    }

    /// The region of a binder of `vars` around `roots`, found once. Builders inside it that run over nothing are not entered:
    /// what only they need is never reached.
    fn region(&mut self, id: NodeId, vars: &[VarId], roots: &[NodeId]) -> Result<Rc<Region>, FaultKind> {
        if let Some(known) = self.regions.get(&id) {
            return Ok(Rc::clone(known));
        }
        let mut region = Region { inside: Vec::new(), outside: Vec::new() };
        let mut binders = vars.to_vec();
        let mut seen = FxHashSet::default();
        let mut pending = roots.to_vec();
        while let Some(next) = pending.pop() {
            if !seen.insert(next) {
                continue;
            }
            if !vars.iter().any(|var| self.graph.depends_on(next, *var)) {
                region.outside.push(next);
                continue;
            }
            region.inside.push(next);
            let node = self.graph.node(next);
            if let Op::Build(inner) = node.op {
                binders.push(inner);
                // A size that changes inside is not known here: what it may need is inside.
                if extent(&self.graph.var(inner).extent, &self.sizes).is_ok_and(|extent| extent == 0)
                    && self.graph.size_values(next).is_empty()
                {
                    continue;
                }
            }
            if let Op::Loop(inner) = &node.op {
                binders.extend(inner.vars());
            }
            pending.extend(&node.inputs);
            pending.extend(self.graph.size_values(next));
        }
        region.outside.retain(|&next| !binders.iter().any(|&binder| self.graph.depends_on(next, binder)));
        region.outside.sort_unstable();
        let region = Rc::new(region);
        self.regions.insert(id, Rc::clone(&region));
        Ok(region)
    }
}
