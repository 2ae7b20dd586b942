//! What is left of whole-array programs behind fusion: loop nests, matrix products, and arrays in memory.
//!
//! In: the functions of tests/fusion/*.tome, each under a line that counts. Out: the same counts of the kernel it becomes.
//! Always holds: a count that changes shows here; MICROTOME_UPDATE=1 rewrites the lines. What is worse than it should be says so in
//! a comment above the line.
#![allow(clippy::unwrap_used, clippy::panic)]

mod harness;

use harness::{files, folder, update};
use microtome::loops::{self, Kernel, Role, Step};
use microtome::pipeline::{self, Context};
use microtome::{Session, Stage, graph};
use std::fmt::Write;
use std::path::Path;

/// What is counted.
#[derive(Default)]
struct Counts {
    /// Loop nests; each has one innermost loop.
    nests: usize,
    /// Passes over the outermost axis: nests that run together, row by row, are one.
    passes: usize,
    products: usize,
    routines: usize,
    /// Loops around steps.
    loops: usize,
    /// Arrays of more than one element that are neither inputs nor results.
    scratch: usize,
}

impl Counts {
    fn of(kernel: &Kernel) -> Counts {
        let mut counts = Counts::default();
        counts.steps(&kernel.steps);
        let is_array = |buffer: &&loops::Buffer| buffer.role == Role::Scratch && buffer.elements.as_const() != Some(1);
        counts.scratch = kernel
            .buffers
            .iter()
            .enumerate()
            .filter(|(id, _)| is_used(&kernel.steps, *id))
            .map(|(_, b)| b)
            .filter(is_array)
            .count();
        counts
    }

    fn steps(&mut self, steps: &[Step]) {
        let mut at = 0;
        while at < steps.len() {
            // What is done once, a check say, is no loop.
            let nests = |step: &&Step| matches!(step, Step::Nest(nest) if !nest.loops.is_empty());
            let end = loops::run_end(steps, at);
            let count = steps[at..end].iter().filter(nests).count();
            self.nests += count;
            self.passes += count.min(1);
            at = end;
        }
        for step in steps {
            match step {
                Step::Product(_) => self.products += 1,
                Step::Routine(_) => self.routines += 1,
                Step::Loop(_) => self.loops += 1,
                Step::Nest(_) | Step::If(_) | Step::Bind(_) => {}
            }
            step.blocks().into_iter().for_each(|block| self.steps(block));
        }
    }

    fn line(&self) -> String {
        let mut text = String::from("#=");
        let all = [
            ("nest", self.nests),
            ("product", self.products),
            ("routine", self.routines),
            ("loop", self.loops),
            ("scratch array", self.scratch),
        ];
        let together = if self.passes < self.nests { format!(" in {} pass", self.passes) } else { String::new() };
        for (name, count) in all.into_iter().filter(|(_, count)| *count > 0) {
            let s = if count == 1 { "" } else { "s" };
            let comma = if text.len() > 2 { "," } else { "" };
            write!(text, "{comma} {count} {name}{s}").unwrap();
            if name == "nest" && !together.is_empty() {
                write!(text, "{together}{}", if self.passes == 1 { "" } else { "es" }).unwrap();
            }
        }
        text
    }
}

fn is_used(steps: &[Step], buffer: usize) -> bool {
    steps.iter().any(|step| {
        let (reads, writes) = step.buffers();
        reads.contains(&buffer)
            || writes.contains(&buffer)
            || step.blocks().into_iter().any(|block| is_used(block, buffer))
    })
}

/// The kernel of a function.
fn kernel(module: &microtome::Module, name: &str) -> Kernel {
    let text = module.emit(&Stage::Graph, Some(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let graph = graph::parse(&text).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let planned = pipeline::run(&graph, &mut Context::default(), None, |_, _| {}).unwrap();
    loops::lower(&planned).unwrap()
}

/// The file's text with what there is counted; a `#=` line stands above its function.
fn counted(path: &Path) -> (String, String) {
    let text = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    let module = Session::with_threads(1).compile(&path.display().to_string(), &text).unwrap_or_else(|e| panic!("{e}"));
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with("#=") {
            continue;
        }
        if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next())
            && !module_is_part(name)
        {
            writeln!(out, "{}", Counts::of(&kernel(&module, name)).line()).unwrap();
        }
        writeln!(out, "{line}").unwrap();
    }
    (text, out)
}

/// Functions that others are made of are not counted.
fn module_is_part(name: &str) -> bool {
    name.starts_with("part_")
}

#[test]
fn loops_products_and_arrays_are_as_many_as_they_are_said_to_be() {
    let (mut wrong, mut functions) = (String::new(), 0);
    for path in files(&folder("fusion"), "tome") {
        let (expected, actual) = counted(&path);
        functions += actual.lines().filter(|line| line.starts_with("#=")).count();
        if update() {
            std::fs::write(&path, &actual).unwrap();
        } else if expected != actual {
            for (a, b) in expected.lines().zip(actual.lines()).filter(|(a, b)| a != b) {
                writeln!(wrong, "{}: said  {a}\n       are {b}", path.display()).unwrap();
            }
        }
    }
    assert!(functions >= 40, "{functions}");
    assert!(wrong.is_empty(), "{wrong}");
}
