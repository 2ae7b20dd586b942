//! `microtome check --per-example`: gradients of single examples, compared with what they must agree with.
//!
//! In: a program and its inputs. Out: what was found for every `grad(c[i], p)` in its statements.
//! Always holds: the comparison goes another way than the compiler's: through the whole batch, without slicing it, in the
//! interpreter.

use super::batch_data::{Along, data};
use super::compile::Runnable;
use super::error::Warning;
use super::script::{RunOptions, Runner};
use super::{Error, Module, stepping};
use crate::diagnostic::{Diagnostic, Result as Checking, Sources, codes};
use crate::graph::{CheckKind, Graph, NodeId, Op, Size, SizeEnv, reachable};
use crate::passes::tied_by;
use crate::pipeline::{self, Context};
use crate::runtime::array::{Array, ArrayView, DType};
use crate::syntax::span::Span;
use rustc_hash::{FxHashMap, FxHashSet};

/// How many examples are compared one by one.
const SAMPLES: usize = 8;

/// The most numbers that the gradients of all examples together have; of a larger batch the first examples are looked at.
const NUMBERS: i64 = 1 << 24;

/// What was found.
#[derive(Clone, Debug)]
pub struct ExampleCheck {
    sites: Vec<Site>,
    sources: Sources,
}

/// What was found of one gradient.
#[derive(Clone, Debug)]
struct Site {
    span: Span,
    /// Examples that the batch has, and the first of them that were looked at.
    examples: (usize, usize),
    /// Those that were compared one by one.
    samples: Vec<usize>,
    /// Whether it was found where the examples' data are, so that there is a batch of copies.
    copied: bool,
    /// The first sample whose gradient another example has a part in, and what ties them.
    tied: Option<(usize, Option<Span>)>,
    /// The first example whose gradient is not finite.
    infinite: Option<usize>,
}

impl ExampleCheck {
    /// What was compared, a paragraph for each gradient.
    pub fn text(&self) -> String {
        if self.sites.is_empty() {
            return "no gradient of a single example, `grad(c[i], p)`, stands in the program's statements\n"
                .to_string();
        }
        self.sites.iter().map(|site| site.text(&self.sources)).collect()
    }

    /// What a user should know: examples that are tied, gradients that are not finite.
    pub fn warnings(&self) -> Vec<Warning> {
        let all = self.sites.iter().flat_map(Site::warnings);
        all.map(|warning| Warning::new(warning, self.sources.clone())).collect()
    }

    /// Whether every gradient is finite.
    pub fn is_finite(&self) -> bool {
        self.sites.iter().all(|site| site.infinite.is_none())
    }
}

impl Site {
    fn text(&self, sources: &Sources) -> String {
        let place =
            format!("{}  {}", super::explain::line(self.span, sources), super::explain::snippet(self.span, sources));
        let (all, seen) = self.examples;
        let seen = if seen == all { format!("{all} examples") } else { format!("the first {seen} of {all} examples") };
        let samples: Vec<String> = self.samples.iter().map(usize::to_string).collect();
        let alone = match (&self.tied, self.copied) {
            (Some((example, _)), _) => format!("no, example {example} has another gradient there"),
            (None, true) => "yes".to_string(),
            (None, false) => "not compared: no data along the examples".to_string(),
        };
        let finite = match self.infinite {
            Some(example) => format!("no, that of example {example} is the first that is not"),
            None => "yes".to_string(),
        };
        format!(
            "{place}\n  {seen}, compared one by one: {}\n  as through the whole batch:            yes\n  \
             as in a batch of copies of the example: {alone}\n  summed, as the gradient of the sum:     yes\n  \
             finite:                                 {finite}\n",
            samples.join(", ")
        )
    }

