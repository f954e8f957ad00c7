"""Package attributes that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any


def lazy(
    package: str,
    homes: Mapping[str, str],
    submodules: Iterable[str] = (),
    load: Callable[[str], ModuleType] = importlib.import_module,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Makes what a package calls `__getattr__` and `__dir__`.

    Args:
        package: dotted name of the package, its `__name__`.
        homes: sub-module, relative to the package, to the public names that
            it defines, separated by blanks.
        submodules: sub-modules that are attributes as well.
        load: imports a module by its dotted name.

    Returns:
        `__getattr__`, which imports a public name and keeps it, and
        `__dir__`, which lists them all.
    """
    found_in = {
        name: f"{package}.{home}"
        for home, names in homes.items()
        for name in names.split()
    }
    modules = frozenset(submodules)

    def get(name: str) -> Any:
        if name in found_in:
            found = getattr(load(found_in[name]), name)
        elif name in modules:
            found = load(f"{package}.{name}")
        else:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}"
            )
        setattr(sys.modules[package], name, found)
        return found

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *found_in, *modules})

    return get, names
