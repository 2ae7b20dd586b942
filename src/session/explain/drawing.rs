//! Steps and arrays as a picture: boxes in layers, arrows along the data.
//!
//! In: a kernel with the work of its steps. Out: an SVG element.
//! Always holds: an arrow goes from a layer to a later one, except into a loop's next iteration; nothing outside the page is
//! asked for.

use super::{Part, text};
use crate::diagnostic::Sources;
use crate::graph::polynomial;
use crate::loops::{BufferId, Kernel, Role, Step};
use rustc_hash::FxHashMap;
use std::fmt::Write;

/// The most boxes that are drawn.
const BOXES: usize = 300;

/// Sizes of the drawing, in pixels.
const WIDTH: f64 = 190.0;
const HEIGHT: f64 = 46.0;
const GAP: (f64, f64) = (24.0, 44.0);
const MARGIN: f64 = 16.0;

/// How often boxes of a layer are put in the order of what they are joined to.
const SWEEPS: usize = 8;

struct Node {
    title: String,
    detail: String,
    hover: String,
    class: &'static str,
    layer: usize,
}

/// The picture of a part, or a sentence if it would be too large.
pub(super) fn draw(part: &Part, sources: &Sources) -> String {
    let (nodes, edges) = diagram(part, sources);
    if nodes.len() > BOXES {
        return format!("<p>{} steps are too many to draw.</p>", nodes.len());
    }
    let layers = ordered(&nodes, &edges);
    svg(&nodes, &edges, &layers)
}

/// Boxes for parameters, steps and results; arrows for arrays that one writes and another reads.
fn diagram(part: &Part, sources: &Sources) -> (Vec<Node>, Vec<(usize, usize)>) {
    let kernel = &part.kernel;
    let (mut nodes, mut edges) = (Vec::new(), Vec::new());
    let mut written: FxHashMap<BufferId, usize> = FxHashMap::default();
    let elements = |id: BufferId| {
        kernel.buffers.get(id).map(|b| format!("{}, {} elements", b.dtype, polynomial(&b.elements))).unwrap_or_default()
    };
    for (id, buffer) in kernel.buffers.iter().enumerate() {
        if let Role::Input(position) = buffer.role {
            let title = part.parameters.get(position).map(|(name, _)| name.clone()).unwrap_or_default();
            let detail = part.parameters.get(position).map(|(_, ty)| ty.clone()).unwrap_or_default();
            let hover = format!("parameter {title}: {detail}");
            written.insert(id, nodes.len());
            nodes.push(Node { title, detail, hover, class: "parameter", layer: 0 });
        }
    }
    let mut leaves = Vec::new();
    flat(&kernel.steps, &mut leaves);
    for (step, work) in leaves.iter().zip(&part.cost.works) {
        let (reads, writes) = step.buffers();
        let mut before: Vec<usize> = reads.iter().chain(&writes).filter_map(|id| written.get(id).copied()).collect();
        before.sort_unstable();
        before.dedup();
        let layer = before.iter().filter_map(|at| nodes.get(*at)).map(|node: &Node| node.layer + 1).max().unwrap_or(1);
        let class = if work.what == "product" { "product" } else { "step" };
        let hover = format!(
            "{}, {}: {} operations\n{} {}",
            work.what,
            text::extents(work),
            polynomial(&work.operations),
            text::line(work.span, sources),
            sources.text(work.span),
        );
        let at = nodes.len();
        edges.extend(before.into_iter().map(|from| (from, at)));
        nodes.push(Node {
            title: format!("{} {}", work.what, text::extents(work)),
            detail: text::snippet(work.span, sources),
            hover,
            class,
            layer,
        });
        written.extend(writes.into_iter().map(|id| (id, at)));
    }
    results(kernel, part, &written, &elements, &mut nodes, &mut edges);
    (nodes, edges)
}

fn results(
    kernel: &Kernel,
    part: &Part,
    written: &FxHashMap<BufferId, usize>,
    elements: &dyn Fn(BufferId) -> String,
    nodes: &mut Vec<Node>,
    edges: &mut Vec<(usize, usize)>,
) {
    let last = nodes.iter().map(|node| node.layer).max().unwrap_or(0) + 1;
    for (id, buffer) in kernel.buffers.iter().enumerate() {
        if let Role::Output(position) = buffer.role {
            let at = nodes.len();
            edges.extend(written.get(&id).map(|from| (*from, at)));
            let detail = part.results.get(position).cloned().unwrap_or_default();
            let title = if part.results.len() == 1 { "result".to_string() } else { format!("result {}", position + 1) };
            nodes.push(Node { title, detail, hover: elements(id), class: "result", layer: last });
        }
    }
}

