"""Adapted states on disk, with the names of their classes beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from metazoo.adapted import AdaptedModel


def names_path(path: Path) -> Path:
    """The file that names the classes of a state: `state.npz.json`."""
    return path.with_name(f"{path.name}.json")


def save_state(
    adapted: AdaptedModel, class_names: Sequence[str], path: Path
) -> None:
    """Writes a state, and the names of its classes beside it.

    Args:
        adapted: the adapted model.
        class_names: a name for each label.
        path: the `.npz` file.
    """
    from metazoo.evaluation.tables import write_text

    path.parent.mkdir(parents=True, exist_ok=True)
    adapted.save(path)
    text = json.dumps({"class_names": list(class_names)}, indent=2)
    write_text(names_path(path), text + "\n")


def read_state(
    path: Path,
) -> tuple[dict[str, np.ndarray], bool, tuple[str, ...]]:
    """Reads what `save_state` wrote.

    Args:
        path: the `.npz` file.

    Returns:
        The state, whether it is of a single task, and the class names.

    Raises:
        DataError: the names are missing or malformed.
        EpisodeError: the file is no stored state.
    """
    from metazoo.adapted import load_state

    state, single = load_state(path)
    beside = names_path(path)
    try:
        names = json.loads(beside.read_text(encoding="utf-8"))["class_names"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{beside}, which `metazoo adapt --output` writes beside the "
            f"state with the names of its classes, can't be read: {error}"
        ) from error
    return state, single, tuple(str(name) for name in names)
