"""Conv4 in PyTorch, and published packages without what they don't need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module, util
from types import ModuleType

import numpy as np
import torch
from rows import Row
from sides.images import BLOCKS, BN_EPSILON, conv4_weights, episode
from torch import nn
from torch.nn import functional as F


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

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(
            filters, eps=BN_EPSILON, track_running_stats=False
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)


def conv4(row: Row, head: bool = False) -> nn.Sequential:
    """Conv4 with the shared initial weights."""
    size = row.filters
    blocks = [Block(1 if i == 0 else size, size) for i in range(BLOCKS)]
    layers: list[nn.Module] = [*blocks, nn.Flatten()]
    if head:
        layers.append(nn.Linear(size, row.ways))
    model = nn.Sequential(*layers)
    weights = [_to_torch(w) for w in conv4_weights(row, head)]
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), weights, strict=True):
            parameter.copy_(value)
    return model


def _to_torch(weight: np.ndarray) -> torch.Tensor:
    axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[weight.ndim]
    return torch.from_numpy(np.ascontiguousarray(weight.transpose(axes)))


def tensors(row: Row) -> dict[str, torch.Tensor]:
    """The episode, images as [tasks, examples, 1, 28, 28]."""
    data = {k: torch.from_numpy(v) for k, v in episode(row).items()}
    for name in ("support_x", "query_x"):
        data[name] = data[name].permute(0, 1, 4, 2, 3).contiguous()
    return data


def each_task(
    data: dict[str, torch.Tensor],
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Images and labels, task by task."""
    names = ("support_x", "support_y", "query_x", "query_y")
    return zip(*(data[name] for name in names), strict=True)
