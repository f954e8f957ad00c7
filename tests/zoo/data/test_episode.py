"""Episodes in and out of their Keras form."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.errors import EpisodeError


def test_keras_form_round_trips(new_episode):
    task = new_episode()
    again = Episode.from_keras(task.to_keras())
    for name, value in task._asdict().items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert again.support_y.dtype == again.query_y.dtype == tf.int64
    assert again.support_mask.dtype == again.query_mask.dtype == tf.bool
    assert Episode.from_keras(again) is again


def test_missing_masks_mean_all_examples_are_real(new_episode):
    task = new_episode()
    inputs, query_y, _ = task.to_keras()
    del inputs["support_mask"]
    found = Episode.from_keras((inputs, query_y))
    assert found.support_mask.shape == task.support_y.shape
    assert found.query_mask.shape == task.query_y.shape
    assert found.support_mask.numpy().all()
    assert found.query_mask.numpy().all()


def test_query_labels_may_be_unknown(new_episode):
    found = Episode.from_inputs(new_episode().to_keras()[0])
    assert found.query_y is None
    assert found.query_mask.shape == (2, 6)


def test_num_tasks_is_static_where_it_is_known(new_episode):
    assert new_episode(num_tasks=3).num_tasks == 3
    seen = []

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2, 4]),
            tf.TensorSpec([None, 2], tf.int64),
        ]
    )
    def count(x, y):
        task = Episode.from_inputs(
            {"support_x": x, "support_y": y, "query_x": x}
        )
        seen.append(tf.is_tensor(task.num_tasks))
        return task.num_tasks

    assert count(tf.zeros([5, 2, 4]), tf.zeros([5, 2], tf.int64)) == 5
    assert seen == [True]


@pytest.mark.parametrize("data", [{}, (1,), (1, 2, 3, 4), "text"])
def test_other_forms_are_refused(data):
    with pytest.raises(EpisodeError, match="inputs, query_y"):
        Episode.from_keras(data)


def test_inputs_that_are_no_dict_are_refused():
    with pytest.raises(EpisodeError, match="got ndarray"):
        Episode.from_inputs(np.zeros(3))


def test_missing_and_unknown_names_are_told(new_episode):
    inputs, query_y, _ = new_episode().to_keras()
    inputs["support"] = inputs.pop("support_x")
    with pytest.raises(EpisodeError, match="support_x.*unknown.*support"):
        Episode.from_keras((inputs, query_y))
