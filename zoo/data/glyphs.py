"""Glyphs: made-up handwritten characters that need no file.

Alphabets have a style of their own, characters are a few strokes on a grid
of anchors and may share radicals, and each drawing differs as by a human
hand. After the idea of Lake et al., Human-level concept learning through
probabilistic program induction (Science 350, 2015), but drawn from made-up
priors, learnt from no data.
"""

from __future__ import annotations

import functools

import numpy as np

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.glyph_alphabet import draw_characters
from metazoo.data.glyph_motor import (
    NUM_WRITER_NUMBERS,
    draw_paths,
    num_example_numbers,
)
from metazoo.data.glyph_raster import rasterise
from metazoo.errors import DataError

DEFAULT_ALPHABETS = {"train": 30, "val": 5, "test": 15}
_SPLIT_KEYS = {"train": 0, "val": 1, "test": 2}
# Kinds of random numbers beside those of glyph_alphabet, which are 0 to 2.
_WRITER, _DRAWING = 3, 4


def load_glyphs(
    split: str = "train",
    *,
    num_alphabets: int | None = None,
    num_characters: int = 24,
    num_drawers: int = 20,
    seed: int = 0,
    rotations: bool = False,
    image_size: int = 28,
) -> ClassDataset:
    """Draws the *Glyphs* data set; splits share no alphabet.

    Every drawing depends on (seed, split, alphabet, character, drawer)
    alone, so asking for more of any of them adds and changes nothing. NumPy
    may change a generator's stream between versions: compare fingerprints
    before you compare numbers from two installations.

    Args:
        split: "train", "val" or "test".
        num_alphabets: how many; None is 30, 5 and 15 by split.
        num_characters: characters an alphabet.
        num_drawers: drawings a character.
        seed: of everything, at least 0.
        rotations: whether turns by 90, 180 and 270 degrees become classes.
        image_size: height and width.

    Returns:
        uint8 images [examples, image_size, image_size, 1], 0 ink and 255
        paper; class names are `glyphs-SPLIT-AA/characterNN`.

    Raises:
        DataError: the split is unknown or a number out of range.
    """
    if split not in _SPLIT_KEYS:
        raise DataError(
            f"split must be one of {list(_SPLIT_KEYS)}; got {split!r}."
        )
    if num_alphabets is None:
        num_alphabets = DEFAULT_ALPHABETS[split]
    _check_positive(
        num_alphabets=num_alphabets,
        num_characters=num_characters,
        num_drawers=num_drawers,
        image_size=image_size,
    )
    if seed < 0:
        raise DataError(f"seed must be at least 0; got {seed}.")
    images = [
        _draw_alphabet(
            (seed, _SPLIT_KEYS[split], alphabet),
            num_characters,
            num_drawers,
            image_size,
        )
        for alphabet in range(num_alphabets)
    ]
    dataset = ClassDataset(
        images=np.concatenate(images)[..., np.newaxis],
        class_offsets=np.arange(num_alphabets * num_characters + 1)
        * num_drawers,
        class_names=_names(split, num_alphabets, num_characters),
        name="glyphs",
        split=split,
    )
    return dataset.with_rotations() if rotations else dataset


def _draw_alphabet(
    key: tuple[int, int, int],
    num_characters: int,
    num_drawers: int,
    image_size: int,
) -> np.ndarray:
    """Returns uint8 [characters * drawers, image_size, image_size]."""
    characters = draw_characters(functools.partial(_generator, key))
    writers = np.stack(
        [
            _generator(key, _WRITER, drawer).standard_normal(NUM_WRITER_NUMBERS)
            for drawer in range(num_drawers)
        ]
    )
    images = []
    for index, strokes in zip(range(num_characters), characters, strict=False):
        numbers = _drawing_numbers(key, index, num_drawers, strokes)
        points, pen = draw_paths(strokes, writers, numbers)
        images.append(rasterise(points, pen, image_size))
    return np.concatenate(images)


def _drawing_numbers(
    key: tuple[int, int, int],
    character: int,
    num_drawers: int,
    strokes: np.ndarray,
) -> np.ndarray:
    count = num_example_numbers(len(strokes))
    return np.stack(
        [
            _generator(key, _DRAWING, character, drawer).standard_normal(count)
            for drawer in range(num_drawers)
        ]
    )


def _generator(
    key: tuple[int, int, int], kind: int, first: int = 0, second: int = 0
) -> np.random.Generator:
    """A generator of its own for each kind and number within an alphabet."""
    sequence = np.random.SeedSequence([*key, kind, first, second])
    return np.random.Generator(np.random.Philox(sequence))


def _names(
    split: str, num_alphabets: int, num_characters: int
) -> tuple[str, ...]:
    return tuple(
        f"glyphs-{split}-{alphabet:02d}/character{character + 1:02d}"
        for alphabet in range(num_alphabets)
        for character in range(num_characters)
    )


def _check_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise DataError(f"{name} must be at least 1; got {number}.")
