"""Omniglot in four channels, of which one tells the class.

In domain m channel m holds the class's character, the others hold random
unrelated ones: a learner of another domain sees noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from metazoo.errors import DataError

if TYPE_CHECKING:
    from metazoo.data import ClassDataset

NUM_CHANNELS = 4
DOMAINS = tuple(f"channel_{number}" for number in range(NUM_CHANNELS))
# Class signal in two channels: a kind of task that no training shows.
UNSEEN = "pair"
TRAIN_ALPHABETS = 6
TEST_ALPHABETS = 2
MIN_CHARACTERS = 20
HELD_OUT = 0.25
_SEED = 0
_SPLITS = ("train", "val", "test")


def load_channels(
    data_dir: str, split: str, domains: Sequence[str] = DOMAINS
) -> ClassDataset:
    """Draws the distractors of some domains.

    Six alphabets of Omniglot's background set are split by characters, three
    quarters for learners ("train") and one for the trust network ("val");
    two of its evaluation set are "test".

    Args:
        data_dir: folder of Omniglot.
        split: "train", "val" or "test".
        domains: "channel_0" and so on, or "pair" for the class in the first
            two.

    Returns:
        uint8 [examples, 28, 28, 4]; class names are `DOMAIN/CLASS`.

    Raises:
        DataError: a domain or the split is unknown.
    """
    from metazoo.data.mixture import joined_domains

    known = (*DOMAINS, UNSEEN)
    if split not in _SPLITS or not set(domains) <= set(known):
        raise DataError(
            f"channels: got domains {list(domains)} of split {split!r}; "
            f"expected some of {known} and one of {_SPLITS}."
        )
    characters = _characters(data_dir, split)
    parts = {one: _with_distractors(characters, one) for one in domains}
    return joined_domains(parts, "channels:" + ",".join(domains), split)


def _characters(data_dir: str, split: str) -> ClassDataset:
    from metazoo.data import load_omniglot
    from metazoo.data.alphabet_sampler import choose_alphabets

    if split == "test":
        data = load_omniglot(data_dir, "evaluation")
        return choose_alphabets(data, TEST_ALPHABETS, MIN_CHARACTERS, _SEED)
    data = choose_alphabets(
        load_omniglot(data_dir, "background"),
        TRAIN_ALPHABETS,
        MIN_CHARACTERS,
        _SEED,
    )
    return data.split_classes(HELD_OUT, _SEED)[_SPLITS.index(split)]


def _with_distractors(characters: ClassDataset, domain: str) -> ClassDataset:
    """The characters in their channels, random ones in the others."""
    import dataclasses

    own = (0, 1) if domain == UNSEEN else (DOMAINS.index(domain),)
    grey = characters.images[..., 0]
    rng = np.random.default_rng([_SEED, (*DOMAINS, UNSEEN).index(domain)])
    drawn = rng.integers(len(grey), size=(NUM_CHANNELS, len(grey)))
    channels = [
        grey if channel in own else grey[drawn[channel]]
        for channel in range(NUM_CHANNELS)
    ]
    return dataclasses.replace(characters, images=np.stack(channels, -1))
