//! Random bodies: functions of tiles, masks, broadcasts and strides mixed at will.
//!
//! In: seeds. Out: nothing.
//! Always holds: a seed gives the same kernel on every machine.

use super::*;
use crate::ops::elementwise::find;
use crate::ops::reduction;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % limit
    }

    fn pick(&mut self, from: &[usize]) -> usize {
        from[self.below(from.len())]
    }
}

/// A body over two loops of extents n and k; the last instruction is a number of `dtype`.
fn body(random: &mut Random, dtype: DType) -> Vec<Inst> {
    let k = Size::var("k");
    let mut body = vec![Inst::Load(0, row_major(&k)), constant(0.4, dtype)];
    let (mut numbers, mut truths) = (vec![0, 1], Vec::new());
    for _ in 0..3 + random.below(14) {
        let (a, b) = (random.pick(&numbers), random.pick(&numbers));
        let inst = match random.below(13) {
            0 => Inst::Load(1, at(1)),
            1 => Inst::Load(1, at(0)),
            2 => Inst::Load(0, at(1).times(&n()).plus(&at(0))),
            3 => Inst::Map(find("tanh").unwrap(), vec![a]),
            4 => Inst::Map(find("sigmoid").unwrap(), vec![a]),
            5 => Inst::Map(find("hypot").unwrap(), vec![a, b]),
            6 => Inst::Map(find("greater").unwrap(), vec![a, b]),
            7 if !truths.is_empty() => Inst::Map(find("not").unwrap(), vec![random.pick(&truths)]),
            8 | 9 if !truths.is_empty() => Inst::Map(find("where").unwrap(), vec![random.pick(&truths), a, b]),
            10 => Inst::Map(find("subtract").unwrap(), vec![a, b]),
            11 => Inst::Map(find("maximum").unwrap(), vec![a, b]),
            12 => Inst::Load(2, at(0).plus(&at(1))),
            _ => Inst::Map(find("add").unwrap(), vec![a, b]),
        };
        let truth = matches!(&inst, Inst::Map(op, _) if matches!(op.name, "greater" | "not"))
            || matches!(inst, Inst::Load(2, _));
        if truth { &mut truths } else { &mut numbers }.push(body.len());
        body.push(inst);
    }
    let last = *numbers.last().unwrap();
    body.push(Inst::Map(find("add").unwrap(), vec![last, 1]));
    body
}

fn sink(random: &mut Random, value: usize) -> Sink {
    let k = Size::var("k");
    let kinds = [&reduction::SUM, &reduction::MAX];
    let kind = kinds[random.below(2)];
    match random.below(5) {
        0 => Sink::Reduce { kind, loops: 1, value, position: None, buffer: 3, offset: at(0) },
        1 => Sink::Reduce { kind, loops: 2, value, position: None, buffer: 3, offset: Affine::default() },
        2 => Sink::Accumulate { kind, value, buffer: 3, offset: at(1), partial: None },
        3 => Sink::Store { value, buffer: 3, offset: at(1).times(&n()).plus(&at(0)) },
        _ => Sink::Store { value, buffer: 3, offset: row_major(&k) },
    }
}

#[test]
fn random_bodies_agree() {
    let all = n().times(&Size::var("k"));
    for seed in 1..150u64 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(seed));
        let dtype = [DType::F32, DType::F64][random.below(2)];
        let body = body(&mut random, dtype);
        let sink = sink(&mut random, body.len() - 1);
        let parallel = !matches!(sink, Sink::Accumulate { .. });
        let step = Step::Nest(Nest { loops: vec![n(), Size::var("k")], parallel, body, sink, span: Span::default() });
        let buffers = [
            (dtype, all.clone()),
            (dtype, n().plus(&Size::var("k"))),
            (DType::Bool, n().plus(&Size::var("k"))),
            (dtype, all.clone().plus(&Size::one())),
        ];
        let kernel = kernel(&buffers, vec![step]);
        for sizes in [[0, 3], [1, 1], [3, 7], [2, 1100], [9, 64]] {
            let inputs = memory(&kernel, &sizes);
            let expected = reference::run(&kernel, &inputs, &sizes).unwrap();
            let found = run_with(&kernel, &inputs, &sizes, &Threads::new(1)).unwrap();
            let bound = if dtype == DType::F32 { 1e-3 } else { 1e-9 };
            // Where a comparison is near a tie, rounding may decide it differently.
            let near = |a: &Element, b: &Element| a == b || (a.f64() - b.f64()).abs() <= bound * (1.0 + b.f64().abs());
            let wrong = found.iter().zip(&expected).filter(|(a, b)| !near(a, b)).count();
            assert!(wrong * 1000 <= found.len(), "seed {seed}, {sizes:?}: {wrong} wrong\n{kernel:?}");
        }
    }
}
