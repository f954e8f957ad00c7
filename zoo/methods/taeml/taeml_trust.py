"""Trust networks: how well a learner's embedding suits a task.

All read a difference tensor and none is told whose it is; one network is
shared by all learners.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from metazoo.errors import MetazooError

CEILING = 100.0
FORMS = ("symmetric", "flat")
# Paper's code for the flat form.
UNITS = {"symmetric": (128, 64), "flat": (512, 128)}


@keras.saving.register_keras_serializable("metazoo")
class TrustNetwork(keras.layers.Layer):
    """Trust in (0, 100) from the differences of queries to prototypes.

    `pairs` reads each query's differences to all classes, `score` turns
    what was pooled over queries (or not) into trust: the network is applied
    before and after the pooling, so both parts are verbs of their own.

    Args:
        units: sizes of the two hidden layers.
        initial_trust: trust of every learner before training.
        **kwargs: those of `keras.layers.Layer`.
    """

    def __init__(
        self,
        units: Sequence[int],
        initial_trust: float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(units) != 2:
            raise MetazooError(
                f"trust_units must be two sizes of layers; got {units!r}."
            )
        if not 0 < initial_trust < CEILING:
            raise MetazooError(
                f"initial_trust must lie between 0 and {CEILING:g}; got "
                f"{initial_trust!r}."
            )
        self.units = tuple(int(size) for size in units)
        self.initial_trust = float(initial_trust)
        first, second = self.units
        bias = math.log(initial_trust / (CEILING - initial_trust))
        relu = {"activation": "relu", "dtype": self.dtype_policy}
        self.first = keras.layers.Dense(first, name="first", **relu)
        self.second = keras.layers.Dense(second, name="second", **relu)
        self.last = keras.layers.Dense(
            1,
            name="last",
            bias_initializer=keras.initializers.Constant(bias),
            dtype=self.dtype_policy,
        )

    def build(self, sizes: tuple[int, int]) -> None:
        """Makes the weights.

        Args:
            sizes: entries that the first and the second layer read.
        """
        self.first.build((None, sizes[0]))
        self.second.build((None, sizes[1]))
        self.last.build((None, self.units[1]))
        self.built = True

    def pairs(self, zeta: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """What each query's differences say.

        Args:
            zeta: float [..., query, ways, features], squared differences.
            mask: float, broadcast to [..., query, ways]; 0 for a class that
                the query is not compared with.

        Returns:
            [..., query, units].
        """
        raise NotImplementedError

    def score(self, pooled: tf.Tensor) -> tf.Tensor:
        """Trust in (0, 100).

        Args:
            pooled: float [..., units], of `pairs`.

        Returns:
            [...].
        """
        return CEILING * tf.sigmoid(self.last(pooled)[..., 0])

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "initial_trust": self.initial_trust,
        }


@keras.saving.register_keras_serializable("metazoo")
class SymmetricTrust(TrustNetwork):
    """The same layer for each class, then mean, maximum and minimum.

    Any number of classes, and their order changes nothing.
    """

    def pairs(self, zeta: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """See `TrustNetwork`."""
        x = self.first(zeta)
        real = tf.cast(mask, x.dtype)[..., None]
        counts = tf.reduce_sum(real, -2)
        mean = tf.math.divide_no_nan(tf.reduce_sum(x * real, -2), counts)
        # After the ReLU nothing lies below 0.
        largest = tf.reduce_max(x * real, -2)
        smallest = tf.reduce_min(tf.where(real > 0, x, x.dtype.max), -2)
        smallest = tf.where(counts > 0, smallest, tf.zeros_like(smallest))
        return self.second(tf.concat([mean, largest, smallest], -1))


@keras.saving.register_keras_serializable("metazoo")
class FlatTrust(TrustNetwork):
    """The authors' form: a 1 x N convolution over a fixed number of classes.

    It is a dense layer on the concatenated differences to all classes.
    """

    def pairs(self, zeta: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """See `TrustNetwork`."""
        zeta *= tf.cast(mask, zeta.dtype)[..., None]
        shape = tf.shape(zeta)
        ways, features = zeta.shape[-2:]
        flat = tf.concat([shape[:-2], [ways * features]], 0)
        return self.second(self.first(tf.reshape(zeta, flat)))


def trust_network(
    form: str,
    num_features: int,
    num_ways: int | None,
    units: Sequence[int] | None,
    initial_trust: float,
    dtype: str | None = None,
) -> TrustNetwork:
    """Builds a trust network.

    Args:
        form: "symmetric" or "flat".
        num_features: features of each learner.
        num_ways: classes of a task; the flat form needs it.
        units: sizes of the hidden layers; None for those of the form.
        initial_trust: trust of every learner before training.
        dtype: of its weights.

    Raises:
        MetazooError: an argument can't be used.
    """
    if form not in FORMS:
        raise MetazooError(f"form must be one of {FORMS}; got {form!r}.")
    units = UNITS[form] if units is None else tuple(units)
    shared: dict[str, Any] = {"name": "trust", "dtype": dtype}
    if form == "symmetric":
        made: TrustNetwork = SymmetricTrust(units, initial_trust, **shared)
        made.build((num_features, 3 * units[0]))
        return made
    if num_ways is None:
        raise MetazooError(
            "num_ways must be given for form='flat': its first layer reads "
            "all classes at once."
        )
    made = FlatTrust(units, initial_trust, **shared)
    made.build((num_ways * num_features, units[0]))
    return made
