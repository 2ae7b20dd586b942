//! Contractions: sums of products in index notation, `no,ni->oi`.
//!
//! In: operands whose axes carry labels, and the labels kept. Out: one node for what is a matrix product, an outer
//! product, a sum of products, or all of these together.
//! Always holds: labels are numbered by first appearance, no operand repeats one, and every kept label occurs in an operand.

use super::elementwise::{NOT_EQUAL, WHERE};
use super::reduction::ANY;
use super::rules::{Batched, Cotangent, IndexRule, Tangent, sum_of_tangents};
use crate::graph::{Graph, NodeId, Op, Size, Type};

/// The labels of one operand's axes.
pub type Labels = Vec<u8>;

impl Graph {
    /// The sum over all labels not in `result` of the product of the operands.
    pub fn contract(&mut self, operands: &[(NodeId, Labels)], result: &[u8]) -> NodeId {
        if let [(x, labels)] = operands {
            return self.contract_one(*x, labels, result);
        }
        let ids: Vec<NodeId> = operands.iter().map(|(id, _)| *id).collect();
        if let Some(half) = self.half_among(&ids) {
            return self.in_single(half, &ids, |g, wide| {
                let labels = operands.iter().map(|(_, labels)| labels.clone());
                g.contract(&wide.iter().copied().zip(labels).collect::<Vec<_>>(), result)
            });
        }
        let mut seen: Vec<u8> = Vec::new();
        let mut number = |label: u8| match seen.iter().position(|&known| known == label) {
            Some(position) => position as u8,
            None => {
                seen.push(label);
                (seen.len() - 1) as u8
            }
        };
        let renamed: Vec<Labels> =
            operands.iter().map(|(_, labels)| labels.iter().map(|&l| number(l)).collect()).collect();
        let result: Labels = result.iter().map(|&l| number(l)).collect();
        let size = |label: u8| self.label_size(operands, &renamed, label);
        let ty = Type::array(self.ty(operands[0].0).dtype, result.iter().map(|&l| size(l)).collect());
        self.add(Op::Contract { operands: renamed, result }, operands.iter().map(|(id, _)| *id).collect(), ty)
    }

    fn label_size(&self, operands: &[(NodeId, Labels)], renamed: &[Labels], label: u8) -> Size {
        for ((id, _), labels) in operands.iter().zip(renamed) {
            if let Some(axis) = labels.iter().position(|&l| l == label) {
                return self.shape(*id)[axis].clone();
            }
        }
        Size::one()
    }

    fn contract_one(&mut self, x: NodeId, labels: &[u8], result: &[u8]) -> NodeId {
        let dropped: Vec<usize> = (0..labels.len()).filter(|&axis| !result.contains(&labels[axis])).collect();
        let summed = self.sum(x, &dropped);
        let kept: Labels = labels.iter().copied().filter(|label| result.contains(label)).collect();
        let perm: Vec<usize> = result.iter().filter_map(|label| kept.iter().position(|l| l == label)).collect();
        self.transpose(summed, &perm)
    }

    /// NumPy's `a @ b` for operands of rank 1 and more, with equal leading axes; `None` if the ranks do not fit.
    /// Leading axes that only one operand has are shared by the other.
    pub fn matrix_product(&mut self, a: NodeId, b: NodeId) -> Option<NodeId> {
        let (ra, rb) = (self.ty(a).rank(), self.ty(b).rank());
        if ra == 0 || rb == 0 {
            return None;
        }
        const INNER: u8 = 100;
        const ROW: u8 = 101;
        const COLUMN: u8 = 102;
        let lead = |rank: usize| -> Labels { (2..rank).rev().map(|k| (k - 2) as u8).collect() };
        let (la, lb) = (lead(ra), lead(rb));
        let mut left = la.clone();
        left.extend(if ra > 1 { vec![ROW, INNER] } else { vec![INNER] });
        let mut right = lb.clone();
        right.extend(if rb > 1 { vec![INNER, COLUMN] } else { vec![INNER] });
        let mut result = if la.len() >= lb.len() { la } else { lb };
        result.extend((ra > 1).then_some(ROW));
        result.extend((rb > 1).then_some(COLUMN));
        Some(self.contract(&[(a, left), (b, right)], &result))
    }
}

impl Graph {
    /// `a + b`; where both are contractions that differ in one operand only, the sum is taken of that operand.
    pub fn plus_sharing(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.shared_contraction(a, b).unwrap_or_else(|| self.plus(a, b))
    }

    fn shared_contraction(&mut self, a: NodeId, b: NodeId) -> Option<NodeId> {
        let (first, second) = (self.node(a), self.node(b));
        let (Op::Contract { operands, result }, true) = (&first.op, first.op == second.op && a != b) else {
            return None;
        };
        let (mut inputs, others) = (first.inputs.clone(), second.inputs.clone());
        let mut different = (0..inputs.len()).filter(|&k| inputs[k] != others[k]);
        let (Some(at), None) = (different.next(), different.next()) else { return None };
        let (operands, result) = (operands.clone(), result.clone());
        inputs[at] = self.plus(inputs[at], others[at]);
        Some(self.contract(&inputs.into_iter().zip(operands).collect::<Vec<_>>(), &result))
    }
}

