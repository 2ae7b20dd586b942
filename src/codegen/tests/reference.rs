//! Evaluates loop nests one element at a time.
//!
//! In: a kernel, the memory of its buffers, sizes. Out: the last buffer, or the fault.
//! Always holds: a body is evaluated in order, iterations in order, outermost loop first.

use super::Memory;
use crate::graph::{CheckKind, SizeEnv};
use crate::loops::{Affine, Call, Inst, Kernel, Matrix, Nest, Product, Rows, Scalar, Sink, Step};
use crate::ops::Reduction;
use crate::ops::elementwise::Value as Element;
use crate::runtime::array::{Array, DType};
use crate::runtime::fault::Fault;
use ndarray::{ArrayD, IxDyn};

pub(super) fn run(kernel: &Kernel, inputs: &[Memory], sizes: &[i64]) -> Result<Memory, Fault> {
    let env: SizeEnv = kernel.sizes.iter().cloned().zip(sizes.iter().copied()).collect();
    let mut machine = Machine { kernel, env, memory: inputs.to_vec() };
    for (memory, buffer) in machine.memory.iter_mut().zip(&kernel.buffers) {
        memory.iter_mut().for_each(|element| *element = element.cast(buffer.dtype));
    }
    machine.steps(&kernel.steps)?;
    Ok(machine.memory.pop().unwrap())
}

struct Machine<'a> {
    kernel: &'a Kernel,
    env: SizeEnv,
    memory: Vec<Memory>,
}

