"""The wire of episodic learners: padding, wide neighbours, bytes, states."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.serving import export
from metazoo.serving.exporting.variants import encode_examples, endpoints
from metazoo.serving.session import SavedModelSession

METHODS = ("ProtoNet", "MAML", "Reptile")
PREDICTIONS = ("probabilities", "logits", "classes")


@pytest.fixture(scope="module")
def learners(new_backbone):
    """One any-ways learner per method, on vectors of four values."""
    shared = {"head": "shared"}
    return {
        method: getattr(metazoo, method)(
            new_backbone(),
            value_range=None,
            **({} if method == "ProtoNet" else shared),
        )
        for method in METHODS
    }


@pytest.fixture(scope="module")
def sessions(learners, tmp_path_factory):
    """The exports of two of them with all variants, as a server has them."""
    found = {}
    for method in ("ProtoNet", "MAML"):
        base = tmp_path_factory.mktemp("models") / method
        version = export(
            learners[method],
            base,
            warmup=False,
            variants=("padded", "bytes"),
            checks=("session",),
        )
        found[method] = SavedModelSession(version)
    yield found
    for session in found.values():
        session.close()


@pytest.fixture(scope="module")
def run(learners):
    """Calls a signature's function in Python."""
    made = {
        method: endpoints(
            {s.name: s for s in learner.signatures()}, ("padded", "bytes")
        )
        for method, learner in learners.items()
    }

    def call(method, name, **inputs):
        signature = made[method][name].signature
        tensors = {
            key: tf.constant(value, signature.inputs[key].dtype)
            for key, value in inputs.items()
        }
        return {k: v.numpy() for k, v in signature.fn(**tensors).items()}

    return call


def wire(task):
    """What a request holds of an episode."""
    names = ("support_x", "support_y", "query_x")
    return {name: np.array(getattr(task, name)) for name in names}


def pad(inputs, rows, x, y):
    """Adds rows of given content to the support sets, and their sizes."""
    sizes = np.full(len(inputs["support_y"]), inputs["support_y"].shape[1])
    width = ((0, 0), (0, rows))
    return {
        **inputs,
        "support_x": np.pad(
            inputs["support_x"], (*width, (0, 0)), constant_values=x
        ),
        "support_y": np.pad(inputs["support_y"], width, constant_values=y),
        "support_size": sizes.astype(np.int32),
    }


def assert_spoiled(outputs, task):
    for name, value in outputs.items():
        if value.dtype.kind == "f":
            assert np.isnan(value[task]).all(), name
        else:
            assert (value[task] == -1).all(), name


def assert_same(found, expected, tasks=slice(None), ways=None):
    for name, value in expected.items():
        got = found[name][tasks]
        if name in ("probabilities", "logits"):
            got = got[..., :ways]
        np.testing.assert_allclose(got, value[tasks], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("x", "y"), [(0.0, 0), (np.nan, -1), (np.inf, 10**9), (1e30, 2**62)]
)
def test_padding_holds_anything(run, new_episode, method, x, y):
    inputs = wire(new_episode(num_tasks=2))
    plain = run(method, "adapt_predict", **inputs)
    padded = run(method, "adapt_predict_padded", **pad(inputs, 3, x, y))
    assert_same(padded, plain)
    del inputs["query_x"]
    state = run(method, "adapt", **inputs)
    assert_same(run(method, "adapt_padded", **pad(inputs, 3, x, y)), state)


@pytest.mark.parametrize("method", METHODS)
def test_each_task_has_its_own_size(run, new_episode, method):
    inputs = pad(wire(new_episode(num_tasks=3)), 2, np.nan, -7)
    total = inputs["support_y"].shape[1] - 2
    inputs["support_size"] = np.array([total, total - 2, 3], np.int32)
    found = run(method, "adapt_predict_padded", **inputs)
    for task, size in enumerate(inputs["support_size"]):
        alone = run(
            method,
            "adapt_predict",
            support_x=inputs["support_x"][task : task + 1, :size],
            support_y=inputs["support_y"][task : task + 1, :size],
            query_x=inputs["query_x"][task : task + 1],
        )
        ways = alone["probabilities"].shape[-1]
        got = {name: value[task : task + 1] for name, value in found.items()}
        assert_same(got, alone, ways=ways)
        assert (got["probabilities"][..., ways:] == 0).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [0, -1, -(2**31), 9, 2**31 - 1])
def test_wrong_size_spoils_its_own_task_only(run, new_episode, method, size):
    inputs = pad(wire(new_episode(num_tasks=3)), 2, np.nan, -7)
    good = run(method, "adapt_predict_padded", **inputs)
    inputs["support_size"][1] = size
    found = run(method, "adapt_predict_padded", **inputs)
    assert_spoiled(found, 1)
    assert_same(found, good, tasks=slice(None, None, 2))


