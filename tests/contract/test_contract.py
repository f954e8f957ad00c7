"""Conformance suite: what every episodic method must do.

Each test runs for every registered episodic method and for further models
that ship; `CHECKS` declares them, and the last test counts them, so that
nothing is skipped silently.
"""

from __future__ import annotations

import functools
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data.episode import Episode
from metazoo.registry import methods
from metazoo.serving import export

sys.path.insert(0, str(Path(__file__).parent))
import fresh_process
from subjects import (
    EPISODIC,
    EXEMPT,
    data_of,
    episode,
    sampler,
    tiny_learner,
    tiny_recipe,
)

GOLDENS = Path(__file__).parent.parent / "goldens"
CHECKS = (
    "config_round_trip",
    "keras_file_round_trip",
    "preset_round_trip_in_fresh_process",
    "eager_graph_and_xla_agree",
    "one_trace_per_verb",
    "adapt_changes_no_variable",
    "adapt_repeats_itself",
    "support_order_does_not_matter",
    "transductive_trait_is_true",
    "task_ignores_other_tasks",
    "ways_shots_and_tasks_vary",
    "masked_padding_changes_nothing",
    "gradients_reach_every_variable",
    "training_lowers_the_loss",
    "resume_equals_uninterrupted",
    "state_stores_and_reloads",
    "state_spec_tells_the_truth",
    "bad_support_is_refused",
    "one_class_is_met_alike_on_the_wire",
    "export_equals_python_without_library",
    "golden_outputs_match",
)

# The other padded signatures are made alike, and take their time.
VARIANTS = ("adapt_predict_padded",)

# What a masked-out example may hold.
JUNK = {tf.float32: 200.0, tf.string: b"of which nobody knows"}

every_method = pytest.mark.parametrize("method", EPISODIC)


@pytest.fixture(scope="module")
def learners():
    """One learner per method; tests that train build their own."""
    return {method: tiny_learner(method) for method in EPISODIC}


@pytest.fixture(scope="module")
def trained():
    """One learner per method after ten epochs on the same tasks."""

    @functools.cache
    def train(method):
        learner = tiny_learner(method)
        same = sampler(method).keras_dataset(2, steps=1).repeat(10)
        history = learner.fit(
            same, steps_per_epoch=1, epochs=10, shuffle=False, verbose=0
        )
        return learner, history.history["loss"]

    return train


