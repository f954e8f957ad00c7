"""Leap in plain PyTorch: one task after another, first order."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from methods.leap.data import (
    BATCH,
    EPSILON,
    INNER_LEARNING_RATE,
    MOMENTUM,
    OUTER_LEARNING_RATE,
    tasks,
    weights,
)
from rows import Row
from sides.images import BLOCKS
from sides.torch_steps import images, to_torch
from sides.worker import Step
from torch.nn import functional as F

Tensors = list[torch.Tensor]


class Statistics:
    """Moving statistics of each block, and how to read them.

    PyTorch gathers unbiased variances; those that normalise are biased, so
    the numbers of values a channel are kept. What is left of the statistics
    at the start is taken off.
    """

    def __init__(self, filters: int) -> None:
        self.means = [torch.zeros(filters) for _ in range(BLOCKS)]
        self.variances = [torch.zeros(filters) for _ in range(BLOCKS)]
        self.counts = [0] * BLOCKS
        self.steps = 0

    def gathered(self, block: int) -> tuple[torch.Tensor, torch.Tensor]:
        share = 1.0 - MOMENTUM**self.steps
        bias = (self.counts[block] - 1) / self.counts[block]
        mean, variance = self.means[block], self.variances[block]
        return mean / share, variance * (bias / share)


def logits(
    fast: Tensors, x: torch.Tensor, seen: Statistics, training: bool
) -> torch.Tensor:
    """Scores examples; in training, `seen` gathers their statistics."""
    for i in range(BLOCKS):
        kernel, bias, gamma, beta = fast[4 * i : 4 * i + 4]
        x = F.max_pool2d(F.conv2d(x, kernel, bias, padding=1), 2)
        if training:
            moments = seen.means[i], seen.variances[i]
            seen.counts[i] = x.numel() // x.shape[1]
        else:
            moments = seen.gathered(i)
        x = F.batch_norm(
            x, *moments, gamma, beta, training, 1.0 - MOMENTUM, EPSILON
        )
        x = F.relu(x)
    return x.flatten(1) @ fast[-2] + fast[-1]


def walk(
    initial: Tensors,
    batches: Iterator[tuple[torch.Tensor, torch.Tensor]],
    pull: Tensors | None = None,
) -> tuple[Tensors, Statistics]:
    """Takes a step a batch; adds the pull of the path on its start.

    Equation 8 of Flennerhag et al. 2019 with the length of the path and the
    stabiliser. A move is minus the step size times the gradient.
    """
    fast = [w.detach().requires_grad_() for w in initial]
    seen = Statistics(fast[1].shape[0])
    last: tuple[torch.Tensor, Tensors] | None = None
    for x, y in batches:
        loss = F.cross_entropy(logits(fast, x, seen, True), y)
        gradients = torch.autograd.grad(loss, fast)
        seen.steps += 1
        with torch.no_grad():
            if pull is not None:
                if last is not None:
                    _close(last, loss.detach(), pull)
                last = loss.detach(), gradients
            fast = [
                (w - INNER_LEARNING_RATE * g).requires_grad_()
                for w, g in zip(fast, gradients, strict=True)
            ]
    return fast, seen


def _close(
    last: tuple[torch.Tensor, Tensors], loss: torch.Tensor, pull: Tensors
) -> None:
    start, gradients = last
    fall = (loss - start).abs()
    squared = sum(g.square().sum() for g in gradients)
    size = (INNER_LEARNING_RATE**2 * squared + fall.square()).sqrt()
    scale = (INNER_LEARNING_RATE + fall) / size
    for total, gradient in zip(pull, gradients, strict=True):
        total.addcmul_(scale, gradient)


def in_order(
    x: torch.Tensor, y: torch.Tensor, steps: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Mini-batches round and round, in the order of the support set."""
    count = len(y)
    taken = min(BATCH, count)
    for step in range(steps):
        rows = torch.arange(step * taken, (step + 1) * taken) % count
        yield x[rows], y[rows]


def spread(
    x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Every so many-th example first, so that batches hold all classes."""
    parts = -(-len(y) // min(BATCH, len(y)))
    order = torch.cat([torch.arange(i, len(y), parts) for i in range(parts)])
    return x[order], y[order]


def train_step(row: Row) -> Step:
    """An outer update; tells the loss of queries at the paths' ends."""
    initial = [to_torch(w) for w in weights(row)]
    data = images(tasks(row))

    def step() -> float:
        pull = [torch.zeros_like(w) for w in initial]
        total = 0.0
        for task in range(row.tasks):
            x, y = data["support_x"][task], data["support_y"][task]
            batches = in_order(x, y, row.inner_steps)
            fast, seen = walk(initial, batches, pull)
            with torch.no_grad():
                scores = logits(fast, data["query_x"][task], seen, False)
                total += F.cross_entropy(scores, data["query_y"][task]).item()
        for weight, change in zip(initial, pull, strict=True):
            weight -= OUTER_LEARNING_RATE / row.tasks * change
        return total / row.tasks

    return step


def adapt_step(row: Row) -> Step:
    """Adapts to one task and predicts its queries."""
    initial = [to_torch(w) for w in weights(row)]
    data = images(tasks(row))
    x, y = data["support_x"][0], data["support_y"][0]
    target = data["query_y"][0].numpy()
    rows = np.arange(len(target))

    def step() -> float:
        batches = in_order(*spread(x, y), row.inner_steps)
        fast, seen = walk(initial, batches)
        with torch.no_grad():
            scores = logits(fast, data["query_x"][0], seen, False)
            shares = scores.softmax(1).numpy()
        return float(-np.log(shares[rows, target]).mean())

    return step


def make(row: Row) -> Step:
    """Builds a step."""
    return (train_step if row.kind == "train" else adapt_step)(row)
