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
