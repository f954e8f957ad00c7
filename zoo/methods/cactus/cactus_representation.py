"""Embeddings that were learned without labels, as few-shot learners."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from metazoo.learners.prototype import PrototypeLearner
from metazoo.wire.faults import any_not_finite, spoil_all
from metazoo.wire.signature import Signature


class EmbeddingWire(PrototypeLearner):
    """Adds the endpoint `embed` to nearest class means."""

    wire_docs = {
        "x": "raw examples; [tasks, examples, *features]",
        "z": "their vectors; [tasks, examples, embedding]",
        "norm": "length of each vector; [tasks, examples]",
    }

    def signatures(self) -> tuple[Signature, ...]:
        """Returns those of the contract, and `embed`."""
        shape = [None, None, *self.example_shape]
        spec = {"x": tf.TensorSpec(shape, tf.float32, "x")}
        doc = "Embeds examples, each for itself."
        embed = self._signature("embed", spec, ("z", "norm"), doc)
        return (*super().signatures(), embed)

    def example_extras(self, num_tasks: int) -> dict[str, np.ndarray]:
        """Inputs of endpoints that an episode does not hold.

        Args:
            num_tasks: number of tasks.
        """
        return {"x": np.asarray(self.example_episode(num_tasks).query_x)}

    def _serve_embed(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        z = self.embed(x)
        found = {"z": z, "norm": tf.norm(z, axis=-1)}
        # Pooling may lose a NaN and give a vector that looks sound.
        return spoil_all(found, any_not_finite(x))


@keras.saving.register_keras_serializable(package="metazoo")
class Representation(EmbeddingWire):
    """A frozen embedding; a task's classes are its means.

    What the first stage of CACTUs leaves. Its endpoint `embed` gives the
    vectors themselves.

    Args:
        backbone: Keras model from one example to a feature vector.
        *args: as for `EmbeddingLearner`.
        **kwargs: as for `EmbeddingLearner`.
    """

    def __init__(
        self, backbone: keras.Model, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(backbone, *args, **kwargs)
        self.build()