@pytest.mark.parametrize("method", METHODS)
def test_wide_neighbour_adds_masked_columns_only(run, new_episode, method):
    narrow = wire(new_episode(num_tasks=1, ways=3, shots=4))
    wide = wire(new_episode(num_tasks=1, ways=6, shots=2))
    count = narrow["query_x"].shape[1]
    wide["query_x"] = wide["query_x"][:, :count]
    merged = {k: np.concatenate([narrow[k], wide[k]]) for k in narrow}
    found = run(method, "adapt_predict", **merged)
    alone = run(method, "adapt_predict", **narrow)
    assert found["probabilities"].shape == (2, count, 6)
    assert_same(found, alone, tasks=slice(0, 1), ways=3)
    assert (found["probabilities"][0, :, 3:] == 0).all()
    assert (found["logits"][0, :, 3:] < -1e8).all()
    del merged["query_x"]
    state = {k: v[:1] for k, v in run(method, "adapt", **merged).items()}
    later = run(method, "predict", query_x=narrow["query_x"], **state)
    assert_same(later, alone, ways=3)


@pytest.mark.parametrize("method", ["ProtoNet", "MAML"])
def test_bytes_equal_floats_to_the_last_bit(sessions, new_episode, method):
    session, inputs = sessions[method], wire(new_episode(num_tasks=2))
    packed = {
        name: encode_examples(value) if name.endswith("_x") else value
        for name, value in inputs.items()
    }
    plain = session.run("adapt_predict", inputs)
    for name, value in session.run("adapt_predict_bytes", packed).items():
        np.testing.assert_array_equal(value, plain[name])
    query = packed.pop("query_x")
    state = session.run("adapt_bytes", packed)
    later = session.run("predict_bytes", {**state, "query_x": query})
    for name, value in later.items():
        np.testing.assert_array_equal(value, plain[name])


@pytest.mark.parametrize(
    "wrong",
    [
        [b"\0" * 95, b"\0" * 95],
        [b"\0" * 96, b"\0" * 80],
        [b"", b""],
        [b"\0" * 96, b""],
        [b"1.0", b"2.0"],
    ],
)
def test_wrong_bytes_are_refused_by_name(sessions, new_episode, wrong):
    inputs = wire(new_episode(num_tasks=2))
    inputs["support_x"] = encode_examples(inputs["support_x"])
    inputs["query_x"] = np.array(wrong, object)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=r"query_x.*whole examples of 16 bytes",
    ):
        sessions["ProtoNet"].run("adapt_predict_bytes", inputs)


@pytest.mark.parametrize("method", ["ProtoNet", "MAML"])
@pytest.mark.parametrize("name", ["support_x", "support_y", "query_x"])
def test_nothing_in_a_set_is_invalid_argument(
    sessions, new_episode, method, name
):
    inputs = wire(new_episode(num_tasks=2))
    inputs[name] = inputs[name][:, :0]
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"empty.*{name}"):
        sessions[method].run("adapt_predict", inputs)


@pytest.mark.parametrize("method", ["ProtoNet", "MAML"])
@pytest.mark.parametrize("ways", [1, 2, 4])
def test_state_of_unequal_ways_is_refused(sessions, new_episode, method, ways):
    session, inputs = sessions[method], wire(new_episode(num_tasks=2))
    query_x = inputs.pop("query_x")
    state = session.run("adapt", inputs)
    state["class_mask"] = np.ones((2, ways), np.float32)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="numbers of ways.*class_mask"
    ):
        session.run("predict", {"query_x": query_x, **state})


@pytest.mark.parametrize("method", METHODS)
def test_state_of_unequal_ways_is_refused_in_python(
    learners, new_episode, method
):
    task = new_episode(num_tasks=1)
    state = learners[method].adapt(task.support_x, task.support_y).state
    state["class_mask"] = state["class_mask"][:, :1]
    with pytest.raises(metazoo.EpisodeError, match="numbers of ways.*1"):
        learners[method].adapted(state)


def test_fixed_ways_show_in_the_exported_shape(new_backbone, new_episode):
    learner = metazoo.MAML(new_backbone(), num_ways=4, value_range=None)
    signature = learner.signatures()[0]
    task = new_episode(ways=3)
    graph = tf.function(signature.fn).get_concrete_function(**signature.inputs)
    assert graph.structured_outputs["logits"].shape[-1] == 4
    found = signature.fn(
        **{name: tf.constant(value) for name, value in wire(task).items()}
    )
    assert found["logits"].shape[-1] == 4


def test_signature_docs_tell_where_queries_belong_together(new_backbone):
    transductive = metazoo.MAML(new_backbone(), num_ways=3)
    assert "never pad them" in transductive.signatures()[0].doc
    assert "never pad them" not in (
        metazoo.ProtoNet(new_backbone()).signatures()[0].doc
    )
