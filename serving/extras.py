"""Clear errors for the optional dependencies of serving."""

from __future__ import annotations

import importlib
from types import ModuleType

REMEDY = 'pip install "metazoo[serving]"'


def require(module: str) -> ModuleType:
    """Imports a module of the `serving` extra.

    Args:
        module: Dotted name of the module.

    Returns:
        The module.

    Raises:
        ImportError: If the package that holds it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{module} is needed here and is not installed: {REMEDY}",
            name=error.name,
        ) from error