    fn warnings(&self) -> Vec<Box<Diagnostic>> {
        let mut warnings = Vec::new();
        if let Some((example, by)) = self.tied {
            let warning = Diagnostic::warning(
                codes::TIED_EXAMPLES,
                by.unwrap_or(self.span),
                "examples are tied together by this value",
            )
            .at("it is computed from the whole batch")
            .note(format!("in a batch of copies of itself example {example} has another gradient"))
            .help("write stop_gradient(…) around it if the statistic is meant to count as constant");
            warnings.push(if by.is_some() { warning.label(self.span, "in this gradient") } else { warning });
        }
        if let Some(example) = self.infinite {
            let text = format!("the gradient of example {example} is not finite");
            warnings.push(
                Diagnostic::warning(codes::NOT_FINITE, self.span, text)
                    .at("it is infinite or not a number")
                    .help("look at that example's data, and at logarithms, quotients and square roots at 0"),
            );
        }
        warnings
    }
}

/// A gradient as it stands in the graph: of this cost's examples, by that.
#[derive(Clone, Copy)]
pub(super) struct Gradient {
    span: Span,
    /// The costs of all examples.
    pub(super) cost: NodeId,
    /// What they are differentiated by.
    pub(super) by: NodeId,
}

impl Module {
    /// Runs the statements without doing anything to the world, and checks every gradient of one example in them.
    ///
    /// # Errors
    /// As [`Module::run`]; and when a gradient is not what it must be, which is a fault of the compiler's.
    pub fn check_per_example(
        &self,
        options: &RunOptions,
        warn: &mut dyn FnMut(Warning),
    ) -> Result<ExampleCheck, Error> {
        let given = self.given(options).map_err(|problem| self.error(problem))?;
        let sites = self.dry(options, warn, |runner, _| {
            runner.checker.announce(&self.statements);
            runner.values = super::inputs::bind_inputs(&mut runner.checker, &self.inputs, given)?;
            // What is done step by step has no graph to look at.
            let whole = self.statements.iter().take_while(|statement| !stepping::is_stepwise(statement));
            whole.into_iter().try_for_each(|statement| runner.statement(statement))?;
            runner.given_only = Some(FxHashSet::default());
            let gradients = gradients(&runner.checker.graph);
            gradients.into_iter().map(|gradient| site(runner, gradient)).collect()
        })?;
        Ok(ExampleCheck { sites, sources: self.sources.clone() })
    }
}

/// The gradients of examples by their index, each place once.
fn gradients(graph: &Graph) -> Vec<Gradient> {
    let mut found: Vec<Gradient> = Vec::new();
    for id in graph.ids() {
        let node = graph.node(id);
        let (Op::Grad, &[value, by]) = (&node.op, node.inputs.as_slice()) else { continue };
        let (Op::Gather { axes }, &[cost, index]) = (&graph.node(value).op, graph.node(value).inputs.as_slice()) else {
            continue;
        };
        let named = matches!(graph.node(unchecked(graph, index)).op, Op::Var(_));
        let apart = graph.node(cost).free.is_empty() && graph.node(by).free.is_empty();
        let float = graph.ty(by).dtype.is_float();
        if axes == &[0] && named && apart && float && !found.iter().any(|known| known.span == node.span) {
            found.push(Gradient { span: node.span, cost, by });
        }
    }
    found.sort_by_key(|gradient| gradient.span);
    found
}

/// An index behind its check.
fn unchecked(graph: &Graph, index: NodeId) -> NodeId {
    let node = graph.node(index);
    match (&node.op, node.inputs.first()) {
        (Op::Check(CheckKind::Index { .. }), Some(inner)) => unchecked(graph, *inner),
        _ => index,
    }
}

