"""What every meta-learner is: a Keras model with served endpoints."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import keras

if TYPE_CHECKING:
    from metazoo.wire.signature import Signature


class MetaLearner(keras.Model):
    """Base of the three contracts: episodic, dynamics and proposer.

    All verbs are pure: what a learner learns about a task comes back as a
    value (its *state*) and no variable is written, so the same function can
    be traced, exported and served.

    Attributes:
        contract: `"episodic"`, `"dynamics"` or `"proposer"`.
        transductive: a query's answer depends on the other queries.
        second_order: training differentiates through inner gradients.
        stochastic_adapt: adaptation takes a seed.
        fixed_ways: the number of classes is fixed when it is built.
        uses_unlabelled: adaptation takes unlabelled examples too.
        tables: layers without variables whose look-up tables the endpoints
            use; they are exported with them.
    """

    contract: ClassVar[str]
    transductive: bool = False
    second_order: bool = False
    stochastic_adapt: bool = False
    fixed_ways: bool = False
    uses_unlabelled: bool = False
    tables: tuple[keras.layers.Layer, ...] = ()

    def signatures(self) -> tuple[Signature, ...]:
        """Returns the endpoints to export, the default one first."""
        raise NotImplementedError(
            f"{type(self).__name__} defines no signatures."
        )

    def keep_untracked(self, name: str, value: Any) -> None:
        """Sets an attribute past Keras's tracking.

        Tracking makes plain tuples of named ones, wraps dictionaries, owns
        a shared layer twice, and is closed once a model is built.

        Args:
            name: of the attribute.
            value: what it holds.
        """
        object.__setattr__(self, name, value)

    @classmethod
    def from_preset(
        cls,
        handle: str,
        load_weights: bool = True,
        trusted_packages: Collection[str] = (),
    ) -> Any:
        """Loads a preset and checks that it is of this class.

        Args:
            handle: registered name, local folder, or a URL handle.
            load_weights: False gives fresh weights.
            trusted_packages: top-level packages, such as "keras_hub", whose
                registered Keras classes the preset may hold.

        Returns:
            The learner.

        Raises:
            PresetError: unknown, damaged, unsafe, or of another class.
        """
        from metazoo.errors import PresetError
        from metazoo.presets import from_preset

        learner = from_preset(
            handle,
            load_weights=load_weights,
            trusted_packages=trusted_packages,
        )
        if not isinstance(learner, cls):
            raise PresetError(
                f"Preset {handle!r} holds a {type(learner).__name__}, not a "
                f"{cls.__name__}; load it with metazoo.from_preset."
            )
        return learner

    def save_to_preset(
        self,
        directory: str | Path,
        *,
        overwrite: bool = False,
        trusted_packages: Collection[str] = (),
        **metadata: Any,
    ) -> Path:
        """Writes config, weights, metadata and model card to a folder.

        Args:
            directory: folder to create.
            overwrite: replace the folder if it exists.
            trusted_packages: as for `from_preset`.
            **metadata: fields of the preset's metadata, such as `preset`,
                `dataset` and `metrics`.

        Returns:
            The folder.
        """
        from metazoo.presets import save_to_preset

        return save_to_preset(
            self,
            directory,
            metadata,
            overwrite=overwrite,
            trusted_packages=trusted_packages,
        )
