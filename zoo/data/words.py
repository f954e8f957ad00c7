"""Words of texts: one rule, in the graph and when vectors are made."""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf

_APOSTROPHES = "['’]"
# Punctuation, symbols, spaces and controls of all scripts, in the syntax of
# RE2: TensorFlow splits at the spaces of ASCII alone.
_SEPARATORS = r"[\pP\pS\pZ\p{Cc}]"
_TEXTS_AT_ONCE = 1000


def plain(texts: tf.Tensor) -> tf.Tensor:
    """Texts in lower case, words apart by white space alone.

    Apostrophes are taken out; other punctuation, symbols, controls and the
    spaces of other alphabets become spaces.

    Args:
        texts: string [...] in UTF-8.

    Returns:
        string [...].
    """
    lower = tf.strings.lower(texts, encoding="utf-8")
    joined = tf.strings.regex_replace(lower, _APOSTROPHES, "")
    return tf.strings.regex_replace(joined, _SEPARATORS, " ")


def split_words(texts: Iterable[bytes | str]) -> list[list[str]]:
    """The words of texts.

    Args:
        texts: texts, or their UTF-8 bytes.

    Returns:
        Words of each text.
    """
    texts = list(texts)
    found: list[list[str]] = []
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        part = tf.constant(texts[start : start + _TEXTS_AT_ONCE], tf.string)
        for words in tf.strings.split(plain(part)).to_list():
            found.append([word.decode("utf-8") for word in words])
    return found
