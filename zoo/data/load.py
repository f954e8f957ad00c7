"""Resolves a data set named by one string, as on a command line."""

from __future__ import annotations

import os
from typing import Any

from metazoo.data.class_dataset import ClassDataset
from metazoo.errors import DataError

_ALLOWED = (
    '"glyphs", "omniglot", "mini_imagenet", "cifar10", "subspace", '
    '"phrases", "clinc150", "huffpost", "reuters", "npz:PATH", '
    '"folder:PATH", "texts:PATH", "embeddings:FOLDER", "mixture:NAME,NAME" '
    'or "tfds:NAME"'
)


_TEXTS = ("clinc150", "huffpost", "reuters")
_PREFIXES = ("npz", "folder", "texts", "embeddings", "mixture", "tfds")


def load_dataset(
    spec: str,
    data_dir: str | os.PathLike[str] | None = None,
    split: str = "test",
    **options: Any,
) -> ClassDataset:
    """Loads a data set by its specification.

    Args:
        spec: "glyphs", "omniglot", "mini_imagenet", "cifar10", "subspace",
            "phrases", "clinc150", "huffpost", "reuters", "npz:PATH",
            "folder:PATH", "texts:PATH", "embeddings:FOLDER",
            "mixture:NAME,NAME" or "tfds:NAME".
        data_dir: folder of the files of "omniglot", "mini_imagenet",
            "cifar10", "clinc150", "huffpost", "reuters", "mixture:" and
            "embeddings:", and of TFDS; the others don't use it.
        split: which split; for "npz:", "folder:" and "texts:" only a name
            in reports.
        **options: passed on to the reader, such as `rotations=True`.

    Returns:
        The data set.

    Raises:
        DataError: the specification is unknown, `data_dir` is missing, or
            the reader says so.
    """
    kind, colon, argument = spec.partition(":")
    if colon:
        return _load_prefixed(kind, argument, spec, data_dir, split, options)
    return _load_named(spec, data_dir, split, options)


def _load_named(
    name: str,
    data_dir: str | os.PathLike[str] | None,
    split: str,
    options: dict[str, Any],
) -> ClassDataset:
    if name == "glyphs":
        from metazoo.data.glyphs import load_glyphs

        return load_glyphs(split, **options)
    if name == "omniglot":
        from metazoo.data.omniglot import load_omniglot

        return load_omniglot(_needed(name, data_dir), split, **options)
    if name == "cifar10":
        from metazoo.data.cifar10 import load_cifar10

        return load_cifar10(_needed(name, data_dir), split, **options)
    if name == "mini_imagenet":
        from metazoo.data.mini_imagenet import load_mini_imagenet

        return load_mini_imagenet(_needed(name, data_dir), split, **options)
    if name == "subspace":
        from metazoo.data.subspace import load_subspace

        return load_subspace(split, **options)
    if name == "phrases":
        from metazoo.data.phrases import load_phrases

        return load_phrases(split, **options)
    if name in _TEXTS:
        from metazoo.data import few_shot_text

        load = getattr(few_shot_text, f"load_{name}")
        return load(_needed(name, data_dir), split, **options)
    raise _unknown(name)


def _load_prefixed(
    kind: str,
    argument: str,
    spec: str,
    data_dir: str | os.PathLike[str] | None,
    split: str,
    options: dict[str, Any],
) -> ClassDataset:
    if not argument or kind not in _PREFIXES:
        raise _unknown(spec)
    if kind == "embeddings":
        from metazoo.data.leo_embeddings import load_leo_embeddings

        folder = _needed(spec, data_dir)
        return load_leo_embeddings(folder, argument, split, **options)
    if kind == "mixture":
        from metazoo.data.mixture import load_mixture

        return load_mixture(argument.split(","), data_dir, split, **options)
    if kind == "npz":
        from metazoo.data.npz import load_npz

        return load_npz(argument, split=split, **options)
    if kind == "folder":
        from metazoo.data.folder import from_folder

        return from_folder(argument, split=split, **options)
    if kind == "texts":
        from metazoo.data.text_folder import from_text_folder

        return from_text_folder(argument, split=split, **options)
    from metazoo.data.tfds import from_tfds

    return from_tfds(argument, split, data_dir=data_dir, **options)


def _needed(
    name: str, data_dir: str | os.PathLike[str] | None
) -> str | os.PathLike[str]:
    if data_dir is None:
        raise DataError(
            f"The data set {name!r} needs data_dir (--data-dir), the folder "
            "with its files; 'glyphs' and 'phrases' need none."
        )
    return data_dir


def _unknown(spec: str) -> DataError:
    return DataError(f"Unknown data set {spec!r}; use {_ALLOWED}.")
