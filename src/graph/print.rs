//! A graph as text: one node a line, as golden files and dumps show it.
//!
//! In: a graph. Out: its name, parameters, index variables, the nodes that its roots need, and the roots.
//! Always holds: [`super::parse()`] reads what is printed here, and what it reads prints the same.

use super::{CheckKind, Constant, Graph, NodeId, Op, Size, VarId, display_shape, reachable};
use rustc_hash::{FxHashMap, FxHashSet};
use std::fmt;

/// What the nodes and index variables of a graph are called in its text.
pub(super) struct Names {
    /// The nodes that the roots need, operands first.
    pub(super) order: Vec<NodeId>,
    numbers: FxHashMap<NodeId, usize>,
    vars: Vec<(VarId, String)>,
}

impl Names {
    pub(super) fn new(graph: &Graph) -> Names {
        let known = |id: &NodeId| (id.0 as usize) < graph.len();
        let roots: Vec<NodeId> = graph.roots().into_iter().filter(known).collect();
        let order = reachable(graph, &roots);
        let numbers = order.iter().enumerate().map(|(number, &id)| (id, number)).collect();
        let vars = var_names(graph, &order);
        Names { order, numbers, vars }
    }

    /// The node as `%3`.
    pub(super) fn node(&self, id: NodeId) -> String {
        self.numbers.get(&id).map_or_else(|| "%?".to_string(), |number| format!("%{number}"))
    }

    fn var(&self, var: VarId) -> &str {
        let at = self.vars.binary_search_by_key(&var, |(id, _)| *id);
        at.map_or("?", |at| &self.vars[at].1)
    }

    /// The operator with what it carries, without operands.
    pub(super) fn op(&self, op: &Op) -> String {
        match op {
            Op::Input(position) => format!("input {position}"),
            Op::Const(constant) => format!("const {}", constant_text(*constant)),
            Op::Size(size) => format!("size {size}"),
            Op::Var(var) => format!("var {}", self.var(*var)),
            Op::Iota => "iota".to_string(),
            Op::Map(map) => format!("map {}", map.name),
            Op::Cast => "cast".to_string(),
            Op::Reduce { kind, axes } => format!("reduce {} {}", kind.name, list(axes)),
            Op::Broadcast { axes } => format!("broadcast {}", list(axes)),
            Op::Transpose { perm } => format!("transpose {}", list(perm)),
            Op::Reshape => "reshape".to_string(),
            Op::Slice { starts, steps } => format!("slice {}", region(starts, steps)),
            Op::Place { starts, steps } => format!("place {}", region(starts, steps)),
            Op::Concat { axis } => format!("concat {axis}"),
            Op::Contract { operands, result } => format!("contract \"{}\"", notation(operands, result)),
            Op::Gather { axes } => format!("gather {}", list(axes)),
            Op::ScatterAdd { axes } => format!("scatter_add {}", list(axes)),
            Op::Update { axes, adds: false } => format!("update {}", list(axes)),
            Op::Update { axes, adds: true } => format!("update_add {}", list(axes)),
            Op::Routine(routine) => format!("routine {}", routine.name),
            Op::Build(var) => format!("build {}", self.var(*var)),
            Op::State(var) => format!("state {}", self.var(*var)),
            Op::Loop(binder) => {
                let states: Vec<&str> = binder.states.iter().map(|state| self.var(*state)).collect();
                format!("loop {} {}", self.var(binder.counter), list(&states))
            }
            Op::Final(position) => format!("final {position}"),
            Op::Check(kind) => check_text(kind),
            Op::Grad => "grad".to_string(),
            Op::Vjp => "vjp".to_string(),
            Op::Jvp => "jvp".to_string(),
            Op::Jacobian => "jacobian".to_string(),
            Op::Mark(mark) => format!("mark {mark}"),
            Op::StopGradient => "stop_gradient".to_string(),
            Op::Checkpoint => "checkpoint".to_string(),
        }
    }
}

