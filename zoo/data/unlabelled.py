"""Data sets whose classes are not known."""

from __future__ import annotations

import hashlib

import numpy as np

from metazoo.data.class_dataset import ClassDataset
from metazoo.errors import DataError

UNLABELLED = "unlabelled"


def unlabelled_order(dataset: ClassDataset) -> np.ndarray:
    """An order of examples that their classes have no part in.

    Examples of a data set lie class by class. Sorted by a digest of their
    own values, they lie as if shuffled, and in the same order whatever the
    labels are.

    Args:
        dataset: any examples that are numbers.

    Returns:
        int64 [examples]: row numbers into `dataset.images`.

    Raises:
        DataError: the examples are texts.
    """
    if dataset.holds_texts:
        raise DataError(
            f"{dataset.name!r} holds texts; unlabelled data are numbers."
        )
    rows = np.ascontiguousarray(dataset.images)
    digests = [hashlib.sha256(row.tobytes()).digest() for row in rows]
    order = sorted(range(len(rows)), key=digests.__getitem__)
    return np.array(order, np.int64)


def unlabelled(dataset: ClassDataset) -> ClassDataset:
    """Takes the classes off a data set.

    Args:
        dataset: any examples that are numbers.

    Returns:
        The same examples as one class named "unlabelled", in the order of
        `unlabelled_order`: neither names nor places tell of classes. What
        has no classes any more comes back as it is.

    Raises:
        DataError: the examples are texts.
    """
    if is_unlabelled(dataset):
        return dataset
    return ClassDataset(
        images=dataset.images[unlabelled_order(dataset)],
        class_offsets=np.array([0, dataset.num_examples], np.int64),
        class_names=(UNLABELLED,),
        name=dataset.name,
        split=dataset.split,
    )


def is_unlabelled(dataset: ClassDataset) -> bool:
    """Whether a data set comes from `unlabelled`.

    Args:
        dataset: any data set.
    """
    return dataset.class_names == (UNLABELLED,)
