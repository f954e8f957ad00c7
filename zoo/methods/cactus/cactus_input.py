"""What embedding networks see of raw images."""

from __future__ import annotations

import keras


def prepared_input(
    example_shape: tuple[int, int, int],
    size: int,
    rescaling: tuple[float, float],
) -> keras.Model:
    """Brings raw images to squares of one size and to the range 0..1.

    Smaller images get a margin of zeros (after scaling), larger ones are
    resized.

    Args:
        example_shape: (height, width, channels) of raw images.
        size: height and width to be.
        rescaling: (scale, offset) from raw pixels to 0..1.

    Returns:
        A model without weights.
    """
    height, width, _ = example_shape
    inputs = keras.Input(example_shape, name="images")
    x = keras.layers.Rescaling(*rescaling, name="rescaling")(inputs)
    if height > size or width > size:
        x = keras.layers.Resizing(size, size, antialias=True, name="resize")(x)
    elif (height, width) != (size, size):
        down, right = size - height, size - width
        margin = (
            (down // 2, down - down // 2),
            (right // 2, right - right // 2),
        )
        x = keras.layers.ZeroPadding2D(margin, name="margin")(x)
    return keras.Model(inputs, x, name="prepared")
