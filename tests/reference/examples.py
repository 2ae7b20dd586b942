"""What the programs in examples/ print, worked out once more with JAX, and compared with examples/expected.

    python tests/reference/examples.py [name ...]

Per-example gradients are `vmap(grad(...))` over one example at a time, in f64, with nothing of the algebra that the compiler
uses; random numbers are Philox written out again. Needs numpy, scipy and jax.
"""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri

jax.config.update("jax_enable_x64", True)
ROOT = pathlib.Path(__file__).parents[2]


def bits(key, counters):
    """64 random bits for each counter: Philox4x32-10, two words of the first half of a block."""
    c = np.asarray(counters, np.int64).astype(np.uint64)
    low, m = np.uint64(32), np.uint64(0xFFFFFFFF)
    key = np.uint64(int(key) % 2**64)
    c, k = [c & m, c >> low, c * 0, c * 0], [key & m, key >> low]
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> low) ^ c[1] ^ k[0], b & m, (a >> low) ^ c[3] ^ k[1], a & m]
        k = [(k[0] + np.uint64(0x9E3779B9)) & m, (k[1] + np.uint64(0xBB67AE85)) & m]
    return c[1] << low | c[0]


def counted(key, *shape):
    return bits(key, np.arange(int(np.prod(shape)))).reshape(shape)


def uniform(key, *shape):
    return (counted(key, *shape) >> np.uint64(11)) / 2.0**53


def normal(key, *shape):
    return ndtri(((counted(key, *shape) >> np.uint64(12)) + 0.5) / 2.0**52)


def integers(key, low, high, n):
    return np.array([low + (int(b) * (high - low) >> 64) for b in counted(key, n)])


def permutation(key, n):
    return np.argsort(counted(key, n).astype(np.int64), kind="stable")


def split(key, n):
    return bits(key, -1 - np.arange(n)).astype(np.int64)


def digits():
    data = np.load(ROOT / "examples/data/digits.npz")
    return data["x"], data["y"]


def scores(p, x):
    return jnp.tanh(x @ p[0] + p[1]) @ p[2] + p[3]


def cost(p, x, y):
    """The cost of one example, or of each."""
    z = scores(p, x)
    return jax.nn.logsumexp(z, axis=-1) - jnp.take_along_axis(z, jnp.asarray(y)[..., None], -1)[..., 0]


def network():
    return [normal(2, 64, 32) / 8, np.zeros(32), normal(3, 32, 10) / np.sqrt(32), np.zeros(10)]


each = jax.jit(jax.vmap(jax.grad(cost), (None, 0, 0)))
mean_gradient = jax.jit(jax.grad(lambda p, x, y: cost(p, x, y).mean()))


def squares(g):
    """Squared lengths of the gradients of each example, all parameters together."""
    return sum((np.asarray(a) ** 2).reshape(len(a), -1).sum(1) for a in g)


def dp_sgd():
    x, y = digits()
    order = permutation(1, len(x))
    x, y, held_x, held_y = x[order[:1500]], y[order[:1500]], x[order[1500:]], y[order[1500:]]
    p, n, C, sigma, q = network(), 1500, 1.0, 2.0, 0.1
    for epoch in range(1, 21):
        seen = longer = 0
        for step in range(10):
            keys = split(1000 * epoch + step, 5)
            batch = np.flatnonzero(uniform(keys[0], n) < q)
            padded = np.resize(batch, 256)  # One shape, so that JAX compiles once.
            g = [np.asarray(a)[: len(batch)] for a in each(p, x[padded], y[padded])]
            lengths = np.sqrt(squares(g))
            s = np.minimum(1, C / lengths)
            sums = [np.tensordot(s, a, 1) for a in g]
            p = [w - (G + sigma * C * normal(k, *w.shape)) / (q * n) for w, G, k in zip(p, sums, keys[1:])]
            seen, longer = seen + len(batch), longer + (lengths > C).sum()
        yield [epoch, (np.argmax(scores(p, held_x), 1) == held_y).mean(), longer / seen]
    from scipy.special import gammaln, logsumexp

    def divergence(a):
        k = np.arange(a + 1)
        choose = gammaln(a + 1) - gammaln(k + 1) - gammaln(a - k + 1)
        return logsumexp(choose + k * np.log(q) + (a - k) * np.log1p(-q) + (k * k - k) / (2 * sigma**2)) / (a - 1)

    yield [min(200 * divergence(a) + np.log(1e4) / (a - 1) for a in range(2, 65)), 1e-4]


