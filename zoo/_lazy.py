"""Package attributes that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any


def resolve(
    package: str,
    name: str,
    names: Mapping[str, str],
    submodules: Iterable[str] = (),
) -> Any:
    """Imports one public name of a package.

    Args:
        package: Dotted name of the package.
        name: The attribute asked for.
        names: Module that defines each public name.
        submodules: Sub-modules that are attributes as well.

    Returns:
        The object.

    Raises:
        AttributeError: If the package has no such public name.
    """
    if name in names:
        return getattr(importlib.import_module(names[name]), name)
    if name in submodules:
        return importlib.import_module(f"{package}.{name}")
    raise AttributeError(f"module {package!r} has no attribute {name!r}")
