"""What the peers share with benches/suite.rs: the numbers they work on, the way they are timed, and the output.

In: the options --threads t and --quick. Out: one JSON object for each figure on standard output.
Always holds: inputs are the same as in benches/suite.rs, so `check`, the sum of the magnitudes of all results, must be
the same for everyone; the cases of a group take turns, after two calls to warm up.
"""

import json
import sys
import time

import numpy as np

QUICK = "--quick" in sys.argv
THREADS = int(sys.argv[sys.argv.index("--threads") + 1]) if "--threads" in sys.argv else 1
PATIENCE, ROUNDS = (0.5, 5) if QUICK else (4.0, 50)
BATCHES = [256] if QUICK else [256, 1024, 4096]
# Beyond this batch an array of batch times parameters (0.4 MB for each example) is no fair thing to ask for.
LARGEST_MATERIALISED = 1024
LENGTHS = [10**6] if QUICK else [10**6, 10**7]


def spread(count, low, high):
    """Numbers that look random: multiples of a fixed integer modulo 2^32, mapped to low..high."""
    k = np.arange(1, count + 1, dtype=np.uint64)
    unit = ((k * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)).astype(np.float64) / 4294967296.0
    return low + (high - low) * unit


def single(shape, low, high):
    return spread(int(np.prod(shape)), low, high).astype(np.float32).reshape(shape)


def network_inputs(n):
    """Examples, labels, and the four parameters of the network 784-128-10."""
    labels = (7 * np.arange(n, dtype=np.int64)) % 10
    return (
        single((n, 784), -1.0, 1.0),
        labels,
        single((784, 128), -0.05, 0.05),
        single((128,), -0.1, 0.1),
        single((128, 10), -0.2, 0.2),
        single((10,), -0.1, 0.1),
    )


def options(n):
    """Prices, strikes and terms of n options."""
    return spread(n, 50.0, 150.0), spread(n, 150.0, 50.0), spread(n, 0.1, 2.0)


def sum_inputs(n):
    return spread(n, -3.0, 3.0), spread(n, 0.0, 1.0)


def chain_input(n):
    return single((n,), -3.0, 3.0)


def matrix(rows, columns, low, high):
    return spread(rows * columns, low, high).reshape(rows, columns)


def reduced():
    """What is reduced."""
    return matrix(*((500, 400) if QUICK else (2000, 1000)), -3.0, 3.0)


def reductions(peer, x, functions):
    """Measures functions of a matrix, by the name of the figure."""
    n = int(np.prod(tuple(x.shape)))
    measure(peer, "reductions", n, "f64", [(name, lambda f=f: f(x)) for name, f in functions])


SIDE = 128 if QUICK else 512
FIELD = 256 if QUICK else 2048
SERIES = 100_000 if QUICK else 1_000_000
TAPS = (SIDE - 10) ** 2 * 121


def image():
    """An image and the weights of its windows."""
    return matrix(SIDE, SIDE, 0.0, 1.0), matrix(11, 11, -1.0, 1.0)


def field():
    return matrix(FIELD, FIELD, 0.0, 1.0)


def series():
    return spread(SERIES, -1.0, 1.0)


def windows(peer, elevens, diffused, moving_mean):
    """Measures calls for the windows, the stencil and the moving mean."""
    measure(peer, "windows", TAPS, "f64", [("windows of 11 × 11", elevens), ("windows of a × b", elevens)])
    measure(peer, "windows", (FIELD - 2) ** 2 * 5, "f64", [("stencil of 5 points", diffused)])
    measure(peer, "windows", (SERIES - 24) * 25, "f64", [("moving mean of 25", moving_mean)])


def products(peer, convert, multiply):
    """Measures matrix products of arrays that `convert` makes of NumPy's."""
    shapes = [(64, 64, 64), (256, 256, 256), (256, 784, 128), (1024, 1024, 1024)]
    for n, k, m in shapes[:2] if QUICK else shapes:
        name = f"{n} × {k} × {m}"
        a, b = convert(matrix(n, k, -1.0, 1.0)), convert(matrix(k, m, -1.0, 1.0))
        measure(peer, "matrix products", n * k * m, "f64", [(name, lambda: multiply(a, b))])
        c, d = convert(single((n, k), -1.0, 1.0)), convert(single((k, m), -1.0, 1.0))
        measure(peer, "matrix products", n * k * m, "f32", [(name, lambda: multiply(c, d))])


def batches(peer, convert, multiply, attention):
    """Measures products of small matrices, and attention with scores divided by 8."""
    for side in (4, 8):
        count = 1000 if QUICK else 20_000
        a, b = (spread(count * side * side, low, 1.0).reshape(count, side, side) for low in (-1.0, 0.0))
        a, b = convert(a), convert(b)
        measure(peer, "batches", count, "f64", [(f"products of {side} × {side}", lambda: multiply(a, b))])
    for heads, length, width in ((64, 128, 32), (16, 512, 64)):
        q, k, v = (convert(single((heads, length, width), low, 1.0)) for low in (-1.0, -0.5, 0.0))
        name = f"attention, {heads} of {length} × {width}"
        measure(peer, "batches", heads * length * length, "f32", [(name, lambda: attention(q, k, v))])


# Names of the figures, as in benches/suite.rs.
BLACK_SCHOLES = "Black–Scholes"
SUM = "sum(2xy + x)"
CHAIN = "tanh(x/2 + 0.1) exp(-x²)"


def magnitude(result):
    arrays = result if isinstance(result, (tuple, list)) else (result,)
    return sum(float(np.abs(np.asarray(a, dtype=np.float64)).sum()) for a in arrays)


def measure(peer, group, n, dtype, cases):
    """Times cases, pairs of a name and a call that returns when its results are there."""
    checks = []
    for _, call in cases:
        call()
        checks.append(magnitude(call()))
    times = [[] for _ in cases]
    start = time.perf_counter()
    for round_number in range(ROUNDS):
        if round_number >= 3 and time.perf_counter() - start > PATIENCE:
            break
        for (_, call), record in zip(cases, times):
            before = time.perf_counter()
            result = call()
            record.append(time.perf_counter() - before)
            del result
    for (name, _), record, check in zip(cases, times, checks):
        figure(peer, group, name, n, dtype, record, check)


def figure(peer, group, name, n, dtype, times, check):
    times = sorted(times)
    row = {"peer": peer, "group": group, "name": name, "n": n, "dtype": dtype}
    row |= {"median_s": times[len(times) // 2], "min_s": times[0], "check": check}
    print(json.dumps(row, ensure_ascii=False), flush=True)


def missing(what):
    print(json.dumps({"missing": what}), flush=True)
