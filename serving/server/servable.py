"""One loaded version of a model, counted while requests use it."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.serving.session import SavedModelSession
from metazoo.serving.signatures import SERVING_DEFAULT, SignatureInfo
from metazoo.serving.status import CODES, StatusError
from metazoo.serving.tensors import from_proto
from metazoo.serving.warmup import read_warmup


class Servable:
    """A session with a count of the requests inside it.

    Attributes:
        model: Name of the model.
        version: Its version.
        session: The loaded session.
    """

    def __init__(self, model: str, version: int, directory: Path) -> None:
        """Loads the version and replays its warm-up records.

        Args:
            model: Name of the model.
            version: Its version.
            directory: The version folder.

        Raises:
            Exception: Whatever keeps the version from loading; a warm-up
                record that fails does too.
        """
        self.model = model
        self.version = version
        self.session = SavedModelSession(directory)
        self._condition = threading.Condition()
        self._users = 0
        self._retired = False
        try:
            self._warm_up(directory)
        except BaseException:
            self.session.close()
            raise

    @property
    def signatures(self) -> Mapping[str, SignatureInfo]:
        """The signatures that can be called."""
        return self.session.signatures

    def _warm_up(self, directory: Path) -> None:
        # The first run of a signature plans it, which takes one core.
        with ThreadPoolExecutor(os.cpu_count(), "warm-up") as pool:
            list(pool.map(self._replay, read_warmup(directory)))

    def _replay(self, request: Any) -> None:
        inputs = {k: from_proto(v) for k, v in request.inputs.items()}
        signature = request.model_spec.signature_name or SERVING_DEFAULT
        if signature not in self.signatures:
            raise StatusError(
                "FAILED_PRECONDITION",
                f"a warm-up record is for the signature {signature!r}, which "
                "the version has not",
            )
        self.session.run(signature, inputs)

    def run(
        self,
        signature: str,
        inputs: Mapping[str, np.ndarray],
        outputs: Sequence[str],
        timeout_ms: int,
    ) -> dict[str, np.ndarray]:
        """Runs a signature on inputs that were checked.

        Raises:
            StatusError: With the code of the runtime.
        """
        try:
            return self.session.run(signature, inputs, outputs, timeout_ms)
        except tf.errors.OpError as error:
            raise StatusError(
                CODES[error.error_code], error.message or "no message"
            ) from error

    def try_acquire(self) -> bool:
        """Counts one more user, unless the version is being unloaded."""
        with self._condition:
            if self._retired:
                return False
            self._users += 1
            return True

    def hold(self) -> None:
        """Counts one more user, while another one keeps the version."""
        with self._condition:
            self._users += 1

    def release(self) -> None:
        """Counts one user less."""
        with self._condition:
            self._users -= 1
            self._condition.notify_all()

    def retire(self) -> None:
        """Takes no new users, waits for the present ones, and unloads."""
        with self._condition:
            self._retired = True
            self._condition.wait_for(lambda: self._users == 0)
        self.session.close()
