"""Word vectors: read from a file, or made of the texts of a training set."""

from __future__ import annotations

import collections
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from metazoo.data.files import open_npz
from metazoo.errors import DataError

_SVD_EXTRA = 16
_SVD_ROUNDS = 3


def count_words(
    sentences: Iterable[Sequence[str]], most: int, least: int = 1
) -> tuple[str, ...]:
    """The words that occur most often, the most frequent first.

    Args:
        sentences: words of each text.
        most: how many words to keep at most.
        least: occurrences that a word must have.

    Returns:
        The words; of equally frequent ones, the first by alphabet first.
    """
    counts = collections.Counter(w for words in sentences for w in words)
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(word for word, count in order[:most] if count >= least)


def ppmi_vectors(
    sentences: Iterable[Sequence[str]],
    words: Sequence[str],
    size: int = 100,
    window: int = 5,
    seed: int = 0,
) -> np.ndarray:
    """Word vectors from the words that stand near each other.

    The left singular vectors of the matrix of positive pointwise mutual
    information, times the roots of the singular values, after Levy and
    Goldberg, Neural Word Embedding as Implicit Matrix Factorization (NIPS
    2014), sections 3.2 and 4; pairs count by the inverse of their distance.

    Args:
        sentences: words of each text.
        words: the vocabulary.
        size: entries of a vector.
        window: largest distance of a pair.
        seed: of the randomised decomposition.

    Returns:
        float32 [words, size]; their root mean square is 1. Zeros fill
        entries beyond the number of words.
    """
    counts = _near(sentences, words, window)
    total = max(counts.sum(), 1.0)
    rows, columns = counts.sum(1), counts.sum(0) ** 0.75
    columns *= total / max(columns.sum(), 1.0)
    expected = np.outer(rows, columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = np.log(counts * total / expected)
    scores = np.where(np.isfinite(scores), np.maximum(scores, 0.0), 0.0)
    left, singular = _top_singular(scores.astype(np.float32), size, seed)
    vectors = np.zeros((len(words), size), np.float32)
    vectors[:, : len(singular)] = left * np.sqrt(singular)
    scale = np.sqrt(np.mean(np.square(vectors)))
    return vectors / scale if scale > 0 else vectors


def read_word_vectors(
    path: str | os.PathLike[str], words: Iterable[str]
) -> tuple[dict[str, np.ndarray], int]:
    """Reads the vectors of some words.

    Args:
        path: a text file of a word and its numbers a line, as GloVe's and
            (with a first line of two counts) word2vec's; or an npz file with
            `words` [n] and `vectors` [n, size].
        words: which to keep.

    Returns:
        Word to float32 [size], for the words the file has, and the size.

    Raises:
        DataError: the file is missing or damaged, or has none of the words.
    """
    path = pathlib.Path(path).expanduser()
    wanted = set(words)
    found = (
        _from_npz(path, wanted)
        if path.suffix == ".npz"
        else _from_lines(path, wanted)
    )
    if not found:
        raise DataError(f"{path} has a vector of none of {len(wanted)} words.")
    sizes = {vector.shape for vector in found.values()}
    if len(sizes) > 1:
        raise DataError(f"{path} has vectors of the shapes {sorted(sizes)}.")
    if not all(np.isfinite(vector).all() for vector in found.values()):
        raise DataError(f"{path} has vectors that are not finite.")
    return found, len(next(iter(found.values())))


def _from_npz(path: pathlib.Path, wanted: set[str]) -> dict[str, np.ndarray]:
    with open_npz(path, ("words", "vectors")) as fields:
        names, vectors = fields["words"], fields["vectors"]
        if vectors.ndim != 2 or len(names) != len(vectors):
            raise DataError(
                f"{path} has {len(names)} words and vectors of shape "
                f"{vectors.shape}; expected [words, size]."
            )
        return {
            str(name): vector.astype(np.float32)
            for name, vector in zip(names, vectors, strict=True)
            if str(name) in wanted
        }


def _from_lines(path: pathlib.Path, wanted: set[str]) -> dict[str, np.ndarray]:
    found = {}
    try:
        with open(path, encoding="utf-8") as stream:
            for line in stream:
                word, _, numbers = line.rstrip().partition(" ")
                if word in wanted and " " in numbers:
                    found[word] = np.array(numbers.split(), np.float32)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} can't be read as word vectors: {error}"
        ) from error
    return found


def _near(
    sentences: Iterable[Sequence[str]], words: Sequence[str], window: int
) -> np.ndarray:
    """Weighted counts of pairs, float64 [words, words], symmetric."""
    index = {word: i for i, word in enumerate(words)}
    size = len(words)
    pairs: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for sentence in sentences:
        ids = np.array([index.get(word, -1) for word in sentence], np.int64)
        for distance in range(1, min(window, len(ids) - 1) + 1):
            one, other = ids[:-distance], ids[distance:]
            known = (one >= 0) & (other >= 0)
            pairs.append(one[known] * size + other[known])
            weights.append(np.full(known.sum(), 1.0 / distance))
    if not pairs:
        return np.zeros((size, size))
    counts = np.bincount(
        np.concatenate(pairs), np.concatenate(weights), size * size
    ).reshape(size, size)
    return counts + counts.T


def _top_singular(
    matrix: np.ndarray, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Largest singular values and their left vectors.

    By the randomised range finder of Halko, Martinsson and Tropp, Finding
    Structure with Randomness (2011), algorithm 4.4.
    """
    count = min(count, len(matrix))
    columns = min(count + _SVD_EXTRA, len(matrix))
    start = np.random.default_rng(seed).standard_normal(
        (len(matrix), columns), np.float32
    )
    basis, _ = np.linalg.qr(matrix @ start)
    for _ in range(_SVD_ROUNDS):
        basis, _ = np.linalg.qr(matrix.T @ basis)
        basis, _ = np.linalg.qr(matrix @ basis)
    left, singular, _ = np.linalg.svd(basis.T @ matrix, full_matrices=False)
    return (basis @ left)[:, :count], singular[:count]
