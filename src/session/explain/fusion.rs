//! What each step has taken into its loops, and why there is another step behind it.
//!
//! In: a kernel. Out: for each step that works, in order, the operators in its loops and a reason in words.
//! Always holds: steps are counted from 1, as in the text; who reads a result is told as the kernel has it, so an array that is written
//! over has the readers of each of its values apart.

use crate::loops::{BufferId, Inst, Kernel, Role, Sink, Step, run_end};
use rustc_hash::FxHashMap;

/// How many operators or steps are named.
const NAMED: usize = 6;

/// What became of a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Fusion {
    /// The elementwise operators and reductions in its loops, in order.
    pub(super) operators: Vec<&'static str>,
    /// The steps that read its result.
    pub(super) readers: Vec<usize>,
    /// Why its result is held in memory instead of being computed where it is read.
    pub(super) held: &'static str,
    /// The last of the steps with which it runs block by block, or shares a loop.
    pub(super) together: Option<usize>,
    /// Whether they are reductions of everything in one loop.
    pub(super) one_loop: bool,
}

impl Fusion {
    /// What it has taken in, who reads its result, and why that is held.
    pub(super) fn words(&self) -> String {
        let names: Vec<&str> = self.operators.iter().copied().take(NAMED).collect();
        let more = self.operators.len().saturating_sub(names.len());
        let numbers: Vec<String> = self.readers.iter().take(NAMED).map(usize::to_string).collect();
        let etc = if self.readers.len() > NAMED { ", …" } else { "" };
        let mut words = String::new();
        match (names.is_empty(), more) {
            (true, _) => {}
            (false, 0) => words.push_str(&format!("{}; ", names.join(", "))),
            (false, more) => words.push_str(&format!("{} and {more} more; ", names.join(", "))),
        }
        if !numbers.is_empty() {
            words.push_str(&format!("for {}{etc}: ", numbers.join(", ")));
        }
        words.push_str(self.held);
        if let Some(last) = self.together {
            words.push_str(&match self.one_loop {
                true => format!("; reads the same array as the steps up to {last}, in one loop"),
                false => format!("; runs block by block up to step {last}"),
            });
        }
        words
    }
}

/// What became of each step that works.
pub(super) fn fusions(kernel: &Kernel) -> Vec<Fusion> {
    let mut steps = Vec::new();
    flat(&kernel.steps, &mut steps);
    let mut found: Vec<Fusion> = steps
        .iter()
        .map(|(step, together)| {
            let one_loop = together.is_some() && reduces_everything(step);
            Fusion { operators: operators(step), together: *together, one_loop, ..Fusion::default() }
        })
        .collect();
    let mut writer: FxHashMap<BufferId, usize> = FxHashMap::default();
    for (at, (step, _)) in steps.iter().enumerate() {
        let (reads, writes) = step.buffers();
        for from in reads.iter().filter_map(|buffer| writer.get(buffer)) {
            if let Some(fusion) = found.get_mut(*from).filter(|fusion| fusion.readers.last() != Some(&(at + 1))) {
                fusion.readers.push(at + 1);
            }
        }
        writer.extend(writes.into_iter().map(|buffer| (buffer, at)));
    }
    for at in 0..steps.len() {
        let held = held(kernel, &steps, at, found.get(at).map_or(&[], |fusion| &fusion.readers));
        if let Some(fusion) = found.get_mut(at) {
            fusion.held = held;
        }
    }
    found
}

/// Steps that work, each with the number of the last one with which it runs block by block.
fn flat<'k>(steps: &'k [Step], found: &mut Vec<(&'k Step, Option<usize>)>) {
    let mut at = 0;
    while let Some(step) = steps.get(at) {
        let end = run_end(steps, at);
        match step {
            Step::Nest(_) | Step::Product(_) | Step::Routine(_) => {
                let last = found.len() + (end - at);
                let together = (end > at + 1).then_some(last);
                found.extend(steps.get(at..end).unwrap_or_default().iter().map(|step| (step, together)));
            }
            other => other.blocks().into_iter().for_each(|block| flat(block, found)),
        }
        at = end;
    }
}

fn reduces_everything(step: &Step) -> bool {
    let Step::Nest(nest) = step else { return false };
    matches!(&nest.sink, Sink::Reduce { loops, .. } if *loops == nest.loops.len())
}

fn operators(step: &Step) -> Vec<&'static str> {
    let nest = match step {
        Step::Nest(nest) => nest,
        Step::Product(product) => {
            let taken_in = [product.a.squared, product.b.squared, product.scale.is_some()];
            return taken_in.iter().filter(|is| **is).map(|_| "multiply").collect();
        }
        _ => return Vec::new(),
    };
    let body = nest.body.iter().filter_map(|inst| match inst {
        Inst::Map(operator, _) => Some(operator.name),
        Inst::Cast(..) => Some("cast"),
        Inst::Check { .. } => Some("check"),
        Inst::Const(..) | Inst::Index(_) | Inst::Load(..) => None,
    });
    let reduction = match &nest.sink {
        Sink::Reduce { kind, .. } | Sink::Accumulate { kind, .. } => Some(kind.name),
        Sink::Store { .. } => None,
    };
    body.chain(reduction).collect()
}

fn held(kernel: &Kernel, steps: &[(&Step, Option<usize>)], at: usize, readers: &[usize]) -> &'static str {
    let Some((step, _)) = steps.get(at) else { return "" };
    let output = |id: &BufferId| kernel.buffers.get(*id).is_some_and(|buffer| matches!(buffer.role, Role::Output(_)));
    let read_by =
        |wanted: fn(&Step) -> bool| readers.iter().any(|reader| steps.get(reader - 1).is_some_and(|s| wanted(s.0)));
    let reduces = matches!(step, Step::Nest(nest) if !matches!(nest.sink, Sink::Store { .. }));
    let added = readers.iter().filter_map(|reader| steps.get(reader - 1)).any(|(reader, _)| {
        let Step::Nest(nest) = reader else { return false };
        matches!(nest.sink, Sink::Accumulate { .. }) && step.buffers().1.contains(&nest.sink.buffer())
    });
    match readers {
        [] if step.buffers().1.iter().any(output) => "a result",
        [] => "carried by a loop",
        _ if matches!(step, Step::Product(_)) => "a matrix product is a step of its own",
        _ if matches!(step, Step::Routine(_)) => "a library call is a step of its own",
        _ if reduces => "a reduction is complete before it is read",
        _ if added => "it is added to in place",
        _ if read_by(|step| matches!(step, Step::Product(_))) => "a matrix product reads it from memory",
        _ if read_by(|step| matches!(step, Step::Routine(_))) => "a library call reads it from memory",
        [_, _, ..] => "several steps read it, and computing it again costs more than a load",
        [one] if one - 1 <= at => "the next iteration reads it",
        [_] => "read repeatedly, at places that change, or too long for one loop",
    }
}
