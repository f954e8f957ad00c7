"""What learners with an inner loop share: heads, modes and refusals."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import metazoo
from metazoo.errors import MetazooError


def dropping(rate=0.5):
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5),
            keras.layers.Dropout(rate, name="drops"),
        ]
    )


def test_dropout_is_refused_where_it_would_drop_at_prediction(new_episode):
    with pytest.raises(MetazooError, match="drops.*'moving'"):
        metazoo.MAML(dropping(), num_ways=3)
    metazoo.MAML(dropping(0.0), num_ways=3)
    learner = metazoo.MAML(
        dropping(), num_ways=3, normalization="moving", value_range=None
    )
    task = new_episode(num_tasks=1)
    adapted = learner.adapt(task.support_x, task.support_y)
    np.testing.assert_array_equal(
        adapted.predict(task.query_x), adapted.predict(task.query_x)
    )


def test_backbone_without_a_vector_output_is_refused():
    maps = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3)])
    with pytest.raises(MetazooError, match="one vector.*pooling or Flatten"):
        metazoo.MAML(maps, num_ways=3)
    inputs = keras.Input((4,))
    two = keras.Model(inputs, [keras.layers.Dense(2)(inputs)] * 2)
    with pytest.raises(MetazooError, match="one vector"):
        metazoo.Reptile(two, num_ways=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "rows"}, "head must be one of"),
        ({"normalization": "batch"}, "normalization must be one of"),
        ({}, "needs num_ways"),
        ({"head": "none", "num_ways": 3}, "gives 5 logits"),
        ({"head": "none", "adapt_backbone": False}, "head='none' has none"),
    ],
)
def test_settings_that_do_not_fit_are_refused(new_backbone, options, message):
    with pytest.raises(MetazooError, match=message):
        metazoo.MAML(new_backbone(), **options)


def test_fresh_head_finds_all_classes_equally_likely(new_backbone, new_episode):
    learner = metazoo.MAML(
        new_backbone(),
        num_ways=4,
        value_range=None,
        predict_steps=0,
    )
    task = new_episode(num_tasks=1, ways=3)
    found = learner.adapt(task.support_x[0], task.support_y[0]).predict(
        task.query_x[0]
    )
    np.testing.assert_allclose(found, np.tile([1 / 3] * 3 + [0], (6, 1)))


@pytest.mark.parametrize("head", ["columns", "shared"])
def test_state_holds_one_tensor_per_weight(new_backbone, new_episode, head):
    learner = metazoo.MAML(
        new_backbone(),
        num_ways=3 if head == "columns" else None,
        head=head,
        value_range=None,
    )
    task = new_episode(num_tasks=2)
    state = learner.adapt(task.support_x, task.support_y).state
    assert list(state) == [f"weight_{i:02d}" for i in range(6)] + ["class_mask"]
    shapes = [state[f"weight_{i:02d}"].shape[1:] for i in range(6)]
    assert shapes == [(4, 6), (6,), (6, 5), (5,), (5, 3), (3,)]
    assert (state["weight_04"][0] != state["weight_04"][1]).any()


def test_learner_of_float64_works_in_float64(
    new_backbone, new_episode, tensors
):
    learner = metazoo.MAML(
        new_backbone(dtype="float64"),
        num_ways=3,
        value_range=None,
        dtype="float64",
    )
    task = new_episode()
    loss, logits, gradients = learner.compute_gradients(tensors(task))
    assert {t.dtype.name for t in (loss, logits, *gradients)} == {"float64"}
    adapted = learner.adapt(task.support_x, task.support_y)
    assert adapted.state["weight_00"].dtype == np.float64
    assert adapted.predict(task.query_x).dtype == np.float32


def test_moving_normalization_uses_what_the_backbone_holds(new_episode):
    backbone = keras.Sequential(
        [keras.Input((4,)), keras.layers.BatchNormalization()]
    )
    backbone.layers[0].moving_mean.assign([1.0, 2.0, 3.0, 4.0])
    options = {"num_ways": 3, "value_range": None, "first_order": True}
    task = new_episode(num_tasks=1)
    moving = metazoo.MAML(backbone, normalization="moving", **options)
    assert not moving.transductive
    batch = metazoo.MAML(backbone, **options)
    assert batch.transductive

    def alone_and_together(learner):
        adapted = learner.adapt(task.support_x[0], task.support_y[0])
        together = adapted.predict(task.query_x[0])
        return adapted.predict(task.query_x[0][:1]), together[:1]

    np.testing.assert_allclose(*alone_and_together(moving), atol=1e-6)
    alone, together = alone_and_together(batch)
    assert np.abs(alone - together).max() > 1e-3
