"""Pictures of clusters: what they show, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import metazoo

pytest.importorskip("matplotlib")
from metazoo.plots import plot_clusters


def arrays(channels=1):
    rng = np.random.default_rng(0)
    return {
        "images": rng.integers(0, 256, (14, 8, 8, channels)),
        "embeddings": rng.normal(size=(14, 5)),
        "means": rng.normal(size=(3, 5)),
        "assignment": np.array([0] * 12 + [2] * 2),
    }


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_hold_the_examples_of_used_clusters(channels):
    figure = plot_clusters(**arrays(channels), title="mine")
    plane, rows = figure.axes
    assert len(plane.artists) == 14
    assert len(rows.images) == 10 + 2
    assert [text.get_text() for text in rows.texts] == ["12 (+2)", "2"]
    assert figure._suptitle.get_text() == "mine"


def test_many_clusters_stand_in_columns():
    count = 30
    found = {
        "images": np.zeros((count, 8, 8, 1)),
        "embeddings": np.arange(count * 2.0).reshape(count, 2),
        "means": np.zeros((count, 2)),
        "assignment": np.arange(count),
    }
    rows = plot_clusters(**found).axes[1]
    assert len(rows.images) == count
    corners = {tuple(image.get_extent()) for image in rows.images}
    assert len(corners) == count
    assert len({left for left, *_ in corners}) == 3


def test_one_example_is_drawn():
    one = {k: v[:1] for k, v in arrays().items()}
    assert len(plot_clusters(**one).axes[1].images) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images", np.zeros((14, 8, 8, 2))),
        ("embeddings", np.zeros((14, 4))),
        ("assignment", np.full(14, 3)),
        ("assignment", np.zeros(3, int)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name, value):
    with pytest.raises(metazoo.MetazooError, match="assignment"):
        plot_clusters(**{**arrays(), name: value})
