"""CAML over the wire: any ways, stored states, faulty tasks."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.layers import conv4
from metazoo.methods.caml.caml_model import CAML

SHAPE = (16, 16, 1)


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(0)
    backbone = conv4(SHAPE, 4, normalization="conditional", rescaling=(0.01, 0))
    metric = conv4(SHAPE, 3, rescaling=(0.01, 0), name="metric")
    made = CAML(backbone, metric, inner_steps=2)
    rng = np.random.default_rng(0)
    for variable in made.modulation.variables:
        variable.assign(0.2 * rng.normal(size=variable.shape))
    return made


def task(ways: int, shots: int, queries: int = 4):
    rng = np.random.default_rng(10 * ways + shots)
    labels = np.repeat(np.arange(ways), shots)
    count = len(labels) + queries
    x = rng.integers(0, 256, (count, *SHAPE)).astype(np.float32)
    return x[: len(labels)], labels, x[len(labels) :]


@pytest.mark.parametrize(("ways", "shots"), [(2, 1), (5, 3)])
def test_served_caml_equals_the_learner(learner, client, ways, shots):
    support_x, labels, query_x = task(ways, shots)
    expected = learner.adapt(support_x, labels)
    adapted = client.adapt(support_x, labels)
    for name, value in expected.state.items():
        np.testing.assert_allclose(adapted.state[name], value, atol=1e-4)
    answer = expected.predict(query_x)
    once = client.adapt_predict(support_x, labels, query_x)
    np.testing.assert_allclose(once["probabilities"], answer, atol=1e-4)
    np.testing.assert_allclose(adapted.predict(query_x), answer, atol=1e-4)
    assert np.ptp(answer, axis=0).max() > 1e-3


def test_served_query_is_answered_for_itself(client):
    support_x, labels, query_x = task(3, 2)
    adapted = client.adapt(support_x, labels)
    many = adapted.predict(query_x)
    np.testing.assert_allclose(
        adapted.predict(query_x[:1]), many[:1], atol=1e-5
    )


def test_faulty_task_spoils_only_itself(client, learner):
    support_x, labels, query_x = task(3, 2)
    found = client.call(
        "adapt_predict",
        support_x=np.stack([support_x, support_x]),
        support_y=np.stack([labels, labels - 1]),
        query_x=np.stack([query_x, query_x]),
    )
    expected = learner.adapt(support_x, labels).predict(query_x)
    np.testing.assert_allclose(found["probabilities"][0], expected, atol=1e-4)
    assert np.isnan(found["probabilities"][1]).all()
    assert (found["classes"][1] == -1).all()


def test_transductive_caml_refuses_an_empty_query_set(learner):
    together = CAML(
        learner.backbone, learner.metric, normalization="transductive"
    )
    support_x, labels, query_x = task(3, 2)
    verbs = {one.name: one for one in together.signatures()}
    with pytest.raises(tf.errors.InvalidArgumentError, match="no example"):
        verbs["adapt_predict"].fn(
            support_x=tf.constant(support_x[None]),
            support_y=tf.constant(labels[None]),
            query_x=tf.constant(query_x[None, :0]),
        )
