"""Networks of the adversarially constrained autoencoder."""

from __future__ import annotations

import math
from typing import Any

import keras

from metazoo.methods.cactus.cactus_input import prepared_input

SLOPE = 0.2
LATENT_CHANNELS = 16


def encoder_net(
    prepare: keras.Model, depth: int, scales: int, channels: int
) -> keras.Model:
    """From raw images to a flat latent code.

    Args:
        prepare: what brings raw images to the size and range of the code.
        depth: channels of the first scale; each next one has twice as many.
        scales: halvings of height and width.
        channels: of the latent code.
    """
    inputs = keras.Input(prepare.input_shape[1:], name="images")
    x = _down(prepare(inputs), depth, scales, channels)
    x = keras.layers.Flatten(name="code")(x)
    return keras.Model(inputs, x, name="encoder")


def critic_net(prepare: keras.Model, depth: int, scales: int) -> keras.Model:
    """From prepared images to a guess of how much of another is in them.

    Args:
        prepare: tells the shape of prepared images.
        depth: channels of the first scale.
        scales: halvings of height and width.
    """
    inputs = keras.Input(prepare.output_shape[1:], name="prepared")
    x = _down(inputs, depth, scales, LATENT_CHANNELS)
    x = keras.layers.Flatten(name="guesses")(x)
    return keras.Model(inputs, x, name="critic")


def decoder_net(
    prepare: keras.Model, depth: int, scales: int, channels: int
) -> keras.Model:
    """From a flat latent code to a prepared image.

    Args:
        prepare: tells the shape of prepared images.
        depth: channels of the last scale.
        scales: doublings of height and width.
        channels: of the latent code.
    """
    size, _, colours = prepare.output_shape[1:]
    low = size // 2**scales
    code = keras.Input((low * low * channels,), name="code")
    x = keras.layers.Reshape((low, low, channels), name="squares")(code)
    for scale in reversed(range(scales)):
        filters = depth << scale
        x = _leaky(_conv(x, filters, f"scale{scale}_conv1"))
        x = _leaky(_conv(x, filters, f"scale{scale}_conv2"))
        x = keras.layers.UpSampling2D(2, name=f"scale{scale}_up")(x)
    x = _leaky(_conv(x, depth, "last_conv1"))
    x = _conv(x, colours, "last_conv2")
    return keras.Model(code, x, name="decoder")


def acai_nets(
    example_shape: tuple[int, int, int],
    size: int,
    rescaling: tuple[float, float],
    depth: int,
    scales: int,
    channels: int = LATENT_CHANNELS,
) -> dict[str, keras.Model]:
    """All four, as `ACAI` takes them.

    Args:
        example_shape: (height, width, channels) of raw images.
        size: height and width that the networks see; a multiple of
            `2**scales`.
        rescaling: (scale, offset) from raw pixels to 0..1.
        depth: channels of the first scale.
        scales: halvings of height and width.
        channels: of the latent code.
    """
    prepare = prepared_input(example_shape, size, rescaling)
    return {
        "backbone": encoder_net(prepare, depth, scales, channels),
        "prepare": prepare,
        "decoder": decoder_net(prepare, depth, scales, channels),
        "critic": critic_net(prepare, depth, scales),
    }


def _down(x: Any, depth: int, scales: int, channels: int) -> Any:
    x = _conv(x, depth, "first_conv", 1)
    for scale in range(scales):
        filters = depth << scale
        x = _leaky(_conv(x, filters, f"scale{scale}_conv1"))
        x = _leaky(_conv(x, filters, f"scale{scale}_conv2"))
        x = keras.layers.AveragePooling2D(2, name=f"scale{scale}_pool")(x)
    x = _leaky(_conv(x, depth << scales, "last_conv1"))
    return _conv(x, channels, "last_conv2")


def _conv(x: Any, filters: int, name: str, width: int = 3) -> Any:
    fan_in = width * width * x.shape[-1]
    deviation = 1.0 / math.sqrt((1.0 + SLOPE**2) * fan_in)
    return keras.layers.Conv2D(
        filters,
        width,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=deviation),
        name=name,
    )(x)


def _leaky(x: Any) -> Any:
    return keras.layers.LeakyReLU(SLOPE)(x)
