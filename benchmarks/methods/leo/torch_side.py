"""LEO in plain PyTorch: automatic inner gradients, tasks as a batch axis."""

from __future__ import annotations

import numpy as np
import torch
from methods.leo.data import CLIP, LATENT, OPTIONS, STEPS
from methods.leo.data import weights as initial_weights
from rows import Row
from sides.images import OUTER_LEARNING_RATE, episode
from sides.worker import Step
from torch.nn import functional as F


class Leo:
    """Weights, and both inner loops, after Rusu et al. 2019.

    Shapes are [tasks, ways, shots, ...] as in the authors' code; with
    `sample=False` shots carry means, and dropout is off.
    """

    def __init__(self, row: Row) -> None:
        tensors = [
            torch.from_numpy(w).requires_grad_() for w in initial_weights(row)
        ]
        self.encoder, *relation, self.decoder, self.rates, self.tune = tensors
        self.relation = relation
        self.parameters = tensors
        self.row = row
        self.sample = row.sample

    def drop(self, x: torch.Tensor) -> torch.Tensor:
        rate = OPTIONS["dropout"]
        return F.dropout(x, rate) if self.sample else x

    def distribution(
        self, x: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        tasks, ways, shots, _ = x.shape
        codes = self.drop(x) @ self.encoder
        flat = codes.reshape(tasks, ways * shots, LATENT)
        count = ways * shots
        left = flat[:, :, None].expand(-1, -1, count, -1)
        right = flat[:, None].expand(-1, count, -1, -1)
        pairs = torch.cat([left, right], -1)
        first, second, third = self.relation
        pairs = F.relu(F.relu(pairs @ first) @ second) @ third
        out = pairs.reshape(tasks, ways, shots, count, 2 * LATENT)
        mean, raw = out.mean((2, 3)).chunk(2, -1)
        return mean, (raw.exp() - 1).clamp(min=1e-10)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        if not self.sample:
            return latents @ self.decoder[:, : self.row.features]
        mean, raw = (latents @ self.decoder).chunk(2, -1)
        scale = (2 / (self.row.ways + self.row.features)) ** 0.5
        std = (raw.exp() - (1 - scale)).clamp(min=1e-10)
        return mean + std * torch.randn_like(mean)

    def logits(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Means over the weight samples of each class."""
        scores = torch.einsum("tnkd,tmsd->tnkms", self.drop(x), weights)
        return scores.mean(-1)

    def support_loss(
        self, x: torch.Tensor, weights: torch.Tensor
    ) -> torch.Tensor:
        tasks, ways, shots, _ = x.shape
        targets = torch.arange(ways).repeat_interleave(shots).repeat(tasks)
        logits = self.logits(x, weights).reshape(-1, ways)
        return F.cross_entropy(logits, targets, reduction="sum")

    def adapt(
        self, x: torch.Tensor, train: bool
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Weights, final and first codes, and the KL divergence."""
        mean, std = self.distribution(x)
        tiled = mean[:, :, None].expand(-1, -1, x.shape[2], -1)
        start, kl = tiled, torch.zeros(())
        if self.sample:
            wide = std[:, :, None].expand_as(tiled)
            start = tiled + wide * torch.randn_like(tiled)
            kl = (-std.log() + 0.5 * (std**2 + mean**2) - 0.5).mean()
        latents = start
        weights = self.decode(latents)
        for _ in range(STEPS):
            loss = self.support_loss(x, weights)
            (step,) = torch.autograd.grad(loss, latents, create_graph=train)
            latents = latents - self.rates * step
            weights = self.decode(latents)
        for _ in range(STEPS):
            loss = self.support_loss(x, weights)
            (step,) = torch.autograd.grad(loss, weights, create_graph=train)
            weights = weights - self.tune * step
        return weights, latents, start, kl

    def regularisers(self) -> torch.Tensor:
        matrices = [self.encoder, *self.relation, self.decoder]
        squares = sum(0.5 * (m**2).sum() for m in matrices)
        unit = (
            self.decoder
            / ((self.decoder**2).sum(1, keepdim=True) + 1e-32).sqrt()
        )
        off = unit @ unit.T - torch.eye(LATENT)
        return (
            OPTIONS["l2"] * squares + OPTIONS["orthogonality"] * (off**2).mean()
        )

    def meta_loss(self, x: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
        weights, latents, start, kl = self.adapt(x, train=True)
        logits = self.logits(query, weights)
        tasks, ways, queries, _ = logits.shape
        targets = torch.arange(ways).repeat_interleave(queries).repeat(tasks)
        loss = F.cross_entropy(logits.reshape(-1, ways), targets)
        penalty = ((latents.detach() - start) ** 2).mean()
        return (
            loss
            + OPTIONS["kl_weight"] * kl
            + OPTIONS["encoder_penalty"] * penalty
            + self.regularisers()
        )


def tensors(row: Row) -> tuple[torch.Tensor, torch.Tensor]:
    """Support and queries [tasks, ways, examples, features], length one."""
    data = episode(row)
    parts = []
    for name in ("support_x", "query_x"):
        value = torch.from_numpy(data[name])
        value = value.reshape(row.tasks, row.ways, -1, row.features)
        parts.append(F.normalize(value, dim=-1))
    return parts[0], parts[1]


def train_step(row: Row) -> Step:
    """An outer update, clipped as the authors do."""
    model, (x, query) = Leo(row), tensors(row)
    optimizer = torch.optim.Adam(model.parameters, OUTER_LEARNING_RATE)

    def step() -> float:
        optimizer.zero_grad()
        loss = model.meta_loss(x, query)
        loss.backward()
        for parameter in model.parameters:
            parameter.grad.clamp_(-CLIP, CLIP)
            torch.nn.utils.clip_grad_norm_([parameter], CLIP)
        optimizer.step()
        return loss.item()

    return step


def adapt_step(row: Row) -> Step:
    """Adapts on means to one task and predicts its queries."""
    model, (x, query) = Leo(row), tensors(row)
    y = np.repeat(np.arange(row.ways), row.queries)
    rows = np.arange(len(y))

    def step() -> float:
        weights = model.adapt(x, train=False)[0]
        with torch.no_grad():
            shares = model.logits(query, weights).softmax(-1)[0]
        found = shares.reshape(-1, row.ways).numpy()
        return float(-np.log(found[rows, y]).mean())

    return step


def make(row: Row) -> Step:
    """Builds a step."""
    return (train_step if row.kind == "train" else adapt_step)(row)