def noise_scale():
    x, y = digits()
    p, n, B = network(), len(x), 64
    G = mean_gradient(p, x, y)

    def noise(p):
        whole = sum((np.asarray(g) ** 2).sum() for g in mean_gradient(p, x, y))
        trace = (squares(each(p, x, y)).mean() - whole) * n / (n - 1)
        return trace, whole - trace / n

    distance = 0
    for draw in range(1000):
        batch = permutation(100 + draw, n)[:B]
        distance += sum(((np.asarray(h) - np.asarray(g)) ** 2).sum() for h, g in zip(mean_gradient(p, x[batch], y[batch]), G))
    yield [B, noise(p)[0] / B * (1 - B / n), distance / 1000]
    for epoch in range(7):
        trace, signal = noise(p)
        yield [epoch, float(cost(p, x, y).mean()), trace, signal, trace / signal]
        order = permutation(1000 + epoch, n)
        for k in range(n // B):
            batch = order[k * B : (k + 1) * B]
            p = [w - 0.3 * np.asarray(g) for w, g in zip(p, mean_gradient(p, x[batch], y[batch]))]


def influence():
    x, y = digits()
    x = np.concatenate([x, np.ones((len(x), 1))], 1)
    order = permutation(1, len(x))
    x, y, held_x, held_y = x[order[:1000]], y[order[:1000]], x[order[1000:]], y[order[1000:]]
    n = len(x)

    def linear(W, x, y):
        z = x @ W.reshape(65, 10)
        return jax.nn.logsumexp(z, axis=-1) - jnp.take_along_axis(z, jnp.asarray(y)[..., None], -1)[..., 0]

    objective = lambda W, w: (w * linear(W, x, y)).mean() + 0.005 * (W**2).sum()
    gradient, hessian = jax.jit(jax.grad(objective)), jax.jit(jax.hessian(objective))

    def trained(w, W, steps):
        for _ in range(steps):
            W = W - np.linalg.solve(hessian(W, w), gradient(W, w))
        return W

    W = trained(np.ones(n), np.zeros(650), 8)
    yield [float(np.mean(np.argmax(held_x @ W.reshape(65, 10), 1) == held_y))]
    costs = np.asarray(linear(W, held_x, held_y))
    t = costs.argmax()
    yield [held_y[t], np.argmax(held_x[t] @ W.reshape(65, 10)), costs[t]]
    V = np.linalg.solve(hessian(W, np.ones(n)), jax.grad(linear)(W, held_x[t], held_y[t]))
    estimate = np.asarray(jax.vmap(jax.grad(linear), (None, 0, 0))(W, x, y)) @ V / n
    ranked = np.argsort(estimate, kind="stable")
    for i in [*ranked[::-1][:3], *ranked[:3]]:
        after = linear(trained(1.0 * (np.arange(n) != i), W, 4), held_x[t], held_y[t])
        yield [i, y[i], estimate[i], float(after) - costs[t]]


def fisher():
    x, y = digits()
    order = permutation(1, len(x))
    x, y, held_x, held_y = x[order[:1500]], y[order[:1500]], x[order[1500:]], y[order[1500:]]
    p, n = network(), len(x)
    for step in range(400):
        batch = integers(10 + step, 0, n, 64)
        p = [w - 0.3 * np.asarray(g) for w, g in zip(p, mean_gradient(p, x[batch], y[batch]))]

    def accuracy(W):
        return float(np.mean(np.argmax(scores([W, *p[1:]], held_x), 1) == held_y))

    S = np.asarray(mean_gradient(p, x, y)[0]) ** 2
    E = (np.asarray(each(p, x, y)[0]) ** 2).mean(0)
    labels = np.arange(10)
    all_labels = jax.jit(jax.vmap(jax.vmap(jax.grad(cost), (None, None, 0)), (None, 0, None)))
    likely = np.asarray(jax.nn.softmax(scores(p, x), axis=1))
    F = sum(
        np.einsum("nk,nkij->ij", likely[k : k + 50], np.asarray(all_labels(p, x[k : k + 50], labels)[0]) ** 2)
        for k in range(0, n, 50)
    ) / n
    yield [accuracy(p[0])]
    yield [S.sum(), E.sum(), F.sum()]
    yield [2048]
    for keep in [1024, 512, 256, 128]:
        row = [keep]
        for rank in [uniform(77, 64, 32), S * p[0] ** 2, abs(p[0]), E * p[0] ** 2, F * p[0] ** 2]:
            row.append(accuracy(np.where(rank >= np.sort(rank.ravel())[-keep], p[0], 0)))
        yield row


def sequence():
    x, y = digits()
    x, order = x.reshape(-1, 8, 8), permutation(1, len(x))
    x, y, held_x, held_y = x[order[:1500]], y[order[:1500]], x[order[1500:]], y[order[1500:]]
    n = len(x)

    def read(p, Ws, x):
        U, b, V = p
        s = jnp.zeros(24)
        for t in range(8):
            s = jnp.tanh(x[t] @ U + s @ Ws[t] + b)
        return s @ V

    def untied(p, Ws, x, y):
        z = read(p, Ws, x)
        return jax.nn.logsumexp(z) - z[y]

    tied = lambda p, W, x, y: untied(p, [W] * 8, x, y)
    costs = lambda p, W, x, y: jax.vmap(tied, (None, None, 0, 0))(p, W, x, y)
    slope = jax.jit(jax.grad(lambda p, W, x, y: costs(p, W, x, y).mean(), (0, 1)))
    p = [normal(2, 8, 24) / np.sqrt(8), np.zeros(24), normal(4, 24, 10) / np.sqrt(24)]
    W = normal(3, 24, 24) / np.sqrt(24)
    for epoch in range(1, 9):
        shuffled = permutation(100 + epoch, n)
        for k in range(n // 50):
            batch = shuffled[k * 50 : (k + 1) * 50]
            g, gW = slope(p, W, x[batch], y[batch])
            p, W = [a - 0.3 * np.asarray(b) for a, b in zip(p, g)], W - 0.3 * np.asarray(gW)
        guess = np.argmax(jax.vmap(read, (None, None, 0))(p, [W] * 8, held_x), 1)
        yield [epoch, float(costs(p, W, x, y).mean()), float(np.mean(guess == held_y))]
    g, gW = jax.vmap(jax.grad(tied, (0, 1)), (None, None, 0, 0))(p, W, x, y)
    gW = np.asarray(gW)
    single = (gW**2).sum((1, 2))
    lengths = np.sqrt(single + squares(g))
    yield [np.median(lengths), lengths.max()]
    yield [(gW**2).mean(0).sum(), single.mean()]
    uses = np.asarray(jax.vmap(jax.grad(untied, 1), (None, None, 0, 0))(p, np.stack([W] * 8), x, y))
    apart = (uses**2).sum((1, 2, 3))
    yield [apart.mean(), np.abs(np.sqrt(apart) / np.sqrt(single) - 1).max()]


def numbers(line):
    found = []
    for word in line.replace("[", " ").replace("]", " ").split():
        try:
            found.append(float(word))
        except ValueError:
            pass
    return found


def agrees(shown, value):
    """Whether a printed number is this one, to the digits that are printed."""
    digits = len(repr(shown).split(".")[1].split("e")[0]) if "." in repr(shown) else 0
    return abs(shown - value) <= max(0.51 * 10.0**-min(digits, 12), 1e-7 * abs(value))


def main():
    wrong = 0
    names = ["dp_sgd", "noise_scale", "influence", "fisher", "sequence"]
    for name in sys.argv[1:] or names:
        lines = [numbers(line) for line in (ROOT / f"examples/expected/{name}.txt").read_text().splitlines()]
        lines = [line for line in lines if line]
        if name == "dp_sgd":
            lines = lines[1:]  # The settings.
        rows = [[float(v) for v in row] for row in globals()[name]()]
        same = len(rows) == len(lines)
        for row, line in zip(rows, lines):
            fits = len(row) == len(line) and all(agrees(shown, value) for shown, value in zip(line, row))
            if not fits:
                print(f"{name}: kept is {line}, JAX has {row}")
            same &= fits
        print(name, "agrees" if same else "DIFFERS")
        wrong += not same
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
