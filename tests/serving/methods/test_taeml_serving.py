"""TAEML over the wire: all weightings, weights in the state, faulty tasks."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.errors import EpisodeError
from metazoo.layers import conv4
from metazoo.methods.taeml.taeml_ensemble import normalised
from metazoo.methods.taeml.taeml_model import TAEML

SHAPE = (16, 16, 1)
WAYS = 3


def make(**options):
    keras.utils.set_random_seed(0)
    members = [
        normalised(conv4(SHAPE, 4, rescaling=(0.01, -1))) for _ in range(2)
    ]
    learner = TAEML.of(members, trust_units=(6, 4), **options)
    rng = np.random.default_rng(0)
    kernel = learner.trust.last.kernel
    kernel.assign(0.3 * rng.normal(size=kernel.shape))
    return learner


@pytest.fixture(scope="module")
def learners():
    return {"taeml": make(), "flat": make(form="flat", num_ways=WAYS)}


def task(ways=WAYS, shots=2, queries=4):
    rng = np.random.default_rng(10 * ways + shots)
    labels = np.repeat(np.arange(ways), shots)
    count = len(labels) + queries
    x = rng.integers(0, 256, (count, *SHAPE)).astype(np.float32)
    return x[: len(labels)], labels, x[len(labels) :]


@pytest.mark.parametrize(
    ("name", "ways", "shots"),
    [("taeml", 2, 1), ("taeml", 5, 3), ("flat", 3, 2)],
)
def test_served_ensemble_equals_the_learner(
    learners, connect, name, ways, shots
):
    learner, client = learners[name], connect(name)
    support_x, labels, query_x = task(ways, shots)
    expected = learner.adapt(support_x, labels)
    adapted = client.adapt(support_x, labels)
    for key, value in expected.state.items():
        np.testing.assert_allclose(adapted.state[key], value, atol=1e-3)
    once = client.call(
        "adapt_predict",
        support_x=support_x[None],
        support_y=labels[None],
        query_x=query_x[None],
    )
    answers = learner.predict_state(query_x, expected.state)
    for key, value in answers.items():
        np.testing.assert_allclose(once[key], value, atol=1e-3)
    np.testing.assert_allclose(
        adapted.predict(query_x), answers["probabilities"][0], atol=1e-3
    )


def test_extra_endpoints_weigh_by_query_or_by_support(learners, connect):
    learner, client = learners["taeml"], connect()
    support_x, labels, query_x = task()
    state = learner.adapt(support_x, labels).state
    for verb in ("predict_single", "predict_support"):
        found = client.call(verb, query_x=query_x[None], **state)
        expected = getattr(learner, verb)(query_x, state)
        for key, value in expected.items():
            np.testing.assert_allclose(found[key], value, atol=1e-3)
        alone = client.call(verb, query_x=query_x[None, :1], **state)
        np.testing.assert_allclose(
            alone["probabilities"], found["probabilities"][:, :1], atol=1e-4
        )
    np.testing.assert_allclose(found["trust"], state["support_trust"], 1e-4)


@pytest.mark.parametrize("name", ["taeml", "flat"])
def test_task_of_too_few_classes_spoils_only_itself(learners, connect, name):
    learner, client = learners[name], connect(name)
    support_x, labels, query_x = task()
    few = 0 * labels if name == "taeml" else np.minimum(labels, 1)
    found = client.call(
        "adapt_predict",
        support_x=np.stack([support_x] * 3),
        support_y=np.stack([labels, few, labels - 1]),
        query_x=np.stack([query_x] * 3),
    )
    expected = learner.adapt(support_x, labels).predict(query_x)
    np.testing.assert_allclose(found["probabilities"][0], expected, atol=1e-3)
    assert np.isfinite(found["trust"][0]).all()
    for key in ("probabilities", "trust", "learner_probabilities"):
        assert np.isnan(found[key][1:]).all()
    assert (found["classes"][1:] == -1).all()


def test_more_ways_than_the_flat_form_knows_are_refused(connect):
    support_x, labels, query_x = task(4)
    found = connect("flat").call(
        "adapt_predict",
        support_x=support_x[None],
        support_y=labels[None],
        query_x=query_x[None],
    )
    assert np.isnan(found["probabilities"]).all()
    assert (found["classes"] == -1).all()


def test_graph_refuses_an_empty_query_set(learners):
    learner = learners["taeml"]
    support_x, labels, query_x = task()
    state = learner.adapt(support_x, labels).state
    predict = {one.name: one for one in learner.signatures()}["predict"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="no example"):
        predict.fn(
            query_x=tf.constant(query_x[None, :0]),
            **{name: tf.constant(value) for name, value in state.items()},
        )


def test_client_refuses_an_empty_query_set(learners, connect):
    support_x, labels, query_x = task()
    state = learners["taeml"].adapt(support_x, labels).state
    with pytest.raises(EpisodeError, match="'query_x' is empty"):
        connect().call("predict", query_x=query_x[None, :0], **state)
