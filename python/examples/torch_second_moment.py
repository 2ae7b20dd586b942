"""A second moment of Microtome's inside a training loop of PyTorch's.

Adam divides by the square root of a running mean of squared *mean* gradients. What its derivation has in mind is the second
moment of the gradient of one example, and that is what Microtome computes at about the cost of the mean gradient: here
PyTorch gives the gradient, Microtome the second moments of the same tensors, without copies.

    python torch_second_moment.py [STEPS]

Without PyTorch the same loop runs on NumPy arrays, with the gradient from Microtome as well.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

import microtome as mt

try:
    import torch
except ImportError:
    torch = None

PROGRAM = mt.compile("""
# The cost of each example: a layer of tanh, a layer of scores, minus the log of the softmax at the right digit.
fn cost(x: f32[n, d], y: i64[n], W1: f32[d, h], b1: f32[h], W2: f32[h, k], b2: f32[k]) -> f32[n] {
    let z = tanh(x @ W1 + b1) @ W2 + b2
    logsumexp(z, axis=1) - [z[i, y[i]] for i in 0:n]
}

fn loss(x: f32[n, d], y: i64[n], W1: f32[d, h], b1: f32[h], W2: f32[h, k], b2: f32[k]) = mean(cost(x, y, W1, b1, W2, b2))

fn gradient(x: f32[n, d], y: i64[n], W1: f32[d, h], b1: f32[h], W2: f32[h, k], b2: f32[k]) {
    let c = cost(x, y, W1, b1, W2, b2)
    grad(mean(c), (W1, b1, W2, b2))
}

# The mean over the examples of each one's squared gradient, in the shapes of the parameters.
fn second_moment(x: f32[n, d], y: i64[n], W1: f32[d, h], b1: f32[h], W2: f32[h, k], b2: f32[k]) {
    let c = cost(x, y, W1, b1, W2, b2)
    (
        mean(grad(c[i], W1)^2 for i in 0:n),
        mean(grad(c[i], b1)^2 for i in 0:n),
        mean(grad(c[i], W2)^2 for i in 0:n),
        mean(grad(c[i], b2)^2 for i in 0:n),
    )
}
""")
second_moment = PROGRAM["second_moment"]

RATE, DECAY, BATCH = 0.1, 0.9, 256


def digits() -> tuple[np.ndarray, np.ndarray]:
    """8×8 images of handwritten digits, one to a row, and what they show."""
    folder = Path(os.environ.get("MICROTOME_EXAMPLES", Path(__file__).parents[2] / "examples"))
    with np.load(folder / "data/digits.npz") as file:
        return np.ascontiguousarray(file["x"], np.float32), file["y"].astype(np.int64)


def start() -> list[np.ndarray]:
    """Weights from which every run begins."""
    rng = np.random.default_rng(0)
    shapes = [(64, 32), (32,), (32, 10), (10,)]
    return [(0.1 * rng.normal(size=shape)).astype(np.float32) for shape in shapes]


def batches(steps: int, n: int) -> list[np.ndarray]:
    """Which examples each step sees."""
    rng = np.random.default_rng(1)
    return [rng.choice(n, BATCH, replace=False) for _ in range(steps)]


def train_with_torch(steps: int) -> list[float]:
    """The losses of a run with PyTorch."""
    x, y = map(torch.from_numpy, digits())
    parameters = [torch.from_numpy(p).requires_grad_() for p in start()]
    running = [torch.zeros_like(p) for p in parameters]
    losses = []
    for step, chosen in enumerate(batches(steps, len(x)), start=1):
        W1, b1, W2, b2 = parameters
        rows = torch.from_numpy(chosen)
        loss = torch.nn.functional.cross_entropy(torch.tanh(x[rows] @ W1 + b1) @ W2 + b2, y[rows])
        gradients = torch.autograd.grad(loss, parameters)
        # Tensors go in as they are, and NumPy arrays come out, which PyTorch takes as they are.
        moments = second_moment(x[rows], y[rows], *(p.detach() for p in parameters))
        with torch.no_grad():
            for p, g, v, m in zip(parameters, gradients, running, map(torch.from_dlpack, moments)):
                v.mul_(DECAY).add_(m, alpha=1 - DECAY)
                p -= RATE * g / (torch.sqrt(v / (1 - DECAY**step)) + 1e-3)
        losses.append(loss.item())
    return losses


def train_with_numpy(steps: int) -> list[float]:
    """The losses of the same run without PyTorch."""
    x, y = digits()
    parameters, losses = start(), []
    running = [np.zeros_like(p) for p in parameters]
    for step, chosen in enumerate(batches(steps, len(x)), start=1):
        arguments = (x[chosen], y[chosen], *parameters)
        losses.append(float(PROGRAM["loss"](*arguments)))
        gradients, moments = PROGRAM["gradient"](*arguments), second_moment(*arguments)
        for p, g, v, m in zip(parameters, gradients, running, moments):
            v *= DECAY
            v += (1 - DECAY) * m
            p -= np.float32(RATE) * g / (np.sqrt(v / np.float32(1 - DECAY**step)) + np.float32(1e-3))
    return losses


def main(steps: int = 60) -> list[float]:
    """Trains, and says how it goes."""
    if torch is None:
        print("PyTorch is not installed: the same loop on NumPy arrays")
    losses = train_with_numpy(steps) if torch is None else train_with_torch(steps)
    for step in sorted({0, steps // 4, steps // 2, steps - 1}):
        print(f"step {step + 1:4}  loss {losses[step]:.4f}")
    return losses


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
