"""What every learner of texts shares, on the smallest one there is."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.checks.texts import MAX_TEXT_BYTES
from metazoo.data import EpisodeSampler, load_phrases
from metazoo.errors import EpisodeError
from metazoo.evaluation import evaluate
from metazoo.learners.text import TextLearner
from metazoo.losses import class_mask_of, mask_logits


class SharedWords(TextLearner):
    """Scores a class by the words that a query shares with it."""

    def state_spec(self):
        size = [None, None, self.word_ids.size]
        return {
            "bags": tf.TensorSpec(size, tf.float32, "bags"),
            "class_mask": tf.TensorSpec([None, None], tf.float32, "class_mask"),
        }

    def _bags(self, x):
        bags = tf.reduce_sum(tf.one_hot(self.numeric(x), self.word_ids.size), 2)
        return bags * tf.cast(tf.range(self.word_ids.size) > 1, tf.float32)

    def adapt_state(self, support_x, support_y, support_mask, num_ways):
        members = tf.one_hot(support_y, num_ways)
        members *= tf.cast(support_mask, tf.float32)[..., None]
        return {
            "bags": tf.einsum("tsn,tsv->tnv", members, self._bags(support_x)),
            "class_mask": class_mask_of(support_y, support_mask, num_ways),
        }

    def logits_from_state(self, query_x, state):
        scores = tf.einsum("tqv,tnv->tqn", self._bags(query_x), state["bags"])
        return mask_logits(scores, state["class_mask"])


@pytest.fixture(scope="module")
def learner():
    inputs = keras.Input((None,), dtype="int32")
    backbone = keras.Model(inputs, keras.layers.Identity()(inputs))
    words = sorted(
        {w for t in load_phrases().images for w in t.decode().split()}
    )
    return SharedWords(backbone, words, max_words=8)


def serve(learner, name, **inputs):
    signature = {one.name: one for one in learner.signatures()}[name]
    tensors = {key: tf.constant(value) for key, value in inputs.items()}
    return {k: v.numpy() for k, v in signature.fn(**tensors).items()}


def test_texts_go_in_and_classes_come_out(learner):
    assert (learner.example_shape, learner.query_rank) == ((), 1)
    adapted = learner.adapt(["Rain, rain!", "a song"], [0, 1])
    assert adapted.predict_classes(["the song", "my rain"]).tolist() == [1, 0]
    many = learner.adapt([["rain", "song"]] * 2, [[0, 1], [1, 0]])
    found = many.predict_classes([["song"], ["song"]])
    assert found.tolist() == [[1], [0]]


def test_word_numbers_stand_for_texts(learner):
    texts = tf.constant([["rain song", "song"]])
    ids = learner.numeric(texts)
    assert ids.shape == (1, 2, 2)
    assert learner.numeric(ids) is ids
    y, mask = tf.constant([[0, 1]]), tf.ones([1, 2], tf.bool)
    np.testing.assert_array_equal(
        learner.adapt_state(ids, y, mask, 2)["bags"],
        learner.adapt_state(texts, y, mask, 2)["bags"],
    )


def test_words_tells_what_is_read(learner):
    assert learner.words("Rain: it's  1 o'clock") == [
        "rain",
        "its",
        "1",
        "oclock",
    ]
    assert len(learner.words("a " * 50)) == 8


def test_what_no_check_stopped_counts_as_no_words(learner):
    texts = [[b"\xff rain", b"rain " * MAX_TEXT_BYTES, b"", b"rain"]]
    found = learner.numeric(tf.constant(texts))
    assert found.numpy().any(-1).tolist() == [[False, False, False, True]]


@pytest.mark.parametrize("bad", [b"", b"\xff", b"a " * MAX_TEXT_BYTES])
def test_served_faulty_text_spoils_its_task_alone(learner, bad):
    good = [b"rain", b"song"]
    support = {
        "support_x": [[b"rain", bad], good],
        "support_y": np.array([[0, 1]] * 2),
    }
    found = serve(learner, "adapt_predict", **support, query_x=[good, good])
    assert np.isnan(found["probabilities"][0]).all()
    assert found["classes"].tolist() == [[-1, -1], [0, 1]]
    labels = np.array([[0, 1]] * 2)
    state = serve(learner, "adapt", support_x=[good] * 2, support_y=labels)
    found = serve(learner, "predict", query_x=[good, [b"rain", bad]], **state)
    assert found["classes"].tolist() == [[0, 1], [-1, -1]]


def test_python_refuses_what_is_no_text(learner):
    with pytest.raises(EpisodeError, match=r"support_x\[1\] is empty"):
        learner.adapt(["rain", ""], [0, 1])
    adapted = learner.adapt(["rain", "song"], [0, 1])
    with pytest.raises(EpisodeError, match=r"query_x\[0\] is not valid UTF-8"):
        adapted.predict([b"\xff"])
    with pytest.raises(EpisodeError, match="support_x"):
        learner.predict(
            {
                "support_x": np.array([["rain", ""]]),
                "support_y": np.array([[0, 1]]),
                "query_x": np.array([["rain"]]),
            }
        )


def test_evaluation_draws_text_episodes(learner):
    result = evaluate(
        learner,
        load_phrases("test"),
        num_ways=5,
        num_shots=5,
        num_queries=5,
        episodes=20,
    )
    assert result.accuracy > 0.5


def test_keras_takes_text_episodes(learner):
    sampler = EpisodeSampler(
        load_phrases("test"), num_ways=3, num_shots=2, num_queries=2
    )
    episode = sampler.tasks(0, 2)
    inputs, query_y, query_mask = episode.to_keras()
    logits = learner(inputs)
    arrays = {name: value.numpy() for name, value in inputs.items()}
    np.testing.assert_allclose(learner.predict(arrays, verbose=0), logits)
    learner.compile()
    found = learner.evaluate(
        arrays, query_y.numpy(), sample_weight=query_mask.numpy(), verbose=0
    )
    assert np.isfinite(found).all()


def test_example_episode_is_valid(learner):
    episode = learner.example_episode(2)
    learner.adapt(episode.support_x, episode.support_y).predict(episode.query_x)


def test_config_round_trip(learner):
    assert isinstance(learner.get_config()["vocabulary"], str)
    copy = SharedWords.from_config(learner.get_config())
    assert copy.get_config() == learner.get_config()
