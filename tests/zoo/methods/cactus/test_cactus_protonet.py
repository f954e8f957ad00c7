"""CACTUs-ProtoNets: prototypes, their counts, and further examples."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from metazoo.errors import EpisodeError
from metazoo.layers import conv4
from metazoo.methods.cactus.cactus_protonet import CACTUsProtoNet

SHAPE = (16, 16, 1)


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(0)
    return CACTUsProtoNet(conv4(SHAPE, 4, rescaling=(0.01, 0.0)))


def images(count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, *SHAPE)).astype(np.float32)


def test_one_shot_prototype_is_the_embedding(learner):
    x = images(3)
    state = learner.adapt(x, [0, 1, 2]).state
    z = learner.embed(x[None])
    np.testing.assert_allclose(state["prototypes"], z, rtol=1e-5)
    np.testing.assert_array_equal(state["counts"], [[1, 1, 1]])


def test_permuted_labels_permute_the_logits(learner):
    x, queries = images(3), images(4, 1)
    plain = learner.adapt(x, [0, 1, 2]).predict(queries)
    moved = learner.adapt(x, [2, 0, 1]).predict(queries)
    np.testing.assert_allclose(moved[:, [2, 0, 1]], plain, rtol=1e-5)


def test_further_examples_count_as_if_there_from_the_start(learner):
    x, y = images(7), np.array([0, 0, 1, 2, 2, 1, 0])
    expected = learner.adapt(x, y).state
    first = learner.adapt(x[:4], y[:4])
    both = learner.update(first, x[4:], y[4:])
    assert both.single
    for name in expected:
        np.testing.assert_allclose(both.state[name], expected[name], rtol=1e-5)
    assert first.state["counts"].sum() == 4


def test_a_class_may_come_later(learner):
    x = images(3)
    first = learner.adapt(x[:2], [0, 2])
    both = learner.update(first, x[2:], [1])
    np.testing.assert_array_equal(both.state["class_mask"], [[1, 1, 1]])


def test_a_class_beyond_the_state_is_refused(learner):
    first = learner.adapt(images(2), [0, 1])
    with pytest.raises(EpisodeError, match="support_y"):
        learner.update(first, images(1), [2])
