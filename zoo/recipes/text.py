"""What the recipes of text learners share: words and their vectors."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from metazoo.errors import RecipeError
from metazoo.recipes.episodic import EpisodicRecipe, require_counts

if TYPE_CHECKING:
    import keras
    import numpy as np

    from metazoo.contracts.episodic import EpisodicLearner
    from metazoo.data import ClassDataset

PPMI = "ppmi"


class Vocabulary(NamedTuple):
    """Words and their vectors.

    Attributes:
        words: the most frequent first.
        vectors: float32 [2 + words, size]; those of padding and of unknown
            words come first.
    """

    words: tuple[str, ...]
    vectors: np.ndarray


@dataclass(frozen=True)
class TextRecipe(EpisodicRecipe):
    """Hyper-parameters of a learner on a temporal convolutional network.

    The vocabulary is that of the training classes alone.

    Attributes:
        max_words: words of a text that are read.
        vocabulary_size: the most frequent words that get a number.
        min_count: occurrences that such a word must have.
        word_vectors: "ppmi" makes them of the training texts; or a file such
            as GloVe's, of which words it lacks get none.
        embedding_size: entries of a word vector, with "ppmi".
        train_embeddings: whether word vectors are trained.
        filters: channels of each convolution.
        dilations: one entry for each convolution.
        dropout: share of channels dropped in training.
    """

    rotations: bool = False
    max_words: int = 32
    vocabulary_size: int = 5000
    min_count: int = 1
    word_vectors: str = PPMI
    embedding_size: int = 100
    train_embeddings: bool = False
    filters: int = 128
    dilations: tuple[int, ...] = (3, 3)
    dropout: float = 0.2

    def __post_init__(self) -> None:
        """Refuses counts that can't be used.

        Raises:
            RecipeError: a count is out of range.
        """
        super().__post_init__()
        require_counts(
            self,
            "max_words",
            "vocabulary_size",
            "min_count",
            "embedding_size",
            "filters",
        )

    def build_learner(self, example_shape: tuple[int, ...]) -> EpisodicLearner:
        """Refuses: a vocabulary comes of texts; see `learner_for`.

        Raises:
            RecipeError: always.
        """
        raise RecipeError(
            f"{type(self).__name__} takes its vocabulary from the training "
            "texts; call learner_for(data)."
        )

    def vocabulary_of(self, data: ClassDataset) -> Vocabulary:
        """Counts the words of training texts and finds their vectors.

        Args:
            data: the training classes.

        Raises:
            RecipeError: the data set holds no texts.
            DataError: the file of vectors can't be read.
        """
        if not data.holds_texts:
            raise RecipeError(
                f"{type(self).__name__} learns from texts; {data.name!r} "
                f"holds examples of shape {data.image_shape}."
            )
        return _vocabulary(
            data,
            self.vocabulary_size,
            self.min_count,
            self.word_vectors,
            self.embedding_size,
        )

    def text_backbone(self, vocabulary: Vocabulary) -> keras.Model:
        """Builds an untrained network on word vectors.

        Args:
            vocabulary: what `vocabulary_of` returned.
        """
        from metazoo.layers import tcn, text_states_of

        size, width = vocabulary.vectors.shape
        backbone = tcn(
            size,
            width,
            filters=self.filters,
            dilations=self.dilations,
            dropout=self.dropout,
            train_embeddings=self.train_embeddings,
        )
        text_states_of(backbone).embeddings.assign(vocabulary.vectors)
        return backbone

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on made-up phrases, for tests.

        Args:
            **changes: fields of the method that are to be smaller too.
        """
        small: dict[str, Any] = {
            "dataset": "phrases",
            "max_words": 16,
            "min_count": 1,
            "word_vectors": PPMI,
            "embedding_size": 8,
            "filters": 8,
            "dropout": 0.1,
        }
        return super().tiny(**{**small, **changes})


@functools.lru_cache(maxsize=4)
def _vocabulary(
    data: ClassDataset, most: int, least: int, source: str, size: int
) -> Vocabulary:
    """Words and vectors of a data set, made once a process."""
    import numpy as np

    from metazoo.data.word_vectors import (
        count_words,
        ppmi_vectors,
        read_word_vectors,
    )
    from metazoo.data.words import split_words

    sentences = split_words(data.images)
    words = count_words(sentences, most, least)
    if not words:
        raise RecipeError(
            f"no word of {data.name!r} occurs {least} times (min_count)."
        )
    if source == PPMI:
        vectors = ppmi_vectors(sentences, words, size)
    else:
        found, size = read_word_vectors(source, words)
        nothing = np.zeros(size, np.float32)
        vectors = np.stack([found.get(word, nothing) for word in words])
    return Vocabulary(words, np.concatenate([np.zeros((2, size)), vectors]))
