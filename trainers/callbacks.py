"""Callbacks that Keras lacks; they work with `fit` and with `Trainer`."""

from __future__ import annotations

import csv
import math
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.errors import TrainingError
from metazoo.metrics.episodes import episode_accuracy, mean_interval
from metazoo.trainers.plan import require_positive
from metazoo.whole_files import replacing


class EpisodeEvaluation(keras.callbacks.Callback):
    """Logs validation accuracy with its 95 % interval over episodes.

    Adds `val_accuracy` and `val_ci95` (half the width of the interval), as
    fractions, to the logs of an epoch; list it before callbacks that read
    them.
    """

    def __init__(
        self, episodes: tf.data.Dataset, every: int = 1, prefix: str = "val_"
    ) -> None:
        """Evaluates nothing yet.

        Args:
            episodes: a finite data set of episodes, the same each time, such
                as `sampler.dataset(num_tasks, num_batches=60)`.
            every: epochs between evaluations.
            prefix: of the names in the logs.

        Raises:
            TrainingError: `every` is below 1, or `episodes` never ends.
        """
        super().__init__()
        require_positive("every", every)
        if episodes.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise TrainingError("episodes must be finite; this never ends.")
        self.episodes = episodes
        self.every = every
        self.prefix = prefix
        self._classes: Any = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None):
        """Scores all episodes.

        Args:
            epoch: number of the epoch.
            logs: gets the results.
        """
        if (epoch + 1) % self.every:
            return
        accuracy, ci95 = self.evaluate()
        logs = {} if logs is None else logs
        logs[f"{self.prefix}accuracy"] = accuracy
        logs[f"{self.prefix}ci95"] = ci95

    def evaluate(self) -> tuple[float, float]:
        """Scores all episodes with the learner as it is.

        Returns:
            Mean accuracy over episodes and half the width of its 95 %
            interval; infinite for a single episode.
        """
        if self._classes is None:
            self._classes = tf.function(self._predict, autograph=False)
        scores = [
            episode_accuracy(*self._classes(episode))
            for episode in self.episodes
        ]
        found = mean_interval(np.concatenate(scores))
        return found.mean, math.inf if found.ci95 is None else found.ci95

    def _predict(self, data: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """True labels, predicted labels and mask, each [tasks, query]."""
        inputs, query_y, mask = Episode.from_keras(data).to_keras()
        logits = self.model(inputs, training=False)
        return query_y, tf.argmax(logits, -1), mask


class SkippedSteps(keras.callbacks.Callback):
    """Ends a training in which too many updates were skipped.

    A learner compiled with `skip_bad_updates` counts the steps of an epoch
    whose gradient was not finite; one or two are bad luck, many a divergence.
    """

    def __init__(self, limit: int) -> None:
        """Counts nothing itself.

        Args:
            limit: the most skipped steps of an epoch.
        """
        super().__init__()
        self.limit = limit

    def on_epoch_end(
        self, epoch: int, logs: dict[str, Any] | None = None
    ) -> None:
        """Looks at the count.

        Args:
            epoch: number of the epoch.
            logs: holds `skipped_steps` where the learner skips.

        Raises:
            TrainingError: there were more than the limit.
        """
        skipped = (logs or {}).get("skipped_steps", 0)
        if skipped > self.limit:
            raise TrainingError(
                f"{skipped:.0f} steps of epoch {epoch} had a gradient that "
                f"was not finite; at most {self.limit} may be skipped. Lower "
                "the step size, or look for the fault in the data."
            )


class ResumableCSVLogger(keras.callbacks.CSVLogger):
    """Writes one row an epoch; a resumed run repeats none.

    Rows of epochs that are about to run again, because the run was killed
    after they were written, are removed first.
    """

    def __init__(self, filename: str | os.PathLike[str]) -> None:
        """Touches no file.

        Args:
            filename: the CSV file.
        """
        super().__init__(str(filename), append=True)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Removes rows from the first epoch to run onwards."""
        first = self.params.get("initial_epoch", 0)
        header = _keep_rows_before(Path(self.filename), first)
        super().on_train_begin(logs)
        # The first row to come may lack what the rows above it have.
        self.keys = header[1:] or None


def _keep_rows_before(path: Path, epoch: int) -> list[str]:
    """Returns the header of the rows kept; empty where none is."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    # A kill may have cut the last row short.
    whole = [row for row in rows if len(row) == len(header)]
    kept = [row for row in whole if int(row[0]) < epoch]
    with (
        replacing(path) as temporary,
        temporary.open("w", newline="") as file,
    ):
        if kept:
            csv.writer(file).writerows([header, *kept])
    return header if kept else []
