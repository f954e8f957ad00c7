"""Backbones of both learners of CACTUs."""

from __future__ import annotations

from typing import Any

import keras

from metazoo.layers import conv4


def cactus_backbone(
    example_shape: tuple[int, int, int],
    filters: int,
    rescaling: tuple[float, float],
    *,
    halved: bool = False,
    **options: Any,
) -> keras.Model:
    """A Conv4 net, maybe on images of half the size.

    Args:
        example_shape: (height, width, channels) of raw images.
        filters: channels of every convolution.
        rescaling: (scale, offset) from raw pixels.
        halved: average over squares of two by two first.
        **options: as for `conv4`.
    """
    if not halved:
        return conv4(example_shape, filters, rescaling=rescaling, **options)
    height, width, channels = example_shape
    small = (height // 2, width // 2, channels)
    net = conv4(small, filters, rescaling=rescaling, **options)
    inputs = keras.Input(example_shape, name="images")
    x = keras.layers.AveragePooling2D(2, name="halves")(inputs)
    return keras.Model(inputs, net(x), name="halved_conv4")
