"""The loss that a user gives to `compile` in place of the method's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras

from metazoo.errors import MetazooError


class FunctionLoss(keras.losses.Loss):
    """A function of (labels, logits) as a Keras loss with weights.

    Args:
        function: returns one value for each example.
    """

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        super().__init__(name=getattr(function, "__name__", None))
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of each example."""
        return self.function(y_true, y_pred)


def logits_loss(loss: Any) -> keras.losses.Loss | None:
    """Brings a loss to one form, and refuses one of probabilities.

    Args:
        loss: a Keras loss, a function of (labels, logits), or None.

    Returns:
        A Keras loss, or None.

    Raises:
        MetazooError: the loss expects probabilities.
    """
    if loss is None:
        return None
    found = keras.losses.get(loss)
    config = found.get_config() if hasattr(found, "get_config") else {}
    if (
        isinstance(loss, str)
        or config.get("from_logits") is False
        or _is_function_of_keras(loss)
    ):
        raise MetazooError(
            f"loss {loss!r} expects probabilities, and a learner gives "
            "logits; leave loss out, or pass an object such as keras.losses."
            "SparseCategoricalCrossentropy(from_logits=True)."
        )
    if isinstance(found, keras.losses.Loss):
        return found
    return FunctionLoss(found)


def _is_function_of_keras(loss: Any) -> bool:
    return inspect.isfunction(loss) and loss.__module__.startswith("keras.")
