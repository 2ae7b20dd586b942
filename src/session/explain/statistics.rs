//! The names of statistics: what an expression makes of gradients, said in the words of the field.
//!
//! In: a graph whose derivatives stand in it as they were written. Out: expressions with what they are.
//! Always holds: the mean of squares and the square of the mean have different names.

use crate::graph::{Graph, NodeId, Op, VarId, reachable};
use crate::syntax::span::Span;
use rustc_hash::FxHashSet;

/// An expression over gradients, and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistic {
    /// The expression.
    pub span: Span,
    /// What it is: `second moment of per-example gradients`.
    pub name: String,
}

/// Every statistic of gradients in a graph.
pub(super) fn statistics(graph: &Graph) -> Vec<Statistic> {
    let order = reachable(graph, &graph.roots());
    let mut users: Vec<Vec<NodeId>> = vec![Vec::new(); graph.len()];
    for &id in &order {
        for input in &graph.node(id).inputs {
            if let Some(users) = users.get_mut(input.0 as usize) {
                users.push(id);
            }
        }
    }
    let reader = Reader { graph, users };
    let mut found: Vec<Statistic> = Vec::new();
    let inner: FxHashSet<NodeId> = order.iter().filter_map(|id| reader.nested(*id)).collect();
    for &id in order.iter().filter(|id| !inner.contains(id)) {
        let named = match &graph.node(id).op {
            Op::Build(var) => reader.built(id, *var),
            Op::Map(_) => reader.of_the_mean(id),
            _ => None,
        };
        found.extend(named.filter(|statistic| !found.contains(statistic)).into_iter().collect::<Vec<_>>());
    }
    found.sort_by_key(|statistic| statistic.span);
    found
}

/// What is made of one example's gradient.
#[derive(Clone, Debug, PartialEq)]
enum Form {
    Itself,
    Power(i64),
    Magnitude,
    Weighted { clipped: bool },
    Centred,
    SquaredNorm,
    Norm,
    Inner,
    Pairs,
    Other,
}

struct Reader<'g> {
    graph: &'g Graph,
    users: Vec<Vec<NodeId>>,
}

