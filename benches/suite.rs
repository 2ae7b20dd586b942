//! What `cargo xtask bench` measures of Microtome.
//!
//! In: `--threads t`, and `--quick` for a rough run. Out: one JSON object for each figure on standard output.
//! Always holds: the peers under benches/peers compute the same on the same numbers, which `check`, the sum of the
//! magnitudes of all results, bears out; the kernels that are compared take turns, after a call to warm up.

#[path = "suite/arrays.rs"]
mod arrays;
#[path = "suite/compiling.rs"]
mod compiling;

use microtome::{Array, ArrayView, Error, Session};
use std::time::{Duration, Instant};

const NETWORK: &str = include_str!("network.tome");
const ELEMENTWISE: &str = include_str!("elementwise.tome");
const SCALAR_LOOPS: &str = include_str!("scalar_loops.tome");
/// Names of the figures, with the functions of network.tome.
const NETWORK_FUNCTIONS: [(&str, &str); 7] = [
    ("forward cost", "cost"),
    ("plain gradient", "plain_gradient"),
    ("second moment", "second_moment"),
    ("variance, centred", "variance"),
    ("variance, from moments", "variance_from_moments"),
    ("per-example norms", "norms"),
    ("clipped sum", "clipped_sum"),
];

struct Options {
    threads: usize,
    quick: bool,
}

/// Something to be measured: its name, and a call that gives its results.
struct Case<'a> {
    name: &'a str,
    call: Box<dyn Fn() -> Result<Vec<Array>, Error> + 'a>,
}

fn main() -> Result<(), Error> {
    let options = Options::from_command_line();
    let sizes: &[usize] = if options.quick { &[256] } else { &[256, 1024, 4096] };
    for &n in sizes {
        network(n, &options)?;
    }
    growth(&options)?;
    let sizes: &[usize] = if options.quick { &[1_000_000] } else { &[1_000_000, 10_000_000] };
    for &n in sizes {
        elementwise(n, &options)?;
    }
    if options.threads == 1 {
        scalar_loops(&options)?;
    }
    arrays::reductions(&options)?;
    arrays::windows(&options)?;
    arrays::products(&options)?;
    arrays::batches(&options)?;
    if options.threads == 1 {
        compiling::growth(&options)?;
    }
    compiling::first_value(&options)
}

impl Options {
    fn from_command_line() -> Options {
        let arguments: Vec<String> = std::env::args().collect();
        let threads = arguments.iter().position(|word| word == "--threads");
        let threads = threads.and_then(|at| arguments.get(at + 1)).and_then(|count| count.parse().ok());
        Options { threads: threads.unwrap_or(1), quick: arguments.iter().any(|word| word == "--quick") }
    }

    /// How long one group of cases may take, and how many rounds at most.
    fn patience(&self) -> (Duration, usize) {
        if self.quick { (Duration::from_millis(500), 5) } else { (Duration::from_secs(4), 50) }
    }
}

/// Numbers that look random, the same for every peer: multiples of a fixed integer modulo 2^32, mapped to `low..high`.
fn spread(count: usize, low: f64, high: f64) -> impl Iterator<Item = f64> {
    (1..=count as u64).map(move |k| {
        let unit = (k.wrapping_mul(2_654_435_761) & 0xFFFF_FFFF) as f64 / 4_294_967_296.0;
        low + (high - low) * unit
    })
}

fn single(shape: &[usize], low: f64, high: f64) -> Array {
    let values: Vec<f32> = spread(shape.iter().product(), low, high).map(|v| v as f32).collect();
    ndarray::ArrayD::from_shape_vec(shape, values).map(Array::F32).expect("as many values as the shape has")
}

fn double(count: usize, low: f64, high: f64) -> Array {
    Array::from(ndarray::Array1::from_iter(spread(count, low, high)))
}

/// Inputs of the network: examples, labels, and the four parameters.
fn network_inputs(n: usize) -> Vec<Array> {
    let labels = ndarray::Array1::from_iter((0..n as i64).map(|i| (7 * i) % 10));
    vec![
        single(&[n, 784], -1.0, 1.0),
        Array::from(labels),
        single(&[784, 128], -0.05, 0.05),
        single(&[128], -0.1, 0.1),
        single(&[128, 10], -0.2, 0.2),
        single(&[10], -0.1, 0.1),
    ]
}

fn network(n: usize, options: &Options) -> Result<(), Error> {
    let session = Session::with_threads(options.threads);
    let module = session.compile("network.tome", NETWORK)?;
    let inputs = network_inputs(n);
    let views: Vec<ArrayView<'_>> = inputs.iter().map(Array::view).collect();
    let mut cases = Vec::new();
    for (name, function) in NETWORK_FUNCTIONS {
        let (kernel, views) = (module.kernel(function)?, &views);
        cases.push(Case { name, call: Box::new(move || kernel.call(views)) });
    }
    measure("network", n, "f32", options, &cases)
}

/// The second moment alone, over a thousandfold range of batches.
fn growth(options: &Options) -> Result<(), Error> {
    let session = Session::with_threads(options.threads);
    let kernel = session.compile("network.tome", NETWORK)?.kernel("second_moment")?;
    let largest = if options.quick { 1024 } else { 65536 };
    for n in (6..).map(|power| 1 << power).take_while(|n| *n <= largest) {
        let inputs = network_inputs(n);
        let views: Vec<ArrayView<'_>> = inputs.iter().map(Array::view).collect();
        let case = Case { name: "second moment", call: Box::new(|| kernel.call(&views)) };
        measure("growth", n, "f32", options, &[case])?;
    }
    Ok(())
}

