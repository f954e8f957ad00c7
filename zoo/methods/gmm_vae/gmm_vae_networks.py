"""Encoders and decoders: PixelVAE's residual one, and a light one."""

from __future__ import annotations

from typing import Any

import keras

from metazoo.checks.options import check_choice
from metazoo.errors import MetazooError
from metazoo.layers import Binarize, MaskedConv2D, conv4
from metazoo.methods.gmm_vae.gmm_vae_residual import (
    gated_block,
    residual_block,
)

NETWORKS = ("light", "pixelvae")
# PixelVAE keeps its decoder from codes far outside the prior.
_CLIP = 50.0
_WIDE, _NARROW = 32, 16


def encoder(
    network: str,
    example_shape: tuple[int, ...],
    outputs: int,
    filters: int = 64,
    binary: bool = True,
    std: float | None = None,
) -> keras.Model:
    """From raw pixels to the numbers of a posterior, or to an embedding.

    Args:
        network: "light" (Conv4), or "pixelvae": residual, as in PixelVAE's
            one-level network of 28x28 images.
        example_shape: (height, width, 1).
        outputs: entries of the output.
        filters: channels of the light network.
        binary: whether pixels are thresholded; otherwise they are scaled.
        std: the posterior's deviation before training; the second half of
            the outputs starts there. None for an embedding.

    Returns:
        A functional model from `[examples, height, width, 1]` to
        `[examples, outputs]`.

    Raises:
        ValueError: there is no such network.
        MetazooError: the images are not of one channel, or do not halve
            twice.
    """
    check_choice("network", network, NETWORKS)
    height, width, _ = check_shape(example_shape)
    inputs = keras.Input((height, width, 1), name="images")
    if binary:
        x = Binarize(name="ink")(inputs)
    else:
        x = keras.layers.Rescaling(-1 / 255, 1.0, name="ink")(inputs)
    if network == "light":
        x = conv4((height, width, 1), filters=filters)(x)
    else:
        x = _residual_encoder(x)
    bias = "zeros" if std is None else _HalfBias(std)
    x = keras.layers.Dense(outputs, bias_initializer=bias, name="posterior")(x)
    return keras.Model(inputs, x, name="encoder")


