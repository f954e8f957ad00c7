"""What the library knows of a method before TensorFlow is imported."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metazoo.errors import MetazooError

CONTRACTS = ("episodic", "dynamics", "proposer")

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_RESERVED = frozenset({"trainers", "serving"})


@dataclass(frozen=True)
class PaperResult:
    """An accuracy the paper prints, to stand beside ours.

    Attributes:
        dataset: Data set, as its reader names it.
        ways: Classes of a task.
        shots: Support examples of a class.
        accuracy: Fraction, 0 to 1.
        transductive: Whether queries were normalised together.
    """

    dataset: str
    ways: int
    shots: int
    accuracy: float
    transductive: bool = False


@dataclass(frozen=True)
class Paper:
    """The publication a method comes from."""

    title: str
    authors: str
    venue: str
    year: int
    url: str
    results: tuple[PaperResult, ...] = ()


@dataclass(frozen=True)
class MethodSpec:
    """What the library knows of one method before TensorFlow is imported.

    Args:
        name: Folder name of the method in snake case, e.g. ``"protonet"``.
        title: The paper's spelling, e.g. ``"Prototypical Networks"``.
        contract: ``"episodic"``, ``"dynamics"`` or ``"proposer"``.
        model: ``"module:Class"`` of the Keras model, imported lazily.
        recipes: ``"module:attribute"`` of a dictionary from recipe name to
            recipe instance, imported lazily.
        paper: Where the method was published.
        doc: One line that says what the method does.
        presets_dir: Folder that holds the method's presets; by default
            ``presets/`` beside the module of the model.
        experiments: ``"module:attribute"`` of a dictionary from name to
            ``metazoo.experiments.Experiment``, imported lazily; None where
            the method declares none.
        other_models: ``"module:Class"`` of further models of the method
            (variants, stages, controls of its experiments), stored in the
            same preset form.
    """

    name: str
    title: str
    contract: str
    model: str
    recipes: str
    paper: Paper
    doc: str
    presets_dir: Path | None = None
    experiments: str | None = None
    other_models: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuses a spec that could not be used later.

        Raises:
            MetazooError: If a field is malformed; the text names the field.
        """
        if not _NAME.fullmatch(self.name) or self.name in _RESERVED:
            raise MetazooError(
                f"name: got {self.name!r}, expected snake case such as "
                f"'protonet', other than {sorted(_RESERVED)}"
            )
        if self.contract not in CONTRACTS:
            raise MetazooError(
                f"contract of {self.name!r}: got {self.contract!r}, "
                f"expected one of {CONTRACTS}"
            )
        for field, target in self._targets():
            if not _TARGET.fullmatch(target):
                raise MetazooError(
                    f"{field} of {self.name!r}: got {target!r}, expected "
                    "'module:attribute'"
                )

    def _targets(self) -> list[tuple[str, str]]:
        found = [("model", self.model), ("recipes", self.recipes)]
        if self.experiments is not None:
            found.append(("experiments", self.experiments))
        return found + [("other_models", one) for one in self.other_models]

    @property
    def models(self) -> Mapping[str, str]:
        """``"module:Class"`` of every model by its class's name."""
        targets = (self.model, *self.other_models)
        return {target.partition(":")[2]: target for target in targets}

    @property
    def class_name(self) -> str:
        """Name of the model class, in the paper's spelling."""
        return self.model.partition(":")[2]

    @property
    def package(self) -> str:
        """Dotted name of the package the model's module lies in."""
        module = self.model.partition(":")[0]
        return module.rpartition(".")[0] or module

    def load_model_class(self) -> type:
        """Imports and returns the model class (this imports TensorFlow).

        Returns:
            The Keras model class.

        Raises:
            MetazooError: If the class does not exist.
        """
        found = _load(self.model, f"model of {self.name!r}")
        if not isinstance(found, type):
            raise MetazooError(
                f"model of {self.name!r}: {self.model} is not a class"
            )
        return found

    def load_class(self, class_name: str) -> type:
        """Imports the model class, or another of the method, by its name.

        Args:
            class_name: Name of the class.

        Returns:
            The Keras model class.

        Raises:
            MetazooError: If the method has no such class.
        """
        if class_name not in self.models:
            raise MetazooError(
                f"method {self.name!r} has no model {class_name!r}, only "
                f"{list(self.models)}"
            )
        return _load(self.models[class_name], f"model of {self.name!r}")

    def load_recipes(self) -> Mapping[str, Any]:
        """Imports and returns the named training recipes of the method.

        Returns:
            Recipe dataclass instances by recipe name.

        Raises:
            MetazooError: If the attribute does not exist or is no mapping.
        """
        return self._load_mapping("recipes")

    def load_experiments(self) -> Mapping[str, Any]:
        """Imports and returns the experiments that the method declares.

        Returns:
            `metazoo.experiments.Experiment` by name; empty if it has none.

        Raises:
            MetazooError: If the attribute does not exist or is no mapping.
        """
        return (
            {}
            if self.experiments is None
            else self._load_mapping("experiments")
        )

    def _load_mapping(self, field: str) -> Mapping[str, Any]:
        target = getattr(self, field)
        found = _load(target, f"{field} of {self.name!r}")
        if not isinstance(found, Mapping):
            raise MetazooError(
                f"{field} of {self.name!r}: {target} is a "
                f"{type(found).__name__}, expected a dictionary"
            )
        return found

    def presets_path(self) -> Path:
        """Folder that holds the presets of the method; it need not exist.

        Returns:
            The folder, whether or not it exists.
        """
        if self.presets_dir is not None:
            return Path(self.presets_dir)
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.origin is None:
            raise MetazooError(
                f"model of {self.name!r}: package {self.package!r} not found"
            )
        return Path(spec.origin).parent / "presets"


def _load(target: str, what: str) -> Any:
    """Imports ``"module:attribute"``."""
    module_name, _, attribute = target.partition(":")
    module = importlib.import_module(module_name)
    try:
        return getattr(module, attribute)
    except AttributeError as error:
        raise MetazooError(
            f"{what}: module {module_name} has no {attribute!r}"
        ) from error
