"""Keeps the weights of the best epoch, also over a kill."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

from metazoo.errors import TrainingError
from metazoo.whole_files import replacing


class BestWeights(keras.callbacks.Callback):
    """Stores the weights where a logged value is best, and ends with them.

    The file outlives the process, so a resumed run keeps the best epoch of
    all its parts. Checkpoints still hold the last weights.
    """

    def __init__(
        self, path: str | os.PathLike[str], monitor: str = "val_accuracy"
    ) -> None:
        """Touches no file.

        Args:
            path: the `.npz` file.
            monitor: name in the logs of an epoch; larger is better.
        """
        super().__init__()
        self.path = Path(path)
        self.monitor = monitor
        self._best = -np.inf

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Reads the best value of the parts of the run before this one."""
        if self.path.exists():
            with np.load(self.path, allow_pickle=False) as stored:
                self._best = float(stored["value"])

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Stores the weights if this epoch is the best so far.

        Args:
            epoch: number of the epoch.
            logs: must hold the monitored value.

        Raises:
            TrainingError: the logs lack it.
        """
        value = (logs or {}).get(self.monitor)
        if value is None:
            raise TrainingError(
                f"The logs hold no {self.monitor!r} to choose the best "
                f"weights by, only {sorted(logs or {})}; validate, or train "
                "without keep_best."
            )
        if value > self._best:
            self._best = float(value)
            self._write(epoch)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Gives the learner the best weights."""
        with np.load(self.path, allow_pickle=False) as stored:
            count = len(self.model.weights)
            self.model.set_weights([stored[f"w{i}"] for i in range(count)])

    def _write(self, epoch: int) -> None:
        weights: dict[str, Any] = {
            f"w{i}": value for i, value in enumerate(self.model.get_weights())
        }
        with replacing(self.path) as temporary, temporary.open("wb") as file:
            np.savez(file, value=self._best, epoch=epoch, **weights)
