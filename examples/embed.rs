//! Kernels in a Rust program: the second moment of per-example gradients of a linear model, from ndarray views.
//!
//! `cargo run --example embed`. In: nothing. Out: what each part prints.
//! Always holds: what is wrong comes back as a value, with the place in the program's text.

use microtome::{Control, Error, Kernel, Session};
use ndarray::{Array1, Array2, s};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const PROGRAM: &str = "
# The squared error of each example.
fn cost(x: f64[n, d], y: f64[n], w: f64[d]) -> f64[n] = [(dot(x[i], w) - y[i])^2 for i in 0:n]

# The mean of the squared gradients, each of one example.
fn second_moment(x: f64[n, d], y: f64[n], w: f64[d]) -> f64[d] {
    let c = cost(x, y, w)
    mean(grad(c[i], w)^2 for i in 0:n)
}

fn settle(steps: i64) -> f64 {
    var s = 0.0
    for i in 0:steps { s = sqrt(s + f64(i)) }
    s
}
";

/// The kernel's types in Rust. They are compared with the function's when the handle is made.
type SecondMoment = fn(Array2<f64>, Array1<f64>, Array1<f64>) -> Array1<f64>;

/// All of it, in order.
pub fn main() -> Result<(), Error> {
    // A session says how many threads its kernels share. It and the module may go; kernels stay.
    let module = Session::with_threads(2).compile("model.tome", PROGRAM)?;
    let second_moment = module.kernel("second_moment")?.typed::<SecondMoment>()?;

    // Views of any strides go in; those in C order are read where they are.
    let table = Array2::from_shape_fn((8, 4), |(i, j)| ((3 * i + j) as f64).sin());
    let (x, y) = (table.slice(s![.., ..3]), table.column(3));
    let w = Array1::from_vec(vec![0.5, -0.25, 1.0]);
    println!("second moment {:.6}", second_moment.call((x, y, w.view()))?);

    // Results go where they are wanted.
    let mut history = Array2::zeros((2, 3));
    for mut row in history.rows_mut() {
        second_moment.call_into((x, y, w.view()), row.view_mut())?;
    }
    println!("written twice {}", history.row(0) == history.row(1));

    // Handles are cheap to clone, and may be used from every thread at once.
    let workers: Vec<_> = (1..=3)
        .map(|k| {
            let (second_moment, x, y) = (second_moment.clone(), x.to_owned(), y.to_owned());
            thread::spawn(move || second_moment.call((x.view(), y.view(), Array1::from_elem(3, f64::from(k)).view())))
        })
        .collect();
    for worker in workers.into_iter().flat_map(thread::JoinHandle::join) {
        println!("from a thread {:.6}", worker?);
    }

    // Errors are values: a code, a message, places, a cure; `render` shows them as the command line does.
    match second_moment.call((x, y, Array1::zeros(2).view())) {
        Ok(_) => println!("sizes fit"),
        Err(error) => error.diagnostics().for_each(|d| println!("{} {}", d.code.0, d.message)),
    }
    if let Err(error) = Session::new().compile("slip.tome", "fn f(x: f64[n]) = sum(X)") {
        print!("{}", error.render(false));
    }

    stop(&module.kernel("settle")?)
}

/// Gives a kernel a limit on its memory, and stops it from another thread.
fn stop(settle: &Kernel) -> Result<(), Error> {
    let control = Arc::new(Control::default());
    control.limit_memory(Some(1 << 20));
    let settle = settle.under(control.clone());
    let clock = thread::spawn(move || {
        thread::sleep(Duration::from_millis(100));
        control.interrupt();
    });
    let stopped = settle.call(1_000_000_000_000_i64);
    if clock.join().is_ok() {
        println!("stopped: {}", stopped.is_err());
    }
    Ok(())
}