/// The index variables that `order` mentions, each under a name of its own.
fn var_names(graph: &Graph, order: &[NodeId]) -> Vec<(VarId, String)> {
    let mentioned = order.iter().flat_map(|&id| match &graph.node(id).op {
        Op::Var(var) | Op::Build(var) | Op::State(var) => vec![*var],
        Op::Loop(binder) => binder.vars().collect(),
        _ => Vec::new(),
    });
    let mut vars: Vec<VarId> = mentioned.collect();
    vars.sort_unstable();
    vars.dedup();
    let mut taken: FxHashSet<String> = FxHashSet::default();
    let mut names = Vec::new();
    for var in vars {
        let plain = graph.vars().get(var.0 as usize).map_or("", |info| &info.name);
        let numbered = (1usize..).map(|suffix| format!("{plain}.{suffix}"));
        let name = std::iter::once(plain.to_string()).chain(numbered).find(|name| !taken.contains(name));
        let name = name.unwrap_or_default();
        names.push((var, word(&name)));
        taken.insert(name);
    }
    names
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Names::new(self);
        let inputs: Vec<String> =
            self.inputs.iter().map(|input| format!("{}: {}", word(&input.name), input.ty)).collect();
        writeln!(f, "graph {}({}) {{", word(&self.name), inputs.join(", "))?;
        for (var, name) in &names.vars {
            let extent = self.vars().get(var.0 as usize).map(|info| info.extent.clone()).unwrap_or_default();
            writeln!(f, "  var {name}: {extent}")?;
        }
        for &id in &names.order {
            let node = self.node(id);
            write!(f, "  {} = {}", names.node(id), names.op(&node.op))?;
            for &input in &node.inputs {
                write!(f, " {}", names.node(input))?;
            }
            writeln!(f, " : {}", node.ty)?;
            if let Some(name) = self.dynamic_name(id) {
                writeln!(f, "  size {name} = {}", names.node(id))?;
            }
        }
        for &check in &self.checks {
            writeln!(f, "  check {}", names.node(check))?;
        }
        let outputs: String = self.outputs.iter().map(|&output| format!(" {}", names.node(output))).collect();
        writeln!(f, "  return{outputs}")?;
        writeln!(f, "}}")
    }
}

fn list<T: ToString>(items: &[T]) -> String {
    format!("[{}]", items.iter().map(T::to_string).collect::<Vec<_>>().join(", "))
}

fn region(starts: &[Size], steps: &[i64]) -> String {
    format!("[{}] {}", display_shape(starts), list(steps))
}

fn check_text(kind: &CheckKind) -> String {
    match kind {
        CheckKind::Index { axis } => format!("check index {axis}"),
        CheckKind::NonZero => "check nonzero".to_string(),
        CheckKind::Step => "check step".to_string(),
        CheckKind::Equal { what } => format!("check equal {}", quoted(what)),
        CheckKind::Assert { message: None } => "check assert".to_string(),
        CheckKind::Assert { message: Some(message) } => format!("check assert {}", quoted(message)),
    }
}

/// Index notation: `ab,bc->ac`.
fn notation(operands: &[Vec<u8>], result: &[u8]) -> String {
    let text = |labels: &[u8]| labels.iter().map(|&label| label_text(label)).collect::<String>();
    let operands: Vec<String> = operands.iter().map(|labels| text(labels)).collect();
    format!("{}->{}", operands.join(","), text(result))
}

fn label_text(label: u8) -> String {
    match label {
        0..26 => char::from(b'a' + label).to_string(),
        26..52 => char::from(b'A' + label - 26).to_string(),
        _ => format!("{{{label}}}"),
    }
}

/// The shortest text that reads back as the same bits. Only the standard NaN is a bare `nan`.
fn constant_text(constant: Constant) -> String {
    match constant {
        Constant::Bool(value) => value.to_string(),
        Constant::Int(value) => value.to_string(),
        Constant::Float(bits) => {
            let value = f64::from_bits(bits);
            match value.is_nan() {
                true if bits == f64::NAN.to_bits() => "nan".to_string(),
                true => format!("nan \"{bits:x}\""),
                false => format!("{value:?}"),
            }
        }
    }
}

/// Whether a character may stand in a name that is printed without quotes.
pub(super) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || "_.?'$@~#".contains(c)
}

fn word(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(is_word_char) && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.to_string() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push_str(&c.escape_unicode().to_string()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
