"""Texts to word numbers inside the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from metazoo.data.words import plain
from metazoo.errors import MetazooError

PADDING, UNKNOWN = 0, 1
# Numbers of the vocabulary's words follow those of padding and unknown.
FIRST_WORD = 2


@keras.saving.register_keras_serializable("metazoo")
class WordIds(keras.layers.Layer):
    """Numbers the words of texts: 0 is padding, 1 a word it does not know.

    Words are those of `metazoo.data.words`; what comes after `max_words` of
    them is not read. The vocabulary is part of the configuration: nothing is
    read from a file.

    Args:
        vocabulary: distinct words, as `split_words` gives them; or one text
            with a space between any two.
        max_words: words of a text that are read.
        **kwargs: Those of `keras.layers.Layer`.

    Raises:
        MetazooError: the vocabulary is empty or no list of distinct words.
    """

    def __init__(
        self, vocabulary: Sequence[str] | str, max_words: int, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(vocabulary, str):
            vocabulary = vocabulary.split(" ")
        self.vocabulary = _checked(vocabulary)
        if not isinstance(max_words, int) or max_words < 1:
            raise MetazooError(
                f"max_words must be 1 or more; got {max_words!r}."
            )
        self.max_words = max_words
        # As a list: given a text, Keras would take it for a file's path.
        self._lookup = keras.layers.TextVectorization(
            vocabulary=list(self.vocabulary), standardize=None
        )
        self.built = True

    @property
    def size(self) -> int:
        """How many numbers there are, padding and unknown among them."""
        return FIRST_WORD + len(self.vocabulary)

    def call(self, texts: Any) -> tf.Tensor:
        """Numbers the words of texts.

        Args:
            texts: string [texts].

        Returns:
            int32 [texts, words], as wide as the longest needs, and at least
            one word wide.
        """
        ids = tf.cast(self._lookup(plain(texts)), tf.int32)
        ids = ids[:, : self.max_words]
        missing = tf.maximum(0, 1 - tf.shape(ids)[1])
        return tf.pad(ids, [[0, 0], [0, missing]])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments; the vocabulary as one text."""
        return {
            **super().get_config(),
            "vocabulary": " ".join(self.vocabulary),
            "max_words": self.max_words,
        }


def _checked(vocabulary: Sequence[str]) -> tuple[str, ...]:
    words = tuple(vocabulary)
    if not words or not all(isinstance(w, str) and w for w in words):
        raise MetazooError(
            "vocabulary must hold one or more words, none of them empty."
        )
    spaced = [word for word in words if len(word.split()) != 1]
    if spaced:
        raise MetazooError(f"vocabulary: {spaced[:3]} are not single words.")
    if len(set(words)) != len(words):
        raise MetazooError("vocabulary names a word twice.")
    return words
