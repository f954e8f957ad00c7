"""ATAML: weights and texts, the same for both sides."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rows import Row

WORDS = 5000
MAX_WORDS = 32
EMBEDDING = 100
TAPS = 3
DILATIONS = (3, 3)
DROPOUT = 0.2
INNER_LEARNING_RATE = 0.5
CLIP_NORM = 10.0
VOCABULARY = tuple(f"word{number}" for number in range(WORDS))
FIRST_WORD = 2


class Weights(NamedTuple):
    """Weights of a learner, float32.

    Attributes:
        embeddings: [2 + words, embedding]; the first row is padding's.
        convolutions: Kernel [taps * in, filters], the earliest tap first,
            and bias of each layer.
        head: Attention vector [filters], kernel [filters, ways] and bias.
    """

    embeddings: np.ndarray
    convolutions: list[np.ndarray]
    head: list[np.ndarray]


def weights(row: Row, seed: int = 0) -> Weights:
    """Random weights."""
    rng = np.random.default_rng(seed + 1)
    convolutions, size, filters = [], EMBEDDING, row.filters
    for _ in DILATIONS:
        deviation = np.sqrt(2.0 / (TAPS * size))
        convolutions += [rng.normal(0.0, deviation, (TAPS * size, filters))]
        convolutions += [rng.normal(0.0, 0.1, filters)]
        size = filters
    head = [rng.normal(0.0, 0.05, filters)]
    head += [rng.normal(0.0, filters**-0.5, (filters, row.ways))]
    head += [np.zeros(row.ways)]
    return Weights(
        np.float32(rng.normal(size=(FIRST_WORD + WORDS, EMBEDDING))),
        [np.float32(w) for w in convolutions],
        [np.float32(w) for w in head],
    )


def numbers(row: Row, seed: int = 0) -> dict[str, np.ndarray]:
    """Word numbers [tasks, texts, words], 0 for padding, and labels.

    A text has 8 to 32 words, half of them from a list of its class.
    """
    rng = np.random.default_rng(seed)
    topics = rng.integers(WORDS, size=(row.tasks, row.ways, 20))
    found = {}
    for name, count in (("support", row.shots), ("query", row.queries)):
        labels = np.repeat(np.arange(row.ways), count)
        shape = (row.tasks, len(labels), MAX_WORDS)
        chosen = rng.integers(WORDS, size=shape)
        own = topics[:, labels]
        picked = rng.integers(own.shape[-1], size=shape)
        own = np.take_along_axis(own, picked, -1)
        ids = FIRST_WORD + np.where(rng.uniform(size=shape) < 0.5, own, chosen)
        length = rng.integers(8, MAX_WORDS + 1, size=(*shape[:2], 1))
        # Both sides see the whole width.
        length[:, 0] = MAX_WORDS
        ids = np.where(np.arange(MAX_WORDS) < length, ids, 0)
        found[f"{name}_x"] = ids.astype(np.int32)
        found[f"{name}_y"] = np.tile(labels, (row.tasks, 1))
    return found


def texts(row: Row, seed: int = 0) -> dict[str, np.ndarray]:
    """As `numbers`, with texts [tasks, texts] in UTF-8."""
    data = numbers(row, seed)
    for name in ("support_x", "query_x"):
        ids = data[name]
        written = np.empty(ids.shape[:2], object)
        for place in np.ndindex(*written.shape):
            words = [VOCABULARY[i - FIRST_WORD] for i in ids[place] if i]
            written[place] = " ".join(words).capitalize().encode() + b"."
        data[name] = written
    return data
