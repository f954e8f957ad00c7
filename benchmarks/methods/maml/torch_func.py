"""What both sides of `torch.func` share: the query loss of one task."""

from __future__ import annotations

from typing import Any

import torch
from methods.maml.data import INNER_LEARNING_RATE
from rows import Row
from torch import nn
from torch.func import functional_call, grad
from torch.nn import functional as F


def query_loss_of(model: nn.Module, row: Row) -> Any:
    """From weights and a task to the loss after adaptation."""

    def loss(params: dict[str, torch.Tensor], x: Any, y: Any) -> torch.Tensor:
        return F.cross_entropy(functional_call(model, params, (x,)), y)

    def query_loss(params: Any, sx: Any, sy: Any, qx: Any, qy: Any) -> Any:
        for _ in range(row.inner_steps):
            gradients = grad(loss)(params, sx, sy)
            params = {
                name: value - INNER_LEARNING_RATE * gradients[name]
                for name, value in params.items()
            }
        return loss(params, qx, qy)

    return query_loss


def add_gradients(params: Any, gradients: Any, count: int) -> None:
    """Adds a share of gradients to those that are there."""
    for name, parameter in params.items():
        part = gradients[name] / count
        old = parameter.grad
        parameter.grad = part if old is None else old.add_(part)
