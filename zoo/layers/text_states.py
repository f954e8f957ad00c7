"""Causal dilated convolutions over the words of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from metazoo.checks.options import check_count
from metazoo.errors import MetazooError

SLOPE = 0.01


@keras.saving.register_keras_serializable("metazoo")
class TextStates(keras.layers.Layer):
    """Word vectors, then dilated causal convolutions, one state a word.

    Each convolution is followed by a leaky ReLU (slope 0.01) and dropout.
    The state of a word does not depend on the words after it; states of
    padding are zero after every layer, so that padding leaves no trace.

    A convolution is one matrix product over the words it sees, so that
    kernels can differ from task to task at no more cost, and derivatives of
    any order are those of a matrix product.

    Args:
        vocabulary_size: how many word numbers there are; 0 is padding.
        embedding_size: entries of a word vector.
        filters: channels of each convolution.
        kernel_size: words that one convolution sees.
        dilations: distance between them, one entry a convolution; none at
            all gives the word vectors as they are.
        dropout: share of channels dropped where a seed is given.
        train_embeddings: whether word vectors are trained.
        **kwargs: Those of `keras.layers.Layer`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_size: int,
        filters: int = 128,
        kernel_size: int = 3,
        dilations: Sequence[int] = (3, 3),
        dropout: float = 0.5,
        train_embeddings: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.vocabulary_size = check_count("vocabulary_size", vocabulary_size)
        self.embedding_size = check_count("embedding_size", embedding_size)
        self.filters = check_count("filters", filters)
        self.kernel_size = check_count("kernel_size", kernel_size)
        self.dilations = tuple(check_count("dilations", d) for d in dilations)
        if not 0.0 <= dropout < 1.0:
            raise MetazooError(f"dropout must lie in [0, 1); got {dropout!r}.")
        self.dropout = dropout
        self.train_embeddings = train_embeddings
        self._make_weights()
        self.built = True

    @property
    def size(self) -> int:
        """Entries of a state."""
        return self.filters if self.dilations else self.embedding_size

    def _make_weights(self) -> None:
        self.embeddings = self.add_weight(
            shape=(self.vocabulary_size, self.embedding_size),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            trainable=self.train_embeddings,
            name="embeddings",
        )
        self.convolutions = []
        size = self.embedding_size
        for number, _ in enumerate(self.dilations):
            kernel = self.add_weight(
                shape=(self.kernel_size * size, self.filters),
                initializer="he_normal",
                name=f"kernel_{number}",
            )
            bias = self.add_weight(
                shape=(self.filters,),
                initializer="zeros",
                name=f"bias_{number}",
            )
            self.convolutions += [kernel, bias]
            size = self.filters

    def call(self, ids: Any) -> tf.Tensor:
        """States of texts, without dropout.

        Args:
            ids: int [texts, words], 0 is padding.

        Returns:
            float [texts, words, size].
        """
        return self.states(tf.convert_to_tensor(ids)[None])[0]

    def states(
        self,
        ids: tf.Tensor,
        weights: Sequence[tf.Tensor] | None = None,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """States of the texts of tasks.

        Args:
            ids: int [tasks, texts, words], 0 is padding.
            weights: values in place of `convolutions`, each with a leading
                tasks axis; None for those.
            seed: int32 [2] for dropout; None for no dropout. The same seed
                drops the same.

        Returns:
            float [tasks, texts, words, size].
        """
        if weights is None:
            weights = [v.value for v in self.convolutions]
        x = tf.gather(self.embeddings.value, ids)
        real = tf.cast(ids != 0, x.dtype)[..., None]
        x *= real
        for number, dilation in enumerate(self.dilations):
            kernel, bias = weights[2 * number : 2 * number + 2]
            x = _product(_taps(x, self.kernel_size, dilation), kernel)
            x += bias if bias.shape.rank == 1 else bias[:, None, None]
            x = tf.nn.leaky_relu(x, SLOPE)
            x = self._drop(x, seed, number) * real
        return x

    def _drop(
        self, x: tf.Tensor, seed: tf.Tensor | None, number: int
    ) -> tf.Tensor:
        if seed is None or not self.dropout:
            return x
        own = tf.random.experimental.stateless_fold_in(seed, number)
        drawn = tf.random.stateless_uniform(tf.shape(x), own, dtype=x.dtype)
        kept = tf.cast(drawn >= self.dropout, x.dtype)
        return x * kept / (1.0 - self.dropout)

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Shape of the states."""
        return (*input_shape, self.size)

    def compute_output_spec(self, ids: Any) -> keras.KerasTensor:
        """Spec of the states."""
        shape = self.compute_output_shape(ids.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "vocabulary_size": self.vocabulary_size,
            "embedding_size": self.embedding_size,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilations": list(self.dilations),
            "dropout": self.dropout,
            "train_embeddings": self.train_embeddings,
        }


def _taps(x: tf.Tensor, count: int, dilation: int) -> tf.Tensor:
    """Each word's channels beside those of words before it.

    Args:
        x: float [tasks, texts, words, channels].
        count: words to see, this one last.
        dilation: distance between them.

    Returns:
        float [tasks, texts, words, count * channels].
    """
    length = tf.shape(x)[2]
    before = dilation * (count - 1)
    padded = tf.pad(x, [[0, 0], [0, 0], [before, 0], [0, 0]])
    # Not padded[:, :, ...]: the derivative of a strided slice is far slower
    # on CPU than that of a plain one.
    size = [-1, -1, length, -1]
    taps = [
        tf.slice(padded, [0, 0, tap * dilation, 0], size)
        for tap in range(count)
    ]
    channels = count * x.shape[-1]
    return tf.ensure_shape(tf.concat(taps, -1), [*x.shape[:-1], channels])


def _product(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """x times a kernel, [in, out] or one a task, [tasks, in, out]."""
    shape = tf.shape(x)
    rows, out = x.shape[-1], kernel.shape[-1]
    if kernel.shape.rank == 2:
        y = tf.matmul(tf.reshape(x, [-1, rows]), kernel)
    else:
        y = tf.matmul(tf.reshape(x, [shape[0], -1, rows]), kernel)
    y = tf.reshape(y, tf.concat([shape[:-1], [out]], 0))
    return tf.ensure_shape(y, [*x.shape[:-1], out])


def text_states_of(backbone: keras.Model) -> TextStates:
    """The layer of a backbone that makes states of texts.

    Args:
        backbone: a model such as `tcn` makes.

    Returns:
        Its `TextStates` layer.

    Raises:
        MetazooError: there is none, or more than one.
    """
    found = [x for x in backbone.layers if isinstance(x, TextStates)]
    if len(found) != 1:
        raise MetazooError(
            "backbone must hold one TextStates layer, as metazoo.layers.tcn "
            f"makes it; {backbone.name!r} holds {len(found)}."
        )
    return found[0]


def tcn(
    vocabulary_size: int,
    embedding_size: int = 100,
    filters: int = 128,
    dilations: Sequence[int] = (3, 3),
    dropout: float = 0.5,
    name: str = "tcn",
    **options: Any,
) -> keras.Model:
    """A temporal convolutional network from word numbers to states.

    Args:
        vocabulary_size: how many word numbers there are; 0 is padding.
        embedding_size: entries of a word vector.
        filters: channels of each convolution.
        dilations: one entry a convolution; none gives word vectors.
        dropout: share of channels dropped in training.
        name: name of the model.
        **options: further arguments of `TextStates`.

    Returns:
        A functional model from `[texts, words]` to `[texts, words, size]`.
    """
    layer = TextStates(
        vocabulary_size,
        embedding_size,
        filters,
        dilations=dilations,
        dropout=dropout,
        name="states",
        **options,
    )
    ids = keras.Input((None,), dtype="int32", name="ids")
    return keras.Model(ids, layer(ids), name=name)