/// Steps that work, in the order in which they run.
fn flat<'k>(steps: &'k [Step], found: &mut Vec<&'k Step>) {
    for step in steps {
        match step {
            Step::Nest(_) | Step::Product(_) | Step::Routine(_) => found.push(step),
            other => other.blocks().into_iter().for_each(|block| flat(block, found)),
        }
    }
}

/// The boxes of each layer, in an order that keeps arrows short.
fn ordered(nodes: &[Node], edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let count = nodes.iter().map(|node| node.layer + 1).max().unwrap_or(0);
    let mut layers = vec![Vec::new(); count];
    for (at, node) in nodes.iter().enumerate() {
        if let Some(layer) = layers.get_mut(node.layer) {
            layer.push(at);
        }
    }
    let mut place = vec![0.0f64; nodes.len()];
    let spread = |layers: &[Vec<usize>], place: &mut [f64]| {
        for layer in layers {
            let middle = (layer.len() as f64 - 1.0) / 2.0;
            for (position, at) in layer.iter().enumerate() {
                if let Some(place) = place.get_mut(*at) {
                    *place = position as f64 - middle;
                }
            }
        }
    };
    spread(&layers, &mut place);
    for _ in 0..SWEEPS {
        for layer in &mut layers {
            let mut keyed: Vec<(f64, usize)> = layer.iter().map(|at| (barycentre(*at, edges, &place), *at)).collect();
            keyed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            *layer = keyed.into_iter().map(|(_, at)| at).collect();
        }
        spread(&layers, &mut place);
    }
    layers
}

/// Where the boxes are on average that a box is joined to.
fn barycentre(at: usize, edges: &[(usize, usize)], place: &[f64]) -> f64 {
    let joined = edges.iter().filter_map(|(from, to)| match at {
        _ if *from == at => place.get(*to),
        _ if *to == at => place.get(*from),
        _ => None,
    });
    let all: Vec<f64> = joined.copied().collect();
    if all.is_empty() { place.get(at).copied().unwrap_or(0.0) } else { all.iter().sum::<f64>() / all.len() as f64 }
}

fn svg(nodes: &[Node], edges: &[(usize, usize)], layers: &[Vec<usize>]) -> String {
    let widest = layers.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let width = widest * (WIDTH + GAP.0) - GAP.0 + 2.0 * MARGIN;
    let height = layers.len() as f64 * (HEIGHT + GAP.1) - GAP.1 + 2.0 * MARGIN;
    let mut at = vec![(0.0, 0.0); nodes.len()];
    for (row, layer) in layers.iter().enumerate() {
        let own = layer.len() as f64 * (WIDTH + GAP.0) - GAP.0;
        for (column, node) in layer.iter().enumerate() {
            if let Some(at) = at.get_mut(*node) {
                let x = (width - own) / 2.0 + column as f64 * (WIDTH + GAP.0);
                *at = (x, MARGIN + row as f64 * (HEIGHT + GAP.1));
            }
        }
    }
    let mut out = format!(
        "<svg class=\"graph\" role=\"img\" aria-label=\"steps and the arrays between them\" width=\"{width}\" \
         height=\"{height}\" viewBox=\"0 0 {width} {height}\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n"
    );
    for (from, to) in edges {
        let (Some((x, y)), Some((u, v))) = (at.get(*from), at.get(*to)) else { continue };
        let (x, y, u) = (x + WIDTH / 2.0, y + HEIGHT, u + WIDTH / 2.0);
        let half = (v - y) / 2.0;
        // Writing into a string cannot fail.
        let _ = writeln!(
            out,
            "<path class=\"edge\" d=\"M{x} {y}C{x} {} {u} {} {u} {v}\" marker-end=\"url(#tip)\"/>",
            y + half,
            v - half
        );
    }
    for (node, (x, y)) in nodes.iter().zip(&at) {
        let middle = x + WIDTH / 2.0;
        let _ = writeln!(
            out,
            "<g class=\"node {}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"5\"/>\
             <text x=\"{middle}\" y=\"{}\">{}</text><text class=\"detail\" x=\"{middle}\" y=\"{}\">{}</text></g>",
            node.class,
            escaped(&node.hover),
            y + 19.0,
            escaped(&short(&node.title, 26)),
            y + 36.0,
            escaped(&short(&node.detail, 32)),
        );
    }
    out.push_str("</svg>\n");
    out
}

fn short(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_string(),
    }
}

/// Text inside of HTML or SVG.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