fn elementwise(n: usize, options: &Options) -> Result<(), Error> {
    let session = Session::with_threads(options.threads);
    let module = session.compile("elementwise.tome", ELEMENTWISE)?;
    let (price, strike, term) = (double(n, 50.0, 150.0), double(n, 150.0, 50.0), double(n, 0.1, 2.0));
    let (x, y, single_x) = (double(n, -3.0, 3.0), double(n, 0.0, 1.0), single(&[n], -3.0, 3.0));
    let options_kernel = module.kernel("black_scholes")?;
    let chain = module.kernel("tanh_gauss")?;
    let sum = module.kernel("bound_sum")?;
    let doubles = [
        Case {
            name: "Black–Scholes",
            call: Box::new(|| options_kernel.call(&[price.view(), strike.view(), term.view()])),
        },
        Case { name: "sum(2xy + x)", call: Box::new(|| sum.call(&[x.view(), y.view()])) },
    ];
    measure("elementwise", n, "f64", options, &doubles)?;
    let singles = [Case { name: "tanh(x/2 + 0.1) exp(-x²)", call: Box::new(|| chain.call(&[single_x.view()])) }];
    measure("elementwise", n, "f32", options, &singles)?;
    copy(n, options);
    Ok(())
}

/// What the machine's memory allows: a copy, 16 bytes moved for each element, split between the threads.
fn copy(n: usize, options: &Options) {
    let source: Vec<f64> = spread(n, 0.0, 1.0).collect();
    let mut target = vec![0.0; n];
    let share = n.div_ceil(options.threads);
    let mut run = || {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for (from, to) in source.chunks(share).zip(target.chunks_mut(share)) {
                scope.spawn(move || to.copy_from_slice(std::hint::black_box(from)));
            }
        });
        start.elapsed().as_secs_f64()
    };
    run();
    let times: Vec<f64> = (0..20).map(|_| run()).collect();
    print("elementwise", "copy", n, "f64", times, target.iter().sum());
}

/// Loops over scalars and tables, beside the same in C.
fn scalar_loops(options: &Options) -> Result<(), Error> {
    let scale = if options.quick { 10 } else { 1 };
    let [billion, most, many, some] = [1_000_000_000, 100_000_000, 10_000_000, 1_000_000].map(|n: i64| n / scale);
    let side = if options.quick { 3 } else { 1 };
    let (rows, columns) = (3000 / side, 2000 / side);
    let number = |value: i64| Array::from(value);
    let cases: [(&str, &str, i64, Vec<Array>); 11] = [
        ("sum to n", "sum_to", billion, vec![number(billion)]),
        ("harmonic sum", "harmonic", many, vec![number(many)]),
        ("sum of i² mod 7", "residues", most, vec![number(most)]),
        ("logistic map", "logistic", many, vec![number(many), Array::from(3.7)]),
        ("Fibonacci mod p", "fibonacci", many, vec![number(many)]),
        ("Collatz", "collatz", some, vec![number(some)]),
        ("edit distance", "edit_distance", rows, vec![letters(rows, 3), letters(columns, 7)]),
        (
            "time warping",
            "time_warp",
            rows,
            vec![double(rows as usize, -3.0, 3.0), double(columns as usize, -2.0, 4.0)],
        ),
        ("common subsequence", "subsequence", rows, vec![letters(rows, 3), letters(columns, 7)]),
        ("sieve", "sieve", many, vec![number(many)]),
        ("exponential smoothing", "smoothed", many, vec![double(many as usize, -1.0, 1.0)]),
    ];
    let module = Session::with_threads(1).compile("scalar_loops.tome", SCALAR_LOOPS)?;
    for (name, function, n, inputs) in &cases {
        let kernel = module.kernel(function)?;
        let views: Vec<ArrayView<'_>> = inputs.iter().map(Array::view).collect();
        let case = Case { name, call: Box::new(move || kernel.call(&views)) };
        measure("scalar loops", *n as usize, "f64", options, &[case])?;
    }
    Ok(())
}

/// Small whole numbers without an obvious order.
fn letters(count: i64, factor: i64) -> Array {
    Array::from(ndarray::Array1::from_iter((0..count).map(|k| (k * k * factor + k) % 5)))
}

/// Calls the cases in turn, round after round, and prints a figure for each.
fn measure(group: &str, n: usize, dtype: &str, options: &Options, cases: &[Case<'_>]) -> Result<(), Error> {
    let (patience, rounds) = options.patience();
    let mut checks = Vec::new();
    for case in cases {
        (case.call)()?;
        checks.push(magnitude(&(case.call)()?));
    }
    let mut times = vec![Vec::new(); cases.len()];
    let start = Instant::now();
    for round in 0..rounds {
        if round >= 3 && start.elapsed() > patience {
            break;
        }
        for (case, times) in cases.iter().zip(&mut times) {
            let start = Instant::now();
            let results = (case.call)()?;
            times.push(start.elapsed().as_secs_f64());
            drop(std::hint::black_box(results));
        }
    }
    for ((case, times), check) in cases.iter().zip(times).zip(checks) {
        print(group, case.name, n, dtype, times, check);
    }
    Ok(())
}

/// The sum of the magnitudes of all results.
fn magnitude(results: &[Array]) -> f64 {
    results.iter().flat_map(Array::to_f64_vec).map(f64::abs).sum()
}

fn print(group: &str, name: &str, n: usize, dtype: &str, mut times: Vec<f64>, check: f64) {
    times.sort_by(f64::total_cmp);
    let (median, min) = (times[times.len() / 2], times[0]);
    println!(
        "{{\"peer\": \"microtome\", \"group\": \"{group}\", \"name\": \"{name}\", \"n\": {n}, \"dtype\": \"{dtype}\", \
         \"median_s\": {median:e}, \"min_s\": {min:e}, \"check\": {check:e}}}"
    );
}
