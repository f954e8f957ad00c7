"""Refuses presets that were trained on the classes to evaluate on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from metazoo.comparison.choice import Contender
from metazoo.errors import PresetError

if TYPE_CHECKING:
    from metazoo.data import ClassDataset


class UnseenCheck:
    """Compares class names of training data with those of the evaluation.

    Training data are read once for each data set and split. A preset whose
    metadata name another data set, or none, is judged by its fingerprint.
    """

    def __init__(
        self,
        spec: str,
        data: ClassDataset,
        data_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        """Reads nothing yet.

        Args:
            spec: what `load_dataset` made `data` of.
            data: what is evaluated on.
            data_dir: folder of the data sets' files.
        """
        self._spec = spec
        self._data = data
        self._data_dir = data_dir
        self._names: dict[tuple[Any, ...], frozenset[str]] = {}

    def check(self, one: Contender) -> None:
        """Refuses a preset that has seen the classes.

        Args:
            one: the preset.

        Raises:
            PresetError: it was trained on one of the classes or more.
            DataError: its training classes can't be read.
        """
        recipe = one.metadata.recipe
        seen = frozenset(self._data.class_names)
        if one.metadata.data_fingerprint != self._data.fingerprint:
            if recipe.get("dataset") != self._spec or "split" not in recipe:
                return
            seen &= self._training_classes(recipe)
        if seen:
            raise PresetError(
                f"{one.preset} was trained on {len(seen)} of the "
                f"{self._data.num_classes} classes of {self._data.name}/"
                f"{self._data.split}, such as {min(seen)!r}; its accuracy on "
                "them says nothing of new classes. Choose another --split."
            )

    def _training_classes(self, recipe: Mapping[str, Any]) -> frozenset[str]:
        splits = [recipe["split"]]
        if recipe.get("train_on_val"):
            splits.append(recipe["val_split"])
        options = {k: recipe[k] for k in ("protocol",) if k in recipe}
        parts = [self._classes(split, options) for split in splits]
        return frozenset().union(*parts)

    def _classes(
        self, split: str, options: Mapping[str, Any]
    ) -> frozenset[str]:
        from metazoo.data import load_dataset

        key = (split, *options.items())
        if key not in self._names:
            data = load_dataset(self._spec, self._data_dir, split, **options)
            self._names[key] = frozenset(data.class_names)
        return self._names[key]
