"""A learner of the zoo that takes texts; its table of words is served too."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.errors import EpisodeError
from metazoo.learners.text import TextLearner
from metazoo.losses import class_mask_of, mask_logits
from metazoo.serving import Client, EmbeddedServer, export


class WordCounts(TextLearner):
    """Scores a class by how many words a query shares with it."""

    def state_spec(self):
        counts = [None, None, self.word_ids.size]
        return {
            "counts": tf.TensorSpec(counts, tf.float32, "counts"),
            "class_mask": tf.TensorSpec([None, None], tf.float32, "class_mask"),
        }

    def _counts(self, x):
        words = tf.one_hot(self.numeric(x), self.word_ids.size)
        return tf.reduce_sum(words, 2) * tf.constant(
            [0.0, 0.0] + [1.0] * len(self.word_ids.vocabulary)
        )

    def adapt_state(self, support_x, support_y, support_mask, num_ways):
        members = tf.one_hot(support_y, num_ways)
        members *= tf.cast(support_mask, tf.float32)[..., None]
        counts = self._counts(support_x)
        return {
            "counts": tf.einsum("tsn,tsv->tnv", members, counts),
            "class_mask": class_mask_of(support_y, support_mask, num_ways),
        }

    def logits_from_state(self, query_x, state):
        counts = self._counts(query_x)
        scores = tf.einsum("tqv,tnv->tqn", counts, state["counts"])
        return mask_logits(scores, state["class_mask"])


@pytest.fixture(scope="module")
def learner():
    numbers = keras.Input((None,), dtype="int32")
    backbone = keras.Model(numbers, keras.layers.Identity()(numbers))
    return WordCounts(backbone, ["my", "rain", "song", "über"], max_words=8)


@pytest.fixture(scope="module")
def served(learner, tmp_path_factory):
    base = tmp_path_factory.mktemp("models") / "words"
    export(learner, base)
    with EmbeddedServer({"words": base}, 0, 0) as server:
        yield server


@pytest.fixture(params=["grpc", "rest"])
def client(request, served):
    port = served.port if request.param == "grpc" else served.rest_port
    with Client(f"127.0.0.1:{port}", "words", request.param) as opened:
        yield opened


SUPPORT = ["Rain, rain!", "a song", "über my"]
QUERIES = ["the song", "my über", "rain"]


def test_served_answers_are_the_learners(client, learner):
    found = client.adapt_predict(SUPPORT, [0, 1, 2], QUERIES)
    expected = learner.adapt(SUPPORT, [0, 1, 2])
    np.testing.assert_allclose(
        found["probabilities"], expected.predict(QUERIES), atol=1e-6
    )
    assert found["classes"].tolist() == [1, 2, 0]
    again = client.adapted(expected.state)
    assert again.predict_classes(QUERIES).tolist() == [1, 2, 0]


def test_tasks_of_different_sizes_are_padded_with_empty_texts(client, learner):
    tasks, labels = [SUPPORT, SUPPORT[:2]], [[0, 1, 2], [0, 1]]
    adapted = client.adapt(tasks, labels)
    found = adapted.predict([QUERIES, QUERIES])
    alone = learner.adapt(tasks[1], labels[1]).predict(QUERIES)
    np.testing.assert_allclose(found[1, :, :2], alone, atol=1e-6)


@pytest.mark.parametrize("bad", ["", " \t", "x" * 70_000, b"\xff"])
def test_text_that_can_not_be_read_is_told(client, bad):
    with pytest.raises(EpisodeError, match="support_x or support_y"):
        client.adapt(["rain", bad], [0, 1])
    adapted = client.adapt(["rain", "song"], [0, 1])
    with pytest.raises(EpisodeError, match="query_x or state"):
        adapted.predict(["rain", bad])
