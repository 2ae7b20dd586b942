"""NumPy with every formula written out by hand: what an expert gets without a compiler.

In: the options of common.py. Out: figures, as JSON lines. Always holds: nothing here is larger than a batch of layer
outputs or a parameter; squares, norms and clipping have been moved onto the factors on paper.
"""

import json
import sys

try:
    import numpy as np
except ImportError:
    print(json.dumps({"missing": "numpy"}))
    sys.exit()

import common

PEER = "NumPy by hand"


def forward(x, y, W1, b1, W2, b2):
    """Outputs of the tanh layer, log of the softmax, and cost of each example."""
    a = np.tanh(x @ W1 + b1)
    z = a @ W2 + b2
    z -= z.max(axis=1, keepdims=True)
    z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
    return a, z, -z[np.arange(len(y)), y]


def factors(x, y, W1, b1, W2, b2):
    """The two factors of each layer's per-example gradient: its inputs, and the adjoints of its outputs."""
    a, log_softmax, _ = forward(x, y, W1, b1, W2, b2)
    d2 = np.exp(log_softmax)
    d2[np.arange(len(y)), y] -= 1
    d1 = (d2 @ W2.T) * (1 - a * a)
    return x, d1, a, d2


def plain_gradient(*inputs):
    x, d1, a, d2 = factors(*inputs)
    n = np.float32(len(x))
    return x.T @ d1 / n, d1.mean(axis=0), a.T @ d2 / n, d2.mean(axis=0)


def second_moment(*inputs):
    x, d1, a, d2 = (v * v for v in factors(*inputs))
    n = np.float32(len(x))
    return x.T @ d1 / n, d1.mean(axis=0), a.T @ d2 / n, d2.mean(axis=0)


def variance(*inputs):
    x, d1, a, d2 = factors(*inputs)
    n = np.float32(len(x))
    mean = x.T @ d1 / n, d1.mean(axis=0), a.T @ d2 / n, d2.mean(axis=0)
    x, d1, a, d2 = (v * v for v in (x, d1, a, d2))
    second = x.T @ d1 / n, d1.mean(axis=0), a.T @ d2 / n, d2.mean(axis=0)
    return tuple(s - m * m for s, m in zip(second, mean))


def norms_of(x, d1, a, d2):
    """Norms of the per-example gradients; a bias is a weight whose input is 1."""
    x2, d1_2, a2, d2_2 = (np.einsum("ni,ni->n", v, v) for v in (x, d1, a, d2))
    return np.sqrt((x2 + 1) * d1_2 + (a2 + 1) * d2_2)


def norms(*inputs):
    return norms_of(*factors(*inputs))


def clipped_sum(*inputs):
    x, d1, a, d2 = factors(*inputs)
    scale = np.minimum(1, 1 / norms_of(x, d1, a, d2))[:, None]
    d1, d2 = d1 * scale, d2 * scale
    return x.T @ d1, d1.sum(axis=0), a.T @ d2, d2.sum(axis=0)


NETWORK = [
    ("forward cost", lambda *inputs: forward(*inputs)[2]),
    ("plain gradient", plain_gradient),
    ("second moment", second_moment),
    ("variance, from moments", variance),
    ("per-example norms", norms),
    ("clipped sum", clipped_sum),
]


def black_scholes(s, k, t, erf):
    spread = 0.3 * np.sqrt(t)
    d1 = (np.log(s / k) + (0.02 + 0.5 * 0.3 * 0.3) * t) / spread
    d2 = d1 - spread
    bond = k * np.exp(-0.02 * t)
    call = s * (0.5 + 0.5 * erf(d1 / np.sqrt(2.0))) - bond * (0.5 + 0.5 * erf(d2 / np.sqrt(2.0)))
    return call, call - s + bond


def elementwise(n):
    x, y = common.sum_inputs(n)
    cases = [(common.SUM, lambda: (2.0 * x * y + x).sum())]
    try:
        from scipy.special import erf

        prices = common.options(n)
        cases.append((common.BLACK_SCHOLES, lambda: black_scholes(*prices, erf)))
    except ImportError:
        common.missing("SciPy, whose erf NumPy needs for Black–Scholes")
    common.measure(PEER, "elementwise", n, "f64", cases)
    v, half, tenth = common.chain_input(n), np.float32(0.5), np.float32(0.1)
    chain = [(common.CHAIN, lambda: np.tanh(half * v + tenth) * np.exp(-v * v))]
    common.measure(PEER, "elementwise", n, "f32", chain)


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    e /= e.sum(axis=1, keepdims=True)
    return e


def logsumexp(x):
    most = x.max(axis=1)
    return most + np.log(np.exp(x - most[:, None]).sum(axis=1))


REDUCTIONS = [
    ("sums of rows", lambda x: np.einsum("nm,nm->n", x, x)),
    ("sums of columns", lambda x: np.einsum("nm,nm->m", x, x)),
    ("softmax of rows", softmax),
    ("logsumexp of rows", logsumexp),
    ("standardised rows", lambda x: (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)),
    ("largest of each row", lambda x: x.argmax(axis=1)),
]


def windows():
    """Windows tap by tap: a slice of the image for each weight."""
    image, weights = common.image()
    field, series = common.field(), common.series()
    side = common.SIDE - 10

    def elevens():
        out = np.zeros((side, side))
        for p in range(11):
            for q in range(11):
                out += image[p : p + side, q : q + side] * weights[p, q]
        return out

    def diffused():
        centre = field[1:-1, 1:-1]
        around = field[2:, 1:-1] + field[:-2, 1:-1] + field[1:-1, 2:] + field[1:-1, :-2]
        return centre + 0.1 * (around - 4.0 * centre)

    def moving_mean():
        out = np.zeros(common.SERIES - 24)
        for k in range(25):
            out += series[k : k + len(out)]
        return out / 25.0

    common.windows(PEER, elevens, diffused, moving_mean)


def attention(q, k, v):
    scores = 0.125 * q @ k.transpose(0, 2, 1)
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    return weights @ v


def main():
    for n in common.BATCHES:
        inputs = common.network_inputs(n)
        cases = [(name, lambda f=f: f(*inputs)) for name, f in NETWORK]
        common.measure(PEER, "network", n, "f32", cases)
    for n in common.LENGTHS:
        elementwise(n)
    common.reductions(PEER, common.reduced(), REDUCTIONS)
    windows()
    common.products(PEER, lambda a: a, np.matmul)
    common.batches(PEER, lambda a: a, np.matmul, attention)


main()
