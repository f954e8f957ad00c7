"""TAEML in plain PyTorch: frozen learners and a trained trust network."""

from __future__ import annotations

import numpy as np
import torch
from methods.taeml.data import LENGTH, MEMBERS, RATE, tasks, weights
from rows import Row
from sides.images import BLOCKS, BN_EPSILON
from sides.torch_steps import adam, images, to_torch
from sides.worker import Step
from torch.nn import functional as F

CEILING = 100.0


class Taeml:
    """Weights, and the symmetric, transductive form of Park et al. 2018."""

    def __init__(self, row: Row) -> None:
        given = weights(row)
        self.ways = row.ways
        self.members = [[to_torch(w) for w in one] for one in given.members]
        self.moments = [[to_torch(w) for w in one] for one in given.moments]
        self.trust = [to_torch(w).requires_grad_() for w in given.trust]

    @torch.no_grad()
    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """Features [learners, examples, features] of one length."""
        found = []
        for number in range(MEMBERS):
            own, moving = self.members[number], self.moments[number]
            h = x
            for i in range(BLOCKS):
                kernel, gamma, beta = own[3 * i : 3 * i + 3]
                mean, variance = moving[2 * i : 2 * i + 2]
                h = F.conv2d(h, kernel, padding=1)
                h = F.batch_norm(h, mean, variance, gamma, beta, eps=BN_EPSILON)
                h = F.max_pool2d(F.relu(h), 2)
            h = h.permute(0, 2, 3, 1).flatten(1)
            found.append(LENGTH * F.normalize(h, dim=1))
        return torch.stack(found)

    def adapt(
        self, x: torch.Tensor, y: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Prototypes [learners, ways, features], and support examples."""
        h = self.embed(x)
        members = F.one_hot(y, self.ways).to(h.dtype)
        return (members / members.sum(0)).T @ h, h

    def support_trust(
        self, prototypes: torch.Tensor, h: torch.Tensor, y: torch.Tensor
    ) -> torch.Tensor:
        """Weights by the support, each example left out of its prototype."""
        members = F.one_hot(y, self.ways).to(h.dtype)
        factor = 1.0 + members / (members.sum(0) - members)
        zeta = differences(h, prototypes) * factor.square()[:, :, None]
        return self.weigh(zeta)

    def weigh(self, zeta: torch.Tensor) -> torch.Tensor:
        """Trust [learners] of differences, pooled over the examples."""
        one, bias1, two, bias2, three, bias3 = self.trust
        x = F.relu(zeta @ one + bias1)
        x = torch.cat([x.mean(2), x.amax(2), x.amin(2)], -1)
        x = F.relu(x @ two + bias2).mean(1)
        return CEILING * torch.sigmoid(x @ three + bias3)[:, 0]

    def scores(
        self, query: torch.Tensor, prototypes: torch.Tensor
    ) -> torch.Tensor:
        """Weighted sums of the learners' probabilities."""
        zeta = differences(self.embed(query), prototypes)
        own = (-zeta.sum(-1)).softmax(-1)
        return (self.weigh(zeta)[:, None, None] * own).sum(0)


def differences(h: torch.Tensor, prototypes: torch.Tensor) -> torch.Tensor:
    return (h[:, :, None] - prototypes[:, None]).square()


def train_step(row: Row) -> Step:
    """An outer update of the trust network."""
    model, data = Taeml(row), images(tasks(row))
    optimizer = adam(model.trust, RATE)

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.zeros(())
        for task in range(row.tasks):
            x, y = data["support_x"][task], data["support_y"][task]
            scores = model.scores(data["query_x"][task], model.adapt(x, y)[0])
            loss = loss + F.cross_entropy(scores, data["query_y"][task])
        loss = loss / row.tasks
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def adapt_step(row: Row) -> Step:
    """Adapts to one task and predicts its queries."""
    model, data = Taeml(row), images(tasks(row))
    x, y, query = (
        data[name][0] for name in ("support_x", "support_y", "query_x")
    )
    target = data["query_y"][0].numpy()
    rows = np.arange(len(target))

    @torch.inference_mode()
    def step() -> float:
        prototypes, h = model.adapt(x, y)
        model.support_trust(prototypes, h, y)
        shares = model.scores(query, prototypes).softmax(1).numpy()
        return float(-np.log(shares[rows, target]).mean())

    return step


def make(row: Row) -> Step:
    """Builds a step."""
    return (train_step if row.kind == "train" else adapt_step)(row)
