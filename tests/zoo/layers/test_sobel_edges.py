"""Edges of images: what they keep of them."""

from __future__ import annotations

import numpy as np

from metazoo.layers import SobelEdges


def test_edges_know_no_brightness_and_no_colour():
    x = np.random.default_rng(0).uniform(size=(1, 6, 6, 3)).astype(np.float32)
    found = SobelEdges()(x)
    assert found.shape == (1, 6, 6, 2)
    np.testing.assert_allclose(SobelEdges()(x + 0.3), found, atol=1e-5)
    grey = (x @ np.array([[0.299], [0.587], [0.114]])).astype(np.float32)
    np.testing.assert_allclose(SobelEdges()(grey), found, atol=1e-5)


def test_a_step_to_the_right_has_edges_to_the_right_alone():
    x = np.zeros((1, 6, 6, 1), np.float32)
    x[:, :, 3:] = 1.0
    down, right = np.moveaxis(SobelEdges()(x).numpy()[0], -1, 0)
    assert (down == 0).all()
    np.testing.assert_array_equal(right[2], [0, 0, 4, 4, 0, 0])
