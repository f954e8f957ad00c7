"""Draws images, pixel by pixel where the decoder asks for it."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from metazoo.layers import MaskedConv2D

PAPER = 255.0


class Noise(NamedTuple):
    """All draws of some tasks; each task's follow from its own seed.

    Attributes:
        centre: standard normal [tasks, latent].
        code: standard normal [tasks, samples, latent].
        pixel: uniform [tasks, samples, pixels].
    """

    centre: tf.Tensor
    code: tf.Tensor
    pixel: tf.Tensor


def draw_noise(
    seeds: tf.Tensor, num_samples: tf.Tensor, latent: int, pixels: int
) -> Noise:
    """Draws what images are made of.

    Args:
        seeds: int32 [tasks, 2].
        num_samples: int32 scalar, images of each task.
        latent: entries of a code.
        pixels: of an image.
    """

    def of_task(seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        centre, code, pixel = tf.unstack(
            tf.random.experimental.stateless_split(seed, 3)
        )
        return (
            tf.random.stateless_normal([latent], centre, alg="philox"),
            tf.random.stateless_normal(
                [num_samples, latent], code, alg="philox"
            ),
            tf.random.stateless_uniform(
                [num_samples, pixels], pixel, alg="philox"
            ),
        )

    specs = (
        tf.TensorSpec([latent]),
        tf.TensorSpec([None, latent]),
        tf.TensorSpec([None, pixels]),
    )
    return Noise(*tf.map_fn(of_task, seeds, fn_output_signature=specs))


def rows_above(pixels: keras.Model) -> int:
    """Rows above a pixel that a stack of masked convolutions sees.

    Args:
        pixels: the stack, one behind the other.
    """
    return sum(
        layer.rows_above
        for layer in pixels.layers
        if isinstance(layer, MaskedConv2D)
    )


def draw_pixels(
    decoder: keras.Model,
    pixels: keras.Model | None,
    z: tf.Tensor,
    noise: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws images from codes.

    Args:
        decoder: from codes to logits of ink, or to maps for `pixels`.
        pixels: from [ink, maps] to logits of ink that see earlier pixels
            alone; None if the decoder gives logits.
        z: float [examples, latent].
        noise: uniform [examples, height * width].

    Returns:
        Ink, 0 or 1, and the probability of ink that each pixel was drawn
        with, both [examples, height, width, 1].
    """
    maps = decoder(z, training=False)
    height, width = maps.shape[1:3]
    noise = tf.reshape(noise, [-1, height, width, 1])
    if pixels is None:
        shares = tf.sigmoid(maps)
        return tf.cast(noise < shares, shares.dtype), shares
    return _in_raster_order(pixels, maps, noise)


def _in_raster_order(
    pixels: keras.Model, maps: tf.Tensor, noise: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    height, width, channels = maps.shape[1:]
    # Only the rows that a pixel sees are computed, and those below it that
    # keep the band of one size: they lie hidden from it.
    band = min(height, rows_above(pixels) + 1)

    def body(place: tf.Tensor, ink: tf.Tensor, shares: tf.Tensor) -> Any:
        row, column = place // width, place % width
        first = tf.clip_by_value(row - band + 1, 0, height - band)
        start, size = [0, first, 0, 0], [-1, band, width, -1]
        seen = tf.ensure_shape(
            tf.slice(ink, start, size), [None, band, width, 1]
        )
        map_ = tf.ensure_shape(
            tf.slice(maps, start, size), [None, band, width, channels]
        )
        logits = pixels([seen, map_], training=False)
        share = tf.sigmoid(logits[:, row - first, column])
        here = tf.one_hot(place, height * width, dtype=share.dtype)
        here = tf.reshape(here, [1, height, width, 1])
        share = here * share[:, tf.newaxis, tf.newaxis]
        drawn = here * tf.cast(noise < share, share.dtype)
        return place + 1, ink + drawn, shares + share

    zeros = tf.zeros_like(noise)
    _, ink, shares = tf.while_loop(
        lambda place, *_: place < height * width,
        body,
        (tf.constant(0), zeros, zeros),
        maximum_iterations=height * width,
    )
    return ink, shares


def as_raw(ink: tf.Tensor) -> tf.Tensor:
    """Raw pixels of ink, as the learner takes them: 0 ink, 255 paper."""
    return PAPER * (1.0 - ink)