impl Reader<'_> {
    fn users(&self, id: NodeId) -> &[NodeId] {
        self.users.get(id.0 as usize).map_or(&[], Vec::as_slice)
    }

    /// The node behind names and conversions.
    fn plain(&self, id: NodeId) -> NodeId {
        let node = self.graph.node(id);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Mark(_) | Op::Cast | Op::StopGradient | Op::Broadcast { .. }, &[inner]) => self.plain(inner),
            _ => id,
        }
    }

    fn is_gradient(&self, id: NodeId) -> bool {
        matches!(self.graph.node(self.plain(id)).op, Op::Grad | Op::Vjp)
    }

    /// Whether it is the gradient of an example that a generator names.
    fn is_example(&self, id: NodeId) -> bool {
        self.is_gradient(id) && !self.graph.node(self.plain(id)).free.is_empty()
    }

    fn operands(&self, id: NodeId, name: &str) -> Option<(NodeId, NodeId)> {
        let node = self.graph.node(id);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Map(op), &[a, b]) if op.name == name => Some((self.plain(a), self.plain(b))),
            _ => None,
        }
    }

    /// The builder that is inside another one, of which only the outer one is told.
    fn nested(&self, id: NodeId) -> Option<NodeId> {
        let node = self.graph.node(id);
        let inner = *node.inputs.first().filter(|_| matches!(node.op, Op::Build(_)))?;
        matches!(self.graph.node(inner).op, Op::Build(_)).then_some(inner)
    }

    fn form(&self, id: NodeId) -> Form {
        let id = self.plain(id);
        if self.is_example(id) {
            return Form::Itself;
        }
        let node = self.graph.node(id);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Map(op), &[x]) if op.name == "abs" && self.is_example(x) => Form::Magnitude,
            (Op::Map(op), &[x]) if op.name == "sqrt" && self.form(x) == Form::SquaredNorm => Form::Norm,
            (Op::Map(op), _) if op.name == "power" => self.power(id),
            (Op::Map(op), &[a, b]) if op.name == "multiply" => self.product(self.plain(a), self.plain(b)),
            (Op::Map(op), &[a, b]) if op.name == "add" => match (self.form(a), self.form(b)) {
                (Form::SquaredNorm, Form::SquaredNorm) => Form::SquaredNorm,
                _ => Form::Other,
            },
            (Op::Reduce { kind, .. }, &[x]) if kind.name == "sum" && node.ty.rank() == 0 => match self.form(x) {
                Form::Power(2) => Form::SquaredNorm,
                Form::Pairs => Form::Pairs,
                Form::Weighted { .. } => Form::Inner,
                _ => Form::Other,
            },
            // A scalar parameter's gradient is a number, whose square is its squared length too.
            (Op::Build(_), &[x]) => self.form(x),
            _ => Form::Other,
        }
    }

    fn power(&self, id: NodeId) -> Form {
        let Some((base, power)) = self.operands(id, "power") else { return Form::Other };
        let power = self.graph.as_constant(power).map(|constant| constant.as_f64());
        match (power, self.form(base)) {
            (Some(power), Form::Itself | Form::Magnitude) if power.fract() == 0.0 => Form::Power(power as i64),
            (Some(2.0), _) if self.is_centred(base) => Form::Centred,
            _ => Form::Other,
        }
    }

    fn product(&self, a: NodeId, b: NodeId) -> Form {
        if a == b {
            return match self.form(a) {
                Form::Itself | Form::Magnitude => Form::Power(2),
                Form::Power(power) => Form::Power(2 * power),
                _ if self.is_centred(a) => Form::Centred,
                _ => Form::Other,
            };
        }
        match (self.form(a), self.form(b)) {
            (Form::Itself, Form::Itself) => Form::Pairs,
            (Form::Power(p), Form::Itself) | (Form::Itself, Form::Power(p)) => Form::Power(p + 1),
            (Form::Itself, _) => Form::Weighted { clipped: self.is_clipped(b) },
            (_, Form::Itself) => Form::Weighted { clipped: self.is_clipped(a) },
            _ => Form::Other,
        }
    }

    fn is_centred(&self, id: NodeId) -> bool {
        let parts = self.operands(self.plain(id), "subtract");
        parts.is_some_and(|(a, b)| self.is_example(a) != self.is_example(b))
    }

    /// Whether a weight is the lesser of two, as in clipping.
    fn is_clipped(&self, id: NodeId) -> bool {
        matches!(&self.graph.node(id).op, Op::Map(op) if op.name == "minimum")
    }

    /// A comprehension over examples, and what is made of it.
    fn built(&self, id: NodeId, var: VarId) -> Option<Statistic> {
        let body = *self.graph.node(id).inputs.first()?;
        let has = |inner: &NodeId| self.is_gradient(*inner) && self.graph.depends_on(*inner, var);
        let gradients = reachable(self.graph, &[body]).into_iter().filter(has).count();
        if gradients == 0 {
            return None;
        }
        let form = self.form(body);
        let reduced = self
            .users(id)
            .iter()
            .find(|user| matches!(&self.graph.node(**user).op, Op::Reduce { axes, .. } if axes.first() == Some(&0)));
        let Some(&reduced) = reduced else {
            return Some(Statistic { span: self.graph.node(id).span, name: held(&form) });
        };
        let Op::Reduce { kind, .. } = &self.graph.node(reduced).op else { return None };
        let divided = self.users(reduced).iter().find(|user| {
            let by = self.operands(**user, "divide").filter(|(above, _)| *above == reduced).map(|(_, by)| by);
            by.is_some_and(|by| self.graph.as_size(by).is_some() || matches!(self.graph.node(by).op, Op::Size(_)))
        });
        let (how, at) = match (kind.name, divided) {
            ("sum", Some(divided)) => ("mean", *divided),
            (name, _) => (name, reduced),
        };
        Some(Statistic { span: self.graph.node(at).span, name: reduction(how, &form) })
    }

    /// What is made of the gradient of a mean or a sum: no statistic of examples.
    fn of_the_mean(&self, id: NodeId) -> Option<Statistic> {
        let node = self.graph.node(id);
        let whole = |x: NodeId| self.is_gradient(x) && !self.is_example(x);
        let base = match (self.operands(id, "multiply"), self.operands(id, "power")) {
            (Some((a, b)), _) if a == b && whole(a) => a,
            (_, Some((a, b))) if whole(a) && self.graph.as_constant(b).is_some_and(|c| c.as_f64() == 2.0) => a,
            _ => return None,
        };
        let of = self.plain(*self.graph.node(base).inputs.first()?);
        let mean = self.operands(of, "divide").is_some_and(|(above, _)| self.is_sum(above));
        let what = match (mean, self.is_sum(of)) {
            (true, _) => "square of the mean gradient",
            (_, true) => "square of the summed gradient",
            _ => "square of a gradient",
        };
        Some(Statistic { span: node.span, name: what.to_string() })
    }

    fn is_sum(&self, id: NodeId) -> bool {
        matches!(&self.graph.node(id).op, Op::Reduce { kind, .. } if kind.name == "sum")
    }
}

