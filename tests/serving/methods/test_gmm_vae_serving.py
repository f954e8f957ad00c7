"""GMM-VAE over the wire: integration, images, steps, faulty tasks."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from metazoo.layers import Binarize, MaskedConv2D
from metazoo.methods.gmm_vae import gmm_vae_networks as networks
from metazoo.methods.gmm_vae.gmm_vae_model import GMMVAE

SHAPE = (8, 8, 1)
CLASSES, LATENT = 6, 4


@pytest.fixture(scope="module")
def learner():
    """A small network that draws pixel by pixel."""
    keras.utils.set_random_seed(0)
    ink = keras.Input((None, SHAPE[1], 1), name="ink")
    maps = keras.Input((None, SHAPE[1], 1), name="maps")
    x = MaskedConv2D(2, 3, mask="A", name="masked")(ink)
    x = keras.layers.Concatenate(name="both")([x, maps])
    x = MaskedConv2D(1, 1, name="logits")(x)
    images_in = keras.Input(SHAPE, name="images")
    codes = keras.layers.Flatten()(Binarize()(images_in))
    codes = keras.layers.Dense(2 * LATENT)(codes)
    made = GMMVAE(
        keras.Model(images_in, codes),
        networks.decoder("light", SHAPE, LATENT, width=32),
        num_classes=CLASSES,
        num_examples=120,
        pixels=keras.Model([ink, maps], x),
    )
    rng = np.random.default_rng(0)
    made.base_mean.assign(0.3 * rng.standard_normal((CLASSES, LATENT)))
    return made


def images(*leading):
    rng = np.random.default_rng(sum(leading))
    return rng.uniform(0, 255, (*leading, *SHAPE)).astype(np.float32)


def support():
    return images(1, 6), np.repeat(np.arange(3), 2)[None]


def count(*values):
    return np.array(values, np.int32)


def test_served_learner_equals_the_learner(learner, client):
    x, y = support()
    query_x = images(4)
    expected = learner.adapt(x[0], y[0])
    found = client.adapt(x[0], y[0])
    for name, value in expected.state.items():
        np.testing.assert_allclose(found.state[name], value, atol=1e-5)
    np.testing.assert_allclose(
        found.predict(query_x), expected.predict(query_x), atol=1e-5
    )


def test_served_integration_equals_the_learners(learner, client):
    x, y = support()
    query_x = images(1, 4)
    state = learner.adapt(x, y).state
    expected = learner.integrate(query_x, state, 3)
    top_k = count(3)
    found = client.call("integrate", query_x=query_x, top_k=top_k, **state)
    once = client.call(
        "adapt_integrate",
        support_x=x,
        support_y=y,
        query_x=query_x,
        top_k=top_k,
    )
    for answer in (found, once):
        np.testing.assert_array_equal(answer["class_id"], expected["class_id"])
        np.testing.assert_array_equal(answer["is_new"], expected["is_new"])
        np.testing.assert_allclose(
            answer["log_prob"], expected["log_prob"], atol=1e-4
        )
    full = client.call("integrate_full", query_x=query_x, **state)
    assert full["log_prob"].shape == (1, 4, CLASSES + 3)


def test_served_images_follow_the_seed(learner, client):
    x, y = support()
    state = learner.adapt(x, y).state
    ask = {
        "class_index": count(2),
        "num_samples": count(3),
        "seed": np.array([[4, 5]], np.int32),
        "sample_centre": np.array([True]),
    }
    found = client.call("generate", **state, **ask)
    expected = learner.generate(state, 2, 3, seed=(4, 5))
    np.testing.assert_array_equal(found["images"], expected["images"])
    del ask["class_index"]
    base = client.call("generate_base", base_class=count(5), **ask)
    expected = learner.generate_base(5, 3, seed=(4, 5))
    np.testing.assert_array_equal(base["images"], expected["images"])
    del ask["sample_centre"]
    made = client.call("imagine", num_classes=count(2), **ask)
    assert made["images"].shape == (1, 2, 3, *SHAPE)
    # What it draws, it takes.
    again = client.call("embed", x=found["images"])
    assert again["m"].shape == (1, 3, LATENT)


def test_served_steps_equal_the_learners(learner, client):
    x, y = support()
    inputs = {"support_x": x, "support_y": y, "num_steps": count(30)}
    found = client.call("adapt_steps", **inputs)
    expected = learner.adapt_steps(x, y, 30).state
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-4)
    none = client.call("adapt_steps", **{**inputs, "num_steps": count(0)})
    assert found["elbo"] > none["elbo"]
    drawn = client.call(
        "adapt_sample", seed=np.array([[1, 2]], np.int32), **inputs
    )
    gap = np.abs(drawn["new_mean"] - found["new_mean"]).max()
    assert 0 < gap < 1
    score = client.call("score", query_x=images(1, 4), **expected)
    assert score["class_elbo"].shape == (1, 4, 3)


def test_faulty_tasks_spoil_only_themselves(learner, client):
    x, y = support()
    state = {
        name: np.concatenate([value, value])
        for name, value in learner.adapt(x, y).state.items()
    }
    found = client.call(
        "generate",
        **state,
        class_index=count(0, 7),
        num_samples=count(2, 2),
        seed=np.array([[1, 2], [1, 2]], np.int32),
        sample_centre=np.array([True, True]),
    )
    assert np.isfinite(found["images"][0]).all()
    assert np.isnan(found["images"][1]).all()
    ranked = client.call(
        "integrate", query_x=images(2, 3), top_k=count(2, 99), **state
    )
    assert (ranked["class_id"][0] >= 0).all()
    assert (ranked["class_id"][1] == -1).all()
    assert np.isnan(ranked["log_prob"][1]).all()
    assert not ranked["is_new"][1].any()
    base = client.call(
        "generate_base",
        base_class=count(1, CLASSES),
        num_samples=count(1, 1),
        seed=np.zeros((2, 2), np.int32),
        sample_centre=np.array([True, False]),
    )
    assert np.isfinite(base["images"][0]).all()
    assert np.isnan(base["images"][1]).all()
