"""The TensorFlow/Keras production model zoo for meta-learning.

Public names are imported on first use, so that ``import metazoo`` and
``metazoo.list_presets()`` answer without importing TensorFlow. Model classes
go by the paper's name (``metazoo.ProtoNet``) and come from the registry. Where
Keras is imported already, they are registered with it at once, so that
``keras.saving.load_model`` finds them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from metazoo._lazy import lazy as _lazy

if TYPE_CHECKING:
    from metazoo.base import MetaLearner
    from metazoo.contracts.adapted import load_state
    from metazoo.contracts.dynamics import DynamicsLearner
    from metazoo.contracts.episodic import EpisodicLearner
    from metazoo.contracts.proposer import Proposer
    from metazoo.data import ClassDataset, Episode, EpisodeSampler
    from metazoo.errors import (
        DataError,
        EpisodeError,
        ExportError,
        MetazooError,
        OptionError,
        PresetError,
        RecipeError,
        SecondOrderError,
        ServingError,
    )
    from metazoo.presets import (
        PresetInfo,
        fetch,
        from_preset,
        list_presets,
        save_to_preset,
        upload_preset,
    )
    from metazoo.registry import get_method, list_methods
    from metazoo.saving import load_model

    __version__: str

__all__ = [
    "ClassDataset",
    "DataError",
    "DynamicsLearner",
    "Episode",
    "EpisodeError",
    "EpisodeSampler",
    "EpisodicLearner",
    "ExportError",
    "MetaLearner",
    "MetazooError",
    "OptionError",
    "PresetError",
    "PresetInfo",
    "Proposer",
    "RecipeError",
    "SecondOrderError",
    "ServingError",
    "__version__",
    "fetch",
    "from_preset",
    "get_method",
    "list_methods",
    "list_presets",
    "load_model",
    "load_state",
    "save_to_preset",
    "upload_preset",
]

_get, _names = _lazy(
    __name__,
    {
        "contracts.adapted": "load_state",
        "base": "MetaLearner",
        "data": "ClassDataset Episode EpisodeSampler",
        "contracts.dynamics": "DynamicsLearner",
        "contracts.episodic": "EpisodicLearner",
        "errors": "DataError EpisodeError ExportError MetazooError OptionError "
        "PresetError RecipeError SecondOrderError ServingError",
        "presets": "PresetInfo fetch from_preset list_presets save_to_preset "
        "upload_preset",
        "contracts.proposer": "Proposer",
        "registry": "get_method list_methods",
        "saving": "load_model",
    },
    submodules=(
        "base",
        "data",
        "errors",
        "evaluation",
        "functional",
        "layers",
        "methods",
        "presets",
        "registry",
        "serving",
        "trainers",
    ),
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("metazoo")
    if name[:1].isupper() and name not in __all__:
        return _model_class(name)
    return _get(name)


def __dir__() -> list[str]:
    from metazoo.registry import methods

    classes = [name for spec in methods().values() for name in spec.models]
    return sorted({*_names(), *__all__, *classes})


def _model_class(name: str) -> type:
    from metazoo.registry import methods

    for spec in methods().values():
        if name in spec.models:
            return spec.load_class(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if "keras" in sys.modules:
    from metazoo.saving import register_keras_classes

    register_keras_classes()
    del register_keras_classes
