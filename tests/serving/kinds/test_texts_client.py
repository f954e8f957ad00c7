"""Texts from a client's lists to a server's graph and back."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.errors import EpisodeError

SUPPORT = ["ab cd", "é ü", "日本 x"]
LABELS = [0, 1, 2]
QUERIES = ["cd", "日本", "ü", "ab cd"]


@pytest.fixture
def client(connect):
    return connect("texts")


def learned(text_learner, *arrays):
    x, y, queries = (np.array(value)[None] for value in arrays)
    outputs = text_learner.adapt_predict(x, y, queries)
    return {name: value.numpy()[0] for name, value in outputs.items()}


def test_lists_of_texts_are_adapted_to(client, text_learner):
    assert client.example_shape == ()
    found = client.adapt_predict(SUPPORT, LABELS, QUERIES)
    expected = learned(text_learner, SUPPORT, LABELS, QUERIES)
    np.testing.assert_allclose(
        found["probabilities"], expected["probabilities"], atol=1e-6
    )
    assert found["classes"].tolist() == [0, 2, 1, 0]


def test_adapted_model_predicts_stores_and_comes_back(client, tmp_path):
    adapted = client.adapt(SUPPORT, LABELS)
    assert adapted.predict_classes(QUERIES).tolist() == [0, 2, 1, 0]
    again = client.load_adapted(adapted.save(tmp_path / "state.npz"))
    np.testing.assert_array_equal(
        again.predict([QUERIES]), adapted.predict([QUERIES])
    )


@pytest.mark.parametrize(
    "convert",
    [
        lambda texts: [text.encode() for text in texts],
        lambda texts: np.array(texts),
        lambda texts: np.array(texts, object),
    ],
    ids=["bytes", "array", "objects"],
)
def test_texts_may_come_in_other_forms(client, convert):
    found = client.adapt_predict(convert(SUPPORT), LABELS, convert(QUERIES))
    assert found["classes"].tolist() == [0, 2, 1, 0]


def test_tasks_of_different_sizes_are_padded(client, text_learner):
    tasks = [SUPPORT, SUPPORT[1:] + ["ab"] * 3]
    labels = [LABELS, [0, 1, 2, 2, 2]]
    found = client.adapt_predict(tasks, labels, [QUERIES] * 2)
    for index in range(2):
        expected = learned(text_learner, tasks[index], labels[index], QUERIES)
        np.testing.assert_allclose(
            found["probabilities"][index], expected["probabilities"], atol=1e-6
        )


def test_masked_examples_are_left_out(client):
    adapted = client.adapt(
        [*SUPPORT, "ab"], [*LABELS, 2], [True, True, True, False]
    )
    expected = client.adapt(SUPPORT, LABELS)
    np.testing.assert_array_equal(
        adapted.predict(QUERIES), expected.predict(QUERIES)
    )


def test_empty_text_is_told_as_an_error(client):
    with pytest.raises(EpisodeError, match="empty text"):
        client.adapt([*SUPPORT, ""], [*LABELS, 0])


@pytest.mark.parametrize(
    ("support_x", "part"),
    [
        ([1, 2, 3], "support_x.0. is of type int; expected a text"),
        (np.zeros(3), "support_x must hold texts or bytes; got dtype float64"),
        ("ab", "expected texts of shape"),
        ([[["ab"]]], "expected texts of shape"),
        ([], "support_x is empty"),
        (["a", "b", "\ud800"], "support_x.2. is no text"),
        (["a", ["b"], "c"], "rows differ in shape|support_x.1."),
    ],
)
def test_what_is_no_text_is_refused_before_it_is_sent(client, support_x, part):
    with pytest.raises(EpisodeError, match=part):
        client.adapt(support_x, LABELS)


TEXTS = ["x", "", "é", "日本" * 50_000, "last"]


def test_any_signature_takes_and_returns_texts(client):
    found = client.call("shout", text=TEXTS)
    assert found["upper"].tolist() == [text.upper().encode() for text in TEXTS]
    assert found["size"].tolist() == [len(text.encode()) for text in TEXTS]


def test_bytes_keep_their_zeros_and_need_not_be_utf_8(client):
    raw = [b"\0\0", b"\xff\xfe\0", b"", bytes(range(256))]
    assert client.call("shout", text=raw)["size"].tolist() == [2, 3, 0, 256]
    assert client.call("shout", text=raw)["raw_bytes"].tolist() == raw
