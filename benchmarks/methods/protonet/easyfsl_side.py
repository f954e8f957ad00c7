"""A prototypical network by easyfsl."""

from __future__ import annotations

import torch
from rows import Row
from sides.conv4_torch import conv4, each_task, load, tensors
from sides.images import OUTER_LEARNING_RATE
from sides.worker import Step
from torch.nn import functional as F


def make(row: Row) -> Step:
    """easyfsl's PrototypicalNetworks in a training step."""
    package = load("easyfsl", "methods.prototypical_networks")
    learner = package.PrototypicalNetworks(conv4(row))
    optimizer = torch.optim.Adam(learner.parameters(), OUTER_LEARNING_RATE)
    sx, sy, qx, qy = next(each_task(tensors(row)))

    def step() -> float:
        optimizer.zero_grad()
        learner.process_support_set(sx, sy)
        loss = F.cross_entropy(learner(qx), qy)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step
