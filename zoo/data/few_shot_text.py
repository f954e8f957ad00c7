"""Few-shot text classification: CLINC150, HuffPost and Reuters.

Splits share no class. Those of HuffPost and Reuters are of Bao et al.,
Few-shot Text Classification with Distributional Signatures (ICLR 2020).
CLINC150 (Larson et al., An Evaluation Dataset for Intent Classification and
Out-of-Scope Prediction, EMNLP 2019) has no usual split of its classes: here
100, 15 and 35 intents in the order of a hash of their names.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from metazoo.data.class_dataset import ClassDataset, from_arrays
from metazoo.data.few_shot_text_names import HUFFPOST, REUTERS
from metazoo.data.files import find_file
from metazoo.errors import DataError

FOLDER = "few_shot_text"
_DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError)
# First class after the training, validation and test classes.
_CLINC150_ENDS = {"train": (0, 100), "val": (100, 115), "test": (115, 150)}
_HUFFPOST_ENDS = {"train": (0, 20), "val": (20, 25), "test": (25, 41)}
_REUTERS_ENDS = {"train": (0, 15), "val": (15, 20), "test": (20, 31)}
_CLINC150_PARTS = ("train", "val", "test")

Row = tuple[str, str]


def load_clinc150(
    data_dir: str | os.PathLike[str], split: str = "train"
) -> ClassDataset:
    """Reads `clinc150_full.json.gz`: short requests, 150 of each intent.

    All utterances of an intent are kept together, whatever part of the
    original set they were in; what is out of scope is left out.

    Args:
        data_dir: folder of the file, or of `few_shot_text/`.
        split: "train" (100 intents), "val" (15) or "test" (35).

    Returns:
        Texts by intent.

    Raises:
        DataError: the split is unknown, or the file missing or damaged.
    """
    path = _found(data_dir, "clinc150_full.json.gz")
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            parts = json.load(stream)
        rows = [(t, c) for part in _CLINC150_PARTS for t, c in parts[part]]
    except _DAMAGED as error:
        raise _damaged(path, error) from error
    names = sorted({name for _, name in rows}, key=_hash_of)
    return _selected("clinc150", rows, names, _CLINC150_ENDS, split)


def load_huffpost(
    data_dir: str | os.PathLike[str], split: str = "train"
) -> ClassDataset:
    """Reads `huffpost.jsonl.gz`: headlines, 900 of each of 41 sections.

    Args:
        data_dir: folder of the file, or of `few_shot_text/`.
        split: "train" (20 sections), "val" (5) or "test" (16).

    Returns:
        Texts by section.

    Raises:
        DataError: the split is unknown, or the file missing or damaged.
    """
    rows = _numbered(_found(data_dir, "huffpost.jsonl.gz"), HUFFPOST)
    return _selected("huffpost", rows, HUFFPOST, _HUFFPOST_ENDS, split)


def load_reuters(
    data_dir: str | os.PathLike[str], split: str = "train"
) -> ClassDataset:
    """Reads `reuters.jsonl.gz`: articles, 20 of each of 31 topics.

    This is the single-label subset of Reuters-21578 of Bao et al., not the
    multi-label miniReuters of Jiang et al.

    Args:
        data_dir: folder of the file, or of `few_shot_text/`.
        split: "train" (15 topics), "val" (5) or "test" (11).

    Returns:
        Texts by topic.

    Raises:
        DataError: the split is unknown, or the file missing or damaged.
    """
    rows = _numbered(_found(data_dir, "reuters.jsonl.gz"), REUTERS)
    return _selected("reuters", rows, REUTERS, _REUTERS_ENDS, split)


def _found(data_dir: str | os.PathLike[str], filename: str) -> pathlib.Path:
    path = find_file(data_dir, FOLDER, filename)
    if path is None:
        raise DataError(
            f"{filename} is neither in {data_dir} nor in its folder {FOLDER}."
        )
    return path


def _numbered(path: pathlib.Path, names: Sequence[str]) -> list[Row]:
    """Rows of a file of JSON lines with a number for each class."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            found = [json.loads(line) for line in stream]
        return [(row["raw"], names[row["label"]]) for row in found]
    except (*_DAMAGED, IndexError) as error:
        raise _damaged(path, error) from error


def _selected(
    name: str,
    rows: Iterable[Row],
    names: Sequence[str],
    ends: dict[str, tuple[int, int]],
    split: str,
) -> ClassDataset:
    if split not in ends:
        raise DataError(f"split must be one of {list(ends)}; got {split!r}.")
    chosen = list(names)[slice(*ends[split])]
    index = {class_name: i for i, class_name in enumerate(chosen)}
    kept = [(text, index[c]) for text, c in rows if c in index]
    texts: Any = np.empty(len(kept), object)
    texts[:] = [text for text, _ in kept]
    labels = np.array([label for _, label in kept], np.int64)
    return from_arrays(texts, labels, chosen, name=name, split=split)


def _hash_of(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8")).digest()


def _damaged(path: pathlib.Path, error: Exception) -> DataError:
    return DataError(f"{path} can't be read: {error!r}")
