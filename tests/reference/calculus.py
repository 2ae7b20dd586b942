"""Derivatives of five models, from JAX in double precision.

    python tests/reference/calculus.py            compares with tests/reference/calculus.txt
    python tests/reference/calculus.py --write    writes it

In: nothing; arrays are sines of their elements' numbers. Out: for each model a line `model name`, then for each quantity
its name, its sizes and its elements. tests/calculus.rs compares Microtome with the file, whether JAX is there or not.
Always holds: nothing here knows how Microtome computes; per-example quantities come from one explicit Jacobian.
"""

import pathlib
import sys

import numpy as np

try:
    import jax
    import jax.numpy as jnp
except ImportError:
    sys.exit("JAX is not there: nothing compared")

jax.config.update("jax_enable_x64", True)
FILE = pathlib.Path(__file__).with_suffix(".txt")


def waves(seed, *shape):
    """Numbers that look random: sin(1.7 k + seed) for element k."""
    return np.sin(1.7 * np.arange(np.prod(shape, dtype=int)) + seed).reshape(shape)


def log_loss(z, y):
    return jax.nn.logsumexp(z, axis=-1) - jnp.take_along_axis(z, y[:, None], 1)[:, 0]


LABELS = np.array([0, 2, 1, 2])
WORDS = np.array([[0, 1, 1], [3, 0, 2], [2, 2, 2], [1, 3, 0]])


def dense(x, p, q):
    return log_loss(jnp.tanh(x @ p) @ q, LABELS)


def windows(x, p, q):
    parts = jnp.stack([x[:, k : k + 3] for k in range(x.shape[1] - 2)], axis=1)
    h = jnp.tanh(parts @ p)
    return ((h @ q) ** 2).mean(1)


def attention(x, p, q):
    s = jnp.einsum("ntd,de,nse->nts", x, p, x)
    a = jax.nn.softmax(s, axis=2)
    return (jnp.tanh((a @ x) @ q) ** 2).sum(1)


def layer_norm(x, p, q):
    h = x @ p
    z = (h - h.mean(1, keepdims=True)) / jnp.sqrt(h.var(1, keepdims=True) + 1e-5)
    return (jnp.sin(z * q) ** 2).sum(1)


def embedding(x, p, q):
    return jax.nn.softplus((p[WORDS].mean(1) * x) @ q)


MODELS = {
    "dense": (dense, waves(0.1, 4, 3), waves(0.2, 3, 2), waves(0.3, 2, 3)),
    "windows": (windows, waves(0.4, 4, 6), waves(0.5, 3, 2), waves(0.6, 2)),
    "attention": (attention, waves(0.7, 4, 3, 2), waves(0.8, 2, 2), waves(0.9, 2)),
    "layer norm": (layer_norm, waves(1.0, 4, 2), waves(1.1, 2, 3), waves(1.2, 3)),
    "embedding": (embedding, waves(1.3, 4, 2), waves(1.4, 4, 2), waves(1.5, 2)),
}


def quantities(cost, x, p, q):
    c = lambda p, q: cost(x, p, q)
    mean = lambda p, q: c(p, q).mean()
    dp, ct = waves(2.1, *p.shape), waves(2.2, len(x))
    J, K = map(np.asarray, jax.jacobian(c, (0, 1))(p, q))
    squares = (J**2).reshape(len(x), -1).sum(1) + (K**2).reshape(len(x), -1).sum(1)
    clip = np.minimum(1.0, 0.5 / np.sqrt(squares))
    along = lambda f: lambda p: jax.jvp(f, (p,), (dp,))[1]
    scalar = lambda t: mean(p + t * dp, q)
    yield "costs", c(p, q)
    yield "gradient", jax.grad(mean)(p, q)
    yield "gradient by q", jax.grad(mean, 1)(p, q)
    yield "jacobian", J
    yield "hessian", jax.hessian(mean)(p, q)
    yield "mixed hessian", jax.jacobian(jax.grad(mean), 1)(p, q)
    yield "jvp", along(lambda p: c(p, q))(p)
    yield "vjp", jax.vjp(lambda p: c(p, q), p)[1](ct)[0]
    yield "second moment", (J**2).mean(0)
    yield "norms", np.sqrt(squares)
    yield "clipped sum", np.tensordot(clip, J, 1)
    yield "gram", np.tensordot(J.reshape(len(x), -1), J.reshape(len(x), -1), (1, 1))
    yield "third along", along(along(lambda p: jax.grad(mean)(p, q)))(p)
    yield "third", jax.grad(jax.grad(jax.grad(scalar)))(0.0)
    yield "gradient of the second moment", jax.grad(lambda p: (jax.jacobian(c)(p, q) ** 2).mean(0).sum())(p)


def report():
    for name, (cost, *arrays) in MODELS.items():
        yield f"model {name}"
        for what, value in quantities(cost, *arrays):
            value = np.asarray(value)
            elements = " ".join(repr(float(v)) for v in value.ravel())
            yield f"{what} [{' '.join(map(str, value.shape))}] {elements}"


def same(a, b):
    head = lambda line: line.split("]")[0]
    numbers = lambda line: np.array([float(v) for v in line.split("]")[1].split()]) if "]" in line else np.zeros(0)
    return head(a) == head(b) and np.allclose(numbers(a), numbers(b), rtol=1e-10, atol=1e-13)


def main():
    lines = list(report())
    if "--write" in sys.argv:
        FILE.write_text("\n".join(lines) + "\n")
        return
    kept = FILE.read_text().splitlines()
    apart = [a for a, b in zip(lines, kept, strict=True) if not same(a, b)]
    print(f"{len(lines)} lines, {len(apart)} differ", *apart, sep="\n")
    sys.exit(1 if apart else 0)


if __name__ == "__main__":
    main()
