"""Domains of TAEML's trainings, and episodes that stay within one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from metazoo.errors import DataError

if TYPE_CHECKING:
    from metazoo.data import ClassDataset

CHANNELS = "channels"
MIXTURE = "mixture:"


def load_domains(
    dataset: str, data_dir: str | None, split: str, image_size: int
) -> ClassDataset:
    """Reads one domain or several.

    Args:
        dataset: "channels:channel_0,channel_1" of the experiment of that
            name, or what `metazoo.data.load_dataset` understands.
        data_dir: folder of the data sets, or None if they need none.
        split: which split.
        image_size: height and width, of a mixture.

    Raises:
        DataError: the data set is unknown or can't be read.
    """
    from metazoo.data import load_dataset

    kind, colon, argument = dataset.partition(":")
    if kind == CHANNELS and colon:
        from metazoo.methods.taeml.experiments.taeml_channels import (
            load_channels,
        )

        if data_dir is None:
            raise DataError(
                f"The data set {dataset!r} needs data_dir (--data-dir), the "
                "folder of Omniglot."
            )
        return load_channels(data_dir, split, argument.split(","))
    if dataset.startswith(MIXTURE):
        return load_dataset(dataset, data_dir, split, image_size=image_size)
    return load_dataset(dataset, data_dir, split)


@functools.lru_cache(maxsize=2)
def member_features(
    presets: tuple[str, ...],
    dataset: str,
    data_dir: str | None,
    split: str,
    image_size: int,
) -> ClassDataset:
    """Features that all learners give of a split, once a process.

    Args:
        presets: of the learners.
        dataset: as for `load_domains`.
        data_dir: as for `load_domains`.
        split: as for `load_domains`.
        image_size: as for `load_domains`.

    Returns:
        float32 [examples, learners * features] with the split's classes.
    """
    from metazoo.data.features import extract_features

    data = load_domains(dataset, data_dir, split, image_size)
    return extract_features(joined_members(presets), data)


def joined_members(presets: tuple[str, ...]) -> Any:
    """The backbone of an ensemble of stored learners.

    Args:
        presets: name or folder of each learner's preset.
    """
    from metazoo.methods.taeml.taeml_ensemble import ensemble
    from metazoo.presets import from_preset

    return ensemble([from_preset(preset).backbone for preset in presets])
