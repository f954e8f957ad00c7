"""CACTUs over the wire: as its learner, with endpoints of its own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.layers import conv4
from metazoo.methods.cactus.cactus_model import CACTUs
from metazoo.methods.cactus.cactus_protonet import CACTUsProtoNet
from metazoo.methods.cactus.cactus_representation import Representation

SHAPE = (16, 16, 1)


@pytest.fixture(scope="module")
def learners():
    keras.utils.set_random_seed(0)
    net = conv4(SHAPE, 4, normalization="offset", rescaling=(0.01, 0))
    plain = conv4(SHAPE, 4, rescaling=(0.01, 0))
    return {
        "maml": CACTUs(net, num_ways=4, inner_steps=2, predict_steps=3),
        "protonet": CACTUsProtoNet(plain),
        "embedding": Representation(plain),
    }


def task(ways=3, shots=2, queries=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(ways), shots)
    x = rng.integers(0, 256, (len(labels) + queries, *SHAPE))
    x = x.astype(np.float32)
    return x[: len(labels)], labels, x[len(labels) :]


@pytest.mark.parametrize("name", ["maml", "protonet"])
@pytest.mark.parametrize(("ways", "shots"), [(2, 1), (4, 3)])
def test_served_learner_equals_the_learner(
    learners, connect, name, ways, shots
):
    x, y, queries = task(ways, shots)
    expected = learners[name].adapt(x, y)
    answer = expected.predict(queries)
    with connect(name) as client:
        adapted = client.adapt(x, y)
        for key, value in expected.state.items():
            np.testing.assert_allclose(adapted.state[key], value, atol=1e-4)
        once = client.adapt_predict(x, y, queries)
        np.testing.assert_allclose(once["probabilities"], answer, atol=1e-4)
        found = adapted.predict(queries)
    np.testing.assert_allclose(found, answer, atol=1e-4)


def test_every_task_takes_steps_of_its_own(learners, connect):
    tasks = [task(seed=1), task(seed=2)]
    inputs = {
        "support_x": np.stack([t[0] for t in tasks]),
        "support_y": np.stack([t[1] for t in tasks]),
    }
    with connect("maml") as client:
        found = client.call(
            "adapt_steps", **inputs, inner_steps=np.array([0, 5], np.int32)
        )
        bad = client.call(
            "adapt_steps", **inputs, inner_steps=np.array([-1, 5], np.int32)
        )
    for t, steps in enumerate((0, 5)):
        expected = learners["maml"].adapt_steps(*tasks[t][:2], steps)
        for key, value in expected.state.items():
            np.testing.assert_allclose(found[key][t], value[0], atol=1e-4)
    assert np.isnan(bad["weight_00"][0]).all()
    np.testing.assert_allclose(
        bad["weight_00"][1], found["weight_00"][1], atol=1e-5
    )


def test_queries_may_be_answered_together(learners, connect):
    x, y, queries = task()
    learner = learners["maml"]
    state = learner.adapt(x, y).state
    expected = learner.logits_together(queries[None], state)
    with connect("maml") as client:
        found = client.call(
            "predict_transductive", query_x=queries[None], **state
        )
        alone = client.call("predict", query_x=queries[None], **state)
    np.testing.assert_allclose(found["logits"], expected, atol=1e-3)
    assert np.abs(found["logits"] - alone["logits"])[..., :3].max() > 1e-2


def test_state_takes_further_examples(learners, connect):
    x, y, _ = task(shots=3)
    order = np.argsort(np.tile(np.arange(3), 3), kind="stable")
    x, y = x[order], y[order]
    expected = learners["protonet"].adapt(x, y).state
    first = learners["protonet"].adapt(x[:6], y[:6], num_ways=3).state
    with connect("protonet") as client:
        found = client.call(
            "update", support_x=x[None, 6:], support_y=y[None, 6:], **first
        )
        bad = client.call(
            "update",
            support_x=x[None, 6:],
            support_y=np.full((1, 3), 3),
            **first,
        )
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-5)
    assert np.isnan(bad["prototypes"]).all()


def test_vectors_are_served(learners, connect):
    x, _, _ = task()
    expected = learners["embedding"].embed(x[None])
    with connect("embedding") as client:
        found = client.call("embed", x=x[None])
    np.testing.assert_allclose(found["z"], expected, atol=1e-4)
    np.testing.assert_allclose(
        found["norm"], np.linalg.norm(expected, axis=-1), rtol=1e-4
    )


def test_image_with_a_nan_has_no_vector(learners):
    x, _, _ = task()
    two = np.stack([x, x]).astype(np.float32)
    two[1, 0, 0, 0, 0] = np.nan
    learner = learners["embedding"]
    (embed,) = (s for s in learner.signatures() if s.name == "embed")
    found = embed.fn(x=tf.constant(two))
    assert np.isnan(found["z"][1]).all() and np.isnan(found["norm"][1]).all()
    np.testing.assert_allclose(found["z"][0], learner.embed(two[:1])[0], 1e-5)


def test_more_ways_than_trained_for_are_no_answer(learners, connect):
    x, y, queries = task(5, 1)
    with pytest.raises(metazoo.EpisodeError, match="support_y"):
        learners["maml"].adapt(x, y)
    with connect("maml") as client:
        found = client.call(
            "adapt_predict",
            support_x=x[None],
            support_y=y[None],
            query_x=queries[None],
        )
    assert np.isnan(found["probabilities"]).all()
    assert (found["classes"] == -1).all()


def test_queries_answered_together_must_not_be_empty(learners):
    learner = learners["maml"]
    x, y, queries = task(4)
    state = learner.adapt(x, y).state
    verbs = {one.name: one for one in learner.signatures()}
    with pytest.raises(tf.errors.InvalidArgumentError, match="no example"):
        verbs["predict_transductive"].fn(
            query_x=tf.constant(queries[None, :0]),
            **{name: tf.constant(value) for name, value in state.items()},
        )
