"""Episodes, the data sets they are drawn from, and the sampler.

Names load on first use, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from metazoo._lazy import lazy as _lazy

if TYPE_CHECKING:
    from metazoo.data.alphabet_sampler import AlphabetSampler
    from metazoo.data.cifar10 import load_cifar10
    from metazoo.data.class_dataset import ClassDataset, from_arrays
    from metazoo.data.domain_sampler import DomainSampler
    from metazoo.data.episode import Episode
    from metazoo.data.episode_source import episode_sampler
    from metazoo.data.few_shot_text import (
        load_clinc150,
        load_huffpost,
        load_reuters,
    )
    from metazoo.data.folder import from_folder
    from metazoo.data.glyphs import load_glyphs
    from metazoo.data.labelled import LabelledSampler
    from metazoo.data.leo_embeddings import load_leo_embeddings
    from metazoo.data.load import load_dataset
    from metazoo.data.mini_imagenet import load_mini_imagenet
    from metazoo.data.mixture import load_mixture
    from metazoo.data.npz import load_npz
    from metazoo.data.omniglot import load_omniglot
    from metazoo.data.phrases import load_phrases
    from metazoo.data.sampler import EpisodeSampler
    from metazoo.data.semi_supervised_sampler import SemiSupervisedSampler
    from metazoo.data.subspace import load_subspace
    from metazoo.data.superclass_sampler import SuperClassSampler
    from metazoo.data.text_folder import from_text_folder
    from metazoo.data.tfds import from_tfds

__all__ = [
    "AlphabetSampler",
    "ClassDataset",
    "DomainSampler",
    "Episode",
    "EpisodeSampler",
    "LabelledSampler",
    "SemiSupervisedSampler",
    "SuperClassSampler",
    "episode_sampler",
    "from_arrays",
    "from_folder",
    "from_text_folder",
    "from_tfds",
    "load_cifar10",
    "load_clinc150",
    "load_dataset",
    "load_glyphs",
    "load_huffpost",
    "load_leo_embeddings",
    "load_mini_imagenet",
    "load_mixture",
    "load_npz",
    "load_omniglot",
    "load_phrases",
    "load_reuters",
    "load_subspace",
]

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "alphabet_sampler": "AlphabetSampler",
        "cifar10": "load_cifar10",
        "class_dataset": "ClassDataset from_arrays",
        "domain_sampler": "DomainSampler",
        "episode": "Episode",
        "episode_source": "episode_sampler",
        "few_shot_text": "load_clinc150 load_huffpost load_reuters",
        "folder": "from_folder",
        "glyphs": "load_glyphs",
        "labelled": "LabelledSampler",
        "leo_embeddings": "load_leo_embeddings",
        "load": "load_dataset",
        "mini_imagenet": "load_mini_imagenet",
        "mixture": "load_mixture",
        "npz": "load_npz",
        "omniglot": "load_omniglot",
        "phrases": "load_phrases",
        "sampler": "EpisodeSampler",
        "semi_supervised_sampler": "SemiSupervisedSampler",
        "subspace": "load_subspace",
        "superclass_sampler": "SuperClassSampler",
        "text_folder": "from_text_folder",
        "tfds": "from_tfds",
    },
)