fn site(runner: &mut Runner<'_, '_>, gradient: Gradient) -> Checking<Site> {
    let data = data(runner, gradient);
    let g = &runner.checker.graph;
    let all = g.shape(gradient.cost).first().and_then(Size::as_const).unwrap_or(0).max(0);
    let each = g.ty(gradient.by).elements().as_const().unwrap_or(1).max(1);
    let seen = all.min((NUMBERS / each).max(1));
    let Together { gradients, of_sum, tie } = compiled(runner, gradient, seen)?;
    let count = seen.max(0) as usize;
    let step = count.div_ceil(SAMPLES).max(1);
    let samples: Vec<usize> = (0..count)
        .step_by(step)
        .chain(count.checked_sub(1))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    let each = each as usize;
    let values = gradients.to_f64_vec();
    let row = |example: usize| values.get(example * each..(example + 1) * each).unwrap_or_default();
    let infinite = (0..count).find(|example| row(*example).iter().any(|value| !value.is_finite()));
    let tolerance = tolerance(gradients.dtype());
    let mut tied = None;
    for &example in &samples {
        let (whole, copies) = references(runner, gradient, example, &data)?;
        if contradicts(row(example), &whole, tolerance) {
            return Err(wrong(
                gradient.span,
                &format!("of example {example} is not what it is through the whole batch"),
            ));
        }
        if tied.is_none() && copies.is_some_and(|copies| contradicts(row(example), &copies, tolerance)) {
            tied = Some((example, tie));
        }
    }
    let mut total = vec![0.0; each];
    for example in 0..count {
        total.iter_mut().zip(row(example)).for_each(|(sum, value)| *sum += value);
    }
    let scale: f64 = values.iter().filter(|value| value.is_finite()).fold(0.0, |most, value| most.max(value.abs()));
    if infinite.is_none() && !agree_within(&total, &of_sum, tolerance * scale * count.max(1) as f64) {
        return Err(wrong(gradient.span, "summed over the examples is not the gradient of the sum"));
    }
    Ok(Site { span: gradient.span, examples: (all as usize, count), samples, copied: !data.is_empty(), tied, infinite })
}

fn wrong(span: Span, text: &str) -> Box<Diagnostic> {
    Diagnostic::error(codes::BUG, span, format!("this gradient {text}"))
        .help("this is a fault of the compiler's: please report it with the program that shows it")
}

/// What is known of all examples.
struct Together {
    /// Their gradients, one after the other.
    gradients: Array,
    /// The gradient of the sum of their costs.
    of_sum: Vec<f64>,
    /// What ties them.
    tie: Option<Span>,
}

/// The gradients of the first examples as they are compiled, and what belongs to all of them.
fn compiled(runner: &mut Runner<'_, '_>, gradient: Gradient, seen: i64) -> Checking<Together> {
    let g = &mut runner.checker.graph;
    let ty = g.ty(gradient.by).clone();
    let var = g.new_var("i", Size::from(seen));
    let at = g.var_value(var);
    let one = g.gather(gradient.cost, &[0], &[at]);
    let each = g.add(Op::Grad, vec![one, gradient.by], ty.clone());
    let all = g.build(var, each);
    let var = g.new_var("i", Size::from(seen));
    let at = g.var_value(var);
    let one = g.gather(gradient.cost, &[0], &[at]);
    let costs = g.build(var, one);
    let total = g.sum(costs, &[0]);
    let of_sum = g.add(Op::Grad, vec![total, gradient.by], ty);
    let (graph, inputs) = runner.segment(&[all, of_sum], &[]);
    let runnable = Runnable::native(&graph, &mut Context::default())?;
    let mut results = call(runner, &runnable, &inputs)?.into_iter();
    let (Some(all), Some(of_sum)) = (results.next(), results.next()) else {
        return Err(wrong(gradient.span, "has no value"));
    };
    let sliced = pipeline::run_only(&graph, &mut Context::default(), &["sliced"])?;
    let order = reachable(&sliced, &sliced.roots());
    let tie = order.iter().find_map(|id| tied_by(&sliced, *id)).map(|by| sliced.node(by).span);
    Ok(Together { gradients: all, of_sum: of_sum.to_f64_vec(), tie })
}