fn parts(g: &Graph, id: NodeId) -> (Vec<(NodeId, Labels)>, Labels) {
    let node = g.node(id);
    match &node.op {
        Op::Contract { operands, result } => {
            (node.inputs.iter().copied().zip(operands.iter().cloned()).collect(), result.clone())
        }
        _ => (Vec::new(), Vec::new()),
    }
}

/// The cotangent of each operand: the contraction of the node's cotangent with the other operands. What of them meets
/// only cuts is cut too, so that no infinity in it reaches a sum.
pub(super) fn vjp(g: &mut Graph, id: NodeId, ct: Cotangent) -> Vec<Option<Cotangent>> {
    let (mut operands, result) = parts(g, id);
    let shapes: Vec<Vec<Size>> = operands.iter().map(|(x, _)| g.shape(*x).to_vec()).collect();
    if ct.masked {
        for operand in &mut operands {
            operand.0 = uncut(g, operand, ct.node, &result);
        }
    }
    (0..operands.len())
        .map(|k| {
            let mut others = vec![(ct.node, result.clone())];
            others.extend(operands.iter().enumerate().filter(|(j, _)| *j != k).map(|(_, operand)| operand.clone()));
            let (_, labels) = &operands[k];
            let present: Labels =
                labels.iter().copied().filter(|l| others.iter().any(|(_, other)| other.contains(l))).collect();
            let back = g.contract(&others, &present);
            let axes: Vec<usize> = present.iter().filter_map(|l| labels.iter().position(|m| m == l)).collect();
            Some(Cotangent { node: g.broadcast(back, &axes, &shapes[k]), ..ct })
        })
        .collect()
}

/// An operand with zeros where every element of the cotangent that it meets is zero.
fn uncut(g: &mut Graph, (x, labels): &(NodeId, Labels), ct: NodeId, result: &[u8]) -> NodeId {
    let zero = g.constant_like(ct, 0.0);
    let met = g.map(&NOT_EQUAL, &[ct, zero]);
    let apart: Vec<usize> = (0..result.len()).filter(|axis| !labels.contains(&result[*axis])).collect();
    let met = g.reduce(&ANY, met, &apart);
    let kept: Labels = result.iter().copied().filter(|label| labels.contains(label)).collect();
    let shared: Labels = labels.iter().copied().filter(|label| kept.contains(label)).collect();
    let perm: Vec<usize> = shared.iter().filter_map(|label| kept.iter().position(|other| other == label)).collect();
    let met = g.transpose(met, &perm);
    let axes: Vec<usize> = shared.iter().filter_map(|label| labels.iter().position(|other| other == label)).collect();
    let shape = g.shape(*x).to_vec();
    let met = g.broadcast(met, &axes, &shape);
    g.map(&WHERE, &[met, *x, zero])
}

/// The tangent of the result: one contraction for each operand that changes, with its tangent in its place.
pub(super) fn jvp(g: &mut Graph, id: NodeId, tangents: &[Option<Tangent>]) -> Option<Tangent> {
    let (operands, result) = parts(g, id);
    let mut sum = None;
    for (k, tangent) in tangents.iter().enumerate() {
        let (Some(tangent), mut factors) = (tangent, operands.clone()) else { continue };
        factors[k].0 = tangent.node;
        let part = Tangent { node: g.contract(&factors, &result), masked: false };
        sum = sum_of_tangents(g, sum, Some(part));
    }
    sum
}

/// The result at `index` of `axis`: the operands that carry its label at that index.
pub(super) fn index(g: &mut Graph, id: NodeId, axis: usize, index: NodeId, rule: &mut IndexRule<'_>) -> NodeId {
    let (operands, result) = parts(g, id);
    let label = result[axis];
    let sliced: Vec<(NodeId, Labels)> = operands
        .into_iter()
        .map(|(x, labels)| match labels.iter().position(|&l| l == label) {
            None => (x, labels),
            Some(at) => (rule(g, x, at, index), labels.iter().copied().filter(|&l| l != label).collect()),
        })
        .collect();
    let rest: Labels = result.iter().copied().filter(|&l| l != label).collect();
    g.contract(&sliced, &rest)
}

/// The contraction with a label more: in front of every stacked operand and of the result.
pub(super) fn batch(g: &mut Graph, id: NodeId, operands: &[Batched]) -> NodeId {
    let (old, result) = parts(g, id);
    let fresh = old.iter().flat_map(|(_, labels)| labels.iter().copied()).max().map_or(0, |label| label + 1);
    let with_batch = |labels: &[u8]| std::iter::once(fresh).chain(labels.iter().copied()).collect::<Labels>();
    let new: Vec<(NodeId, Labels)> = old
        .iter()
        .zip(operands)
        .map(|((_, labels), operand)| match operand {
            Batched::Stacked(x) => (*x, with_batch(labels)),
            Batched::Shared(x) => (*x, labels.clone()),
        })
        .collect();
    g.contract(&new, &with_batch(&result))
}
