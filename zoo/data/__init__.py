"""Episodes, the data sets they are drawn from, and the sampler.

Names load on first use, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metazoo.data.cifar10 import load_cifar10
    from metazoo.data.class_dataset import ClassDataset, from_arrays
    from metazoo.data.episode import Episode
    from metazoo.data.folder import from_folder
    from metazoo.data.glyphs import load_glyphs
    from metazoo.data.labelled import LabelledSampler
    from metazoo.data.leo_embeddings import load_leo_embeddings
    from metazoo.data.load import load_dataset
    from metazoo.data.mini_imagenet import load_mini_imagenet
    from metazoo.data.npz import load_npz
    from metazoo.data.omniglot import load_omniglot
    from metazoo.data.sampler import EpisodeSampler
    from metazoo.data.semi_supervised_sampler import SemiSupervisedSampler
    from metazoo.data.subspace import load_subspace
    from metazoo.data.superclass_sampler import SuperClassSampler
    from metazoo.data.tfds import from_tfds

_HOMES = {
    "ClassDataset": "class_dataset",
    "Episode": "episode",
    "EpisodeSampler": "sampler",
    "SemiSupervisedSampler": "semi_supervised_sampler",
    "SuperClassSampler": "superclass_sampler",
    "LabelledSampler": "labelled",
    "from_arrays": "class_dataset",
    "from_folder": "folder",
    "from_tfds": "tfds",
    "load_cifar10": "cifar10",
    "load_dataset": "load",
    "load_glyphs": "glyphs",
    "load_leo_embeddings": "leo_embeddings",
    "load_mini_imagenet": "mini_imagenet",
    "load_npz": "npz",
    "load_omniglot": "omniglot",
    "load_subspace": "subspace",
}

__all__ = [
    "ClassDataset",
    "Episode",
    "EpisodeSampler",
    "SemiSupervisedSampler",
    "SuperClassSampler",
    "LabelledSampler",
    "from_arrays",
    "from_folder",
    "from_tfds",
    "load_cifar10",
    "load_dataset",
    "load_glyphs",
    "load_leo_embeddings",
    "load_mini_imagenet",
    "load_npz",
    "load_omniglot",
    "load_subspace",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