/// The gradient of one example through the whole batch, and that in a batch of copies of it, in the interpreter.
fn references(
    runner: &mut Runner<'_, '_>,
    gradient: Gradient,
    example: usize,
    data: &[Along],
) -> Checking<(Vec<f64>, Option<Vec<f64>>)> {
    let g = &mut runner.checker.graph;
    let ty = g.ty(gradient.by).clone();
    let at = g.int(example as i64);
    let mut roots = Vec::new();
    let costs = [Some(gradient.cost), (!data.is_empty()).then(|| copied(g, gradient, data, at))];
    for cost in costs.into_iter().flatten() {
        let one = g.gather(cost, &[0], &[at]);
        roots.push(g.add(Op::Grad, vec![one, gradient.by], ty.clone()));
    }
    let (graph, inputs) = runner.segment(&roots, &[]);
    let plain = pipeline::run_only(&graph, &mut Context::default(), &["unrolled", "differentiated"])?;
    let mut results = call(runner, &Runnable::Interpreted(Box::new(plain)), &inputs)?.into_iter();
    let whole = results.next().map(|array| array.to_f64_vec()).unwrap_or_default();
    Ok((whole, results.next().map(|array| array.to_f64_vec())))
}

/// The costs of a batch of copies of one example: its data in every row of what holds the examples' data.
fn copied(g: &mut Graph, gradient: Gradient, data: &[Along], at: NodeId) -> NodeId {
    let mut map: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for id in reachable(g, &[gradient.cost]) {
        // What is differentiated by stays what it is.
        if id == gradient.by {
            continue;
        }
        let copy = match data.iter().find(|(node, _)| *node == id) {
            Some(&(node, axis)) => {
                let shape = g.shape(node).to_vec();
                let row = g.gather(node, &[axis], &[at]);
                let axes: Vec<usize> = (0..shape.len()).filter(|other| *other != axis).collect();
                g.broadcast(row, &axes, &shape)
            }
            None => {
                let node = g.node(id).clone();
                let inputs: Vec<NodeId> = node.inputs.iter().map(|x| map.get(x).copied().unwrap_or(*x)).collect();
                if inputs == node.inputs {
                    continue;
                }
                g.span = node.span;
                g.add(node.op, inputs, node.ty)
            }
        };
        map.insert(id, copy);
    }
    map.get(&gradient.cost).copied().unwrap_or(gradient.cost)
}

/// Calls something with the values of its inputs.
fn call(runner: &Runner<'_, '_>, runnable: &Runnable, inputs: &[NodeId]) -> Checking<Vec<Array>> {
    let views: Vec<ArrayView<'_>> = inputs.iter().filter_map(|id| runner.values.get(id)).map(Array::view).collect();
    let held = views.iter().map(ArrayView::bytes).sum();
    Ok(runnable.call(&views, &mut [], &SizeEnv::new(), (runner.threads, held))?.arrays())
}

/// By how much results may differ that are rounded in another order, beside the largest of them.
fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 1e-8,
        DType::F32 => 2e-3,
        _ => 0.1,
    }
}

/// Whether a gradient is another one than a reference says. What is not finite in the reference says nothing: there the infinite
/// derivatives of other examples meet zeros.
fn contradicts(found: &[f64], reference: &[f64], tolerance: f64) -> bool {
    let finite = found.iter().chain(reference).filter(|value| value.is_finite());
    let slack = tolerance * finite.fold(0.0, |most: f64, value| most.max(value.abs()));
    let differs = |(x, y): (&f64, &f64)| y.is_finite() && !(x.is_finite() && (x - y).abs() <= slack + 1e-300);
    found.len() != reference.len() || found.iter().zip(reference).any(differs)
}

/// The same numbers but for rounding; what is not finite in one is not in the other.
fn agree_within(a: &[f64], b: &[f64], slack: f64) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(x, y)| {
            let finite = x.is_finite() && y.is_finite();
            if finite { (x - y).abs() <= slack + 1e-300 } else { !x.is_finite() && !y.is_finite() }
        })
}
