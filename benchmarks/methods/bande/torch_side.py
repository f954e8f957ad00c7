"""BANDE (infinite mixture prototypes) in plain PyTorch, one task at a time."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from methods.bande.data import (
    ALPHA,
    CLIP_NORM,
    RMSPROP_DECAY,
    RMSPROP_EPSILON,
    SIGMAS,
)
from rows import Row
from sides.images import (
    BLOCKS,
    BN_EPSILON,
    OUTER_LEARNING_RATE,
    conv4_weights,
    drawings,
)
from sides.worker import Step
from torch import nn
from torch.nn import functional as F

LEAST_MASS = 1e-3


class Block(nn.Sequential):
    """Convolution, batch norm, ReLU, pooling."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__(
            nn.Conv2d(channels, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters, eps=BN_EPSILON, momentum=0.01),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )


class Clusters(NamedTuple):
    """Means [clusters, size], labels and log variances [clusters]."""

    mu: torch.Tensor
    label: torch.Tensor
    log_sigma: torch.Tensor


class Bande(nn.Module):
    """Conv4 and the variances, after Allen et al. 2019 (IMP).

    Clusters of unlabelled points have the label `ways`.
    """

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.ways = row.ways
        blocks = [
            Block(1 if i == 0 else row.filters, row.filters)
            for i in range(BLOCKS)
        ]
        self.backbone = nn.Sequential(*blocks, nn.Flatten())
        weights = zip(
            self.backbone.parameters(), conv4_weights(row), strict=True
        )
        with torch.no_grad():
            for parameter, value in weights:
                parameter.copy_(_to_torch(value))
        start = torch.tensor(math.log(SIGMAS[row.name]))
        self.log_sigma = nn.Parameter(start)
        self.register_buffer("log_sigma_u", start.clone())

    def clusters(
        self, h: torch.Tensor, y: torch.Tensor, free: torch.Tensor | None
    ) -> Clusters:
        """Steps from embedded support and unlabelled points to clusters."""
        points = h if free is None else torch.cat([h, free])
        with torch.no_grad():
            label, z = self.shares(h, y, free)
            mass = z.sum(0)
            kept = mass > LEAST_MASS
            z, label = z[:, kept] / mass[kept], label[kept]
        log_sigma = torch.where(
            label == self.ways, self.log_sigma_u, self.log_sigma
        )
        return Clusters(z.T @ points, label, log_sigma)

    def shares(
        self, h: torch.Tensor, y: torch.Tensor, free: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Labels of the clusters and every point's shares in them."""
        members = F.one_hot(y, self.ways).to(h.dtype)
        means = (members / members.sum(0)).T @ h
        lam = self.threshold(means, free is not None)
        nearest = (h - means[y]).square().sum(1)
        apart = squared_distances(h, h).masked_fill_(
            y[:, None] != y[None], math.inf
        )
        born = births(apart, nearest, lam)
        mu = torch.cat([means, h[born]])
        label = torch.cat([torch.arange(self.ways), y[born]])
        if free is not None:
            nearest = squared_distances(free, mu).amin(1)
            new = births(squared_distances(free, free), nearest, lam)
            mu = torch.cat([mu, free[new]])
            label = torch.cat([label, label.new_full((len(new),), self.ways)])
        log_sigma = torch.where(
            label == self.ways, self.log_sigma_u, self.log_sigma
        )
        found = Clusters(mu, label, log_sigma)
        scores = log_densities(h, found)
        scores.masked_fill_(y[:, None] != label[None], -math.inf)
        if free is not None:
            scores = torch.cat([scores, log_densities(free, found)])
        return label, scores.softmax(1)

    def threshold(self, means: torch.Tensor, semi: bool) -> torch.Tensor:
        """Squared distance beyond which a point opens a cluster."""
        sigma = self.log_sigma.exp()
        if semi:
            sigma = 0.5 * (sigma + self.log_sigma_u.exp())
        rho = means.var(0).mean()
        grown = means.shape[1] * torch.log1p(rho / sigma)
        return sigma * (grown - 2 * math.log(ALPHA))

    def logits(
        self, query: torch.Tensor, clusters: Clusters, columns: int
    ) -> torch.Tensor:
        """The best cluster of each label; columns without one are -inf."""
        densities = log_densities(query, clusters)
        least = densities.new_full((len(query), columns), -math.inf)
        index = clusters.label.expand_as(densities)
        return least.scatter_reduce(1, index, densities, "amax")

    def loss(self, data: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross entropy of the queries; each set is normalised by itself."""
        free = data.get("unlabeled_x")
        found = self.clusters(
            self.backbone(data["support_x"]),
            data["support_y"],
            None if free is None else self.backbone(free),
        )
        columns = self.ways + (free is not None)
        query = self.backbone(data["query_x"])
        logits = self.logits(query, found, columns)
        return F.cross_entropy(logits, data["query_y"])


def births(
    apart: torch.Tensor, nearest: torch.Tensor, lam: torch.Tensor
) -> list[int]:
    """Points that open a cluster, in turn; goes from birth to birth.

    `apart` [points, points] is infinite for clusters a point may not join.
    """
    born: list[int] = []
    last = 0
    while True:
        far = (nearest[last:] > lam).nonzero()
        if len(far) == 0:
            return born
        last += int(far[0])
        born.append(last)
        torch.minimum(nearest, apart[last], out=nearest)
        last += 1


def squared_distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    norms = a.square().sum(1)[:, None] + b.square().sum(1)
    return torch.addmm(norms, a, b.T, alpha=-2).clamp_(min=0)


def log_densities(h: torch.Tensor, clusters: Clusters) -> torch.Tensor:
    mu, _, log_sigma = clusters
    normaliser = 0.5 * h.shape[1] * (math.log(2 * math.pi) + log_sigma)
    distances = squared_distances(h, mu)
    return -0.5 * distances * torch.exp(-log_sigma) - normaliser


def _to_torch(weight: np.ndarray) -> torch.Tensor:
    axes = (3, 2, 0, 1) if weight.ndim == 4 else (0,)
    return torch.from_numpy(np.ascontiguousarray(weight.transpose(axes)))


def tensors(row: Row) -> dict[str, torch.Tensor]:
    """The one task, images as [examples, 1, 28, 28]."""
    data = {k: torch.from_numpy(v[0]) for k, v in drawings(row).items()}
    for name, value in data.items():
        if name.endswith("_x"):
            data[name] = value.permute(0, 3, 1, 2).contiguous()
    return data


def train_step(row: Row) -> Step:
    """An outer update as the official configuration has it."""
    model, data = Bande(row), tensors(row)
    optimizer = torch.optim.RMSprop(
        model.parameters(),
        OUTER_LEARNING_RATE,
        alpha=RMSPROP_DECAY,
        eps=RMSPROP_EPSILON,
    )

    def step() -> float:
        optimizer.zero_grad()
        loss = model.loss(data)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        return loss.item()

    return step


def adapt_step(row: Row) -> Step:
    """Adapts to one task on running statistics and predicts its queries."""
    model, data = Bande(row).eval(), tensors(row)
    y = data["query_y"].numpy()
    rows = np.arange(len(y))

    @torch.inference_mode()
    def step() -> float:
        h = model.backbone(data["support_x"])
        found = model.clusters(h, data["support_y"], None)
        query = model.backbone(data["query_x"])
        shares = model.logits(query, found, row.ways).softmax(1).numpy()
        return float(-np.log(shares[rows, y]).mean())

    return step


def make(row: Row) -> Step:
    """Builds a step."""
    return (train_step if row.kind == "train" else adapt_step)(row)
