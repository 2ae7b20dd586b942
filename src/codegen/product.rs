//! Matrix products: calls of the run-time library with a table of sizes and operands, as `runtime::product::Request` has it.
//!
//! In: a product. Out: its call: of the whole, from the entry, or of some of its rows or matrices, from a group.
//! Always holds: what else is computed in the group's block finds its rows written.

use super::entry::on_stack;
use super::writer::Writer;
use crate::graph::Size;
use crate::loops::{Matrix, Product};
use crate::runtime::array::DType;
use cranelift_codegen::ir::{InstBuilder, Value};

/// Calls a whole product, which the run-time library cuts into blocks for its threads.
pub(super) fn run(w: &mut Writer<'_>, params: &[Value], product: &Product) {
    let &[context, _, _] = params else { return };
    let request = request(w, product, None);
    call(w, product, &[context, request]);
}

/// Calls the part of a product from one iteration of its outermost loop to another.
pub(super) fn run_part(w: &mut Writer<'_>, product: &Product, part: (Value, Value)) {
    let request = request(w, product, Some(part));
    let context = w.context();
    call(w, product, &[context, request]);
}

/// Whether the outermost loop is that over the rows of the only matrix.
pub(super) fn is_by_rows(product: &Product) -> bool {
    product.batch.is_one()
}

fn call(w: &mut Writer<'_>, product: &Product, args: &[Value]) {
    let (DType::F32 | DType::F64) = product.dtype else {
        return w.fail(format_args!("a matrix product of {}", product.dtype));
    };
    w.call_checked(&format!("product_{}", product.dtype), args);
}

/// The address of the table.
fn request(w: &mut Writer<'_>, product: &Product, part: Option<(Value, Value)>) -> Value {
    let mut table: Vec<Value> = [&product.batch, &product.m, &product.n, &product.k].map(|size| w.size(size)).to_vec();
    let by_rows = is_by_rows(product);
    if let Some((from, to)) = part {
        table[usize::from(by_rows)] = w.ins().isub(to, from);
    }
    for (position, matrix) in [&product.a, &product.b, &product.c].into_iter().enumerate() {
        let mut start = first_element(w, matrix, product.dtype);
        if let Some((from, _)) = part {
            // The rows of the result are those of the left operand.
            let step = match by_rows {
                true if position == 1 => Size::default(),
                true => matrix.row.clone(),
                false => matrix.batch.clone(),
            };
            let bytes = w.times_size(from, &step.times(&Size::from(product.dtype.size() as i64)));
            start = w.ins().iadd(start, bytes);
        }
        table.push(start);
        table.extend([&matrix.batch, &matrix.row, &matrix.column].map(|size| w.size(size)));
    }
    table.push(w.integer(i64::from(product.a.squared) + 2 * i64::from(product.b.squared)));
    table.push(match product.scale {
        Some(buffer) => w.buffer(buffer),
        None => w.integer(0),
    });
    table.push(w.integer(i64::from(part.is_some())));
    on_stack(w, &table)
}

fn first_element(w: &mut Writer<'_>, matrix: &Matrix, dtype: DType) -> Value {
    let start = w.buffer(matrix.buffer);
    let offset = matrix.offset.times(&Size::from(dtype.size() as i64));
    if offset.as_const() == Some(0) {
        return start;
    }
    let offset = w.size(&offset);
    w.ins().iadd(start, offset)
}
