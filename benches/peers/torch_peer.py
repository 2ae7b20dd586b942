"""PyTorch: plain gradients by autograd, per-example gradients by torch.func's vmap(grad), eager as most people run it.

In: the options of common.py. Out: figures, as JSON lines, or that torch is missing. Always holds: inputs are tensors
before the clock starts.
"""

import json
import sys

try:
    import torch
    from torch.func import grad, vmap
except ImportError:
    print(json.dumps({"missing": "torch"}))
    sys.exit()

import common

torch.set_num_threads(common.THREADS)
PEER = "torch"


def costs(parameters, x, y):
    W1, b1, W2, b2 = parameters
    z = torch.tanh(x @ W1 + b1) @ W2 + b2
    return torch.logsumexp(z, dim=1) - z.gather(1, y[:, None])[:, 0]


def cost_of_one(parameters, x, y):
    return costs(parameters, x[None], y[None])[0]


per_example = vmap(grad(cost_of_one), in_dims=(None, 0, 0))


def plain_gradient(parameters, x, y):
    leaves = [p.detach().requires_grad_() for p in parameters]
    return torch.autograd.grad(costs(leaves, x, y).mean(), leaves)


def forward(parameters, x, y):
    with torch.no_grad():
        return costs(parameters, x, y)


def second_moment(parameters, x, y):
    return tuple((g**2).mean(dim=0) for g in per_example(parameters, x, y))


def variance(parameters, x, y):
    return tuple(g.var(dim=0, correction=0) for g in per_example(parameters, x, y))


def norms_of(gradients):
    return torch.sqrt(sum((g**2).flatten(1).sum(dim=1) for g in gradients))


def norms(parameters, x, y):
    return norms_of(per_example(parameters, x, y))


def clipped_sum(parameters, x, y):
    gradients = per_example(parameters, x, y)
    scale = torch.clamp(1.0 / norms_of(gradients), max=1.0)
    return tuple(torch.tensordot(scale, g, dims=1) for g in gradients)


NETWORK = [("forward cost", forward), ("plain gradient", plain_gradient)]
MATERIALISED = [
    ("second moment", second_moment),
    ("variance, centred", variance),
    ("per-example norms", norms),
    ("clipped sum", clipped_sum),
]


def black_scholes(s, k, t):
    spread = 0.3 * torch.sqrt(t)
    d1 = (torch.log(s / k) + (0.02 + 0.5 * 0.3 * 0.3) * t) / spread
    d2 = d1 - spread
    bond = k * torch.exp(-0.02 * t)
    root = 2.0**0.5
    call = s * (0.5 + 0.5 * torch.erf(d1 / root)) - bond * (0.5 + 0.5 * torch.erf(d2 / root))
    return call, call - s + bond


def case(name, function, arguments):
    return name, lambda: function(*arguments)


def network(n):
    x, y, *parameters = (torch.from_numpy(a) for a in common.network_inputs(n))
    functions = NETWORK + (MATERIALISED if n <= common.LARGEST_MATERIALISED else [])
    cases = [case(name, f, (tuple(parameters), x, y)) for name, f in functions]
    common.measure(PEER, "network", n, "f32", cases)


def elementwise(n):
    prices = tuple(torch.from_numpy(a) for a in common.options(n))
    pair = tuple(torch.from_numpy(a) for a in common.sum_inputs(n))
    doubles = [
        case(common.BLACK_SCHOLES, black_scholes, prices),
        case(common.SUM, lambda x, y: (2.0 * x * y + x).sum(), pair),
    ]
    common.measure(PEER, "elementwise", n, "f64", doubles)
    v = torch.from_numpy(common.chain_input(n))
    singles = [case(common.CHAIN, lambda x: torch.tanh(0.5 * x + 0.1) * torch.exp(-(x**2)), (v,))]
    common.measure(PEER, "elementwise", n, "f32", singles)


REDUCTIONS = [
    ("sums of rows", lambda x: (x * x).sum(dim=1)),
    ("sums of columns", lambda x: (x * x).sum(dim=0)),
    ("softmax of rows", lambda x: torch.softmax(x, dim=1)),
    ("logsumexp of rows", lambda x: torch.logsumexp(x, dim=1)),
    ("standardised rows", lambda x: (x - x.mean(dim=1, keepdim=True)) / x.std(dim=1, keepdim=True, correction=0)),
    ("largest of each row", lambda x: x.argmax(dim=1)),
]


def arrays():
    common.reductions(PEER, torch.from_numpy(common.reduced()), REDUCTIONS)
    image, weights = (torch.from_numpy(a) for a in common.image())
    field, series = torch.from_numpy(common.field()), torch.from_numpy(common.series())

    def diffused():
        centre = field[1:-1, 1:-1]
        around = field[2:, 1:-1] + field[:-2, 1:-1] + field[1:-1, 2:] + field[1:-1, :-2]
        return centre + 0.1 * (around - 4.0 * centre)

    common.windows(
        PEER,
        lambda: torch.nn.functional.conv2d(image[None, None], weights[None, None])[0, 0],
        diffused,
        lambda: torch.nn.functional.avg_pool1d(series[None, None], 25, stride=1)[0, 0],
    )
    common.products(PEER, torch.from_numpy, torch.matmul)
    attention = torch.nn.functional.scaled_dot_product_attention
    common.batches(PEER, torch.from_numpy, torch.matmul, lambda q, k, v: attention(q, k, v, scale=0.125))


def main():
    for n in common.BATCHES:
        network(n)
    for n in common.LENGTHS:
        elementwise(n)
    arrays()


main()
