"""MAML by `torch.func`, a loop over tasks."""

from __future__ import annotations

import torch
from methods.maml.torch_func import add_gradients, query_loss_of
from rows import Row
from sides.conv4_torch import conv4, each_task, tensors
from sides.images import OUTER_LEARNING_RATE
from sides.worker import Step
from torch.func import grad_and_value


def make(row: Row) -> Step:
    """`torch.func.grad` of the query loss, a Python loop over tasks."""
    model, data = conv4(row, head=True), tensors(row)
    params = dict(model.named_parameters())
    optimizer = torch.optim.Adam(model.parameters(), OUTER_LEARNING_RATE)
    meta = grad_and_value(query_loss_of(model, row))

    def step() -> float:
        optimizer.zero_grad()
        total = 0.0
        values = {k: v.detach() for k, v in params.items()}
        for task in each_task(data):
            gradients, loss = meta(values, *task)
            add_gradients(params, gradients, row.tasks)
            total += loss.item()
        optimizer.step()
        return total / row.tasks

    return step
