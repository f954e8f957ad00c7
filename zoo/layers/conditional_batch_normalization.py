"""Batch normalisation whose scale and shift may differ by example."""

from __future__ import annotations

import functools
from typing import Any

import keras
import tensorflow as tf

from metazoo.errors import MetazooError
from metazoo.layers.exact_batch_normalization import ExactBatchNormalization
from metazoo.layers.fused_batch_norm import fused_batch_norm
from metazoo.layers.nested import layers_of


@keras.saving.register_keras_serializable("metazoo")
class ConditionalBatchNormalization(ExactBatchNormalization):
    """Scales example i by gamma + scale[i] and shifts it by beta + shift[i].

    Without `scale` and `shift` it is `ExactBatchNormalization`, with the
    same weights; `modulated` gives a model's layers theirs. The modulation
    is that of each example (and channel), so it does not enter the batch
    statistics of its own layer.

    Source: conditional batch normalisation, de Vries et al. 2017,
    arXiv:1707.00683, equation 3.
    """

    def call(
        self,
        inputs: Any,
        training: bool | None = None,
        mask: Any = None,
        scale: Any = None,
        shift: Any = None,
    ) -> Any:
        """Normalises with batch (training) or moving statistics.

        Args:
            inputs: Float `[examples, ..., channels]`.
            training: Whether to use the statistics of `inputs` and to
                update the moving ones.
            mask: Bool tensor of one axis less than `inputs`, or None.
            scale: Float `[examples, channels]` to add to gamma, or None.
            shift: Float `[examples, channels]` to add to beta, or None.

        Returns:
            A tensor shaped as `inputs`, in the compute dtype.
        """
        if scale is None or shift is None:
            return super().call(inputs, training=training, mask=mask)
        x = keras.ops.cast(
            inputs, keras.backend.result_type(inputs.dtype, "float32")
        )
        x = self._standardised(x, bool(training and self.trainable), mask)
        gamma = self._of_examples(self.gamma, scale, x)
        beta = self._of_examples(self.beta, shift, x)
        return keras.ops.cast(x * gamma + beta, self.compute_dtype)

    def build(self, input_shape: Any) -> None:
        """Makes the weights.

        Args:
            input_shape: Of the inputs.

        Raises:
            MetazooError: The layer has no gamma or beta to add to, or its
                channels are not last.
        """
        last = self.axis in (-1, len(input_shape) - 1)
        if not (self.scale and self.center and last):
            raise MetazooError(
                f"layer {self.name}: a modulated batch normalisation has "
                "scale, center, and its channels on the last axis."
            )
        super().build(input_shape)

    def _standardised(self, x: Any, training: bool, mask: Any) -> Any:
        """Mean zero and variance one for each channel."""
        if not training:
            mean = keras.ops.cast(self.moving_mean, x.dtype)
            variance = keras.ops.cast(self.moving_variance, x.dtype)
            return (x - mean) * keras.ops.rsqrt(variance + self.epsilon)
        if self._can_fuse(x, mask):
            channels = x.shape[-1]
            ones, zeros = tf.ones([channels]), tf.zeros([channels])
            out, mean, variance = fused_batch_norm(x, ones, zeros, self.epsilon)
        else:
            mean, variance = (
                keras.ops.reshape(moment, [-1])
                for moment in self._moments(x, mask)
            )
            out = (x - mean) * keras.ops.rsqrt(variance + self.epsilon)
        moving = (self.moving_mean, self.moving_variance)
        for variable, value in zip(moving, (mean, variance), strict=True):
            old = keras.ops.cast(variable, x.dtype)
            variable.assign(old * self.momentum + value * (1 - self.momentum))
        return out

    def _of_examples(self, weight: Any, change: Any, x: Any) -> Any:
        """`weight + change`, of the rank of `x`."""
        total = keras.ops.cast(weight, x.dtype) + keras.ops.cast(
            change, x.dtype
        )
        ones = [1] * (len(x.shape) - 2)
        return keras.ops.reshape(total, [-1, *ones, x.shape[-1]])


def conditional_layers(
    model: keras.Model,
) -> list[ConditionalBatchNormalization]:
    """The layers of a model that can be modulated, in its order.

    Args:
        model: A built model.
    """
    return [
        layer
        for layer in layers_of(model)
        if isinstance(layer, ConditionalBatchNormalization)
    ]


def modulated(model: keras.Model) -> keras.Model:
    """The same layers with scales and shifts as a second input.

    Args:
        model: A functional or sequential model of one input that holds
            `ConditionalBatchNormalization` layers.

    Returns:
        A model that shares every layer with `model`; from `[examples,
        *features]` and `[examples, 2 * channels of all such layers]` (scales
        and shifts of the first layer, then of the next).

    Raises:
        MetazooError: There is no such layer, or one lies within a nested
            model.
    """
    layers = conditional_layers(model)
    if not layers:
        raise MetazooError(
            f"model {model.name!r} holds no ConditionalBatchNormalization; "
            "build it with conv4(normalization='conditional')."
        )
    sizes = [int(layer.gamma.shape[0]) for layer in layers]
    first = model.inputs[0]
    inputs = keras.Input(first.shape[1:], dtype=first.dtype, name="examples")
    changes = keras.Input(
        (2 * sum(sizes),), dtype=layers[0].variable_dtype, name="modulation"
    )
    parts = _split(changes, [size for size in sizes for _ in range(2)])
    left = {
        id(layer): {"scale": parts[2 * i], "shift": parts[2 * i + 1]}
        for i, layer in enumerate(layers)
    }

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        return layer(*args, **kwargs, **left.pop(id(layer), {}))

    outputs = _called(model, inputs, call)
    if left:
        raise MetazooError(
            f"model {model.name!r} holds a ConditionalBatchNormalization "
            "within a nested model, where it can't be modulated."
        )
    return keras.Model([inputs, changes], outputs, name=f"{model.name}_with")


def _called(model: keras.Model, inputs: Any, call: Any) -> Any:
    """Runs a model's own layers on new inputs by a function of one layer."""
    if isinstance(model, keras.Sequential):
        x = inputs
        for layer in model.layers:
            x = call(layer, x)
        return x
    return model._run_through_graph(
        inputs, operation_fn=lambda layer: functools.partial(call, layer)
    )


def _split(tensor: Any, sizes: list[int]) -> list[Any]:
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    return list(keras.ops.split(tensor, ends, axis=-1))
