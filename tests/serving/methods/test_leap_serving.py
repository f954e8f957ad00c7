"""Leap over the wire: steps, step sizes and orders of one's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import metazoo
from metazoo.methods.leap.leap_model import Leap
from metazoo.methods.leap.leap_network import leap_network

SIZE = 16


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(0)
    network = leap_network((SIZE, SIZE, 1), 3, rescaling=(-1 / 255, 1.0))
    return Leap(
        network,
        head="zero",
        inner_steps=3,
        inner_batch_size=4,
        inner_learning_rate=0.05,
    )


@pytest.fixture(scope="module")
def variants():
    return {"leap": ("adapt_padded",)}


def task(ways=3, shots=2, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(ways), shots)
    images = rng.integers(0, 256, (len(labels) + 4, SIZE, SIZE, 1))
    return images[4:].astype(np.float32), labels, images[:4].astype(np.float32)


def wire(tasks, **more):
    return {
        "support_x": np.stack([t[0] for t in tasks]),
        "support_y": np.stack([t[1] for t in tasks]),
        "inner_steps": np.array([4, 2], np.int32),
        "inner_learning_rate": np.array([0.05, 0.1], np.float32),
        **more,
    }


def test_served_leap_equals_the_learner(learner, client):
    x, y, queries = task()
    expected = learner.adapt(x, y)
    adapted = client.adapt(x, y)
    once = client.adapt_predict(x, y, queries)
    for name, value in expected.state.items():
        np.testing.assert_allclose(adapted.state[name], value, atol=1e-4)
    answer = expected.predict(queries)
    np.testing.assert_allclose(once["probabilities"], answer, atol=1e-4)
    np.testing.assert_allclose(adapted.predict(queries), answer, atol=1e-4)


def test_every_task_takes_steps_of_its_own(learner, client):
    tasks = [task(seed=1), task(seed=2)]
    found = client.call("adapt_steps", **wire(tasks))
    for t, (steps, rate) in enumerate([(4, 0.05), (2, 0.1)]):
        x, y, _ = tasks[t]
        adapted, report = learner.adapt_steps(x, y, steps, rate)
        curve = found["loss_curve"][t]
        np.testing.assert_allclose(
            curve[:steps], report["loss_curve"][0], atol=1e-4
        )
        assert (curve[steps:] == -1).all()
        np.testing.assert_allclose(
            found["path_length"][t], report["path_length"][0], rtol=1e-3
        )
        for name, value in adapted.state.items():
            np.testing.assert_allclose(found[name][t], value[0], atol=1e-4)


def test_shuffled_steps_follow_the_seed(learner, client):
    tasks = [task(seed=1), task(seed=2)]
    seed = np.array([[1, 2], [3, 4]], np.int32)
    found = client.call("adapt_shuffled", **wire(tasks, seed=seed))
    x, y, _ = tasks[1]
    _, report = learner.adapt_steps(x, y, 2, 0.1, seed=[3, 4])
    np.testing.assert_allclose(
        found["loss_curve"][1, :2], report["loss_curve"][0], atol=1e-4
    )
    other = client.call("adapt_shuffled", **wire(tasks, seed=seed + 1))
    assert np.abs(other["weight_00"] - found["weight_00"]).max() > 1e-5


@pytest.mark.parametrize(
    ("name", "value"),
    [("inner_steps", 1001), ("inner_steps", -1), ("inner_learning_rate", -0.1)],
)
def test_a_bad_count_or_rate_spoils_its_own_task(client, name, value):
    inputs = wire([task(seed=1), task(seed=2)])
    alone = client.call("adapt_steps", **inputs)
    inputs[name][0] = value
    found = client.call("adapt_steps", **inputs)
    assert np.isnan(found["weight_00"][0]).all()
    assert np.isnan(found["path_length"][0])
    np.testing.assert_allclose(
        found["weight_00"][1], alone["weight_00"][1], atol=1e-5
    )


def test_padding_enters_no_batch(learner, client):
    (x, y, _), (x2, y2, _) = task(seed=1), task(shots=3, seed=2)
    adapted = client.adapt([x, x2], [y, y2])
    expected = learner.adapt(x, y)
    for name, value in expected.state.items():
        np.testing.assert_allclose(adapted.state[name][0], value[0], atol=1e-4)


def test_no_example_is_refused(client):
    x, y, queries = task()
    with pytest.raises(metazoo.MetazooError, match="support_x"):
        client.adapt(x[:0], y[:0])
