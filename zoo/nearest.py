"""Looks names up, and points a mistyped one to the right one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from metazoo.errors import MetazooError


def find_named(
    kind: str, method: str, found: Mapping[str, Any], name: str
) -> Any:
    """Looks up something that a method declares by name.

    Args:
        kind: what it is, such as `recipe`.
        method: name of the method.
        found: name to value, all that the method declares.
        name: the name asked for.

    Returns:
        The value.

    Raises:
        MetazooError: the method declares nothing of that name.
    """
    if name not in found:
        raise MetazooError(
            f"{kind} of {method}: got {name!r}, "
            + nearest_text(name, sorted(found))
        )
    return found[name]


def nearest_text(name: str, known: list[str]) -> str:
    """Half a sentence that points a mistyped name to the right one.

    Args:
        name: What was asked for.
        known: The names that exist.

    Returns:
        ``"did you mean ...?"``, or the list of all names if none is near.
    """
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    if near:
        return "which does not exist; did you mean " + " or ".join(near) + "?"
    return "which does not exist; there are: " + (", ".join(known) or "none")
