"""Clear errors for the optional dependencies of serving."""

from __future__ import annotations

import importlib
from types import ModuleType

REMEDY = 'pip install "metazoo[serving]"'

EXTRA = frozenset(
    {
        "grpc",
        "grpc_health",
        "orjson",
        "prometheus_client",
        "starlette",
        "tensorflow_serving",
        "uvicorn",
        "yaml",
    }
)


def require(module: str) -> ModuleType:
    """Imports a module that may need the `serving` extra.

    Args:
        module: Dotted name of the module.

    Returns:
        The module.

    Raises:
        ImportError: If a package of the extra is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRA:
            raise
        raise ImportError(
            f"{package} is needed for this and is not installed: {REMEDY}",
            name=error.name,
        ) from error