def in_fresh_process(request, learners, root, store, code) -> Path:
    """Stores the learners of all selected methods and runs them elsewhere."""
    methods = {
        item.callspec.params["method"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }
    for method in methods:
        (root / method).mkdir()
        task = {
            k: v
            for k, v in episode(method, 2)._asdict().items()
            if v is not None
        }
        np.savez(root / method / "task.npz", **task)
        store(learners[method], root / method)
    fresh_process.run(code, root)
    return root


@pytest.fixture(scope="module")
def presets(request, learners, tmp_path_factory):
    """Folder of the answers that presets gave in a fresh process."""

    def store(learner, folder):
        learner.save_to_preset(folder / "preset", dataset="examples")

    root = tmp_path_factory.mktemp("presets")
    code = fresh_process.LOAD_PRESET
    return in_fresh_process(request, learners, root, store, code)


@pytest.fixture(scope="module")
def exports(request, learners, tmp_path_factory):
    """Folder of the answers that exports gave without the library."""

    def store(learner, folder):
        # As TensorFlow Serving loads it; the fresh process loads it as Python
        # does, and the tests of the wire in a session.
        export(
            learner,
            folder / "model",
            version=1,
            variants=VARIANTS,
            checks=("cpp",),
        )

    root = tmp_path_factory.mktemp("exports")
    code = fresh_process.RUN_EXPORT
    return in_fresh_process(request, learners, root, store, code)


def probabilities(learner, task: Episode, **changes) -> np.ndarray:
    """Adapts to all tasks and predicts their queries."""
    task = task._replace(**changes)
    adapted = learner.adapt(task.support_x, task.support_y, task.support_mask)
    return adapted.predict(task.query_x)


def bad_values(x: np.ndarray, queries: np.ndarray):
    """What is no support set, and what are no queries."""
    if x.dtype.kind == "S":
        empty, no_text = x.astype(object), x.astype(object)
        empty[1], no_text[1] = b" ", b"\xff"
        return (empty, no_text, np.zeros(len(x))), (
            empty,
            queries[:, None, None],
        )
    nan = x.copy()
    nan[0, 0, 0, 0] = np.nan
    return (x[..., 0], x[:, :20], nan, x.astype(str)), (queries[:, :5],)


def logits_of(learner, task: Episode) -> np.ndarray:
    """Keras's call, eagerly: a copy used once is not worth a trace."""
    return learner(task.to_keras()[0]).numpy()


@every_method
def test_config_round_trip(method, learners):
    learner = learners[method]
    copy = type(learner).from_config(learner.get_config())
    copy.set_weights(learner.get_weights())
    assert copy.get_config() == learner.get_config()
    task = episode(method, 1)
    np.testing.assert_array_equal(
        logits_of(copy, task), logits_of(learner, task)
    )


@every_method
def test_keras_file_round_trip(method, learners, tmp_path):
    learners[method].save(tmp_path / "learner.keras")
    copy = keras.models.load_model(tmp_path / "learner.keras")
    task = episode(method, 1)
    np.testing.assert_array_equal(
        logits_of(copy, task), logits_of(learners[method], task)
    )
    copy.run_eagerly = True
    source = sampler(method)
    copy.fit(source.keras_dataset(2, steps=1), shuffle=False, verbose=0)


@every_method
def test_preset_round_trip_in_fresh_process(method, learners, presets):
    found = np.load(fresh_process.check(presets / method))
    np.testing.assert_allclose(
        found["probabilities"],
        probabilities(learners[method], episode(method, 2)),
        atol=1e-5,
    )


@every_method
def test_eager_graph_and_xla_agree(method, learners):
    learner, task = learners[method], episode(method, 2)
    ways = learner.num_ways or 3

    def logits(support_x, support_y, support_mask, query_x):
        state = learner.adapt_state(support_x, support_y, support_mask, ways)
        return learner.logits_from_state(query_x, state)[..., :3]

    inputs = [
        learner.numeric(tf.constant(task.support_x)),
        tf.constant(task.support_y),
        tf.constant(task.support_mask),
        learner.numeric(tf.constant(task.query_x)),
    ]
    eager = logits(*inputs)
    scale = np.abs(eager).max()
    graph = tf.function(logits)(*inputs)
    np.testing.assert_allclose(graph, eager, atol=1e-3 * scale)
    # XLA lowers CPU convolutions with about three digits, and inner steps
    # amplify that.
    compiled = tf.function(logits, jit_compile=True)(*inputs)
    np.testing.assert_allclose(compiled, eager, atol=0.1 * scale)


@every_method
def test_one_trace_per_verb(method, learners):
    learner = learners[method]
    for tasks, ways, shots in ((1, 3, 2), (2, 2, 1), (3, 3, 3)):
        probabilities(learner, episode(method, tasks, ways, shots))
    for verb in ("adapt", "predict"):
        assert learner._function(verb).experimental_get_tracing_count() == 1


@every_method
def test_adapt_changes_no_variable(method, learners):
    learner = learners[method]
    before = [v.numpy().tobytes() for v in learner.variables]
    probabilities(learner, episode(method, 2))
    assert [v.numpy().tobytes() for v in learner.variables] == before


@every_method
def test_adapt_repeats_itself(method, learners):
    task = episode(method, 2)
    np.testing.assert_array_equal(
        probabilities(learners[method], task),
        probabilities(learners[method], task),
    )


@every_method
def test_support_order_does_not_matter(method, learners):
    task = episode(method, 1)
    order = np.random.default_rng(0).permutation(task.support_y.shape[1])
    np.testing.assert_allclose(
        probabilities(
            learners[method],
            task,
            support_x=task.support_x[:, order],
            support_y=task.support_y[:, order],
        ),
        probabilities(learners[method], task),
        atol=1e-3,
    )


@every_method
def test_transductive_trait_is_true(method, learners):
    learner, task = learners[method], episode(method, 1)
    together = probabilities(learner, task)
    alone = probabilities(learner, task, query_x=task.query_x[:, :1])
    difference = np.abs(together[:, :1] - alone).max()
    if learner.transductive:
        assert difference > 1e-3
    else:
        assert difference < 1e-4


@every_method
def test_task_ignores_other_tasks(method, learners):
    task = episode(method, 3)
    together = probabilities(learners[method], task)
    for i in range(3):
        one = task.map(lambda part, i=i: part[i : i + 1])
        np.testing.assert_allclose(
            probabilities(learners[method], one)[0], together[i], atol=1e-4
        )


@every_method
def test_ways_shots_and_tasks_vary(method, learners):
    learner = learners[method]
    for tasks, ways, shots in ((1, 2, 1), (2, 3, 4), (4, 5, 1)):
        found = probabilities(learner, episode(method, tasks, ways, shots))
        columns = learner.num_ways or ways
        assert found.shape == (tasks, 2 * ways, columns)
        np.testing.assert_allclose(found.sum(-1), 1.0, atol=1e-5)
        assert (found[..., ways:] == 0).all()
    assert learner.fixed_ways == (learner.num_ways is not None)


@every_method
def test_masked_padding_changes_nothing(method, learners):
    learner, task = learners[method], episode(method, 2)
    junk = np.full_like(task.support_x[:, :4], JUNK[learner.example_dtype])
    padded = probabilities(
        learner,
        task,
        support_x=np.concatenate([task.support_x, junk], 1),
        support_y=np.pad(task.support_y, ((0, 0), (0, 4))),
        support_mask=np.pad(task.support_mask, ((0, 0), (0, 4))),
    )
    np.testing.assert_allclose(padded, probabilities(learner, task), atol=1e-4)


@every_method
def test_gradients_reach_every_variable(method, trained):
    # A zero head hides the backbone from the first step's gradient.
    learner, _ = trained(method)
    _, _, gradients = learner.compute_gradients(sampler(method).tasks(10, 2))
    for variable, gradient in zip(
        learner.trainable_variables, gradients, strict=True
    ):
        assert np.isfinite(gradient).all(), variable.path
        assert np.abs(gradient).max() > 0, variable.path


@every_method
def test_training_lowers_the_loss(method, trained):
    _, losses = trained(method)
    assert losses[-1] < losses[0]


@every_method
def test_resume_equals_uninterrupted(method, tmp_path):
    from tensorflow.python.framework import config

    from metazoo.trainers import Trainer

    def train(steps: int, directory: Path):
        learner = tiny_learner(method)
        trainer = Trainer(learner, checkpoint_dir=directory, checkpoint_every=2)
        trainer.fit(sampler(method), num_tasks=2, steps=steps, verbose=0)
        return learner.get_weights()

    tf.config.experimental.enable_op_determinism()
    try:
        whole = train(4, tmp_path / "whole")
        # As a crash after step 2 would have left it.
        first, last = sorted((tmp_path / "whole").iterdir())
        shutil.copytree(first, tmp_path / "parts" / first.name)
        resumed = train(4, tmp_path / "parts")
    finally:
        config.disable_op_determinism()
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a, b)


