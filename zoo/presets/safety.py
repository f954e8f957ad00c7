"""Walks a preset's config before Keras sees it: known classes only.

A config is data from somebody else. Keras would import the modules and look
up the names it holds; here every such name must be that of a layer-like class
of Keras, or of one that metazoo or a registered method has registered.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import keras

from metazoo.errors import PresetError
from metazoo.presets.format import CONFIG_NAME
from metazoo.registry import methods

_VALUES = frozenset(
    {
        "__keras_tensor__",
        "__tensor__",
        "__numpy__",
        "__slice__",
        "__ellipsis__",
        "__bytes__",
    }
)
_KERAS_MODULE = re.compile(
    r"keras(\.(activations|constraints|dtype_policies|initializers|layers|"
    r"models|ops|regularizers)|\.src\.(dtype_policies|initializers|layers|"
    r"models|ops|regularizers)(\.\w+)*)?"
)
_ALLOWED_BASES = (
    keras.Operation,
    keras.initializers.Initializer,
    keras.regularizers.Regularizer,
    keras.constraints.Constraint,
    keras.dtype_policies.DTypePolicy,
    keras.dtype_policies.DTypePolicyMap,
)
# Layers that run foreign code, or read a file or a model from a path.
_FORBIDDEN_LAYERS = (
    "Lambda",
    "TFSMLayer",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    "StringLookup",
    "IntegerLookup",
    "TextVectorization",
)
_OURS = "metazoo"


def check_config(config: Any, trusted_packages: Collection[str] = ()) -> None:
    """Refuses a config that names anything but known, harmless classes.

    Args:
        config: The parsed ``config.json``.
        trusted_packages: Top-level packages whose registered Keras classes
            the user trusts besides Keras and metazoo, e.g. ``"keras_hub"``.

    Raises:
        PresetError: Names what was found and where.
    """
    if not isinstance(config, Mapping) or "class_name" not in config:
        raise PresetError(f"{CONFIG_NAME}: not the config of a Keras object")
    packages = _trusted(trusted_packages)
    try:
        for path, node in _walk(config, "config"):
            if isinstance(node, str):
                _check_text(path, node, packages)
            else:
                _check_object(path, node, packages)
    except RecursionError as error:
        raise PresetError(f"{CONFIG_NAME}: nested too deeply") from error


def _trusted(extra: Collection[str]) -> frozenset[str]:
    """Ours, those of the registered methods, and those the user named."""
    packages = {spec.package for spec in methods().values()}
    return frozenset({_OURS, *packages, *extra})


def _walk(
    node: Any, path: str
) -> Iterator[tuple[str, Mapping[str, Any] | str]]:
    """Every dictionary and text that Keras could make an object of."""
    if isinstance(node, Mapping):
        if "compile_config" in node:
            raise PresetError(
                f"{CONFIG_NAME}: {path} holds a compile_config; a preset "
                "carries no optimizer, loss or metric"
            )
        if "class_name" in node:
            yield path, node
        for key, value in node.items():
            yield from _walk(value, f"{path}.{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _walk(value, f"{path}[{index}]")
    elif isinstance(node, str):
        yield path, node


def _check_text(path: str, text: str, packages: frozenset[str]) -> None:
    """Refuses the name of a registered object from a foreign package.

    Keras replaces a text that is the name of a registered object by it.
    """
    found = keras.saving.get_custom_objects().get(text)
    if found is not None and not _inside(found.__module__, packages):
        raise PresetError(
            f"{CONFIG_NAME}: {path} names {text!r} of {found.__module__}, "
            "refused; if you trust it, pass its package in trusted_packages; "
            "nothing was loaded"
        )


def _check_object(
    path: str, node: Mapping[str, Any], packages: frozenset[str]
) -> None:
    class_name = node["class_name"]
    module = node.get("module")
    registered = node.get("registered_name")
    if module is None and str(class_name) in _VALUES:
        return
    if not isinstance(class_name, str) or not isinstance(module, str):
        raise _refusal(path, node, "its module and class_name must be text")
    if registered is not None and not isinstance(registered, str):
        raise _refusal(path, node, "its registered_name must be text")
    if class_name == "function" or class_name.startswith("__"):
        raise _refusal(path, node, "functions are code")
    found = keras.saving.get_registered_object(registered or class_name)
    if found is None and _KERAS_MODULE.fullmatch(module):
        _check_keras_class(path, node, _find_keras(path, node))
        return
    if found is None and _inside(module, packages):
        _import_ours(path, node)
        found = keras.saving.get_registered_object(registered)
    if found is None:
        raise _refusal(path, node, "it is not a class that is registered here")
    _check_registered(path, node, found, packages)


def _find_keras(path: str, node: Mapping[str, Any]) -> Any:
    """The class Keras has under this module and name."""
    try:
        module = importlib.import_module(node["module"])
    except ImportError as error:
        raise _refusal(path, node, "Keras has no such module") from error
    return vars(module).get(node["class_name"])


def _check_kind(path: str, node: Mapping[str, Any], found: Any) -> None:
    if not isinstance(found, type) or not issubclass(found, _ALLOWED_BASES):
        raise _refusal(path, node, "it is not a layer or alike")
    if issubclass(found, _forbidden()):
        why = "this layer can run foreign code or read files"
        raise _refusal(path, node, why)


def _check_keras_class(path: str, node: Mapping[str, Any], found: Any) -> None:
    _check_kind(path, node, found)
    if node.get("registered_name") not in (None, node["class_name"]):
        raise _refusal(path, node, "a class of Keras has no registered_name")


def _check_registered(
    path: str, node: Mapping[str, Any], found: Any, packages: frozenset[str]
) -> None:
    _check_kind(path, node, found)
    if not _inside(found.__module__, packages):
        raise _refusal(
            path,
            node,
            "it belongs to no method of metazoo; if you trust it, pass its "
            "package in trusted_packages",
        )
    real = f"{found.__module__}.{found.__name__}"
    if real != f"{node['module']}.{node['class_name']}":
        raise _refusal(path, node, f"the registered class is {real}")


def _import_ours(path: str, node: Mapping[str, Any]) -> None:
    """Imports a module of a trusted package, so that its class registers."""
    module = node["module"]
    if any(part.startswith("_") for part in module.split(".")):
        raise _refusal(path, node, "private modules are not imported")
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise _refusal(path, node, f"no such module ({error})") from error


def _inside(module: str, packages: frozenset[str]) -> bool:
    return any(
        module == package or module.startswith(f"{package}.")
        for package in packages
    )


def _forbidden() -> tuple[type, ...]:
    return tuple(getattr(keras.layers, name) for name in _FORBIDDEN_LAYERS)


def _refusal(path: str, node: Mapping[str, Any], why: str) -> PresetError:
    return PresetError(
        f"{CONFIG_NAME}: {path} is a {node.get('module')!r} "
        f"{node.get('class_name')!r} (registered_name "
        f"{node.get('registered_name')!r}), refused: {why}; nothing was loaded"
    )
