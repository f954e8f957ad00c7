"""Data sets whose classes were taken off."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.data import from_arrays, load_phrases
from metazoo.data.unlabelled import (
    is_unlabelled,
    unlabelled,
    unlabelled_order,
)
from metazoo.errors import DataError


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (40, 5, 5), np.uint8)


def test_order_and_bytes_do_not_depend_on_labels(images):
    rng = np.random.default_rng(1)
    sets = []
    for _ in range(3):
        order = rng.permutation(40)
        sets.append(from_arrays(images[order], rng.integers(0, 4, 40)))
    found = [unlabelled(one) for one in sets]
    assert len({one.fingerprint for one in found}) == 1
    assert len({one.fingerprint for one in sets}) == 3


def test_no_class_is_left(images):
    data = from_arrays(images, np.repeat(np.arange(4), 10), name="squares")
    found = unlabelled(data)
    assert found.num_classes == 1 and is_unlabelled(found)
    assert not is_unlabelled(data) and found.name == "squares"
    assert unlabelled(found) is found
    np.testing.assert_array_equal(
        found.images, data.images[unlabelled_order(data)]
    )


def test_examples_of_a_class_do_not_stay_together(images):
    order = unlabelled_order(from_arrays(images, np.repeat([0, 1], 20)))
    sides = order < 20
    changes = (sides[1:] != sides[:-1]).sum()
    assert changes > 10


def test_texts_are_refused():
    with pytest.raises(DataError, match="texts"):
        unlabelled(load_phrases("train", num_classes=2, num_examples=3))