@every_method
def test_state_stores_and_reloads(method, learners, tmp_path):
    from metazoo.contracts.adapted import load_state

    learner, task = learners[method], episode(method, 1)
    adapted = learner.adapt(task.support_x[0], task.support_y[0])
    state, single = load_state(adapted.save(tmp_path / "state.npz"))
    again = learner.adapted(state, single).predict(task.query_x[0])
    assert again.ndim == 2
    np.testing.assert_array_equal(again, adapted.predict(task.query_x[0]))


@every_method
def test_state_spec_tells_the_truth(method, learners):
    learner, task = learners[method], episode(method, 2)
    state = learner.adapt(task.support_x, task.support_y).state
    assert set(state) == set(learner.state_spec())
    for name, spec in learner.state_spec().items():
        assert spec.name == name
        assert spec.shape.is_compatible_with(state[name].shape)
        assert state[name].dtype == spec.dtype.as_numpy_dtype
        assert len(state[name]) == 2


@every_method
def test_bad_support_is_refused(method, learners):
    learner, task = learners[method], episode(method, 1)
    x, y = task.support_x[0], task.support_y[0]
    bad_examples, bad_queries = bad_values(x, task.query_x[0])
    bad_labels = (y[:-1], y - 1, y.astype(float))
    cases = [(bad, y, "support_x") for bad in bad_examples]
    cases += [(x, bad, "support_y") for bad in bad_labels]
    for bad_x, bad_y, name in (*cases, (x[:0], y[:0], "support_x")):
        with pytest.raises(metazoo.EpisodeError, match=name):
            learner.adapt(bad_x, bad_y)
    for bad in bad_queries:
        with pytest.raises(metazoo.EpisodeError, match="query_x"):
            learner.adapt(x, y).predict(bad)


