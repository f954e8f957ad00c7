"""MAML by learn2learn, as in its examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from methods.maml.data import INNER_LEARNING_RATE
from rows import Row
from sides.conv4_torch import conv4, each_task, load, tensors
from sides.images import OUTER_LEARNING_RATE
from sides.worker import Step
from torch.nn import functional as F


def maml(row: Row, first_order: bool) -> Any:
    """The package's learner."""
    package = load("learn2learn", "algorithms.maml")
    return package.MAML(
        conv4(row, head=True), lr=INNER_LEARNING_RATE, first_order=first_order
    )


def train_step(row: Row) -> Step:
    """Clone, adapt, backward for each task."""
    model = maml(row, first_order=False)
    optimizer = torch.optim.Adam(model.parameters(), OUTER_LEARNING_RATE)
    data = tensors(row)

    def step() -> float:
        optimizer.zero_grad()
        total = 0.0
        for sx, sy, qx, qy in each_task(data):
            learner = model.clone()
            for _ in range(row.inner_steps):
                learner.adapt(F.cross_entropy(learner(sx), sy))
            loss = F.cross_entropy(learner(qx), qy)
            loss.backward()
            total += loss.item()
        for parameter in model.parameters():
            parameter.grad.mul_(1.0 / row.tasks)
        optimizer.step()
        return total / row.tasks

    return step


def adapt_step(row: Row) -> Step:
    """Clone, adapt to first order, predict."""
    model = maml(row, first_order=True)
    sx, sy, qx, qy = next(each_task(tensors(row)))

    def step() -> float:
        learner = model.clone()
        for _ in range(row.inner_steps):
            learner.adapt(F.cross_entropy(learner(sx), sy))
        with torch.no_grad():
            probabilities = learner(qx).softmax(-1).numpy()
        rows = np.arange(len(qy))
        return float(-np.log(probabilities[rows, qy.numpy()]).mean())

    return step


def make(row: Row) -> Step:
    """Builds a step."""
    return (train_step if row.kind == "train" else adapt_step)(row)
