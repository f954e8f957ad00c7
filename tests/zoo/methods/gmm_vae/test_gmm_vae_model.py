"""GMM-VAE: adaptation, integration, generation and training of the learner."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.data import LabelledSampler
from metazoo.errors import EpisodeError, MetazooError
from metazoo.functional.seeds import step_seed
from metazoo.methods.gmm_vae import gmm_vae_networks as networks
from metazoo.methods.gmm_vae.gmm_vae_mixture import Posterior, kl_to_prior
from metazoo.methods.gmm_vae.gmm_vae_model import GMMVAE, ScaledAdam
from metazoo.methods.gmm_vae.gmm_vae_sampling import draw_pixels, rows_above
from metazoo.methods.gmm_vae.gmm_vae_training import ramp

sys.path.insert(0, str(Path(__file__).parent))
from gmm_vae_cases import CLASSES, LATENT, SHAPE, build, glyphs, task

DRAWS = 5000


@pytest.fixture(scope="module")
def learner():
    return build()


@pytest.fixture(scope="module")
def state(learner):
    given = task()
    return learner.adapt(given.support_x, given.support_y).state


def adapted(learner, given, steps=20, seed=None, **changes):
    given = given._replace(**changes)
    return learner.adapt_steps(
        given.support_x, given.support_y, steps, seed
    ).state


# Adaptation.


def test_adaptation_changes_no_variable(learner):
    before = [v.numpy().tobytes() for v in learner.variables]
    adapted(learner, task(), 5)
    adapted(learner, task(), 5, seed=(1, 2))
    learner.imagine(1, 1)
    assert [v.numpy().tobytes() for v in learner.variables] == before


@pytest.mark.parametrize("seed", [None, (1, 2)])
def test_adaptation_follows_permutations(learner, seed):
    given = task()
    plain = adapted(learner, given, seed=seed)
    relabelled = np.array([2, 0, 1])[given.support_y]
    found = adapted(learner, given, support_y=relabelled, seed=None)
    other = plain if seed is None else adapted(learner, given)
    for name, value in other.items():
        np.testing.assert_allclose(found[name][:, [2, 0, 1]], value, atol=1e-4)
    if seed is None:
        order = np.random.default_rng(0).permutation(6)
        found = adapted(
            learner,
            given,
            support_x=given.support_x[:, order],
            support_y=given.support_y[:, order],
        )
        for name, value in plain.items():
            np.testing.assert_allclose(found[name], value, atol=1e-4)
    else:
        gap = np.abs(plain["new_mean"] - other["new_mean"]).max()
        assert 1e-4 < gap < 1.0


def test_padding_is_ignored_by_steps(learner):
    given = task(1)
    x = np.concatenate([given.support_x, 0 * given.support_x[:, :2]], 1)
    y = np.pad(given.support_y, ((0, 0), (0, 2)))
    mask = np.pad(given.support_mask, ((0, 0), (0, 2)))
    steps = np.array([9], np.int32)
    found = learner._function("adapt_steps")(x, y, mask, 3, steps)
    expected = adapted(learner, given, 9)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)


@pytest.mark.parametrize("seed", [None, ((1, 2), (3, 4))])
def test_single_tasks_give_the_same_states(learner, seed):
    given = task()
    together = adapted(learner, given, 5, seed)
    for i in range(2):
        one = given.map(lambda part, i=i: part[i : i + 1])
        own = None if seed is None else seed[i]
        for name, value in adapted(learner, one, 5, own).items():
            np.testing.assert_allclose(value[0], together[name][i], atol=1e-5)


def test_own_steps_of_a_learner_are_those_of_adapt_steps(learner):
    given = task()
    config = {**learner.get_config(), "inner_steps": 20}
    other = GMMVAE.from_config(config)
    other.set_weights(learner.get_weights())
    found = other.adapt(given.support_x, given.support_y).state
    for name, value in adapted(learner, given, 20).items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)


# Integration.


@pytest.mark.parametrize("score", ["mean", "expected", "predictive"])
def test_predict_is_integration_among_new_classes(learner, state, score):
    x = task().query_x
    z = learner.encode(tf.constant(x)).mean
    new = tf.nn.log_softmax(learner.new_logits(z, state, score))
    every = learner.all_log_probs(z, state, score)
    assert every.shape[-1] == CLASSES + 3
    np.testing.assert_allclose(tf.reduce_sum(tf.exp(every), -1), 1, atol=1e-5)
    again = tf.nn.log_softmax(every[..., CLASSES:])
    np.testing.assert_allclose(again, new, atol=1e-4)


def test_integrate_ranks_all_classes(learner, state):
    x = task().query_x
    found = learner.integrate(x, state, top_k=3)
    full = learner._function("integrate_full")(x, state)
    order = np.argsort(-full["log_prob"].numpy(), -1)[..., :3]
    np.testing.assert_array_equal(found["class_id"], order)
    np.testing.assert_array_equal(found["is_new"], order[..., 0] >= CLASSES)
    np.testing.assert_array_equal(found["is_new"], full["is_new"])
    one = learner.integrate(x[0], {k: v[:1] for k, v in state.items()})
    assert one["class_id"].shape == (1, 6, 1)


# Generation.


def test_same_seed_draws_the_same_images(learner, state):
    first = learner.generate(state, [0, 1], 3, seed=(1, 2))["images"]
    assert first.shape == (2, 3, *SHAPE)
    assert set(np.unique(first)) == {0.0, 255.0}
    again = learner.generate(state, [0, 1], 3, seed=(1, 2))["images"]
    np.testing.assert_array_equal(first, again)
    other = learner.generate(state, [0, 1], 3, seed=(1, 3))["images"]
    assert (first != other).any()
    own = learner.generate(
        {k: v[1:] for k, v in state.items()}, 1, 3, seed=(1, 3)
    )["images"]
    np.testing.assert_array_equal(own[0], first[1])


def test_known_centre_and_drawn_centre_differ(learner, state):
    drawn = learner.generate(state, 0, 2)["ink_probability"]
    known = learner.generate(state, 0, 2, sample_centre=False)
    assert np.abs(drawn - known["ink_probability"]).max() > 1e-6
    base = learner.generate_base([0, 5], 2)["images"]
    assert base.shape == (2, 2, *SHAPE)


def test_imagined_classes_depend_on_the_seed_alone(learner):
    found = learner.imagine(2, 3, (5, 6))
    assert found["images"].shape == (1, 2, 3, *SHAPE)
    more = learner.imagine(4, 3, (5, 6))["images"]
    np.testing.assert_array_equal(more[:, :2], found["images"])
    imagine = next(s for s in learner.signatures() if s.name == "imagine")
    assert set(imagine.inputs) == {"num_classes", "num_samples", "seed"}


def test_pixel_stack_sees_earlier_pixels_alone():
    shape = (8, 8, 1)
    keras.utils.set_random_seed(0)
    stack = networks.pixel_stack("pixelvae", shape)
    rng = np.random.default_rng(0)
    ink = tf.constant(rng.integers(0, 2, (1, *shape)), tf.float32)
    maps = tf.constant(rng.standard_normal((1, 8, 8, 16)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(ink)
        logits = stack([ink, maps])
    seen = tf.reshape(tape.jacobian(logits, ink), [64, 64]).numpy()
    assert (seen[np.triu_indices(64)] == 0).all()
    assert (seen[8:].any(1)).all()


def test_pixels_are_drawn_from_the_whole_stack():
    # Higher than what a pixel sees, so that bands move along.
    shape = (16, 8, 1)
    keras.utils.set_random_seed(0)
    decoder = networks.decoder("pixelvae", shape, LATENT)
    pixels = networks.pixel_stack("pixelvae", shape)
    assert rows_above(pixels) == 10
    rng = np.random.default_rng(0)
    z = tf.constant(rng.standard_normal((2, LATENT)), tf.float32)
    noise = tf.constant(rng.uniform(size=(2, 128)), tf.float32)
    draw = tf.function(lambda *given: draw_pixels(decoder, pixels, *given))
    ink, shares = draw(z, noise)
    # Bands of rows must give what the image as a whole gives.
    whole = tf.sigmoid(pixels([ink, decoder(z)]))
    np.testing.assert_allclose(shares, whole, atol=1e-5)
    drawn = tf.reshape(noise, whole.shape) < shares
    np.testing.assert_array_equal(ink, tf.cast(drawn, tf.float32))


# Training.


def batch(number=0):
    return LabelledSampler(glyphs(), num_examples=16).tasks(number, 1)


def test_bound_lies_below_the_importance_weighted_one():
    learner = build()
    learner.compile(ScaledAdam(1e-3))
    source = LabelledSampler(glyphs(), num_examples=16)
    learner.fit(source.keras_dataset(1), steps_per_epoch=20, verbose=0)
    one = batch(99)
    x = one.query_x[:, :3]
    posterior = Posterior(*(p[0] for p in learner.encode(x)))
    eps = tf.random.stateless_normal([DRAWS, 3, LATENT], [1, 2])
    z = posterior.mean + posterior.std * eps
    ink = learner.ink(x)[0]
    decode = tf.function(learner.decode, reduce_retracing=True)
    logs = tf.stack(
        [
            decode(z[:, i], tf.repeat(ink[i : i + 1], DRAWS, 0))
            for i in range(3)
        ],
        1,
    )
    mu = tf.gather(learner.base.mean, one.query_y[0, :3])
    variance = learner.options.variance

    def normal(value, mean, std):
        return tf.reduce_sum(
            -0.5 * tf.square((value - mean) / std) - tf.math.log(std), -1
        )

    prior = normal(z, mu, tf.fill(tf.shape(mu), variance**0.5))
    weights = logs + prior - normal(z, posterior.mean, posterior.std)
    tight = tf.reduce_logsumexp(weights, 0) - np.log(DRAWS)
    known = {
        "new_mean": mu[None],
        "new_log_std": tf.fill([1, 3, LATENT], -30.0),
        "shots": tf.ones([1, 3], tf.int32),
    }
    found = learner._score(x, known)["class_elbo"][0].numpy().diagonal()
    mean = tf.reduce_mean(logs, 0) - learner._score(x, known)["reconstruction"]
    bound = found + mean[0].numpy()
    assert (bound <= tight.numpy() + 1e-3).all()
    assert (bound > tight.numpy() - 150.0).all()


def test_class_without_support_has_no_bound(learner, state):
    part = {**state, "shots": np.array(state["shots"])}
    part["shots"][:, 1] = 0
    query_x = tf.constant(task().query_x)
    whole = learner._score(query_x, state)["class_elbo"].numpy()
    found = learner._score(query_x, part)["class_elbo"].numpy()
    assert (found[..., 1] == -1e9).all()
    np.testing.assert_array_equal(found[..., ::2], whole[..., ::2])


def test_centres_count_once_a_data_set_or_once_an_example():
    losses = {}
    for scale in ("dataset", "example"):
        learner = build(eta_kl_scale=scale)
        losses[scale] = float(learner.meta_loss(batch(), None)[0])
    whole = float(tf.reduce_sum(kl_to_prior(learner.base)))
    gap = losses["example"] - losses["dataset"]
    assert gap == pytest.approx((1 - 1 / 120) * whole, rel=1e-3)


def test_loss_is_made_of_its_parts(monkeypatch):
    learner = build(alpha=3.0)
    drawn = learner._seeds.next()
    monkeypatch.setattr(learner._seeds, "next", lambda: drawn)
    given = batch()
    loss = float(learner.meta_loss(given, None)[0])
    posterior = learner.encode(given.query_x, True)
    parts = learner._terms(given, posterior, step_seed(drawn), True)
    assert parts.discriminative < 0 < parts.centre_kl
    # Each part weighs enough for a wrong sign to show.
    assert min(abs(float(part)) for part in parts) > 0.01
    wanted = (
        parts.kl
        + parts.centre_kl / 120
        + np.log(CLASSES)
        - parts.reconstruction
        - 3.0 * parts.discriminative
    )
    assert loss == pytest.approx(float(wanted), rel=1e-5)


def test_report_of_the_objective_repeats():
    learner = build()
    report = learner.objective_report(batch())
    assert report["discriminative"] < 0 < report["kl"]
    assert learner.objective_report(batch()) == report


def test_warm_up_and_floor_follow_the_step():
    assert ramp(None, 100) == 1.0 and ramp(5, 0) == 1.0
    assert float(ramp(tf.constant(0), 100)) == pytest.approx(0.01)
    assert float(ramp(tf.constant(500), 100)) == 1.0
    learner = build()
    posterior = learner.encode(batch().query_x)
    np.testing.assert_allclose(posterior.std, 0.2, atol=0.05)
    floor = learner.encode(batch().query_x, floor=0.9).std
    np.testing.assert_allclose(floor, 0.9)


def test_scaled_adam_is_an_adam_of_its_own():
    start = np.array([1.0, -2.0], np.float32)
    gradients = [np.array([0.3, -0.1], np.float32), np.float32([-2.0, 0.2])]

    def run(optimizer, name):
        variable = keras.Variable(start, name=name)
        optimizer.build([variable])
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient)], [variable])
        return variable.numpy()

    mixed = ScaledAdam(1e-3, scales={"base_mean": 10.0})
    again = ScaledAdam.from_config(mixed.get_config())
    both = ScaledAdam(1e-3, scales={"base_mean": 10.0})
    for optimizer in (mixed, again):
        np.testing.assert_allclose(
            run(optimizer, "base_mean"),
            run(keras.optimizers.Adam(1e-2), "own"),
            rtol=1e-6,
        )
    one, other = (keras.Variable(start, name=n) for n in ("base_mean", "w"))
    both.build([other, one])
    for gradient in gradients:
        both.apply([tf.constant(gradient)] * 2, [other, one])
    plain, faster = (
        run(keras.optimizers.Adam(rate), "own") for rate in (1e-3, 1e-2)
    )
    np.testing.assert_allclose(other, plain, rtol=1e-6)
    np.testing.assert_allclose(one, faster, rtol=1e-6)
    with pytest.raises(MetazooError, match="base_mean"):
        run(ScaledAdam(1e-3, scales={"base_mean": 10.0}), "kernel")


# Bad input.


@pytest.mark.parametrize(
    ("verb", "arguments", "name"),
    [
        ("integrate", {"top_k": 10}, "top_k"),
        ("integrate", {"top_k": 0}, "top_k"),
        ("generate", {"class_index": 3}, "class_index"),
        ("generate", {"class_index": 1.5}, "class_index"),
        ("generate", {"class_index": 0, "num_samples": 1000}, "num_samples"),
        ("generate", {"class_index": 0, "seed": 7}, "seed"),
        ("generate_base", {"base_class": CLASSES}, "base_class"),
        ("generate_base", {"base_class": -1}, "base_class"),
        ("imagine", {"num_classes": 0}, "num_classes"),
    ],
)
def test_bad_requests_are_refused_by_name(
    learner, state, verb, arguments, name
):
    if verb == "integrate":
        arguments = {"query_x": task().query_x, **arguments}
    if verb in ("integrate", "generate"):
        arguments = {"state": state, **arguments}
    with pytest.raises(EpisodeError, match=name):
        getattr(learner, verb)(**arguments)


def test_steps_out_of_range_are_refused(learner):
    with pytest.raises(EpisodeError, match="num_steps"):
        adapted(learner, task(), 10**6)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"score": "best"}, "score"),
        ({"variance": 0.0}, "variance"),
        ({"alpha": -1.0}, "alpha"),
        ({"inner_steps": 10**6}, "inner_steps"),
        ({"eta_kl_scale": "batch"}, "eta_kl_scale"),
    ],
)
def test_bad_options_are_refused_by_name(options, name):
    with pytest.raises(MetazooError, match=name):
        build(**options)


def test_networks_that_do_not_fit_are_refused():
    encoder = networks.encoder("light", SHAPE, 10, filters=4)
    decoder = networks.decoder("light", SHAPE, LATENT)
    with pytest.raises(MetazooError, match="decoder"):
        GMMVAE(encoder, decoder, num_classes=2, num_examples=4)
    with pytest.raises(MetazooError, match="example_shape"):
        networks.decoder("light", (28, 28, 3), LATENT)