def decoder(
    network: str,
    example_shape: tuple[int, ...],
    latent_size: int,
    width: int = 512,
) -> keras.Model:
    """From codes to logits of ink, or to maps that `pixel_stack` takes.

    Args:
        network: "light": logits of independent pixels; "pixelvae": maps.
        example_shape: (height, width, 1).
        latent_size: entries of a code.
        width: units of the light network's first layer; a sixteenth of
            them are the channels of its maps, 4 or more.

    Returns:
        A functional model from `[examples, latent]` to `[examples, height,
        width, channels]`.

    Raises:
        ValueError: there is no such network.
        MetazooError: the images are not of one channel, or do not halve
            twice.
    """
    check_choice("network", network, NETWORKS)
    height, columns, _ = check_shape(example_shape)
    inputs = keras.Input((latent_size,), name="codes")
    if network == "light":
        outputs = _light_decoder(inputs, height // 4, columns // 4, width)
    else:
        outputs = _residual_decoder(inputs, height // 4, columns // 4)
    return keras.Model(inputs, outputs, name="decoder")


def pixel_stack(
    network: str, example_shape: tuple[int, ...]
) -> keras.Model | None:
    """The autoregressive part of a decoder (PixelCNN).

    Height and width are free: a band of rows gives what the image gives.

    Args:
        network: "pixelvae"; "light" has none.
        example_shape: (height, width, 1).

    Returns:
        A functional model from ink `[examples, rows, columns, 1]` and maps
        `[examples, rows, columns, 16]` to logits of ink, or None.
    """
    check_choice("network", network, NETWORKS)
    if network == "light":
        return None
    width = check_shape(example_shape)[1]
    ink = keras.Input((None, width, 1), name="ink")
    maps = keras.Input((None, width, _NARROW), name="maps")
    x = keras.layers.Rescaling(2.0, -1.0, name="signed")(ink)
    x = MaskedConv2D(_NARROW, 5, mask="A", name="masked")(x)
    x = keras.layers.Concatenate(name="both")([x, maps])
    for block in range(1, 5):
        x = gated_block(x, f"gated{block}")
    x = MaskedConv2D(1, 1, name="logits")(x)
    return keras.Model([ink, maps], x, name="pixels")


def check_shape(example_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Returns height, width and channels of images that fit the networks.

    Args:
        example_shape: shape of one example.

    Raises:
        MetazooError: they do not fit.
    """
    fits = (
        len(example_shape) == 3
        and example_shape[2] == 1
        and not (example_shape[0] % 4 or example_shape[1] % 4)
    )
    if not fits:
        raise MetazooError(
            "example_shape must be (height, width, 1) with sides that 4 "
            f"divides; got {tuple(example_shape)}."
        )
    height, width, channels = example_shape
    return height, width, channels


@keras.saving.register_keras_serializable("metazoo", name="GMMVAEHalfBias")
class _HalfBias(keras.initializers.Initializer):
    """Zeros, then what makes (softsign + 1) / 2 a given deviation."""

    def __init__(self, std: float) -> None:
        if not 0.0 < std < 1.0:
            raise MetazooError(f"std must lie in (0, 1); got {std!r}.")
        self.std = std

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        share = 2.0 * self.std - 1.0
        value = share / (1.0 - abs(share))
        half = shape[0] // 2
        return keras.ops.concatenate(
            [
                keras.ops.zeros((half,), dtype=dtype),
                keras.ops.full((shape[0] - half,), value, dtype=dtype),
            ]
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {"std": self.std}


def _residual_encoder(x: Any) -> Any:
    x = keras.layers.Rescaling(2.0, -1.0, name="signed")(x)
    x = keras.layers.Conv2D(_NARROW, 1, name="stem")(x)
    plan = (
        (_NARROW, "none"),
        (_WIDE, "down"),
        (_WIDE, "none"),
        (_WIDE, "down"),
        (_WIDE, "none"),
        (_WIDE, "none"),
    )
    for block, (filters, change) in enumerate(plan, 1):
        x = residual_block(x, filters, f"block{block}", change)
    return keras.layers.GlobalAveragePooling2D(name="average")(x)


def _residual_decoder(z: Any, rows: int, columns: int) -> Any:
    x = Clip(_CLIP, name="clip")(z)
    x = keras.layers.Dense(_WIDE, name="dense")(x)
    x = keras.layers.Reshape((1, 1, _WIDE), name="point")(x)
    x = keras.layers.UpSampling2D((rows, columns), name="tile")(x)
    plan = (
        (_WIDE, "none"),
        (_WIDE, "none"),
        (_WIDE, "up"),
        (_WIDE, "none"),
        (_NARROW, "up"),
        (_NARROW, "none"),
    )
    for block, (filters, change) in enumerate(plan, 1):
        x = residual_block(x, filters, f"block{block}", change)
    return x


def _light_decoder(z: Any, rows: int, columns: int, width: int) -> Any:
    layers = keras.layers
    channels = max(width // 16, 4)
    x = layers.Dense(width, activation="relu", name="dense1")(z)
    size = rows * columns * channels
    x = layers.Dense(size, activation="relu", name="dense2")(x)
    x = layers.Reshape((rows, columns, channels), name="map")(x)
    for name, filters, activation in (
        ("up1", channels, "relu"),
        ("up2", 1, None),
    ):
        x = layers.Conv2DTranspose(
            filters,
            4,
            strides=2,
            padding="same",
            activation=activation,
            name=name,
        )(x)
    return x


@keras.saving.register_keras_serializable("metazoo", name="GMMVAEClip")
class Clip(keras.layers.Layer):
    """Keeps values between minus and plus a bound."""

    def __init__(self, bound: float, **kwargs: Any) -> None:
        """Makes the layer.

        Args:
            bound: a positive number.
            **kwargs: those of `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.bound = bound

    def call(self, inputs: Any) -> Any:
        """Clips values.

        Args:
            inputs: tensor of any shape.
        """
        return keras.ops.clip(inputs, -self.bound, self.bound)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "bound": self.bound}
