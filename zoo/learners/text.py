"""Learners whose examples are texts: words are numbered in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from metazoo.checks.texts import MAX_TEXT_BYTES, check_texts
from metazoo.contracts.episodic import EpisodicLearner
from metazoo.data.episode import Episode
from metazoo.data.words import split_words
from metazoo.layers.word_ids import WordIds


class TextLearner(EpisodicLearner):
    """Takes texts; its backbone takes the numbers of their words.

    The verbs take texts, string [tasks, examples], or word numbers, int32
    [tasks, examples, words], 0 for padding, as `numeric` makes them: strings
    exist on CPUs and outside XLA alone.

    On the wire, a text that is empty, longer than 65,536 bytes or not UTF-8
    makes its task a faulty one. Wherever such a text comes in without a
    check it counts as a text without words.

    Args:
        backbone: Keras model from word numbers [words] to what the method
            reads.
        vocabulary: words that have a number, or one text with a space
            between any two.
        max_words: words of a text that are read.
        num_ways: as for `EpisodicLearner`.
        name: name of the model.
    """

    example_dtype: ClassVar[tf.DType] = tf.string

    def __init__(
        self,
        backbone: keras.Model,
        vocabulary: Sequence[str] | str,
        max_words: int = 64,
        num_ways: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, num_ways, None, name=name, **kwargs)
        self.word_ids = WordIds(vocabulary, max_words, name="word_ids")

    @property
    def example_shape(self) -> tuple[int | None, ...]:
        """(): an example is one text."""
        return ()

    @property
    def tables(self) -> tuple[keras.layers.Layer, ...]:  # type: ignore[override]
        """The layer that holds the table of words."""
        return (self.word_ids,)

    @property
    def max_words(self) -> int:
        """Words of a text that are read."""
        return self.word_ids.max_words

    def checked_examples(
        self, name: str, value: Any
    ) -> tuple[np.ndarray, bool]:
        """Checks texts; see `metazoo.checks.texts.check_texts`."""
        return check_texts(name, value)

    def words(self, text: str) -> list[str]:
        """The words of a text that are read, known or not.

        Args:
            text: the text.
        """
        return split_words([text])[0][: self.max_words]

    def numeric(self, x: tf.Tensor) -> tf.Tensor:
        """Word numbers of texts; word numbers as they are.

        Args:
            x: string [tasks, examples], or int32 [tasks, examples, words].

        Returns:
            int32 [tasks, examples, words].
        """
        if x.dtype != tf.string:
            return x
        flat = tf.reshape(x, [-1])
        flat = tf.where(_faulty_texts(flat), "", flat)
        # A table of words lies on the CPU.
        with tf.device("CPU:0"):
            ids = self.word_ids(flat)
        ids = tf.reshape(ids, tf.concat([tf.shape(x), tf.shape(ids)[1:]], 0))
        return tf.ensure_shape(ids, [*x.shape, None])

    def faulty_tasks(
        self, x: tf.Tensor, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Finds tasks with texts that are empty, too long or not UTF-8."""
        wrong = _faulty_texts(x)
        if mask is not None:
            wrong &= mask
        return tf.reduce_any(wrong, -1)

    def example_episode(self, num_tasks: int, seed: int = 0) -> Episode:
        """A random valid episode of words of the vocabulary.

        Args:
            num_tasks: number of tasks.
            seed: seed of the random words.
        """
        rng = np.random.default_rng(seed)
        ways = self.num_ways or 3
        known = self.word_ids.vocabulary

        def draw(examples: int) -> np.ndarray:
            texts = np.empty((num_tasks, examples), object)
            for place in np.ndindex(*texts.shape):
                chosen = rng.integers(len(known), size=rng.integers(1, 9))
                words = " ".join(known[i] for i in chosen)
                texts[place] = words.encode("utf-8")
            return texts

        def labels(each: int) -> np.ndarray:
            return np.tile(np.repeat(np.arange(ways), each), (num_tasks, 1))

        return Episode.without_padding(
            draw(2 * ways), labels(2), draw(3 * ways), labels(3)
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        config = super().get_config()
        config.pop("value_range")
        return {
            **config,
            "vocabulary": " ".join(self.word_ids.vocabulary),
            "max_words": self.max_words,
        }


def _faulty_texts(x: tf.Tensor) -> tf.Tensor:
    """True where a text is blank, too long, or not UTF-8."""
    long = tf.strings.length(x) > MAX_TEXT_BYTES
    short = tf.where(long, "", x)
    blank = tf.strings.length(tf.strings.strip(short)) == 0
    valid = tf.strings.unicode_transcode(
        short, "UTF-8", "UTF-8", errors="replace", replacement_char=0xFFFD
    )
    return blank | (valid != short)
