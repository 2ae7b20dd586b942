"""Numba: the elementwise work as plain loops, compiled and parallel.

In: the options of common.py. Out: figures, as JSON lines, or that Numba is missing. Always holds: compilation happens
in the calls that warm up.
"""

import json
import math
import sys

try:
    import numba
    import numpy as np
    from numba import njit, prange
except ImportError:
    print(json.dumps({"missing": "Numba"}))
    sys.exit()

import common

numba.set_num_threads(min(common.THREADS, numba.config.NUMBA_NUM_THREADS))
PEER = "Numba"


@njit(parallel=True)
def black_scholes(s, k, t):
    call, put = np.empty_like(s), np.empty_like(s)
    for i in prange(len(s)):
        spread = 0.3 * math.sqrt(t[i])
        d1 = (math.log(s[i] / k[i]) + (0.02 + 0.5 * 0.3 * 0.3) * t[i]) / spread
        d2 = d1 - spread
        bond = k[i] * math.exp(-0.02 * t[i])
        root = math.sqrt(2.0)
        call[i] = s[i] * (0.5 + 0.5 * math.erf(d1 / root)) - bond * (0.5 + 0.5 * math.erf(d2 / root))
        put[i] = call[i] - s[i] + bond
    return call, put


@njit(parallel=True)
def chain(x):
    out = np.empty_like(x)
    half, tenth = np.float32(0.5), np.float32(0.1)
    for i in prange(len(x)):
        out[i] = math.tanh(half * x[i] + tenth) * math.exp(-(x[i] * x[i]))
    return out


@njit(parallel=True, fastmath={"reassoc"})
def bound_sum(x, y):
    total = 0.0
    for i in prange(len(x)):
        total += 2.0 * x[i] * y[i] + x[i]
    return total


@njit(parallel=True)
def elevens(x, k):
    rows, columns = x.shape[0] - k.shape[0] + 1, x.shape[1] - k.shape[1] + 1
    out = np.empty((rows, columns))
    for i in prange(rows):
        for j in range(columns):
            total = 0.0
            for p in range(k.shape[0]):
                for q in range(k.shape[1]):
                    total += x[i + p, j + q] * k[p, q]
            out[i, j] = total
    return out


@njit(parallel=True)
def diffused(u):
    n, m = u.shape
    out = np.empty((n - 2, m - 2))
    for i in prange(1, n - 1):
        for j in range(1, m - 1):
            around = u[i + 1, j] + u[i - 1, j] + u[i, j + 1] + u[i, j - 1]
            out[i - 1, j - 1] = u[i, j] + 0.1 * (around - 4.0 * u[i, j])
    return out


@njit(parallel=True)
def moving_mean(x):
    out = np.empty(len(x) - 24)
    for i in prange(len(out)):
        total = 0.0
        for k in range(25):
            total += x[i + k]
        out[i] = total / 25.0
    return out


def main():
    for n in common.LENGTHS:
        prices, pair, v = common.options(n), common.sum_inputs(n), common.chain_input(n)
        doubles = [
            (common.BLACK_SCHOLES, lambda: black_scholes(*prices)),
            (common.SUM, lambda: bound_sum(*pair)),
        ]
        common.measure(PEER, "elementwise", n, "f64", doubles)
        common.measure(PEER, "elementwise", n, "f32", [(common.CHAIN, lambda: chain(v))])
    image, weights = common.image()
    field, series = common.field(), common.series()
    common.windows(PEER, lambda: elevens(image, weights), lambda: diffused(field), lambda: moving_mean(series))


main()
