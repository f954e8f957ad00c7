"""NumPy episodes are checked before Keras predicts or a task is learned."""

from __future__ import annotations

import numpy as np
import pytest

import metazoo


@pytest.fixture(scope="module")
def learner(new_backbone):
    return metazoo.ProtoNet(new_backbone(), value_range=None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: {**x, "support_y": x["support_y"] - 1}, "support_y must"),
        (lambda x: {**x, "query_x": x["query_x"] * np.nan}, "query_x.*NaN"),
        (lambda x: {**x, "query_x": x["query_x"][0]}, "1 tasks|query_x"),
        (lambda x: {**x, "query_x": x["query_x"][:1]}, "2 tasks"),
        (lambda x: {"query_x": x["query_x"]}, "support_x"),
    ],
)
def test_predict_refuses_arrays_that_are_no_episodes(
    learner, new_episode, change, message
):
    x, _, _ = new_episode().to_keras()
    with pytest.raises(metazoo.EpisodeError, match=message):
        learner.predict(change(x), verbose=0)


@pytest.mark.parametrize(
    ("support_x", "support_y", "message"),
    [
        (np.zeros((2, 4)), [0, 2**40], "support_y holds the label 1099"),
        ([[0, 0, 0, 0], [0, 0]], [0, 1], "support_x is no array"),
    ],
)
def test_adapt_refuses_huge_labels_and_ragged_rows(
    learner, support_x, support_y, message
):
    with pytest.raises(metazoo.EpisodeError, match=message):
        learner.adapt(support_x, support_y)
