"""PyTorch peers: learn2learn, torch.func (loop and vmap), easyfsl."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module, metadata, util
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, grad, grad_and_value, vmap
from torch.nn import functional as F
from worker import Step, serve
from workloads import (
    BLOCKS,
    BN_EPSILON,
    FILTERS,
    INNER_LEARNING_RATE,
    OUTER_LEARNING_RATE,
    WORKLOADS,
    Workload,
    episode,
    initial_weights,
)


@cache
def load(package: str, module: str) -> ModuleType:
    """Imports one module of a package without the package's `__init__`.

    Those of learn2learn and easyfsl import torchvision, gym and more, which
    the measured code does not use.
    """
    names = [package, *_parents(package, module)]
    for name in names:
        spec = util.find_spec(name)
        bare = ModuleType(name)
        bare.__path__ = list(spec.submodule_search_locations)
        sys.modules[name] = bare
    return import_module(f"{package}.{module}")


def _parents(package: str, module: str) -> list[str]:
    parts = module.split(".")[:-1]
    return [".".join([package, *parts[: i + 1]]) for i in range(len(parts))]


class Block(nn.Module):
    """Convolution, batch norm on batch statistics, ReLU, pooling."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, FILTERS, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(
            FILTERS, eps=BN_EPSILON, track_running_stats=False
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)


def conv4(work: Workload) -> nn.Sequential:
    """Conv4-64 with the shared initial weights."""
    blocks = [Block(1 if i == 0 else FILTERS) for i in range(BLOCKS)]
    layers: list[nn.Module] = [*blocks, nn.Flatten()]
    if work.kind != "proto":
        layers.append(nn.Linear(FILTERS, work.ways))
    model = nn.Sequential(*layers)
    weights = [_to_torch(w) for w in initial_weights(work)]
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), weights, strict=True):
            parameter.copy_(value)
    return model


def _to_torch(weight: np.ndarray) -> torch.Tensor:
    axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[weight.ndim]
    return torch.from_numpy(np.ascontiguousarray(weight.transpose(axes)))


def tensors(work: Workload) -> dict[str, torch.Tensor]:
    """The episode, images as [tasks, examples, 1, 28, 28]."""
    data = {k: torch.from_numpy(v) for k, v in episode(work).items()}
    for name in ("support_x", "query_x"):
        data[name] = data[name].permute(0, 1, 4, 2, 3).contiguous()
    return data


def make(work_name: str, side: str) -> Step:
    """Builds a step of one of the peers."""
    work = WORKLOADS[work_name]
    sides = {
        ("maml", "learn2learn"): learn2learn_step,
        ("maml", "torch_func"): torch_func_step,
        ("maml", "torch_func_vmap"): torch_vmap_step,
        ("proto", "easyfsl"): easyfsl_step,
        ("adapt", "learn2learn"): learn2learn_adapt_step,
    }
    return sides[work.kind, side](work)


def learn2learn_step(work: Workload) -> Step:
    """As in learn2learn's examples: clone, adapt, backward for each task."""
    package = load("learn2learn", "algorithms.maml")
    maml = package.MAML(conv4(work), lr=INNER_LEARNING_RATE, first_order=False)
    optimizer = torch.optim.Adam(maml.parameters(), OUTER_LEARNING_RATE)
    data = tensors(work)

    def step() -> float:
        optimizer.zero_grad()
        total = 0.0
        for sx, sy, qx, qy in _tasks(data):
            learner = maml.clone()
            for _ in range(work.inner_steps):
                learner.adapt(F.cross_entropy(learner(sx), sy))
            loss = F.cross_entropy(learner(qx), qy)
            loss.backward()
            total += loss.item()
        for parameter in maml.parameters():
            parameter.grad.mul_(1.0 / work.tasks)
        optimizer.step()
        return total / work.tasks

    return step


def _tasks(data: dict[str, torch.Tensor]) -> Any:
    names = ("support_x", "support_y", "query_x", "query_y")
    return zip(*(data[name] for name in names), strict=True)


def _query_loss(model: nn.Module, work: Workload) -> Any:
    def loss(params: dict[str, torch.Tensor], x: Any, y: Any) -> torch.Tensor:
        return F.cross_entropy(functional_call(model, params, (x,)), y)

    def query_loss(params: Any, sx: Any, sy: Any, qx: Any, qy: Any) -> Any:
        for _ in range(work.inner_steps):
            gradients = grad(loss)(params, sx, sy)
            params = {
                name: value - INNER_LEARNING_RATE * gradients[name]
                for name, value in params.items()
            }
        return loss(params, qx, qy)

    return query_loss


def torch_func_step(work: Workload) -> Step:
    """`torch.func.grad` of the query loss, a Python loop over tasks."""
    model, data = conv4(work), tensors(work)
    params = dict(model.named_parameters())
    optimizer = torch.optim.Adam(model.parameters(), OUTER_LEARNING_RATE)
    meta = grad_and_value(_query_loss(model, work))

    def step() -> float:
        optimizer.zero_grad()
        total = 0.0
        values = {k: v.detach() for k, v in params.items()}
        for task in _tasks(data):
            gradients, loss = meta(values, *task)
            _add(params, gradients, work.tasks)
            total += loss.item()
        optimizer.step()
        return total / work.tasks

    return step


def torch_vmap_step(work: Workload) -> Step:
    """`torch.func` with `vmap` over the tasks."""
    model, data = conv4(work), tensors(work)
    params = dict(model.named_parameters())
    optimizer = torch.optim.Adam(model.parameters(), OUTER_LEARNING_RATE)
    query_loss = vmap(_query_loss(model, work), in_dims=(None, 0, 0, 0, 0))
    meta = grad_and_value(lambda *args: query_loss(*args).mean())
    names = ("support_x", "support_y", "query_x", "query_y")

    def step() -> float:
        optimizer.zero_grad()
        values = {k: v.detach() for k, v in params.items()}
        gradients, loss = meta(values, *(data[name] for name in names))
        _add(params, gradients, 1)
        optimizer.step()
        return loss.item()

    return step


def _add(params: Any, gradients: Any, count: int) -> None:
    for name, parameter in params.items():
        part = gradients[name] / count
        old = parameter.grad
        parameter.grad = part if old is None else old.add_(part)


def easyfsl_step(work: Workload) -> Step:
    """easyfsl's PrototypicalNetworks in a training step."""
    package = load("easyfsl", "methods.prototypical_networks")
    learner = package.PrototypicalNetworks(conv4(work))
    optimizer = torch.optim.Adam(learner.parameters(), OUTER_LEARNING_RATE)
    sx, sy, qx, qy = next(_tasks(tensors(work)))

    def step() -> float:
        optimizer.zero_grad()
        learner.process_support_set(sx, sy)
        loss = F.cross_entropy(learner(qx), qy)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def learn2learn_adapt_step(work: Workload) -> Step:
    """Clone, adapt to first order, predict."""
    package = load("learn2learn", "algorithms.maml")
    maml = package.MAML(conv4(work), lr=INNER_LEARNING_RATE, first_order=True)
    sx, sy, qx, qy = next(_tasks(tensors(work)))

    def step() -> float:
        learner = maml.clone()
        for _ in range(work.inner_steps):
            learner.adapt(F.cross_entropy(learner(sx), sy))
        with torch.no_grad():
            probabilities = learner(qx).softmax(-1).numpy()
        rows = np.arange(len(qy))
        return float(-np.log(probabilities[rows, qy.numpy()]).mean())

    return step


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    names = ("torch", "learn2learn", "easyfsl")
    serve(make, {name: metadata.version(name) for name in names})
