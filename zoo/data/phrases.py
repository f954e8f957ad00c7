"""Phrases: made-up sentences of two themes that need no file.

A class is a pair of themes; its sentences mix a few words of either with
words that say nothing. Splits share the words and no pair, so a test class
is new and its words are not.
"""

from __future__ import annotations

import itertools
import re

import numpy as np

from metazoo.data.class_dataset import ClassDataset, from_arrays
from metazoo.errors import DataError

THEMES = {
    "weather": "rain snow wind storm cloud sunshine fog thunder",
    "food": "bread cheese soup apple rice butter salad pasta",
    "travel": "train ticket airport hotel luggage passport taxi ferry",
    "money": "bank loan coin credit cash salary invoice tax",
    "music": "song guitar piano drum concert melody choir violin",
    "sport": "football goal tennis referee marathon stadium coach medal",
    "health": "doctor fever medicine nurse vaccine clinic headache surgery",
    "garden": "flower seed rose soil shovel hedge lawn tulip",
    "school": "teacher homework pupil exam classroom chalk lesson essay",
    "sea": "wave ship anchor shark harbour sailor coral tide",
    "computer": "keyboard software laptop password screen server virus byte",
    "kitchen": "oven knife pan kettle spoon fridge stove plate",
    "law": "judge court lawyer verdict witness prison trial jury",
    "space": "planet rocket comet orbit telescope galaxy moon astronaut",
    "clothes": "shirt scarf jacket sock button coat glove hat",
    "animals": "dog horse rabbit goat sheep fox owl hamster",
}
_FILLERS = tuple(
    re.findall(
        r"\w+",
        "please the a some of with and for my your this that today again "
        "about when where very soon maybe near after before really",
    )
)
_NUM_CLASSES = {"train": 80, "val": 15, "test": 25}
_SPLIT_SEED = 20
_THEME_WORDS, _FILLER_WORDS = (2, 4), (4, 9)


def load_phrases(
    split: str = "train",
    *,
    num_classes: int | None = None,
    num_examples: int = 30,
    seed: int = 0,
) -> ClassDataset:
    """Makes the *Phrases* data set; splits share no class.

    A text depends on (seed, class, its number) alone. NumPy may change a
    generator's stream between versions: compare fingerprints before you
    compare numbers from two installations.

    Args:
        split: "train" (80 classes), "val" (15) or "test" (25).
        num_classes: the first so many classes of the split; None for all.
        num_examples: sentences of each class.
        seed: of the sentences, at least 0.

    Returns:
        Texts; class names are `THEME+THEME`.

    Raises:
        DataError: the split is unknown or a number out of range.
    """
    if split not in _NUM_CLASSES:
        raise DataError(
            f"split must be one of {list(_NUM_CLASSES)}; got {split!r}."
        )
    largest = _NUM_CLASSES[split]
    count = largest if num_classes is None else num_classes
    if not 0 < count <= largest or num_examples < 1 or seed < 0:
        raise DataError(
            f"num_classes must lie in [1, {largest}], num_examples be 1 or "
            f"more and seed 0 or more; got {count}, {num_examples}, {seed}."
        )
    pairs = _pairs_of(split)[:count]
    texts = np.empty(count * num_examples, object)
    texts[:] = [
        _sentence(pair, np.random.default_rng((seed, *pair, number)))
        for pair in pairs
        for number in range(num_examples)
    ]
    themes = list(THEMES)
    return from_arrays(
        texts,
        np.repeat(np.arange(count), num_examples),
        [f"{themes[one]}+{themes[other]}" for one, other in pairs],
        name="phrases",
        split=split,
    )


def _pairs_of(split: str) -> list[tuple[int, int]]:
    pairs = list(itertools.combinations(range(len(THEMES)), 2))
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(pairs))
    names = list(_NUM_CLASSES)
    start = sum(_NUM_CLASSES[name] for name in names[: names.index(split)])
    chosen = order[start : start + _NUM_CLASSES[split]]
    return [pairs[i] for i in chosen]


def _sentence(pair: tuple[int, int], rng: np.random.Generator) -> str:
    words = list(THEMES.values())
    drawn: list[str] = []
    for theme in pair:
        own = words[theme].split()
        count = rng.integers(*_THEME_WORDS)
        drawn += [own[i] for i in rng.choice(len(own), count, replace=False)]
    fillers = rng.integers(*_FILLER_WORDS)
    drawn += [_FILLERS[i] for i in rng.integers(len(_FILLERS), size=fillers)]
    return " ".join(drawn[i] for i in rng.permutation(len(drawn)))
