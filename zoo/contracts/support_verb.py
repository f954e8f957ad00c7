"""Further ways to adapt, as data: one entry makes the verb and its endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from metazoo.wire.setting import Setting


@dataclass(frozen=True)
class SupportVerb:
    """A verb that learns from a support set and some settings.

    Attributes:
        name: of the verb and of its endpoint.
        compute: from the learner, `support_x`, `support_y`, `support_mask`,
            the number of columns and the settings (keyword arguments, each
            with the tasks axis) to the tensors of a state and of `reports`.
        settings: what the caller chooses beside the examples.
        doc: what the endpoint does, in a sentence.
        reports: names of what is returned beside the state.
        padding: as that of `Signature`.
        masks_support: whether a form that takes padding is exported too.
    """

    name: str
    compute: Callable[..., Mapping[str, tf.Tensor]]
    settings: tuple[Setting, ...]
    doc: str
    reports: tuple[str, ...] = ()
    padding: Mapping[str, float] = field(default_factory=dict)
    masks_support: bool = True

    def specs(self) -> dict[str, tf.TensorSpec]:
        """The settings' tensors by name."""
        return {one.name: one.spec() for one in self.settings}

    def wire_docs(self) -> dict[str, str]:
        """What the settings are, by name."""
        return {one.name: one.wire_doc() for one in self.settings}

    def wrong(self, values: Mapping[str, Any]) -> tf.Tensor:
        """Finds the tasks with a setting out of range.

        Args:
            values: the settings' tensors by name.

        Returns:
            bool [tasks].
        """
        found = [one.wrong(values[one.name]) for one in self.settings]
        return tf.reduce_any(tf.stack(found), 0)
