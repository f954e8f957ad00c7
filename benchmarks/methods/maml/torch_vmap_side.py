"""MAML by `torch.func`, with `vmap` over tasks."""

from __future__ import annotations

import torch
from methods.maml.torch_func import add_gradients, query_loss_of
from rows import Row
from sides.conv4_torch import conv4, tensors
from sides.images import OUTER_LEARNING_RATE
from sides.worker import Step
from torch.func import grad_and_value, vmap


def make(row: Row) -> Step:
    """`torch.func` with `vmap` over the tasks."""
    model, data = conv4(row, head=True), tensors(row)
    params = dict(model.named_parameters())
    optimizer = torch.optim.Adam(model.parameters(), OUTER_LEARNING_RATE)
    query_loss = vmap(query_loss_of(model, row), in_dims=(None, 0, 0, 0, 0))
    meta = grad_and_value(lambda *args: query_loss(*args).mean())
    names = ("support_x", "support_y", "query_x", "query_y")

    def step() -> float:
        optimizer.zero_grad()
        values = {k: v.detach() for k, v in params.items()}
        gradients, loss = meta(values, *(data[name] for name in names))
        add_gradients(params, gradients, 1)
        optimizer.step()
        return loss.item()

    return step
