"""What a method adds to the bases of learners that descend a loss."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from metazoo.errors import EpisodeError, MetazooError, SecondOrderError
from metazoo.learners.descent import DescentLearner
from metazoo.learners.path import PathLearner
from metazoo.learners.unrolled import UnrolledLearner


class OneStep(PathLearner):
    """Its pseudo gradient is the weights themselves."""

    def follow_path(self, initial, task, class_mask):
        return initial, initial


@pytest.mark.parametrize("wrong", [{"inner_steps": 0}, {"predict_steps": 0.5}])
def test_counts_of_steps_are_checked(new_backbone, wrong):
    with pytest.raises(MetazooError, match="integer of 1 or more"):
        DescentLearner(new_backbone(), num_ways=3, **wrong)


@pytest.mark.parametrize("rate", [0.0, -0.1, float("nan"), "0.1"])
def test_step_size_is_checked(new_backbone, rate):
    with pytest.raises(MetazooError, match="inner_learning_rate must be"):
        DescentLearner(new_backbone(), num_ways=3, inner_learning_rate=rate)


@pytest.mark.parametrize(
    ("num_ways", "head"), [(None, "shared"), (3, "columns")]
)
def test_one_class_teaches_nothing_and_is_refused(
    new_backbone, new_episode, num_ways, head
):
    learner = DescentLearner(new_backbone(), num_ways, head)
    task = new_episode()
    with pytest.raises(EpisodeError, match=r"task 0 holds 1 class\(es\)"):
        learner.adapt(task.support_x, np.zeros_like(task.support_y))


def test_classes_of_padding_are_not_counted(new_backbone, new_episode):
    learner = DescentLearner(new_backbone(), num_ways=3)
    task = new_episode()
    mask = np.asarray(task.support_y) == 1
    with pytest.raises(EpisodeError, match=r"1 class\(es\)"):
        learner.adapt(task.support_x, task.support_y, mask)


def test_unrolled_and_looped_adaptations_agree(new_backbone, new_episode):
    learner = DescentLearner(new_backbone(), num_ways=3, inner_steps=4)
    task = new_episode()
    unrolled = learner.adapt(task.support_x[0], task.support_y[0]).state
    learner.max_unrolled_steps = 0
    learner._functions.clear()
    looped = learner.adapt(task.support_x[0], task.support_y[0]).state
    for name, value in unrolled.items():
        np.testing.assert_allclose(looped[name], value, atol=1e-5)


def test_config_rebuilds_the_steps(new_backbone):
    learner = UnrolledLearner(
        new_backbone(), 3, first_order=True, inner_steps=2, predict_steps=5
    )
    again = UnrolledLearner.from_config(learner.get_config())
    assert (again.inner_steps, again.predict_steps) == (2, 5)
    assert not again.second_order


def test_pseudo_gradient_of_a_path_reaches_every_variable(
    new_backbone, new_episode, tensors
):
    learner = OneStep(new_backbone(), num_ways=3)
    task = tensors(new_episode(num_tasks=2))
    _, logits, found = learner.chunk_gradients(task, 3)
    assert logits.shape[0] == 2
    for gradient, variable in zip(
        found, learner.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(gradient, variable, atol=1e-6)


def test_second_order_refuses_inexact_layers():
    backbone = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
        ]
    )
    with pytest.raises(SecondOrderError, match="to_exact"):
        UnrolledLearner(backbone, num_ways=3)
    assert UnrolledLearner(backbone, 3, normalization="moving").second_order
    assert not UnrolledLearner(backbone, 3, first_order=True).second_order
