"""GMM-VAE in plain PyTorch: automatic gradients, adaptation in closed form."""

from __future__ import annotations

import math

import numpy as np
import torch
from methods.gmm_vae.data import (
    ALPHA,
    CENTRE_RATE,
    CLASSES,
    EXAMPLES,
    MAPS,
    VARIANCE,
    noise,
    tasks,
    weights,
)
from rows import Row
from sides.images import BLOCKS, BN_EPSILON, OUTER_LEARNING_RATE, SIZE
from sides.torch_steps import ADAM_EPSILON, images, to_torch
from sides.worker import Step
from torch.nn import functional as F

SIDE = SIZE // 4
MOMENTUM = 0.01


class GmmVae:
    """Weights, the objective and the closed form, after Li et al. 2018."""

    def __init__(self, row: Row) -> None:
        given = weights(row)
        self.encoder = [to_torch(w) for w in given.encoder]
        self.decoder = [to_torch(w) for w in given.decoder]
        # Columns in the order of channels, height, width.
        for i in (2, 3):
            weight = self.decoder[i]
            maps = weight.unflatten(-1, (SIDE, SIDE, MAPS))
            self.decoder[i] = maps.movedim(-1, -3).flatten(-3).contiguous()
        self.mean, self.log_std = (to_torch(w) for w in given.centres)
        self.networks = [*self.encoder, *self.decoder]
        for parameter in (*self.networks, self.mean, self.log_std):
            parameter.requires_grad_()
        ends = torch.zeros, torch.ones
        self.moving = [[end(row.filters) for end in ends] for _ in range(4)]
        draws = (torch.from_numpy(draw) for draw in noise())
        self.draws = None if row.sample else tuple(draws)

    def encode(
        self, x: torch.Tensor, training: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Means and deviations of the codes of ink."""
        for i in range(BLOCKS):
            kernel, gamma, beta = self.encoder[3 * i : 3 * i + 3]
            x = F.conv2d(x, kernel, padding=1)
            x = F.batch_norm(
                x, *self.moving[i], gamma, beta, training, MOMENTUM, BN_EPSILON
            )
            x = F.max_pool2d(F.relu(x), 2)
        outputs = x.flatten(1) @ self.encoder[-2] + self.encoder[-1]
        mean, raw = outputs.chunk(2, 1)
        return mean, (0.5 * (F.softsign(raw) + 1.0)).clamp(min=1e-6)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Logits of ink."""
        one, bias1, two, bias2, up1, bias3, up2, bias4 = self.decoder
        x = F.relu(F.relu(z @ one + bias1) @ two + bias2)
        x = x.unflatten(1, (MAPS, SIDE, SIDE))
        x = F.relu(F.conv_transpose2d(x, up1, bias3, 2, 1))
        return F.conv_transpose2d(x, up2, bias4, 2, 1)

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Minus the objective (equations 9 to 12)."""
        ink = (x < 127.5).to(x.dtype)
        mean, std = self.encode(ink, True)
        draws = self.draws
        if draws is None:
            draws = torch.randn_like(mean), torch.randn_like(self.mean)
        z = mean + std * draws[0]
        width = self.log_std.exp()
        eta = self.mean + width * draws[1]
        logits = -squared_distances(z, eta) / (2.0 * VARIANCE)
        found = F.binary_cross_entropy_with_logits(
            self.decode(z), ink, reduction="sum"
        )
        spread = std.square() + width[y].square()
        gaps = (mean - self.mean[y]).square()
        each = 0.5 * math.log(VARIANCE) - std.log() - 0.5
        kl = (each + (spread + gaps) / (2.0 * VARIANCE)).sum() / len(y)
        prior = 0.5 * (width.square() + self.mean.square() - 1.0)
        centre_kl = (prior - self.log_std).sum()
        return (
            kl
            + centre_kl / EXAMPLES
            + math.log(CLASSES)
            + found / len(y)
            + ALPHA * F.cross_entropy(logits, y)
        )

    def adapted(
        self, x: torch.Tensor, y: torch.Tensor, query: torch.Tensor, ways: int
    ) -> torch.Tensor:
        """Probabilities of queries by the new components (equation 14)."""
        z, _ = self.encode((x < 127.5).to(x.dtype), False)
        members = F.one_hot(y, ways).to(z.dtype)
        precision = 1.0 + members.sum(0)[:, None] / VARIANCE
        centres = members.T @ z / VARIANCE / precision
        z, _ = self.encode((query < 127.5).to(x.dtype), False)
        logits = -squared_distances(z, centres) / (2.0 * VARIANCE)
        return logits.softmax(1)


def squared_distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    norms = a.square().sum(1)[:, None] + b.square().sum(1)
    return torch.addmm(norms, a, b.T, alpha=-2)


def train_step(row: Row) -> Step:
    """An update, with larger steps of the centres."""
    model, data = GmmVae(row), images(tasks(row))
    x, y = data["query_x"][0], data["query_y"][0]
    rate = OUTER_LEARNING_RATE
    optimizer = torch.optim.Adam(
        [
            {"params": model.networks, "lr": rate},
            {"params": [model.mean, model.log_std], "lr": CENTRE_RATE * rate},
        ],
        eps=ADAM_EPSILON,
    )

    def step() -> float:
        optimizer.zero_grad()
        loss = model.loss(x, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def adapt_step(row: Row) -> Step:
    """Infers the components of one task and predicts its queries."""
    model, data = GmmVae(row), images(tasks(row))
    x, y, query = (
        data[name][0] for name in ("support_x", "support_y", "query_x")
    )
    target = data["query_y"][0].numpy()
    rows = np.arange(len(target))

    @torch.inference_mode()
    def step() -> float:
        shares = model.adapted(x, y, query, row.ways).numpy()
        return float(-np.log(shares[rows, target]).mean())

    return step


def make(row: Row) -> Step:
    """Builds a step."""
    return (train_step if row.kind == "train" else adapt_step)(row)
