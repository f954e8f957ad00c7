"""The synthetic family of classes in a hidden subspace."""

from __future__ import annotations

import numpy as np
import pytest

import metazoo
from metazoo.data import load_dataset, load_subspace
from metazoo.data.subspace import subspace_frame


def test_examples_have_length_one_and_repeat():
    one = load_subspace("val", num_classes=6)
    two = load_subspace("val", num_classes=6)
    np.testing.assert_allclose(np.linalg.norm(one.images, axis=-1), 1, 1e-6)
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint != load_subspace("test", num_classes=6).fingerprint
    assert load_dataset("subspace", None, "val").num_classes == 300


def test_class_means_lie_in_the_subspace():
    data = load_subspace("train", num_classes=4, num_examples=4000)
    means = data.images.reshape(4, 4000, 64).mean(1)
    frame = subspace_frame()
    np.testing.assert_allclose(frame.T @ frame, np.eye(8), atol=1e-12)
    inside = means @ frame @ frame.T
    left = np.linalg.norm(means - inside, axis=-1)
    assert (left < 0.1 * np.linalg.norm(means, axis=-1)).all()


@pytest.mark.parametrize(
    "options", [{"split": "dev"}, {"num_classes": 0}, {"num_examples": 0}]
)
def test_unfit_requests_are_refused(options):
    with pytest.raises(metazoo.DataError):
        load_subspace(**options)
