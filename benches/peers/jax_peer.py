"""JAX: compiled by XLA, per-example gradients as vmap(grad), written the way its documentation does.

In: the options of common.py. Out: figures, as JSON lines, or that JAX is missing. Always holds: a call counts as done
when its results are on hand (block_until_ready); inputs are JAX arrays before the clock starts.
"""

import json
import os
import sys
import time

if "--threads" in sys.argv and hasattr(os, "sched_setaffinity"):
    # XLA's thread pool is as large as the set of processors it may run on.
    wanted = int(sys.argv[sys.argv.index("--threads") + 1])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:wanted])
os.environ.setdefault("JAX_PLATFORMS", "cpu")

try:
    import jax
    import jax.numpy as jnp
except ImportError:
    print(json.dumps({"missing": "JAX"}))
    sys.exit()

import common

jax.config.update("jax_enable_x64", True)
PEER = "JAX"


def costs(parameters, x, y):
    W1, b1, W2, b2 = parameters
    z = jnp.tanh(x @ W1 + b1) @ W2 + b2
    picked = jnp.take_along_axis(z, y[:, None], axis=1)[:, 0]
    return jax.scipy.special.logsumexp(z, axis=1) - picked


def cost_of_one(parameters, x, y):
    return costs(parameters, x[None], y[None])[0]


per_example = jax.vmap(jax.grad(cost_of_one), in_axes=(None, 0, 0))


def plain_gradient(parameters, x, y):
    return jax.grad(lambda p: costs(p, x, y).mean())(parameters)


def second_moment(parameters, x, y):
    return tuple((g**2).mean(axis=0) for g in per_example(parameters, x, y))


def variance(parameters, x, y):
    return tuple(g.var(axis=0) for g in per_example(parameters, x, y))


def norms_of(gradients):
    return jnp.sqrt(sum((g**2).sum(axis=tuple(range(1, g.ndim))) for g in gradients))


def norms(parameters, x, y):
    return norms_of(per_example(parameters, x, y))


def clipped_sum(parameters, x, y):
    gradients = per_example(parameters, x, y)
    scale = jnp.minimum(1.0, 1.0 / norms_of(gradients))
    return tuple(jnp.tensordot(scale, g, axes=1) for g in gradients)


NETWORK = [("forward cost", costs), ("plain gradient", plain_gradient)]
MATERIALISED = [
    ("second moment", second_moment),
    ("variance, centred", variance),
    ("per-example norms", norms),
    ("clipped sum", clipped_sum),
]


def black_scholes(s, k, t):
    spread = 0.3 * jnp.sqrt(t)
    d1 = (jnp.log(s / k) + (0.02 + 0.5 * 0.3 * 0.3) * t) / spread
    d2 = d1 - spread
    bond = k * jnp.exp(-0.02 * t)
    erf = jax.scipy.special.erf
    call = s * (0.5 + 0.5 * erf(d1 / jnp.sqrt(2.0))) - bond * (0.5 + 0.5 * erf(d2 / jnp.sqrt(2.0)))
    return call, call - s + bond


def case(name, function, arguments):
    compiled = jax.jit(function)
    return name, lambda: jax.block_until_ready(compiled(*arguments))


def network(n):
    x, y, *parameters = (jnp.asarray(a) for a in common.network_inputs(n))
    functions = NETWORK + (MATERIALISED if n <= common.LARGEST_MATERIALISED else [])
    cases = [case(name, f, (tuple(parameters), x, y)) for name, f in functions]
    common.measure(PEER, "network", n, "f32", cases)


def elementwise(n):
    prices = tuple(jnp.asarray(a) for a in common.options(n))
    pair = tuple(jnp.asarray(a) for a in common.sum_inputs(n))
    doubles = [
        case(common.BLACK_SCHOLES, black_scholes, prices),
        case(common.SUM, lambda x, y: (2.0 * x * y + x).sum(), pair),
    ]
    common.measure(PEER, "elementwise", n, "f64", doubles)
    v = jnp.asarray(common.chain_input(n))
    singles = [case(common.CHAIN, lambda x: jnp.tanh(0.5 * x + 0.1) * jnp.exp(-(x**2)), (v,))]
    common.measure(PEER, "elementwise", n, "f32", singles)


REDUCTIONS = [
    ("sums of rows", lambda x: (x * x).sum(axis=1)),
    ("sums of columns", lambda x: (x * x).sum(axis=0)),
    ("softmax of rows", lambda x: jax.nn.softmax(x, axis=1)),
    ("logsumexp of rows", lambda x: jax.nn.logsumexp(x, axis=1)),
    ("standardised rows", lambda x: (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)),
    ("largest of each row", lambda x: x.argmax(axis=1)),
]


def compiled(function, *arguments):
    return case("", function, arguments)[1]


def arrays():
    functions = [(name, jax.jit(f)) for name, f in REDUCTIONS]
    blocked = [(name, lambda x, f=f: jax.block_until_ready(f(x))) for name, f in functions]
    common.reductions(PEER, jnp.asarray(common.reduced()), blocked)
    image, weights = (jnp.asarray(a) for a in common.image())

    def elevens(x, k):
        return jax.lax.conv(x[None, None], k[None, None], (1, 1), "VALID")[0, 0]

    def diffused(u):
        centre = u[1:-1, 1:-1]
        around = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
        return centre + 0.1 * (around - 4.0 * centre)

    def moving_mean(x):
        return jax.lax.reduce_window(x, 0.0, jax.lax.add, (25,), (1,), "valid") / 25.0

    common.windows(
        PEER,
        compiled(elevens, image, weights),
        compiled(diffused, jnp.asarray(common.field())),
        compiled(moving_mean, jnp.asarray(common.series())),
    )
    multiply = jax.jit(jnp.matmul)
    common.products(PEER, jnp.asarray, lambda a, b: jax.block_until_ready(multiply(a, b)))
    attention = jax.jit(lambda q, k, v: jax.nn.softmax(0.125 * q @ jnp.swapaxes(k, 1, 2), axis=2) @ v)
    common.batches(
        PEER,
        jnp.asarray,
        lambda a, b: jax.block_until_ready(multiply(a, b)),
        lambda q, k, v: jax.block_until_ready(attention(q, k, v)),
    )


def first_value():
    """Trace, compile and run the second moment of 256 examples, with JAX itself warm."""
    x, y, *parameters = (jnp.asarray(a) for a in common.network_inputs(256))
    times, check = [], None
    for _ in range(4 if common.QUICK else 6):
        jax.clear_caches()
        start = time.perf_counter()
        # A function of its own each time: nothing that an earlier one left behind is found again.
        result = jax.block_until_ready(jax.jit(lambda p, x, y: second_moment(p, x, y))(tuple(parameters), x, y))
        times.append(time.perf_counter() - start)
        check = common.magnitude(result)
    common.figure(PEER, "first value", "second moment", 256, "f32", times[1:], check)


def main():
    for n in common.BATCHES:
        network(n)
    for n in common.LENGTHS:
        elementwise(n)
    arrays()
    first_value()


main()
