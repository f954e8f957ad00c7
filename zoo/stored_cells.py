"""Results that are measured once, kept in a file, and never mixed up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from metazoo.errors import MetazooError
from metazoo.whole_files import write_text


def stored_cell(
    path: Path,
    identity: Mapping[str, Any],
    measure: Callable[[], Mapping[str, Any]],
) -> dict[str, Any]:
    """Reads a result, or measures and stores it.

    Args:
        path: its file; the folder exists.
        identity: what the result depends on, in JSON types.
        measure: gives the result, in JSON types.

    Returns:
        The result, and `identity`.

    Raises:
        MetazooError: the file holds a result of another identity.
    """
    if path.exists():
        record = json.loads(path.read_text(encoding="utf-8"))
        _check_identity(path, record["identity"], identity)
        return record
    record = {**measure(), "identity": dict(identity)}
    write_text(path, json_text(record))
    return record


def json_text(value: Any) -> str:
    """A value as a JSON file holds it.

    Args:
        value: in JSON types.
    """
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _check_identity(
    path: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    changed = [name for name in wanted if stored.get(name) != wanted[name]]
    if changed:
        raise MetazooError(
            f"{path} was measured with other settings ({changed} differ). "
            "Use another folder, or remove the file to measure it again."
        )
