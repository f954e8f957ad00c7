"""LEO as a learner: the invariants that its specification asks for."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data import EpisodeSampler, load_subspace
from metazoo.data.episode import Episode
from metazoo.layers import conv4, features
from metazoo.methods.leo.leo_model import LEO
from metazoo.methods.leo.leo_parts import members_of, relate

SIZE, LATENT = 64, 8


def leo(seed: int = 0, **options) -> LEO:
    keras.utils.set_random_seed(seed)
    values = {"latent_size": LATENT, "dropout": 0.0, **options}
    return LEO(features(SIZE), **values)


@pytest.fixture(scope="module")
def source():
    data = load_subspace("train", num_classes=20)
    return EpisodeSampler(data, num_ways=4, num_shots=2, num_queries=3)


@pytest.fixture(scope="module")
def episode(source) -> Episode:
    return source.tasks(0, 2)


@pytest.fixture(scope="module")
def learner() -> LEO:
    return leo()


def adapted(learner: LEO, episode: Episode, **changes):
    episode = episode._replace(**changes)
    return learner.adapt(episode.support_x, episode.support_y)


def test_without_steps_weights_are_the_decoded_mean(episode):
    learner = leo(latent_steps=0, weight_steps=0)
    members = members_of(episode.support_y, episode.support_mask, 4, "float32")
    codes = learner.embed(episode.support_x) @ learner.encoder
    mean, _ = relate(codes, members, learner.relations)
    state = adapted(learner, episode).state
    np.testing.assert_allclose(state["latents"], mean, atol=1e-6)
    np.testing.assert_allclose(
        state["weights"], mean @ learner.decoder[:, :SIZE], atol=1e-6
    )


def test_adapt_is_the_same_to_the_bit(learner, episode):
    one, two = (adapted(learner, episode).state for _ in range(2))
    for name in one:
        assert one[name].tobytes() == two[name].tobytes()


def test_permuted_labels_permute_weights_and_logits(learner, episode):
    order = np.array([2, 0, 3, 1])
    plain = adapted(learner, episode)
    turned = adapted(
        learner, episode, support_y=order[episode.support_y.numpy()]
    )
    np.testing.assert_allclose(
        turned.state["weights"][:, order], plain.state["weights"], atol=1e-5
    )
    x = episode.query_x.numpy()
    np.testing.assert_allclose(
        turned.predict(x)[..., order], plain.predict(x), atol=1e-5
    )


def test_rates_of_zero_reproduce_the_ablations(learner, episode):
    plain = adapted(learner, episode).state["weights"]

    def weights(**options):
        other = leo(**options)
        for a, b in zip(other.variables, learner.variables, strict=True):
            a.assign(b)
        return other

    def zeroed(name):
        other = weights()
        getattr(other, name).assign(tf.zeros_like(getattr(other, name)))
        return adapted(other, episode).state["weights"]

    no_tuning = adapted(weights(weight_steps=0), episode).state["weights"]
    generator = adapted(weights(latent_steps=0), episode).state["weights"]
    np.testing.assert_array_equal(zeroed("weight_rates"), no_tuning)
    np.testing.assert_array_equal(zeroed("latent_rates"), generator)
    assert np.abs(plain - no_tuning).max() > 1e-5
    assert np.abs(plain - generator).max() > 1e-3


def loss_and_gradients(learner: LEO, episode: Episode):
    learner._seeds.state.assign([1, 2])
    learner._tasks_per_chunk = None
    loss, _, gradients = learner.compute_gradients(episode)
    names = [v.name for v in learner.trainable_variables]
    return float(loss), dict(zip(names, gradients, strict=True))


def test_encoder_penalty_leaves_step_sizes_alone(episode):
    with_penalty = loss_and_gradients(leo(encoder_penalty=1.0), episode)
    without = loss_and_gradients(leo(encoder_penalty=0.0), episode)
    assert with_penalty[0] > without[0] + 1e-3
    for name in ("latent_rates", "weight_rates"):
        np.testing.assert_array_equal(with_penalty[1][name], without[1][name])
    assert np.abs(with_penalty[1]["encoder"] - without[1]["encoder"]).max() > 0


def test_encoder_penalty_is_zero_without_latent_steps(episode):
    penalty = loss_and_gradients(
        leo(encoder_penalty=1.0, latent_steps=0), episode
    )
    without = loss_and_gradients(
        leo(encoder_penalty=0.0, latent_steps=0), episode
    )
    assert penalty[0] == without[0]


def test_regularisers_are_of_training_alone(episode):
    learner = leo(kl_weight=10.0, encoder_penalty=10.0, orthogonality=10.0)
    learner.compile("sgd")
    found = learner.test_step(episode)
    logits = learner(episode.to_keras()[0])
    expected = learner.query_loss(episode, logits)
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-6)


def test_regularisers_add_what_the_paper_says(episode):
    plain = {"kl_weight": 0.0, "orthogonality": 0.0, "l2": 0.0}
    base = loss_and_gradients(leo(**plain), episode)[0]
    learner = leo(**{**plain, "l2": 0.1})
    matrices = [learner.encoder, *learner.relations, learner.decoder]
    squares = sum(float(tf.reduce_sum(m.value**2)) for m in matrices)
    found = loss_and_gradients(learner, episode)[0]
    assert found - base == pytest.approx(0.05 * squares, rel=1e-4)
    for name in ("kl_weight", "orthogonality"):
        more = loss_and_gradients(leo(**{**plain, name: 1.0}), episode)[0]
        assert more > base + 1e-4


def test_sampled_and_closed_kl_have_one_expectation(episode):
    def mean_loss(kl):
        learner = leo(kl=kl, kl_weight=1.0, latent_steps=0, weight_steps=0)
        losses = []
        for seed in range(60):
            learner._seeds.state.assign([seed, 5])
            losses.append(learner.meta_loss(episode, 4)[0])
        return np.mean(losses)

    assert mean_loss("sampled") == pytest.approx(mean_loss("closed"), rel=0.05)


def test_meta_gradient_equals_central_differences(episode):
    learner = leo(
        dtype="float64",
        encoder_penalty=0.0,
        dropout=0.3,
        kl_weight=0.1,
        latent_steps=2,
        weight_steps=2,
        std="softplus",
    )
    _, gradients = loss_and_gradients(learner, episode)

    def loss():
        learner._seeds.state.assign([1, 2])
        return float(learner.meta_loss(episode, 4)[0])

    for variable in learner.trainable_variables:
        value = variable.numpy()
        place = np.unravel_index(value.size // 3, value.shape)
        slopes = []
        for step in (1e-6, -1e-6):
            moved = value.copy()
            moved[place] += step
            variable.assign(moved)
            slopes.append(loss())
        variable.assign(value)
        assert float(gradients[variable.name][place]) == pytest.approx(
            (slopes[0] - slopes[1]) / 2e-6, rel=1e-4, abs=1e-8
        )


def test_tasks_of_other_ways_beside_it_change_nothing(learner, source):
    wide = source.tasks(0, 1)
    few = wide.support_y < 2
    narrow = Episode(
        tf.boolean_mask(wide.support_x, few)[None],
        tf.boolean_mask(wide.support_y, few)[None],
        wide.query_x,
        wide.query_y,
        tf.ones([1, 4], tf.bool),
        wide.query_mask,
    )
    pad = [[0, 0], [0, 4]]
    both_x = tf.concat(
        [wide.support_x, tf.pad(narrow.support_x, [*pad, [0, 0]])], 0
    )
    both_y = tf.concat([wide.support_y, tf.pad(narrow.support_y, pad)], 0)
    mask = tf.concat([wide.support_mask, tf.pad(narrow.support_mask, pad)], 0)
    together = learner.adapt(both_x, both_y, mask)
    queries = np.concatenate([wide.query_x, wide.query_x])
    found = together.predict(queries)
    alone = learner.adapt(narrow.support_x, narrow.support_y)
    np.testing.assert_allclose(
        found[1, :, :2], alone.predict(wide.query_x.numpy())[0], atol=1e-5
    )
    assert (found[1, :, 2:] == 0).all()
    np.testing.assert_allclose(
        found[0],
        learner.adapt(wide.support_x, wide.support_y).predict(
            wide.query_x.numpy()
        )[0],
        atol=1e-5,
    )


def test_samples_follow_their_task_s_seed_alone(learner, episode):
    x, y = episode.support_x, episode.support_y
    both = learner.adapt_sample(x, y, [[1, 2], [3, 4]]).state["weights"]
    again = learner.adapt_sample(x, y, [[1, 2], [3, 4]]).state["weights"]
    alone = learner.adapt_sample(x[1:], y[1:], [3, 4]).state["weights"]
    other = learner.adapt_sample(x[1:], y[1:], [3, 5]).state["weights"]
    np.testing.assert_array_equal(both, again)
    np.testing.assert_allclose(both[1:], alone, atol=1e-5)
    assert np.abs(other - alone).max() > 1e-3
    mean = learner.adapt(x, y).state["weights"]
    assert np.abs(both - mean).max() > 1e-3


@pytest.mark.parametrize("seed", [1, [1, 2, 3], [0.5, 1.0], [2**40, 0]])
def test_unfit_seed_is_refused(learner, episode, seed):
    with pytest.raises(metazoo.EpisodeError, match="seed"):
        learner.adapt_sample(episode.support_x, episode.support_y, seed)


def operations(learner: LEO, verb: str) -> set[str]:
    graph = learner._function(verb).get_concrete_function().graph
    return {
        node.op
        for function in graph.as_graph_def().library.function
        for node in function.node_def
    } | {operation.type for operation in graph.get_operations()}


def test_default_graph_draws_nothing(learner):
    used = operations(learner, "adapt") | operations(learner, "predict")
    assert not [name for name in used if "Random" in name]
    sampled = operations(learner, "adapt_sample")
    assert [name for name in sampled if "Random" in name]


def test_graph_of_images_does_not_differentiate_the_backbone():
    learner = LEO(conv4((28, 28, 1), filters=4), latent_size=4)
    used = operations(learner, "adapt")
    assert "Conv2D" in used
    assert not [n for n in used if "Backprop" in n or "NormGrad" in n]
    own = {v.name for v in learner.trainable_variables}
    assert len(own) == 7
    assert not learner.backbone.trainable


def test_too_many_examples_are_refused(learner):
    x = np.ones((513, SIZE), np.float32)
    y = np.arange(513) % 2
    with pytest.raises(metazoo.EpisodeError, match="at most 512"):
        learner.adapt(x, y)
    serve = learner.signatures()[1].fn
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 512"):
        serve(support_x=tf.constant(x[None]), support_y=tf.constant(y[None]))


def test_inner_report_tells_of_the_loops(learner, episode):
    report = learner.inner_report(episode)
    assert report["losses"].shape == (10, 2)
    assert (report["losses"][-1] < report["losses"][0]).numpy().all()
    assert (report["shift"] > 0).numpy().all()
    assert report["largest_latent_rate"] == 1.0
    np.testing.assert_allclose(report["largest_weight_rate"], 1e-3)


def test_random_prior_ignores_the_encoder(episode):
    learner = leo(prior="normal")
    _, gradients = loss_and_gradients(learner, episode)
    assert (gradients["decoder"].numpy() != 0).any()
    # Only the matrices' own regulariser reaches the encoder.
    np.testing.assert_allclose(
        gradients["encoder"], learner.options.l2 * learner.encoder.value
    )


def test_deterministic_training_draws_nothing(episode):
    learner = leo(sample=False)
    losses = []
    for seed in (1, 2):
        learner._seeds.state.assign([seed, 0])
        losses.append(float(learner.meta_loss(episode, 4)[0]))
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    "options",
    [
        {"std": "abs"},
        {"kl": "none"},
        {"prior": "uniform"},
        {"latent_size": 0},
        {"latent_steps": -1},
        {"dropout": 1.0},
        {"l2": -1.0},
        {"kl_weight": float("nan")},
        {"prior": "normal", "sample": False},
    ],
)
def test_unfit_options_are_refused(options):
    with pytest.raises(metazoo.MetazooError):
        leo(**options)
