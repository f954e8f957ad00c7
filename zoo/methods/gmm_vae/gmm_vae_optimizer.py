"""Adam with a step size of its own for some variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from metazoo.errors import MetazooError


@keras.saving.register_keras_serializable("metazoo")
class ScaledAdam(keras.optimizers.Adam):
    """Adam whose step size is multiplied for variables of some names.

    Adam treats every entry for itself, so this is as good as an optimizer
    of its own for them.
    """

    def __init__(
        self,
        *args: Any,
        scales: Mapping[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Makes the optimizer.

        Args:
            *args: those of `keras.optimizers.Adam`.
            scales: name of a variable to the factor of its step size.
            **kwargs: those of `keras.optimizers.Adam`.
        """
        super().__init__(*args, **kwargs)
        self.scales = dict(scales or {})

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Makes the slots, and finds the factor of each variable.

        Args:
            variables: what the optimizer updates.

        Raises:
            MetazooError: a name of `scales` is no variable's.
        """
        names = [variable.name for variable in variables]
        unknown = sorted(set(self.scales) - set(names))
        if unknown:
            raise MetazooError(
                f"scales: got {unknown}, which no variable is named."
            )
        super().build(variables)
        self._factors = [self.scales.get(name, 1.0) for name in names]

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: Any
    ) -> None:
        """Updates one variable.

        Args:
            gradient: of the loss.
            variable: what to update; the backend's own, of another name.
            learning_rate: of all variables.
        """
        factor = self._factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, factor * learning_rate)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "scales": self.scales}
