"""CACTUs-MAML in plain PyTorch: second order, one task after another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from methods.cactus.data import INNER_LEARNING_RATE, weights
from rows import Row
from sides.images import BLOCKS, BN_EPSILON, OUTER_LEARNING_RATE, drawings
from sides.torch_steps import adam, images, to_torch
from sides.worker import Step
from torch.nn import functional as F

Moments = list[tuple[torch.Tensor, torch.Tensor]]


class Cactus:
    """Weights, and the inner loop, after Hsu et al. 2019.

    The inner loss is summed over classes; a head of more columns than the
    task has classes uses the first ones.
    """

    def __init__(self, row: Row) -> None:
        given = weights(row)
        self.row = row
        self.offsets = [to_torch(w).requires_grad_() for w in given.offsets]
        fast = (*given.kernels, *given.head)
        self.initial = [to_torch(w).requires_grad_() for w in fast]
        self.parameters = [*self.initial, *self.offsets]

    def logits(
        self,
        fast: Sequence[torch.Tensor],
        x: torch.Tensor,
        moments: Moments | None = None,
    ) -> torch.Tensor:
        """Scores examples, normalised by themselves or by `moments`."""
        for i in range(BLOCKS):
            x, offset = halved(x, fast[i]), self.offsets[i]
            if moments is None:
                x = F.batch_norm(
                    x, None, None, None, offset, True, eps=BN_EPSILON
                )
            else:
                x = F.batch_norm(x, *moments[i], None, offset, eps=BN_EPSILON)
            x = F.relu(x)
        ways = self.row.ways
        return x.mean((2, 3)) @ fast[-2][:, :ways] + fast[-1][:ways]

    @torch.no_grad()
    def moments(self, fast: Sequence[torch.Tensor], x: torch.Tensor) -> Moments:
        """Mean and variance of each block's channels."""
        found = []
        for i in range(BLOCKS):
            x = halved(x, fast[i])
            variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
            found.append((mean, variance))
            x = F.batch_norm(
                x, mean, variance, None, self.offsets[i], eps=BN_EPSILON
            )
            x = F.relu(x)
        return found

    def adapt(
        self, x: torch.Tensor, y: torch.Tensor, train: bool
    ) -> Sequence[torch.Tensor]:
        """Weights after the inner steps."""
        fast: Sequence[torch.Tensor] = self.initial
        for _ in range(self.row.inner_steps):
            # As many of each class: ways times the mean is the sum.
            loss = self.row.ways * F.cross_entropy(self.logits(fast, x), y)
            steps = torch.autograd.grad(loss, fast, create_graph=train)
            fast = [
                w - INNER_LEARNING_RATE * g
                for w, g in zip(fast, steps, strict=True)
            ]
            if not train:
                fast = [w.detach().requires_grad_() for w in fast]
        return fast


def halved(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """A convolution of stride 2, padded as TensorFlow's "same"."""
    if x.shape[-1] % 2:
        return F.conv2d(x, kernel, stride=2, padding=1)
    return F.conv2d(F.pad(x, (0, 1, 0, 1)), kernel, stride=2)


def train_step(row: Row) -> Step:
    """An outer update; queries are normalised by themselves."""
    model, data = Cactus(row), images(drawings(row))
    optimizer = adam(model.parameters, OUTER_LEARNING_RATE)

    def step() -> float:
        optimizer.zero_grad()
        total = 0.0
        for task in range(row.tasks):
            x, y = data["support_x"][task], data["support_y"][task]
            logits = model.logits(
                model.adapt(x, y, True), data["query_x"][task]
            )
            loss = F.cross_entropy(logits, data["query_y"][task]) / row.tasks
            loss.backward()
            total += loss.item()
        optimizer.step()
        return total

    return step


def adapt_step(row: Row) -> Step:
    """Adapts to one task, predicts by the support's statistics."""
    model, data = Cactus(row), images(drawings(row))
    x, y, query = (
        data[name][0] for name in ("support_x", "support_y", "query_x")
    )
    target = data["query_y"][0].numpy()
    rows = np.arange(len(target))

    def step() -> float:
        fast = model.adapt(x, y, False)
        with torch.no_grad():
            logits = model.logits(fast, query, model.moments(fast, x))
            shares = logits.softmax(1).numpy()
        return float(-np.log(shares[rows, target]).mean())

    return step


def make(row: Row) -> Step:
    """Builds a step."""
    return (train_step if row.kind == "train" else adapt_step)(row)
