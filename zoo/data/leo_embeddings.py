"""The feature vectors that the authors of LEO released, as they are."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import numpy as np

from metazoo.data.class_dataset import ClassDataset, from_arrays
from metazoo.data.plain_pickle import load_plain_pickle
from metazoo.errors import DataError

SPLITS = ("train", "val", "test")
SOURCE = "https://github.com/google-deepmind/leo"


def load_leo_embeddings(
    data_dir: str | os.PathLike[str],
    collection: str = "miniImageNet/center",
    split: str = "train",
) -> ClassDataset:
    """Reads one split of the embeddings that LEO's authors released.

    The files are pickles; they are read without running what a pickle may
    ask for (see `load_plain_pickle`).

    Args:
        data_dir: the folder `embeddings` of the release, or its parent.
        collection: folder of the split's file within it, such as
            "miniImageNet/center", "miniImageNet/multiview" or
            "tieredImageNet/center".
        split: "train", "val" or "test".

    Returns:
        float32 features [examples, 640]; the class names are WordNet
        identifiers.

    Raises:
        DataError: the file is missing or damaged, or has another layout.
    """
    if split not in SPLITS:
        raise DataError(f"split must be one of {SPLITS}; got {split!r}.")
    root = pathlib.Path(data_dir).expanduser()
    name = f"{split}_embeddings.pkl"
    places = [root / collection / name, root / "embeddings" / collection / name]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise DataError(
            f"{name} of {collection!r} was not found in {root} nor in "
            f"{root / 'embeddings'}. {SOURCE} tells where the authors "
            "released it; unpack it there."
        )
    if not path.resolve().is_relative_to(root.resolve()):
        raise DataError(f"collection {collection!r} leads out of {root}.")
    return read_embeddings(path, name=collection, split=split)


def read_embeddings(
    path: str | os.PathLike[str], *, name: str, split: str
) -> ClassDataset:
    """Reads one pickle of the released layout.

    Args:
        path: the file: a dictionary with `embeddings`, floats [examples,
            features], and `keys`, texts NUMBER-CLASS-FILE whose file name
            begins with the class as well.
        name: of the data set, for reports.
        split: of the data set, for reports.

    Returns:
        float32 features, sorted by class.

    Raises:
        DataError: the file is missing or damaged, or has another layout.
    """
    found = load_plain_pickle(path)
    if not isinstance(found, dict) or not {"embeddings", "keys"} <= set(found):
        what = sorted(map(str, found)) if isinstance(found, dict) else found
        raise DataError(
            f"{path} must hold a dictionary with 'embeddings' and 'keys'; it "
            f"holds {str(what)[:80]}."
        )
    embeddings = np.asarray(found["embeddings"])
    if embeddings.ndim != 2 or embeddings.dtype.kind != "f":
        raise DataError(
            f"{path}: embeddings must be floats [examples, features]; got "
            f"{embeddings.dtype} of shape {embeddings.shape}."
        )
    keys = np.asarray(found["keys"]).ravel()
    classes = [_class_of(key, path) for key in keys]
    if len(classes) != len(embeddings):
        raise DataError(
            f"{path} has {len(embeddings)} embeddings and {len(classes)} keys."
        )
    names = sorted(set(classes))
    numbers = {text: number for number, text in enumerate(names)}
    labels = np.array([numbers[text] for text in classes])
    return from_arrays(
        embeddings.astype(np.float32), labels, names, name=name, split=split
    )


def _class_of(key: Any, path: Any) -> str:
    text = key.decode("latin1") if isinstance(key, bytes) else str(key)
    fields = text.rstrip("\x00").split("-")
    if len(fields) != 3 or fields[2].split("_")[0] != fields[1]:
        raise DataError(
            f"{path}: key {text!r} is not NUMBER-CLASS-FILE with a file name "
            "that begins with the class."
        )
    return fields[1]
