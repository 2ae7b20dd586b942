"""What examples/second_moment.tome must print, worked out with NumPy alone.

In: examples/data/digits.npz. Out: tests/reference/second_moment.txt, one `name value` to a line, also on the terminal.
Always holds: every quantity has been computed twice, from one explicit gradient per example and from the closed
formulas for a dense layer, and the two agree to twelve digits.

Nothing here differentiates anything by machine: the formulas are the ones of a textbook.

    s = x W1 + b1,  a = tanh(s),  z = a W2 + b2,  c = logsumexp(z) - z[y]
    dc/dz = softmax(z) - onehot(y)          =: D2        dc/dW2 = a (x) D2,  dc/db2 = D2
    dc/ds = (W2 D2) * (1 - a^2)             =: D1        dc/dW1 = x (x) D1,  dc/db1 = D1

Run it from anywhere: python3 tests/reference/second_moment.py
"""

import math
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["W1", "b1", "W2", "b2"]


def weights():
    """The weights that the example makes, by the same formulas."""
    W1 = [[0.1 * math.sin(32 * i + j + 1) for j in range(32)] for i in range(64)]
    b1 = [0.01 * j for j in range(32)]
    W2 = [[0.3 * math.cos(10 * i + j + 1) for j in range(10)] for i in range(32)]
    return np.array(W1), np.array(b1), np.array(W2), np.zeros(10)


def one_example(x, y, W1, b1, W2, b2):
    """Cost and gradient of one example, as four arrays."""
    a = np.tanh(x @ W1 + b1)
    z = a @ W2 + b2
    top = z.max()
    log_sum = top + math.log(np.exp(z - top).sum())
    d2 = np.exp(z - log_sum)
    d2[y] -= 1.0
    d1 = (W2 @ d2) * (1.0 - a**2)
    return log_sum - z[y], [np.outer(x, d1), d1, np.outer(a, d2), d2]


def from_examples(x, y, parameters):
    """Mean cost, mean gradient, second moment and sum of squared norms, from every example's own gradient."""
    n = len(x)
    mean = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    costs, squared_norms = [], []
    for row, label in zip(x, y):
        cost, gradient = one_example(row, label, *parameters)
        costs.append(cost)
        squared_norms.append(sum(float((g**2).sum()) for g in gradient))
        for m, s, g in zip(mean, second, gradient):
            m += g / n
            s += g**2 / n
    return math.fsum(costs) / n, mean, second, math.fsum(squared_norms)


def from_algebra(x, y, parameters):
    """The same four, from matrix products over the whole batch: the squares move onto the factors."""
    W1, b1, W2, b2 = parameters
    n = len(x)
    a = np.tanh(x @ W1 + b1)
    z = a @ W2 + b2
    top = z.max(axis=1, keepdims=True)
    log_sum = top + np.log(np.exp(z - top).sum(axis=1, keepdims=True))
    d2 = np.exp(z - log_sum)
    d2[np.arange(n), y] -= 1.0
    d1 = (d2 @ W2.T) * (1.0 - a**2)
    costs = log_sum[:, 0] - z[np.arange(n), y]
    mean = [x.T @ d1 / n, d1.mean(axis=0), a.T @ d2 / n, d2.mean(axis=0)]
    second = [
        (x**2).T @ d1**2 / n,
        (d1**2).mean(axis=0),
        (a**2).T @ d2**2 / n,
        (d2**2).mean(axis=0),
    ]
    rows = [((v**2).sum(axis=1)) for v in (x, d1, a, d2)]
    squared_norms = (rows[0] + 1.0) * rows[1] + (rows[2] + 1.0) * rows[3]
    return costs.mean(), mean, second, squared_norms.sum()


def norm(arrays):
    """The Euclidean norm of several arrays taken as one vector."""
    return math.sqrt(math.fsum(float((a**2).sum()) for a in arrays))


def summary(n, cost, mean, second, squared_norms):
    """The numbers that the example prints.

    The noise scale is that of McCandlish, Kaplan, Amodei et al. (2018), with both of its terms estimated without bias.
    """
    g = norm(mean)
    trace = (squared_norms - n * g**2) / (n - 1)
    return {
        "mean_cost": cost,
        "gradient_norm": g,
        "second_moment_norm": norm(second),
        "gradient_noise_scale": trace / (g**2 - trace / n),
    }


def main():
    data = np.load(ROOT / "examples" / "data" / "digits.npz")
    x, y, parameters = data["x"], data["y"], weights()
    slow, fast = from_examples(x, y, parameters), from_algebra(x, y, parameters)
    for name, m, other_m, s, other_s in zip(NAMES, slow[1], fast[1], slow[2], fast[2]):
        assert np.allclose(m, other_m, rtol=1e-10, atol=1e-14), f"mean gradient of {name}"
        assert np.allclose(s, other_s, rtol=1e-10, atol=1e-14), f"second moment of {name}"
    values, again = summary(len(x), *slow), summary(len(x), *fast)
    for name, value in values.items():
        assert math.isclose(value, again[name], rel_tol=1e-12), (name, value, again[name])
    text = "".join(f"{name} {float(value)!r}\n" for name, value in values.items())
    (ROOT / "tests" / "reference" / "second_moment.txt").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
