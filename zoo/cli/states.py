"""Adapted states on disk, with the names of their classes inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.cli.output import say
from metazoo.errors import DataError

if TYPE_CHECKING:
    from metazoo.contracts.adapted import AdaptedModel
    from metazoo.serving import Client

CLASS_NAMES = "class_names"


def save_state(
    adapted: AdaptedModel,
    class_names: Sequence[str],
    path: Path,
    preset: str | None = None,
) -> None:
    """Writes a state, with the names of its classes and where it is from.

    Args:
        adapted: the adapted model.
        class_names: a name for each label.
        path: the `.npz` file.
        preset: the preset that was adapted, None for a served model.
    """
    notes: dict[str, Any] = {CLASS_NAMES: list(class_names)}
    if preset is not None:
        notes |= {"preset": preset, "layout": _layout(adapted)}
    path.parent.mkdir(parents=True, exist_ok=True)
    adapted.save(path, notes)


def load_served(
    client: Client, path: Path
) -> tuple[AdaptedModel, tuple[str, ...]]:
    """Reads what `save_state` wrote, for a model on a server.

    Args:
        client: asks the server.
        path: the `.npz` file.

    Returns:
        The adapted model and the names of its classes.

    Raises:
        DataError: the file does not name its classes.
        EpisodeError: the file is no state, or not one of this model.
    """
    from metazoo.contracts.adapted import read_adapted

    stored = read_adapted(path)
    names = stored.notes.get(CLASS_NAMES)
    if not names or not isinstance(names, list):
        raise DataError(
            f"{path} does not name its classes; store it with `metazoo adapt "
            "--output`."
        )
    adapted = client.adapted_from(stored, path)
    _tell_of_version(stored.notes, client, path)
    return adapted, tuple(str(name) for name in names)


def _tell_of_version(notes: dict[str, Any], client: Client, path: Path) -> None:
    version, now = notes.get("version"), client.origin()["version"]
    if version is None:
        say(f"note: {path} is of preset {notes.get('preset')}, not of a server")
    elif version != now:
        say(
            f"note: {path} is of version {version}, the server answers with "
            f"version {now}; adapt again if its weights are others"
        )


def _layout(adapted: AdaptedModel) -> str:
    from metazoo.serving.client.adapted import layout_digest

    return layout_digest(
        [
            (name, spec.dtype.name, tuple(spec.shape))
            for name, spec in adapted.learner.state_spec().items()
        ]
    )
