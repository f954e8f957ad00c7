"""What a client sends, and what it refuses to send."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.errors import EpisodeError, ServingError


def names(model):
    return [name for name, _ in model.calls]


def test_tasks_of_unequal_size_use_the_padded_signature(connect, model, tasks):
    client = connect(encoding="auto")
    first, second = tasks(shots=2, seed=1), tasks(shots=3, seed=2)
    together = client.adapt_predict(
        [first[0], second[0]],
        [first[1], second[1]],
        np.stack([first[2], second[2]]),
    )
    assert names(model) == ["adapt_predict_padded"]
    np.testing.assert_array_equal(model.calls[0][1]["support_size"], [6, 9])
    for index, (x, y, queries) in enumerate((first, second)):
        alone = client.adapt_predict(x, y, queries)["logits"]
        np.testing.assert_allclose(together["logits"][index], alone, rtol=1e-6)


def test_adapt_to_tasks_of_unequal_size_keeps_both(connect, model, tasks):
    client = connect()
    first, second = tasks(shots=1, seed=1), tasks(shots=4, seed=2)
    adapted = client.adapt([first[0], second[0]], [first[1], second[1]])
    assert names(model) == ["adapt_padded"]
    for index, task in enumerate((first, second)):
        np.testing.assert_allclose(
            adapted.state["prototypes"][index],
            client.adapt(*task[:2]).state["prototypes"][0],
            rtol=1e-6,
        )


def test_masked_examples_are_left_out_wherever_they_are(connect, model, tasks):
    x, y, queries = tasks(shots=3)
    client = connect()
    mask = np.ones(9, bool)
    mask[[0, 4, 8]] = False
    junk = np.where(mask[:, None, None, None], x, 7.0)
    masked = client.adapt_predict(junk, y, queries, support_mask=mask)
    kept = client.adapt_predict(x[mask], y[mask], queries)
    np.testing.assert_array_equal(masked["logits"], kept["logits"])
    assert masked["logits"].shape == (4, 3)
    # One task needs no padding: what is masked is not sent.
    assert not [name for name in names(model) if "padded" in name]


def test_masks_that_differ_by_task_are_padded(connect, model, tasks):
    x, y, queries = tasks(shots=2)
    mask = np.ones((2, 6), bool)
    mask[1, 3] = False
    client = connect()
    twice = (np.stack([x, x]), np.stack([y, y]), np.stack([queries, queries]))
    found = client.adapt_predict(*twice, support_mask=mask)
    assert names(model) == ["adapt_predict_padded"]
    kept = client.adapt_predict(x[mask[1]], y[mask[1]], queries)
    np.testing.assert_allclose(found["logits"][1], kept["logits"], rtol=1e-6)


def test_unequal_tasks_need_the_signature(connect, model, tasks):
    del model.signatures["adapt_padded"]
    first, second = tasks(shots=1), tasks(shots=2)
    with pytest.raises(EpisodeError, match=r"\[3, 6\].*'adapt_padded'"):
        connect().adapt([first[0], second[0]], [first[1], second[1]])
    assert model.calls == []


def test_lists_of_equal_tasks_are_stacked(connect, model, tasks):
    first, second = tasks(seed=1), tasks(seed=2)
    connect().adapt([first[0], second[0]], [first[1], second[1]])
    assert names(model) == ["adapt"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"support_y": [[0, 1, 2]]}, "support_x is a list of 2 tasks"),
        ({"support_y": [[0], [0, 1, 2]]}, r"support_y\[0\].*\(1, 2\)"),
        ({"support_mask": [True]}, "support_mask is for arrays"),
        ({"support_y": [[0, -1], [0, 1, 2]]}, r"support_y\[0\].*-1"),
    ],
)
def test_malformed_unequal_tasks_name_the_argument(
    connect, model, change, match
):
    x = [np.ones((2, 2, 2, 1)), np.ones((3, 2, 2, 1))]
    arguments = {"support_x": x, "support_y": [[0, 1], [0, 1, 2]], **change}
    with pytest.raises(EpisodeError, match=match):
        connect().adapt(**arguments)
    assert model.calls == []


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"support_x": np.ones((6, 2, 3, 1))}, r"support_x has shape.*2, 2, 1"),
        ({"support_x": np.full((6, 2, 2, 1), np.nan)}, "support_x holds NaN"),
        ({"support_x": [["a"]]}, "support_x must be numeric"),
        ({"support_y": np.zeros(6)}, "support_y must hold integers.*float64"),
        ({"support_y": [0, 1]}, r"support_y has shape \(2,\)"),
        ({"support_y": [-1, 0, 1, 1, 2, 2]}, "support_y.*-1"),
        ({"query_x": np.ones((0, 2, 2, 1))}, "query_x is empty"),
        ({"support_mask": np.zeros(6, bool)}, "support_mask leaves no"),
        ({"query_x": np.ones((2, 4, 2, 2, 1))}, r"query_x \[2,4,2,2,1\]"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_sent(
    connect, model, tasks, change, match
):
    x, y, queries = tasks()
    good = {"support_x": x, "support_y": y, "query_x": queries}
    with pytest.raises(EpisodeError, match=match):
        connect().adapt_predict(**{**good, **change})
    assert model.calls == []


def test_columns_of_other_clients_are_cut_off(connect, model, tasks):
    x, y, queries = tasks()
    client = connect()
    alone = client.adapt_predict(x, y, queries)
    model.extra_ways = 5
    merged = client.adapt_predict(x, y, queries)
    for name, value in alone.items():
        np.testing.assert_array_equal(merged[name], value)
    adapted = client.adapt(x, y)
    assert adapted.state["prototypes"].shape == (1, 8, 4)
    np.testing.assert_allclose(
        adapted.predict(queries), alone["probabilities"], rtol=1e-6
    )


def test_a_fixed_number_of_ways_is_kept(connect, model, tasks):
    fixed = {
        k: (dtype, (*dims[:-1], 8) if len(dims) == 3 else dims)
        for k, (dtype, dims) in model.signatures["adapt_predict"][1].items()
    }
    inputs = model.signatures["adapt_predict"][0]
    model.signatures["adapt_predict"] = (inputs, fixed)
    model.extra_ways = 5
    del model.signatures["adapt_predict_bytes"]
    assert connect().adapt_predict(*tasks())["logits"].shape == (4, 8)


def test_any_signature_can_be_called(connect):
    client = connect()
    found = client.call("embed", words=["ab", "cde"])
    assert list(found["labels"]) == [b"AB", b"CDE"]
    np.testing.assert_array_equal(found["lengths"], [2, 3])
    assert found["lengths"].dtype == np.int32
    assert "embed" in client.signatures()
    assert client.signature("embed").outputs["lengths"].dtype == "int32"


@pytest.mark.parametrize(
    ("name", "arrays", "error", "match"),
    [
        ("nope", {}, ServingError, "no signature 'nope'; it has .*'adapt'"),
        ("embed", {}, EpisodeError, r"takes \['words'\]; got \[\]"),
        (
            "embed",
            {"words": [1]},
            EpisodeError,
            "words.0. is of type int; expected a text",
        ),
        (
            "embed",
            {"words": [b"a"], "more": [1]},
            EpisodeError,
            r"got \['more', 'words'\]",
        ),
        (
            "adapt",
            {"support_x": np.ones((1, 2, 2, 2, 1)), "support_y": [[0.0, 1.0]]},
            EpisodeError,
            "'support_y' has dtype float64; expected int64",
        ),
        (
            "adapt_padded",
            {
                "support_x": np.ones((1, 2, 2, 2, 1)),
                "support_y": [[0, 1]],
                "support_size": [2**40],
            },
            EpisodeError,
            "support_size holds integers that int32",
        ),
    ],
)
def test_a_wrong_call_names_the_tensor(
    connect, model, name, arrays, error, match
):
    with pytest.raises(error, match=match):
        connect().call(name, **arrays)
    assert model.calls == []


def test_call_converts_numbers_that_fit(connect, model):
    connect().call(
        "adapt_padded",
        support_x=np.ones((1, 2, 2, 2, 1), np.uint8),
        support_y=np.array([[0, 1]], np.uint8),
        support_size=[2],
    )
    sent = model.calls[0][1]
    assert {k: v.dtype.name for k, v in sent.items()} == {
        "support_x": "float32",
        "support_y": "int64",
        "support_size": "int32",
    }


def test_an_input_without_tasks_is_refused(connect, model):
    _, outputs = model.signatures["embed"]
    model.signatures["scaled"] = ({"scale": ("float32", ())}, outputs)
    with pytest.raises(EpisodeError, match="'scale' has no axis of tasks"):
        connect().call("scaled", scale=2.0)
    assert model.calls == []


def test_a_model_without_episodes_says_so(connect, model, tasks):
    model.signatures = {"embed": model.signatures["embed"]}
    with pytest.raises(ServingError, match="takes an episode"):
        connect().adapt(*tasks()[:2])


def test_base64_goes_to_the_bytes_signature(rest_stub, model, tasks):
    from metazoo.serving import Client

    address = f"127.0.0.1:{rest_stub.port}"
    answers = {}
    for encoding in ("json", "base64", "auto"):
        with Client(address, "stub", "rest", encoding=encoding) as client:
            answers[encoding] = client.adapt_predict(*tasks())
    assert names(model) == ["adapt_predict"] + 2 * ["adapt_predict_bytes"]
    assert set(rest_stub.bodies[1]["inputs"]["query_x"][0]) == {"b64"}
    for name, value in answers["json"].items():
        np.testing.assert_array_equal(answers["base64"][name], value)
        np.testing.assert_array_equal(answers["auto"][name], value)


def test_base64_without_its_signature_is_refused(rest_stub, model, tasks):
    from metazoo.serving import Client

    address = f"127.0.0.1:{rest_stub.port}"
    with Client(address, "stub", "rest", encoding="base64") as client:
        with pytest.raises(ServingError, match="needs.*'adapt_bytes'"):
            client.adapt(*tasks()[:2])
        assert client.call("embed", words=[b"a"])["lengths"] == [1]
    assert names(model) == ["embed"]


def test_grpc_encodings_agree(grpc_stub, tasks):
    from metazoo.serving import Client

    address = f"127.0.0.1:{grpc_stub.port}"
    answers = []
    for encoding in ("content", "values"):
        with Client(address, "stub", encoding=encoding) as client:
            answers.append(client.adapt_predict(*tasks())["logits"])
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"encoding": "json"}, "encoding over grpc.*'values'.*'json'"),
        ({"encoding": "values", "transport": "rest"}, "base64"),
        ({"retries": -1}, "retries"),
        ({"timeout": float("nan")}, "timeout"),
        ({"tls": "ca.pem"}, "tls must be a ClientTls"),
        ({"address": "http://a:1"}, "URL"),
        ({"address": "host"}, "host:port"),
        ({"address": "ftp://a:1", "transport": "rest"}, "host:port"),
        ({"address": "a:port", "transport": "rest"}, "host:port"),
        ({"address": "http://[::1", "transport": "rest"}, "host:port"),
        ({"model": ""}, "model"),
    ],
)
def test_a_wrong_option_is_named(options, match):
    from metazoo.serving import Client

    with pytest.raises(ServingError, match=match):
        Client(**{"address": "127.0.0.1:1", "model": "m", **options})
