//! Kernels that were compiled when the crate was built: descent on a linear model, from ndarray arrays.
//!
//! In: nothing. Out: what each part prints.
//! Always holds: the program has no compiler in it, and no unsafe code of its own.
#![deny(unsafe_code)]

use microtome_runtime::ndarray::{Array1, Array2, s};
use microtome_runtime::{Control, Error};
use std::sync::Arc;

mod kernels {
    include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
}

fn main() -> Result<(), Error> {
    // Views of any strides go in.
    let table = Array2::from_shape_fn((1000, 4), |(i, j)| ((i + 1) * (j + 2) * (i + j) % 13) as f64 / 13.0 - 0.5);
    let (x, y) = (table.slice(s![.., ..3]), table.column(3));
    let mut w = Array1::zeros(3);
    for _ in 0..100 {
        let (gradient, _) = kernels::moments(x, y, w.view())?;
        w = kernels::step(w.view(), gradient.view(), 0.5)?;
    }
    println!("weights {w:.6}");

    // Results go where they are wanted.
    let mut moments = Array2::zeros((2, 3));
    let (first, second) = moments.multi_slice_mut((s![0, ..], s![1, ..]));
    kernels::kernel::moments().call_into((x, y, w.view()), (first, second))?;
    println!("second moment {:.6}", moments.row(1));

    // Errors are values: a code, a place, words.
    for error in [kernels::cost(x, y, w.slice(s![..2])).err(), kernels::step(w.view(), w.view(), -1.0).err()] {
        println!("{}", error.as_ref().map(Error::to_string).unwrap_or_default());
    }

    // A control of its own stops calls, and limits their memory.
    let control = Arc::new(Control::default());
    control.interrupt();
    let stopped = kernels::kernel::cost().under(control).call((x, y, w.view()));
    println!("stopped: {}", stopped.is_err());
    Ok(())
}
