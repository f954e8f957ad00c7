"""A learner together with what it learned about some tasks."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.errors import EpisodeError
from metazoo.whole_files import replacing

if TYPE_CHECKING:
    from metazoo.contracts.episodic import EpisodicLearner


# What reading a damaged archive may raise; NumPy and zipfile pass them on.
_DAMAGED = (
    ValueError,
    OSError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)


_SINGLE = "__single__"
_NOTES = "__notes__"


@dataclass(frozen=True)
class StoredState:
    """What the file of an adapted model holds.

    Attributes:
        state: name to array with a leading tasks axis.
        single: whether it came from one task without a tasks axis.
        notes: what was said of it when it was stored; JSON values.
    """

    state: dict[str, np.ndarray]
    single: bool
    notes: dict[str, Any]


class AdaptedModel:
    """The outcome of adaptation: predicts queries, and is plain tensors.

    Attributes:
        learner: the learner that was adapted; it is not changed.
        state: dict from name to NumPy array with a leading tasks axis: all
            that adaptation learned. It can be stored, sent, and given to
            `learner.adapted(state)` anywhere.
        single: one task without a tasks axis was given, so predictions come
            without it too.
    """

    def __init__(
        self, learner: EpisodicLearner, state: dict[str, Any], single: bool
    ) -> None:
        self.learner = learner
        self.state: dict[str, Any] = {
            name: np.asarray(v) for name, v in state.items()
        }
        self.single = single

    @property
    def num_tasks(self) -> int:
        """Number of tasks adapted to."""
        return len(next(iter(self.state.values())))

    def predict(self, query_x: Any) -> np.ndarray:
        """Class probabilities of queries.

        Args:
            query_x: raw examples [query, *features], or [tasks, query,
                *features] for as many tasks as were adapted to.

        Returns:
            float32 [query, ways], with a leading tasks axis if there was one.

        Raises:
            EpisodeError: queries of the wrong shape, dtype or number of
                tasks.
        """
        return self._run(query_x)["probabilities"]

    def predict_classes(self, query_x: Any) -> np.ndarray:
        """Most probable class of each query: int64 [query] or [tasks, query].

        Args:
            query_x: as for `predict`.
        """
        return self._run(query_x)["classes"]

    def save(
        self, path: str | Path, notes: Mapping[str, Any] | None = None
    ) -> Path:
        """Stores the state as an `.npz` file, whole or not at all.

        Args:
            path: file to write.
            notes: JSON values to keep beside the state, such as the names
                of the classes.

        Returns:
            The path.
        """
        path = Path(path)
        extra: dict[str, Any] = {
            _SINGLE: np.array(self.single),
            _NOTES: np.array(json.dumps(dict(notes or {}))),
        }
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **extra, **self.state)
        return path

    def _run(self, query_x: Any) -> dict[str, np.ndarray]:
        outputs = self.learner.predict_state(query_x, self.state)
        drop = self.single and np.ndim(query_x) == self.learner.query_rank
        return {k: v[0] if drop else v for k, v in outputs.items()}


def load_state(path: str | Path) -> tuple[dict[str, np.ndarray], bool]:
    """Reads a state stored by `AdaptedModel.save`.

    Args:
        path: the `.npz` file.

    Returns:
        The state, and whether it came from one task without a tasks axis.

    Raises:
        EpisodeError: the file is no stored state.
    """
    stored = read_adapted(path)
    return stored.state, stored.single


def read_adapted(path: str | Path) -> StoredState:
    """Reads all that `AdaptedModel.save` stored; runs no code of the file.

    Args:
        path: the `.npz` file.

    Returns:
        The state and what was noted of it.

    Raises:
        EpisodeError: the file is no stored state.
    """
    try:
        _check_archive(path)
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        notes = json.loads(str(arrays.pop(_NOTES, "{}")))
    except _DAMAGED as error:
        raise EpisodeError(f"{path} holds no adapted state: {error}") from error
    single = arrays.pop(_SINGLE, None)
    if np.shape(single) or single is None or not isinstance(notes, dict):
        raise EpisodeError(f"{path} was not written by AdaptedModel.save.")
    return StoredState(arrays, bool(single), notes)


def _check_archive(path: str | Path) -> None:
    """Refuses what `save` does not write, such as a few bytes of gigabytes."""
    if not zipfile.is_zipfile(path):
        raise ValueError("it is missing, or no .npz archive")
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                raise ValueError(f"{member.filename!r} is no array")
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{member.filename!r} is compressed")
