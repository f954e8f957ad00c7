"""CAML in plain PyTorch: automatic second order, one task after another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from methods.caml.data import CLIP_ELEMENTS, INNER_LEARNING_RATE, weights
from rows import Row
from sides.images import BLOCKS, BN_EPSILON, OUTER_LEARNING_RATE, episode
from sides.torch_steps import adam, images, to_torch
from sides.worker import Step
from torch.nn import functional as F

Moments = list[tuple[torch.Tensor, torch.Tensor]]


class Caml:
    """Weights, and the inner loop, after Jiang et al. 2019.

    Queries are normalised by the statistics of the support set under the
    adapted weights.
    """

    def __init__(self, row: Row) -> None:
        given = weights(row)
        self.row = row
        self.initial = [to_torch(w).requires_grad_() for w in given.backbone]
        self.metric = [to_torch(w) for w in given.metric]
        self.moving = [to_torch(w) for w in given.moments]
        self.modulation = [
            torch.from_numpy(w).requires_grad_() for w in given.modulation
        ]
        self.parameters = [*self.initial, *self.modulation]

    @torch.no_grad()
    def places(self, x: torch.Tensor) -> torch.Tensor:
        """Standardised embeddings in the frozen metric space."""
        for i in range(BLOCKS):
            kernel, gamma, beta = self.metric[3 * i : 3 * i + 3]
            mean, variance = self.moving[2 * i : 2 * i + 2]
            x = F.conv2d(x, kernel, padding=1)
            x = F.batch_norm(x, mean, variance, gamma, beta, eps=BN_EPSILON)
            x = F.max_pool2d(F.relu(x), 2)
        z = x.flatten(1)
        z = z - z.mean(1, keepdim=True)
        return z * torch.rsqrt(z.square().mean(1, keepdim=True) + 1e-6)

    def changes(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Scales and shifts [examples, 2 * filters] of each block."""
        z = self.places(x)
        first, last = self.modulation[::2], self.modulation[1::2]
        return [F.relu(z @ u) @ v for u, v in zip(first, last, strict=True)]

    def logits(
        self,
        fast: Sequence[torch.Tensor],
        x: torch.Tensor,
        changes: list[torch.Tensor],
        moments: Moments | None = None,
    ) -> torch.Tensor:
        """Scores examples, normalised by themselves or by `moments`."""
        for i in range(BLOCKS):
            kernel, gamma, beta = fast[3 * i : 3 * i + 3]
            x = F.conv2d(x, kernel, padding=1)
            if moments is None:
                x = F.batch_norm(x, None, None, training=True, eps=BN_EPSILON)
            else:
                x = normalised(x, *moments[i])
            x = modulated(x, gamma, beta, changes[i])
            x = F.max_pool2d(F.relu(x), 2)
        return x.flatten(1) @ fast[-2] + fast[-1]

    def moments(
        self,
        fast: Sequence[torch.Tensor],
        x: torch.Tensor,
        changes: list[torch.Tensor],
    ) -> Moments:
        """Mean and variance of each block's channels."""
        found = []
        for i in range(BLOCKS):
            kernel, gamma, beta = fast[3 * i : 3 * i + 3]
            x = F.conv2d(x, kernel, padding=1)
            variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
            found.append((mean, variance))
            if i + 1 < BLOCKS:
                x = modulated(
                    normalised(x, mean, variance), gamma, beta, changes[i]
                )
                x = F.max_pool2d(F.relu(x), 2)
        return found

    def query_logits(
        self,
        x: torch.Tensor,
        y: torch.Tensor,
        query: torch.Tensor,
        train: bool,
    ) -> torch.Tensor:
        """Adapts to a support set and scores queries."""
        row = self.row
        changes = self.changes(x)
        head = [torch.zeros(row.filters, row.ways), torch.zeros(row.ways)]
        fast = [*self.initial, *(w.requires_grad_() for w in head)]
        for _ in range(row.inner_steps):
            loss = F.cross_entropy(self.logits(fast, x, changes), y)
            steps = torch.autograd.grad(loss, fast, create_graph=train)
            fast = [
                w - INNER_LEARNING_RATE * g
                for w, g in zip(fast, steps, strict=True)
            ]
        with torch.set_grad_enabled(train):
            moments = self.moments(fast, x, changes)
            return self.logits(fast, query, self.changes(query), moments)


def normalised(
    x: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor
) -> torch.Tensor:
    scale = torch.rsqrt(variance + BN_EPSILON)[:, None, None]
    return (x - mean[:, None, None]) * scale


def modulated(
    x: torch.Tensor,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    changes: torch.Tensor,
) -> torch.Tensor:
    scale, shift = changes.chunk(2, 1)
    gamma, beta = (gamma + scale)[..., None, None], beta + shift
    return x * gamma + beta[..., None, None]


def train_step(row: Row) -> Step:
    """An outer update; gradients are summed task by task."""
    model, data = Caml(row), images(episode(row))
    optimizer = adam(model.parameters, OUTER_LEARNING_RATE)

    def step() -> float:
        optimizer.zero_grad()
        total = 0.0
        for task in range(row.tasks):
            x, y, query, target = (
                data[name][task]
                for name in ("support_x", "support_y", "query_x", "query_y")
            )
            logits = model.query_logits(x, y, query, True)
            loss = F.cross_entropy(logits, target) / row.tasks
            loss.backward()
            total += loss.item()
        for parameter in model.parameters:
            parameter.grad.clamp_(-CLIP_ELEMENTS, CLIP_ELEMENTS)
        optimizer.step()
        return total

    return step


def adapt_step(row: Row) -> Step:
    """Adapts to one task and predicts its queries."""
    model, data = Caml(row), images(episode(row))
    x, y, query = (
        data[name][0] for name in ("support_x", "support_y", "query_x")
    )
    target = data["query_y"][0].numpy()
    rows = np.arange(len(target))

    def step() -> float:
        shares = model.query_logits(x, y, query, False).softmax(1).numpy()
        return float(-np.log(shares[rows, target]).mean())

    return step


def make(row: Row) -> Step:
    """Builds a step."""
    return (train_step if row.kind == "train" else adapt_step)(row)
