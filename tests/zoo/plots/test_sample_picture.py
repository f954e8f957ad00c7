"""The picture of drawn samples: rows, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.errors import MetazooError
from metazoo.plots import plot_samples, save_figure


def images(*leading):
    rng = np.random.default_rng(0)
    return 255.0 * (rng.uniform(size=(*leading, 8, 8, 1)) > 0.3)


@pytest.mark.parametrize("shots", [0, 2])
def test_every_image_is_drawn(shots, tmp_path):
    figure = plot_samples(images(3, shots), images(3, 4), "New classes")
    assert len(figure.axes[0].images) == 3 * (shots + 4)
    words = [text.get_text() for text in figure.axes[0].texts]
    assert ("LEARNS FROM" in words) == (shots > 0)
    assert save_figure(figure, tmp_path / "a.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("shown", "drawn"),
    [
        (images(2, 1), images(3, 1)),
        (images(2, 1), images(2, 0)),
        (images(2), images(2, 1)),
        (images(2, 1)[..., :5, :], images(2, 1)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(shown, drawn):
    with pytest.raises(MetazooError, match="shapes"):
        plot_samples(shown, drawn, "title")
