"""Word vectors from texts and from files."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.data import load_phrases
from metazoo.data.phrases import THEMES
from metazoo.data.word_vectors import (
    count_words,
    ppmi_vectors,
    read_word_vectors,
)
from metazoo.data.words import split_words
from metazoo.errors import DataError


def test_words_are_split_without_case_and_punctuation():
    found = split_words(["Don't STOP, U.S.-Japan!", "Été\n42 ©", b"a_b"])
    assert found == [
        ["dont", "stop", "u", "s", "japan"],
        ["été", "42"],
        ["a", "b"],
    ]


def test_every_white_space_of_unicode_parts_words():
    spaces = [c for c in map(chr, range(0x3001)) if c.isspace()]
    assert len(spaces) > 20
    found = split_words([f"one{space}two" for space in spaces])
    assert found == [["one", "two"]] * len(spaces)


def test_frequent_words_come_first():
    sentences = [["b", "a"], ["b", "c"], ["b", "a"]]
    assert count_words(sentences, 2) == ("b", "a")
    assert count_words(sentences, 9, least=2) == ("b", "a")
    assert count_words([["c", "a", "b"]], 2) == ("a", "b")


def test_full_decomposition_gives_the_matrix_back():
    # With all singular vectors, squared lengths are those of |scores|.
    sentences = [["a", "b"], ["a", "b"], ["c", "d"]]
    words = ("a", "b", "c", "d")
    vectors = ppmi_vectors(sentences, words, size=4)
    assert np.square(vectors).mean() == pytest.approx(1.0)
    gram = vectors @ vectors.T
    np.testing.assert_allclose(gram[:2, 2:], 0.0, atol=1e-5)
    assert ppmi_vectors(sentences, words, size=6)[:, 4:].max() == 0


def test_words_of_a_theme_lie_together():
    words_of = split_words(load_phrases("train").images)
    words = count_words(words_of, 500)
    vectors = ppmi_vectors(words_of, words, size=20)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    near = unit @ unit.T
    theme = {w: t for t, own in THEMES.items() for w in own.split()}
    content = [i for i, word in enumerate(words) if word in theme]
    near = near[np.ix_(content, content)]
    themes = np.array([theme[words[i]] for i in content])
    same = themes[:, None] == themes
    np.fill_diagonal(near, np.nan)
    assert np.nanmean(near[same]) > np.nanmean(near[~same]) + 0.2
    again = ppmi_vectors(words_of, words, size=20)
    np.testing.assert_array_equal(again, vectors)


def test_no_pairs_give_zeros():
    assert not ppmi_vectors([["a"], []], ("a", "b"), size=3).any()


def test_files_of_vectors(tmp_path):
    glove = tmp_path / "glove.txt"
    glove.write_text("2 3\nrain 1 2 3\nsnow 4 5 6\n")
    found, size = read_word_vectors(glove, ["rain", "song"])
    assert (list(found), size) == (["rain"], 3)
    np.testing.assert_array_equal(found["rain"], [1, 2, 3])
    packed = tmp_path / "vectors.npz"
    np.savez(packed, words=np.array(["rain"]), vectors=np.ones((1, 2), "f2"))
    found, size = read_word_vectors(packed, ["rain"])
    assert (found["rain"].dtype, size) == (np.float32, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("snow 1 2\n", "none of 1 words"),
        ("rain 1 x\n", "can't be read"),
        ("rain 1 nan\n", "not finite"),
        ("rain 1 2\nrainy 1 2 3\n", None),
    ],
)
def test_damaged_files_are_told(tmp_path, content, message):
    path = tmp_path / "vectors.txt"
    path.write_text(content)
    if message is None:
        assert read_word_vectors(path, ["rain"])[1] == 2
        return
    with pytest.raises(DataError, match=message):
        read_word_vectors(path, ["rain"])


def test_vectors_of_unequal_size_are_told(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text("rain 1 2\nsnow 1 2 3\n")
    with pytest.raises(DataError, match="shapes"):
        read_word_vectors(path, ["rain", "snow"])
    with pytest.raises(DataError, match="can't be read"):
        read_word_vectors(tmp_path / "none.txt", ["rain"])
