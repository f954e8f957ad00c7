"""Convolutions that look back alone, in raster order (PixelCNN)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from metazoo.checks.options import check_choice

MASKS = ("A", "B")


@keras.saving.register_keras_serializable("metazoo")
class MaskedConv2D(keras.layers.Conv2D):
    """A convolution whose output at a pixel sees no later pixel.

    Pixels count row by row, from left to right. Mask "A" hides the pixel
    itself too, as the first layer on an image needs; "B" shows it. A stack
    of them has a blind spot at the upper right, as plain PixelCNN has.

    Source: van den Oord, Kalchbrenner, Kavukcuoglu 2016, arXiv:1601.06759,
    section 3.4.
    """

    def __init__(
        self, filters: int, kernel_size: Any, mask: str = "B", **kwargs: Any
    ) -> None:
        """Makes the layer; padding is "same", the stride 1.

        Args:
            filters: channels of the output.
            kernel_size: odd height and width.
            mask: "A" or "B".
            **kwargs: those of `keras.layers.Conv2D`.

        Raises:
            ValueError: `mask` is another one, or a size is even.
        """
        check_choice("mask", mask, MASKS)
        super().__init__(filters, kernel_size, **{**kwargs, "padding": "same"})
        if any(size % 2 == 0 for size in self.kernel_size):
            raise ValueError(
                f"kernel_size: got {self.kernel_size}, expected odd sizes."
            )
        self.mask = mask

    @property
    def rows_above(self) -> int:
        """Rows above a pixel that its output sees."""
        return self.kernel_size[0] // 2

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """Convolves with what the mask leaves of the kernel.

        Args:
            inputs: `[examples, height, width, channels]`.
            kernel: `[rows, columns, channels, filters]`.
        """
        shown = _visible(self.kernel_size, self.mask)
        shown = keras.ops.convert_to_tensor(shown, dtype=kernel.dtype)
        return super().convolution_op(inputs, kernel * shown)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "mask": self.mask}


def _visible(size: tuple[int, int], mask: str) -> np.ndarray:
    """1 [rows, columns, 1, 1] where the kernel may look, else 0."""
    rows, columns = size
    flat = np.zeros(rows * columns, np.float32)
    flat[: rows * columns // 2 + (mask == "B")] = 1.0
    return flat.reshape(rows, columns, 1, 1)
