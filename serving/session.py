"""A SavedModel in a version-1 session: what TensorFlow Serving runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.python.util import deprecation

from metazoo.errors import ServingError
from metazoo.serving.signature_defs import describe_all, read_signature_defs


class SavedModelSession:
    """Loads an exported version and runs its signatures.

    A `tf.saved_model.load` round trip hides exports that a server can't run;
    the session has the restore and the initialisation of the real server.
    The inputs are mapped to placeholders of unknown shape, so that, as on
    the real server, nothing but the graph itself checks shapes.

    Attributes:
        signature_defs: Signature name -> SignatureDef as stored, with the
            entry of the initialisation.
        signatures: Signature name -> description of its tensors, for those
            that can be called.
    """

    def __init__(
        self, directory: str | Path, intra_op_threads: int = 0
    ) -> None:
        """Loads the model into a graph and session of its own.

        Args:
            directory: The version folder, which holds `saved_model.pb`.
            intra_op_threads: Threads inside one operation; 0 lets
                TensorFlow choose.

        Raises:
            ServingError: If the folder holds no whole SavedModel.
        """
        self.signature_defs = read_signature_defs(Path(directory))
        self.signatures = describe_all(self.signature_defs)
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=intra_op_threads
        )
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph, config=config)
        try:
            self._load(graph, str(directory))
        except BaseException:
            self._session.close()
            raise

    def _load(self, graph: tf.Graph, directory: str) -> None:
        with graph.as_default():
            self._feeds = {
                tensor.name: tf.compat.v1.placeholder(tensor.dtype)
                for definition in self.signature_defs.values()
                for tensor in definition.inputs.values()
            }
            with deprecation.silence():
                try:
                    tf.compat.v1.saved_model.load(
                        self._session,
                        ["serve"],
                        directory,
                        input_map=self._feeds,
                    )
                except ValueError as error:
                    # So TensorFlow tells of variables that are not there.
                    raise ServingError(
                        f"{directory} can't be loaded: {error}"
                    ) from error

    def run(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str] | None = None,
        timeout_ms: int = 0,
    ) -> dict[str, np.ndarray]:
        """Runs one signature.

        Args:
            signature: Name of the signature.
            inputs: Wire name -> array, exactly those of the signature.
            outputs: The wire names to compute; None for all.
            timeout_ms: Longest run in milliseconds; 0 for no limit.

        Returns:
            Wire name -> array.

        Raises:
            tf.errors.OpError: Whatever the runtime answers.
        """
        definition = self.signature_defs[signature]
        names = list(definition.outputs) if outputs is None else list(outputs)
        feeds = {
            self._feeds[definition.inputs[name].name]: value
            for name, value in inputs.items()
        }
        fetches = [definition.outputs[name].name for name in names]
        options = None
        if timeout_ms:
            options = tf.compat.v1.RunOptions(timeout_in_ms=timeout_ms)
        values = self._session.run(fetches, feeds, options=options)
        return dict(zip(names, values, strict=True))

    def close(self) -> None:
        """Frees the variables and the graph."""
        self._session.close()

    def __enter__(self) -> SavedModelSession:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()
