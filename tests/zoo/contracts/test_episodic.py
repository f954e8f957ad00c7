"""The episodic contract through Keras's own methods and on the wire."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.serving import export
from metazoo.wire.signature import Signature


def vector_learner(backbone, method="ProtoNet", **options):
    if method != "ProtoNet":
        options.setdefault("num_ways", 3)
    return getattr(metazoo, method)(backbone, value_range=None, **options)


@pytest.fixture(scope="module")
def learner(new_backbone):
    learner = vector_learner(new_backbone())
    learner.compile(optimizer=keras.optimizers.SGD(0.0))
    return learner


# Keras.


@pytest.mark.parametrize("method", ["ProtoNet", "MAML", "Reptile"])
def test_fit_evaluate_and_predict_take_arrays(
    new_backbone, new_episode, method
):
    learner = vector_learner(new_backbone(), method)
    learner.compile(optimizer=keras.optimizers.Adam(0.01))
    x, y, mask = new_episode(num_tasks=8).to_keras()
    history = learner.fit(
        x,
        y,
        sample_weight=mask,
        batch_size=4,
        epochs=6,
        verbose=0,
        validation_data=(x, y, mask),
    ).history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history["val_loss"][-1] < history["val_loss"][0]
    results = learner.evaluate(
        x, y, sample_weight=mask, batch_size=4, verbose=0, return_dict=True
    )
    assert results["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-4)
    logits = learner.predict(x, batch_size=4, verbose=0)
    assert logits.shape == (8, 6, 3)
    accuracy = (logits.argmax(-1) == y).mean()
    assert results["accuracy"] == pytest.approx(accuracy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x, y + 9), r"query_y\[0, 0\] is 9, a class without"),
        (lambda x, y: (x, y - 1), "query_y must be 0 or more"),
        (lambda x, y: (x, y.astype(float)), "query_y must hold integers"),
        (lambda x, y: (x, y[:, :2]), "query_y has shape"),
        (lambda x, y: (x, None), "y is missing"),
        (lambda x, y: ({**x, "support_y": x["support_y"] - 1}, y), "support_y"),
        (lambda x, y: ({**x, "query_x": x["query_x"][0]}, y), "query_x.*tasks"),
        (lambda x, y: ({**x, "query_x": x["query_x"][:1]}, y[:1]), "2 tasks"),
        (lambda x, y: ({**x, "support_x": x["support_x"] * np.nan}, y), "NaN"),
        (lambda x, y: ({**x, "images": y}, y), "unknown.*images"),
        (
            lambda x, y: ({**x, "support_y": 0 * x["support_y"]}, 0 * y),
            r"support_y of task 0 holds 1 class",
        ),
        (lambda x, y: ({"query_x": x["query_x"]}, y), "support_x"),
    ],
)
def test_arrays_that_are_no_episodes_are_refused(
    learner, new_episode, change, message
):
    x, y, _ = new_episode().to_keras()
    x, y = change(x, y)
    with pytest.raises(metazoo.EpisodeError, match=message):
        learner.fit(x, y, verbose=0)
    with pytest.raises(metazoo.EpisodeError, match=message):
        learner.evaluate(x, y, verbose=0)


def test_validation_arrays_are_checked_too(learner, new_episode):
    x, y, _ = new_episode().to_keras()
    with pytest.raises(metazoo.EpisodeError, match="query_y"):
        learner.fit(x, y, validation_data=(x, y + 5), verbose=0)


def test_labels_of_padded_queries_are_not_checked(learner, new_episode):
    x, y, mask = new_episode().to_keras()
    y, mask = y.copy(), mask.copy()
    y[0, 0], mask[0, 0] = -1, False
    learner.evaluate(x, y, sample_weight=mask, verbose=0)


def test_dataset_of_wrong_rank_is_refused(learner, new_episode):
    x, y, _ = new_episode().to_keras()
    flat = {**x, "query_x": x["query_x"][..., 0]}
    source = tf.data.Dataset.from_tensors((flat, y))
    with pytest.raises(metazoo.EpisodeError, match="query_x has shape"):
        learner.evaluate(source, verbose=0)


def test_metrics_count_real_queries_only(learner, new_episode):
    x, y, mask = new_episode(num_tasks=4).to_keras()
    hit = learner.predict(x, verbose=0).argmax(-1) == y
    mask = mask.copy()
    mask[:, ::2] = False
    wrong = np.where(mask, y, (y + 1) % 3)
    found = learner.evaluate(
        x, wrong, sample_weight=mask, verbose=0, return_dict=True
    )
    assert found["accuracy"] == pytest.approx(hit[mask].mean())


@pytest.mark.parametrize("method", ["ProtoNet", "MAML"])
def test_own_metrics_and_callbacks_are_used(new_backbone, new_episode, method):
    learner = vector_learner(new_backbone(), method, num_ways=3)
    learner.compile(
        optimizer="adam",
        metrics=[keras.metrics.SparseTopKCategoricalAccuracy(2, name="top2")],
    )
    x, y, _ = new_episode(num_tasks=4).to_keras()
    seen = []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(dict(logs))
    )
    stop = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=1e9)
    learner.fit(x, y, epochs=5, verbose=0, callbacks=[callback, stop])
    assert len(seen) == 2
    assert set(seen[0]) == {"loss", "top2"}


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        keras.losses.sparse_categorical_crossentropy,
        keras.losses.SparseCategoricalCrossentropy(),
    ],
)
def test_loss_of_probabilities_is_refused(new_backbone, loss):
    with pytest.raises(metazoo.MetazooError, match="from_logits=True"):
        vector_learner(new_backbone()).compile(loss=loss)


def test_given_loss_is_used(new_backbone, new_episode):
    learner = vector_learner(new_backbone())
    x, y, mask = new_episode().to_keras()

    def compiled(**options):
        learner.compile(optimizer="sgd", **options)
        return learner.evaluate(x, y, verbose=0, return_dict=True)["loss"]

    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert compiled(loss=entropy) == pytest.approx(compiled(), rel=1e-5)

    def doubled(y_true, y_pred):
        losses = keras.losses.sparse_categorical_crossentropy
        return 2 * losses(y_true, y_pred, from_logits=True)

    assert compiled(loss=doubled) == pytest.approx(2 * compiled(), rel=1e-5)


def test_summary_names_backbone_and_head(new_backbone, capsys):
    vector_learner(new_backbone(), "MAML").summary()
    assert "sequential" in capsys.readouterr().out


class Subclassed(keras.Model):
    """A backbone with its own call, built on a fixed input shape."""

    input_shape = (None, 4)
    output_shape = (None, 5)

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(5)
        self(np.zeros((1, 4), np.float32))

    def call(self, inputs, training=None):
        return self.dense(inputs)


def functional_backbone():
    inputs = keras.Input((4,))
    left = keras.layers.Dense(5, "softplus")(inputs)
    right = keras.layers.Dense(5)(inputs)
    return keras.Model(inputs, keras.layers.add([left, right]))


@pytest.mark.parametrize("method", ["ProtoNet", "MAML", "Reptile"])
@pytest.mark.parametrize("make", [functional_backbone, Subclassed])
def test_functional_and_subclassed_backbones_adapt_and_train(
    new_episode, method, make
):
    learner = vector_learner(make(), method)
    learner.compile(optimizer="adam", run_eagerly=True)
    task = new_episode()
    before = learner.get_weights()
    x, y, _ = task.to_keras()
    learner.fit(x, y, verbose=0)
    after = learner.get_weights()
    assert any((a != b).any() for a, b in zip(before, after, strict=True))
    adapted = learner.adapt(task.support_x, task.support_y)
    assert adapted.predict(task.query_x).shape == (2, 6, 3)


def test_backbone_is_an_ordinary_layer(learner):
    model = keras.Sequential(
        [keras.Input((4,)), learner.backbone, keras.layers.Dense(2)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    before = learner.backbone.get_weights()
    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    model.fit(x, np.arange(8) % 2, verbose=0)
    assert (before[0] != learner.backbone.get_weights()[0]).any()


def test_frozen_layer_leaves_the_state(new_backbone, new_episode):
    learner = vector_learner(new_backbone(), "MAML")
    task = new_episode(num_tasks=1)
    x, y = task.support_x[0], task.support_y[0]
    assert len(learner.adapt(x, y).state) == 7
    frozen = learner.backbone.layers[0]
    frozen.trainable = False
    adapted = learner.adapt(x, y)
    assert set(adapted.state) == set(learner.state_spec())
    assert len(adapted.state) == 5
    assert adapted.predict(task.query_x[0]).shape == (6, 3)
    assert all(v is not frozen.kernel for v in learner.fast_variables)
    frozen.trainable = True
    assert len(learner.adapt(x, y).state) == 7


def test_mixed_precision_backbone_predicts_float32(
    new_backbone, new_episode, tensors
):
    task = new_episode(num_tasks=1)
    for method in ("ProtoNet", "MAML", "Reptile"):
        backbone = new_backbone(dtype="mixed_bfloat16")
        assert backbone.compute_dtype == "float32"
        assert backbone(task.query_x[0]).dtype == "bfloat16"
        learner = vector_learner(backbone, method)
        adapted = learner.adapt(task.support_x, task.support_y)
        for name, spec in learner.state_spec().items():
            assert adapted.state[name].dtype == spec.dtype.as_numpy_dtype
        assert adapted.predict(task.query_x).dtype == np.float32
        _, logits, gradients = learner.compute_gradients(tensors(task))
        assert logits.dtype == tf.float32
        assert all(np.isfinite(g).all() for g in gradients)


def test_float16_is_refused_where_inner_gradients_are_taken(new_backbone):
    backbone = new_backbone(dtype="mixed_float16")
    with pytest.raises(metazoo.MetazooError, match="float16"):
        vector_learner(backbone, "MAML").compile()
    learner = vector_learner(backbone)
    learner.compile()
    assert isinstance(learner.optimizer, keras.optimizers.LossScaleOptimizer)


def test_static_ways_compile_with_xla(new_backbone, new_episode):
    learner = vector_learner(new_backbone(), num_ways=5)
    learner.compile(optimizer=keras.optimizers.Adam(0.01), jit_compile=True)
    x, y, _ = new_episode(num_tasks=4, ways=5).to_keras()
    history = learner.fit(x, y, batch_size=4, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


# Python's adapt and predict.


def test_adapted_answers_equal_the_keras_call(learner, new_episode):
    task = new_episode()
    logits = learner(task.to_keras()[0])
    adapted = learner.adapt(task.support_x, task.support_y)
    np.testing.assert_allclose(
        adapted.predict(task.query_x), tf.nn.softmax(logits), atol=1e-6
    )


def test_scaled_images_are_warned_of(new_episode):
    backbone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    learner = metazoo.ProtoNet(backbone)
    x = np.random.default_rng(0).uniform(size=(6, 4))
    with pytest.warns(UserWarning, match="support_x looks scaled"):
        learner.adapt(x, [0, 0, 1, 1, 2, 2])


def test_state_size_counts_the_values_of_one_task(new_backbone, new_episode):
    task = new_episode(num_tasks=2)
    for method in ("ProtoNet", "MAML"):
        learner = vector_learner(new_backbone(), method)
        state = learner.adapt(task.support_x, task.support_y).state
        total = sum(value[0].size for value in state.values())
        assert learner.state_size(3) == total


# The wire.


@pytest.mark.parametrize("method", ["ProtoNet", "MAML", "Reptile"])
@pytest.mark.parametrize("fault", [-1, 10**9, "nan"])
def test_faulty_task_is_nan_and_spoils_no_other(
    new_backbone, new_episode, tensors, method, fault
):
    learner = vector_learner(new_backbone(), method)
    task = tensors(new_episode(num_tasks=3))
    x, y = task.support_x.numpy(), task.support_y.numpy()
    if fault == "nan":
        x[1, 2, 3] = np.nan
    else:
        y[1, 0] = fault
    support = (tf.constant(x), tf.constant(y))
    served = learner._serve_adapt_predict(*support, task.query_x)
    good = learner._serve_adapt_predict(*task[:3])
    assert (served["classes"][1] == -1).numpy().all()
    np.testing.assert_array_equal(
        served["classes"].numpy()[::2], good["classes"].numpy()[::2]
    )
    for name in ("probabilities", "logits"):
        assert np.isnan(served[name][1]).all()
        for t in (0, 2):
            np.testing.assert_allclose(
                served[name][t], good[name][t], rtol=1e-4, atol=1e-5
            )


def test_huge_label_on_the_wire_allocates_nothing(
    learner, new_episode, tensors
):
    task = tensors(new_episode(num_tasks=1))
    labels = task.support_y.numpy()
    labels[0, 0] = 10**9
    state = learner._serve_adapt(task.support_x, tf.constant(labels))
    assert state["prototypes"].shape == (1, 1, 5)
    # Six examples have at most six classes, a few absent ones aside.
    labels[0, 0] = 63
    state = learner._serve_adapt(task.support_x, tf.constant(labels))
    assert state["prototypes"].shape == (1, 64, 5)
    assert np.isfinite(state["prototypes"]).all()
    labels[0, 0] = 64
    state = learner._serve_adapt(task.support_x, tf.constant(labels))
    assert np.isnan(state["prototypes"]).all()


def test_nan_query_spoils_its_own_task_only(learner, new_episode, tensors):
    task = tensors(new_episode(num_tasks=2))
    state = learner._serve_adapt(task.support_x, task.support_y)
    query_x = task.query_x.numpy()
    query_x[0, 0, 0] = np.inf
    served = learner._serve_predict(tf.constant(query_x), **state)
    assert np.isnan(served["probabilities"][0]).all()
    assert np.isfinite(served["probabilities"][1]).all()
    assert (served["classes"][0] == -1).numpy().all()
    assert (served["classes"][1] >= 0).numpy().all()


@pytest.mark.parametrize("method", ["ProtoNet", "MAML", "Reptile"])
@pytest.mark.parametrize("labels", [1, 4])
def test_too_few_labels_on_the_wire_are_refused(
    new_backbone, new_episode, tensors, method, labels
):
    learner = vector_learner(new_backbone(), method)
    task = tensors(new_episode(num_tasks=2))
    with pytest.raises(tf.errors.InvalidArgumentError, match="support_y"):
        learner._serve_adapt(task.support_x, task.support_y[:, :labels])


EMBEDDED = ("embeddings", "norms")


class WithEmbed(metazoo.EpisodicLearner):
    """A method of its own with an endpoint beside the usual three."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.inner = metazoo.ProtoNet(self.backbone, self.num_ways)

    def adapt_state(self, *arguments):
        return self.inner.adapt_state(*arguments)

    def logits_from_state(self, query_x, state):
        return self.inner.logits_from_state(query_x, state)

    def state_spec(self):
        return self.inner.state_spec()

    def serve_embed(self, query_x):
        embeddings = self.inner.embed(query_x)
        return {"embeddings": embeddings, "norms": tf.norm(embeddings, axis=-1)}

    def signatures(self):
        standard = super().signatures()
        query = {"query_x": standard[0].inputs["query_x"]}
        embed = Signature("embed", query, self.serve_embed, EMBEDDED, "Embeds.")
        return (*standard, embed)


def test_method_adds_an_endpoint_of_its_own(
    new_backbone, new_episode, tmp_path
):
    learner = WithEmbed(new_backbone(), value_range=None)
    version = export(learner, tmp_path / "model", warmup=False)
    loaded = tf.saved_model.load(str(version))
    assert set(loaded.signatures) == {
        *("adapt", "adapt_predict", "embed", "predict", "serving_default"),
        *("adapt_padded", "adapt_predict_padded"),
        "adapt_predict_bytes",
    }
    query_x = new_episode().query_x
    found = loaded.signatures["embed"](query_x=tf.constant(query_x))
    expected = learner.backbone(query_x.reshape(-1, 4)).numpy()
    np.testing.assert_allclose(
        found["embeddings"], expected.reshape(2, 6, 5), atol=1e-6
    )
