"""Chooses the exact normalisation layer of a backbone by its name."""

from __future__ import annotations

from typing import Any

from metazoo.checks.options import check_choice
from metazoo.layers.conditional_batch_normalization import (
    ConditionalBatchNormalization,
)
from metazoo.layers.exact_batch_normalization import ExactBatchNormalization
from metazoo.layers.exact_group_normalization import ExactGroupNormalization

NORMALIZATIONS = (
    "batch",
    "offset",
    "conditional",
    "layer",
    "group",
    "none",
)
_MAX_GROUPS = 32


def normalize(x: Any, normalization: str, name: str) -> Any:
    """Applies a new exact normalisation layer, or none.

    Layer normalisation reduces over height, width and channels, with one
    scale and offset for each channel (one group). Group normalisation
    takes at most 32 groups, as many as divide the channels.

    Args:
        x: `[examples, height, width, channels]`, symbolic.
        normalization: `"batch"`, `"offset"` (batch normalisation without a
            scale), `"conditional"` (one that may be modulated for each
            example), `"layer"`, `"group"` or `"none"`.
        name: Name of the layer.

    Returns:
        A tensor shaped as `x`.

    Raises:
        OptionError: If `normalization` is not one of the choices.
    """
    check_choice("normalization", normalization, NORMALIZATIONS)
    if normalization == "batch":
        return ExactBatchNormalization(name=name)(x)
    if normalization == "offset":
        return ExactBatchNormalization(scale=False, name=name)(x)
    if normalization == "conditional":
        return ConditionalBatchNormalization(name=name)(x)
    if normalization == "layer":
        return ExactGroupNormalization(groups=1, name=name)(x)
    if normalization == "group":
        return ExactGroupNormalization(groups=_groups(x), name=name)(x)
    return x


def _groups(x: Any) -> int:
    channels = x.shape[-1]
    sizes = range(min(_MAX_GROUPS, channels), 0, -1)
    return next(size for size in sizes if channels % size == 0)