@every_method
def test_one_class_is_met_alike_on_the_wire(method, learners):
    learner, task = learners[method], episode(method, 1)
    y = np.zeros_like(task.support_y)
    served = learner._serve_adapt_predict(
        tf.constant(task.support_x), tf.constant(y), tf.constant(task.query_x)
    )
    if learner.least_classes == 1:
        expected = learner.adapt(task.support_x, y).predict(task.query_x)
        np.testing.assert_allclose(served["probabilities"], expected, atol=1e-4)
        return
    with pytest.raises(metazoo.EpisodeError, match="support_y"):
        learner.adapt(task.support_x, y)
    assert np.isnan(served["probabilities"]).all()
    assert (served["classes"].numpy() == -1).all()


@every_method
def test_export_equals_python_without_library(method, learners, exports):
    found = np.load(fresh_process.check(exports / method))
    expected = probabilities(learners[method], episode(method, 2))
    np.testing.assert_allclose(found["one"], expected, atol=1e-4)
    np.testing.assert_allclose(found["two"], expected, atol=1e-4)


@every_method
def test_golden_outputs_match(method, tmp_path):
    directory = GOLDENS / method
    learner = metazoo.from_preset(str(directory / "preset"))
    with np.load(directory / "outputs.npz") as golden:
        adapted = learner.adapt(golden["support_x"], golden["support_y"])
        np.testing.assert_allclose(
            adapted.predict(golden["query_x"]),
            golden["probabilities"],
            atol=1e-3,
        )


def test_every_model_is_a_case_or_exempt(learners):
    built = {type(learner).__name__ for learner in learners.values()}
    models = {
        name
        for spec in methods().values()
        if spec.contract == "episodic"
        for name in spec.models
    }
    assert built | set(EXEMPT) == models
    assert not built & set(EXEMPT)


def test_suite_runs_every_declared_check():
    here = globals()
    found = {
        name.removeprefix("test_")
        for name, value in here.items()
        if name.startswith("test_") and getattr(value, "pytestmark", None)
    }
    assert found == set(CHECKS)
    for check in CHECKS:
        (mark,) = here[f"test_{check}"].pytestmark
        assert mark.name == "parametrize", f"{check} may be skipped"
        assert mark.args == ("method", EPISODIC)
    assert data_of(EPISODIC[0]).num_classes and tiny_recipe(EPISODIC[0]).steps
