"""Every meta-learning method by name, found without importing TensorFlow.

Each package ``metazoo.methods.<name>`` calls ``register`` once, when it is
imported; a separate distribution does the same from a module named in the
entry point group ``metazoo.methods``. Model classes and recipes are named by
strings and imported only when they are asked for.
"""

from __future__ import annotations

import importlib
import pkgutil
import threading
import warnings

from metazoo.errors import MetazooError
from metazoo.method_spec import MethodSpec, Paper, PaperResult
from metazoo.nearest import nearest_text

__all__ = [
    "MethodSpec",
    "Paper",
    "PaperResult",
    "get_method",
    "list_methods",
    "methods",
    "register",
    "unregister",
]

ENTRY_POINT_GROUP = "metazoo.methods"

_specs: dict[str, MethodSpec] = {}
_lock = threading.RLock()
_discovered = False


def register(spec: MethodSpec) -> MethodSpec:
    """Adds a method to the registry.

    Args:
        spec: The method.

    Returns:
        The same spec.

    Raises:
        MetazooError: If the name or the class name is taken already.
    """
    if not isinstance(spec, MethodSpec):
        raise MetazooError(
            f"spec: got {type(spec).__name__}, expected MethodSpec"
        )
    with _lock:
        for other in _specs.values():
            if other.name == spec.name or other.class_name == spec.class_name:
                raise MetazooError(
                    f"method {spec.name!r} ({spec.model}) clashes with "
                    f"{other.name!r} ({other.model}), registered before; is "
                    "a file imported under two module names?"
                )
        _specs[spec.name] = spec
    return spec


def unregister(name: str) -> None:
    """Removes a method, so that a test or a plug-in can take it back.

    Args:
        name: Name of a registered method.
    """
    with _lock:
        del _specs[get_method(name).name]


def methods() -> dict[str, MethodSpec]:
    """All methods, shipped and from plug-ins, found on the first call.

    Returns:
        Method specs by name, in alphabetical order.
    """
    global _discovered
    with _lock:
        if not _discovered:
            _discovered = True
            try:
                _discover()
            except BaseException:
                _discovered = False
                raise
        return dict(sorted(_specs.items()))


def list_methods() -> list[str]:
    """Names of all methods, in alphabetical order.

    Returns:
        The names.
    """
    return list(methods())


def get_method(name: str) -> MethodSpec:
    """Looks a method up by name.

    Args:
        name: Method name, e.g. ``"protonet"``.

    Returns:
        The method's spec.

    Raises:
        MetazooError: If there is no such method; names the nearest ones.
    """
    known = methods()
    if name not in known:
        raise MetazooError(
            f"method: got {name!r}, " + nearest_text(str(name), list(known))
        )
    return known[name]


def _discover() -> None:
    """Imports every method package and every plug-in."""
    package = importlib.import_module("metazoo.methods")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg or module.name.startswith("_"):
            continue
        importlib.import_module(f"{package.__name__}.{module.name}")
        if module.name not in _specs:
            raise MetazooError(
                f"metazoo.methods.{module.name} does not register a method "
                f"named {module.name!r} in its __init__.py"
            )
    _load_plug_ins()


def _load_plug_ins() -> None:
    """Loads the entry points; a broken plug-in is reported, not fatal."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            found = entry.load()
            if isinstance(found, MethodSpec) and found.name not in _specs:
                register(found)
        except Exception as error:
            origin = entry.dist.name if entry.dist else "unknown origin"
            warnings.warn(
                f"plug-in {entry.name!r} = {entry.value!r} from {origin} "
                f"failed and is left out: {error!r}; update or uninstall it",
                RuntimeWarning,
                stacklevel=2,
            )