/// An array with something of every example.
fn held(form: &Form) -> String {
    match form {
        Form::Itself => "per-example gradients, held as an array",
        Form::Power(2) => "squared per-example gradients, held as an array",
        Form::Power(power) => return format!("per-example gradients to the power {power}, held as an array"),
        Form::Magnitude => "magnitudes of per-example gradients, held as an array",
        Form::Weighted { clipped: true } => "clipped per-example gradients, held as an array",
        Form::Weighted { clipped: false } => "weighted per-example gradients, held as an array",
        Form::Centred => "squared distances of per-example gradients from a value, held as an array",
        Form::SquaredNorm => "squared norms of per-example gradients",
        Form::Norm => "norms of per-example gradients",
        Form::Inner => "inner products of per-example gradients with an array",
        Form::Pairs => "Gram matrix of per-example gradients",
        Form::Other => "a function of each example's gradient",
    }
    .to_string()
}

/// A reduction over all examples.
fn reduction(how: &str, form: &Form) -> String {
    let how = match how {
        "max" => "largest",
        "min" => "smallest",
        other => other,
    };
    match (how, form) {
        ("mean", Form::Itself) => "mean of per-example gradients".to_string(),
        ("mean", Form::Power(2)) => "second moment of per-example gradients (mean of their squares)".to_string(),
        ("mean", Form::Power(power)) => format!("moment of order {power} of per-example gradients"),
        ("sum", Form::Power(2)) => "sum of squares of per-example gradients".to_string(),
        ("sum", Form::Power(power)) => format!("sum of per-example gradients to the power {power}"),
        (_, Form::Itself) => format!("{how} of per-example gradients"),
        (_, Form::Magnitude) => format!("{how} of the magnitudes of per-example gradients"),
        (_, Form::Weighted { clipped: true }) => format!("{how} of clipped per-example gradients"),
        (_, Form::Weighted { clipped: false }) => format!("weighted {how} of per-example gradients"),
        ("mean", Form::Centred) => "variance of per-example gradients around a value".to_string(),
        (_, Form::Centred) => format!("{how} of squared distances of per-example gradients from a value"),
        (_, Form::SquaredNorm) => format!("{how} of the squared norms of per-example gradients"),
        (_, Form::Norm) => format!("{how} of the norms of per-example gradients"),
        (_, Form::Inner) => format!("{how} of inner products of per-example gradients with an array"),
        (_, Form::Power(power)) => format!("{how} of per-example gradients to the power {power}"),
        (_, Form::Pairs | Form::Other) => format!("{how} of a function of each example's gradient"),
    }
}
