"""What the plain PyTorch sides share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch

# Keras's.
ADAM_EPSILON = 1e-7


def to_torch(weight: np.ndarray) -> torch.Tensor:
    """A kernel [height, width, in, out] in PyTorch's order; others alike."""
    if weight.ndim == 4:
        weight = weight.transpose(3, 2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(weight))


def images(data: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Tensors of an episode, channels before height and width."""
    found = {}
    for name, value in data.items():
        if value.ndim == 5:
            value = value.transpose(0, 1, 4, 2, 3)
        found[name] = torch.from_numpy(np.ascontiguousarray(value))
    return found


def adam(
    parameters: Iterable[torch.Tensor], rate: float
) -> torch.optim.Optimizer:
    """Adam with Keras's epsilon."""
    return torch.optim.Adam(parameters, rate, eps=ADAM_EPSILON)