impl Machine<'_> {
    fn steps(&mut self, steps: &[Step]) -> Result<(), Fault> {
        for step in steps {
            match step {
                Step::Nest(nest) => self.nest(nest)?,
                Step::Product(product) => self.product(product),
                Step::Routine(call) => self.routine(call),
                Step::If(inner) if self.memory[inner.condition][0].truth() => self.steps(&inner.then)?,
                Step::If(_) => {}
                Step::Bind(bind) => {
                    let value = self.memory[bind.value][0].int();
                    self.env.insert(bind.size.clone(), value);
                }
                Step::Loop(inner) => {
                    let limit = match &inner.limit {
                        Scalar::Size(size) => size.eval(&self.env).unwrap(),
                        Scalar::Buffer(buffer) => self.memory[*buffer][0].int(),
                    };
                    for count in 0..limit {
                        self.memory[inner.counter][0] = Element::Int(count);
                        self.steps(&inner.head)?;
                        if inner.again.is_some_and(|again| !self.memory[again][0].truth()) {
                            break;
                        }
                        self.steps(&inner.body)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn affine(&self, affine: &Affine, counters: &[i64], values: &[Element]) -> i64 {
        let mut sum = affine.constant.eval(&self.env).unwrap();
        for (index, factor) in &affine.loops {
            sum += factor.eval(&self.env).unwrap() * counters[*index];
        }
        for (value, factor) in &affine.values {
            sum += factor.eval(&self.env).unwrap() * values[*value].int();
        }
        sum
    }

    fn body(&self, nest: &Nest, counters: &[i64]) -> Result<Vec<Element>, Fault> {
        let mut values: Vec<Element> = Vec::new();
        for inst in &nest.body {
            let value = match inst {
                Inst::Const(constant, dtype) => Element::constant(*constant, *dtype),
                Inst::Index(affine) => Element::Int(self.affine(affine, counters, &values)),
                Inst::Load(buffer, affine) => self.memory[*buffer][self.affine(affine, counters, &values) as usize],
                Inst::Map(op, args) => (op.eval)(&args.iter().map(|arg| values[*arg]).collect::<Vec<_>>()),
                Inst::Cast(from, dtype) => values[*from].cast(*dtype),
                Inst::Check { fault, args } => {
                    let args: Vec<Element> = args.iter().map(|arg| values[*arg]).collect();
                    self.check(*fault, &args)?
                }
            };
            values.push(value);
        }
        Ok(values)
    }

    fn check(&self, fault: usize, args: &[Element]) -> Result<Element, Fault> {
        let holds = match &self.kernel.faults[fault].kind {
            CheckKind::Index { .. } => {
                let (index, extent) = (args[0].int(), args[1].int());
                let counted = if index < 0 { index + extent } else { index };
                if (0..extent).contains(&counted) {
                    return Ok(Element::Int(counted));
                }
                return Err(Fault { site: fault, values: [index, extent] });
            }
            CheckKind::Equal { .. } if args[0].int() != args[1].int() => {
                return Err(Fault { site: fault, values: [args[0].int(), args[1].int()] });
            }
            CheckKind::Equal { .. } => true,
            CheckKind::NonZero | CheckKind::Step => args[0].int() != 0,
            CheckKind::Assert { .. } => args[0].truth(),
        };
        if holds { Ok(args[0]) } else { Err(Fault { site: fault, values: [0; 2] }) }
    }

    fn nest(&mut self, nest: &Nest) -> Result<(), Fault> {
        let extents: Vec<i64> = nest.loops.iter().map(|extent| extent.eval(&self.env).unwrap()).collect();
        match &nest.sink {
            Sink::Store { value, buffer, offset } => {
                for counters in points(&extents) {
                    let values = self.body(nest, &counters)?;
                    let at = self.affine(offset, &counters, &values);
                    self.memory[*buffer][at as usize] = values[*value];
                }
            }
            Sink::Accumulate { kind, value, buffer, offset, .. } => {
                for counters in points(&extents) {
                    let values = self.body(nest, &counters)?;
                    let at = self.affine(offset, &counters, &values) as usize;
                    self.memory[*buffer][at] = (kind.combine.eval)(&[self.memory[*buffer][at], values[*value]]);
                }
            }
            Sink::Reduce { kind, loops, value, position, buffer, offset } => {
                let (kept, reduced) = extents.split_at(extents.len() - loops);
                for outer in points(kept) {
                    let mut elements = Vec::new();
                    for inner in points(reduced) {
                        let counters: Vec<i64> = outer.iter().chain(&inner).copied().collect();
                        let values = self.body(nest, &counters)?;
                        elements.push((values[*value], position.map(|position| values[position])));
                    }
                    let dtype = self.kernel.buffers[*buffer].dtype;
                    let at = self.affine(offset, &outer, &[]);
                    self.memory[*buffer][at as usize] = reduce(kind, &elements, dtype);
                }
            }
        }
        Ok(())
    }

    fn routine(&mut self, call: &Call) {
        let zero = Element::Bool(false).cast(self.kernel.buffers[call.result.buffer].dtype);
        self.memory[call.result.buffer].fill(zero);
        let size = |size: &crate::graph::Size| size.eval(&self.env).unwrap() as usize;
        let array = |rows: &Rows| {
            let lead = if rows.shared { None } else { Some(size(&call.rows)) };
            let shape: Vec<usize> = lead.into_iter().chain(rows.core.iter().map(size)).collect();
            let elements = self.memory[rows.buffer].iter().take(shape.iter().product());
            let shape = IxDyn(&shape);
            match self.kernel.buffers[rows.buffer].dtype {
                DType::F16 | DType::BF16 => panic!("a routine over 16-bit floats"),
                DType::Bool => ArrayD::from_shape_vec(shape, elements.map(|e| e.truth()).collect()).unwrap().into(),
                DType::I64 => ArrayD::from_shape_vec(shape, elements.map(|e| e.int()).collect()).unwrap().into(),
                DType::F32 => ArrayD::from_shape_vec(shape, elements.map(|e| e.f64() as f32).collect()).unwrap().into(),
                DType::F64 => ArrayD::from_shape_vec(shape, elements.map(|e| e.f64()).collect()).unwrap().into(),
            }
        };
        let operands: Vec<Array> = call.operands.iter().map(array).collect();
        let mut result: Array = array(&call.result);
        call.routine.apply(&operands, &mut result).unwrap();
        let elements: Memory = match &result {
            Array::F16(_) | Array::BF16(_) => panic!("a routine over 16-bit floats"),
            Array::Bool(a) => a.iter().map(|v| Element::Bool(*v)).collect(),
            Array::I64(a) => a.iter().map(|v| Element::Int(*v)).collect(),
            Array::F32(a) => a.iter().map(|v| Element::F32(*v)).collect(),
            Array::F64(a) => a.iter().map(|v| Element::F64(*v)).collect(),
        };
        self.memory[call.result.buffer][..elements.len()].copy_from_slice(&elements);
    }

    fn product(&mut self, p: &Product) {
        let size = |size: &crate::graph::Size| size.eval(&self.env).unwrap();
        let (batch, m, n, k) = (size(&p.batch), size(&p.m), size(&p.n), size(&p.k));
        let at = |matrix: &Matrix, b: i64, row: i64, column: i64| {
            (size(&matrix.offset) + b * size(&matrix.batch) + row * size(&matrix.row) + column * size(&matrix.column))
                as usize
        };
        let scale = p.scale.map_or(1.0, |buffer| self.memory[buffer][0].f64());
        let mut results = Vec::new();
        for point in points(&[batch, m, n]) {
            let (b, i, j) = (point[0], point[1], point[2]);
            let sum: f64 = (0..k)
                .map(|l| {
                    let (x, y) = (at(&p.a, b, i, l), at(&p.b, b, l, j));
                    let (x, y) = (self.memory[p.a.buffer][x].f64(), self.memory[p.b.buffer][y].f64());
                    let power = |x: f64, squared: bool| if squared { x * x } else { x };
                    power(x, p.a.squared) * power(y, p.b.squared)
                })
                .sum();
            results.push((at(&p.c, b, i, j), Element::F64(scale * sum).cast(p.dtype)));
        }
        for (at, element) in results {
            self.memory[p.c.buffer][at] = element;
        }
    }
}

fn reduce(kind: &Reduction, elements: &[(Element, Option<Element>)], dtype: DType) -> Element {
    if !kind.positional {
        let identity = Element::F64(kind.identity).cast(dtype);
        return elements.iter().fold(identity, |sum, (element, _)| (kind.combine.eval)(&[sum, *element]));
    }
    let mut best: Option<(Element, Element)> = None;
    for (element, position) in elements {
        let is_better = best.is_none_or(|(kept, _)| {
            (kind.combine.eval)(&[*element, kept]).truth() || (element.f64().is_nan() && !kept.f64().is_nan())
        });
        if is_better {
            best = Some((*element, position.unwrap()));
        }
    }
    best.map_or(Element::Int(0), |(_, position)| position)
}

/// All points of a box, the last coordinate fastest.
fn points(extents: &[i64]) -> Vec<Vec<i64>> {
    extents.iter().fold(vec![Vec::new()], |points, extent| {
        let longer = points.iter().flat_map(|point| {
            (0..*extent).map(move |index| point.iter().copied().chain([index]).collect::<Vec<i64>>())
        });
        longer.collect()
    })
}
