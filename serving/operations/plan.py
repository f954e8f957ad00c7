"""Decides which versions of which models go into the folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from metazoo.errors import ServingError
from metazoo.serving.operations import checks
from metazoo.serving.publish import list_versions
from metazoo.serving.server.config import ModelConfig

PRESET = "preset:"
Labels = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Policy:
    """Which versions of a model are served.

    Attributes:
        latest: This many of the highest versions; 0 for all.
        specific: Exactly these instead; None for `latest`.
    """

    latest: int = 1
    specific: tuple[int, ...] | None = None


def parse_policy(text: str) -> Policy:
    """Reads a policy.

    Args:
        text: `latest`, `latest:N`, `all` or `specific:N,N`.

    Raises:
        ServingError: If it is something else.
    """
    kind, _, numbers = text.partition(":")
    parts = [int(p) for p in numbers.split(",") if p.isdecimal()]
    if min(parts, default=1) >= 1 and ",".join(map(str, parts)) == numbers:
        if kind == "latest" and len(parts) < 2:
            return Policy(latest=parts[0] if parts else 1)
        if kind == "all" and not parts:
            return Policy(latest=0)
        if kind == "specific" and parts:
            return Policy(specific=tuple(sorted(set(parts))))
    raise ServingError(
        f"policy is {text!r}; expected latest:N, all, or specific:N,N with "
        "numbers from 1 on"
    )


@dataclass(frozen=True)
class PlannedModel:
    """A model and what is to be done for it.

    Attributes:
        config: Name, versions and labels; its path is that of the output.
        copies: Version -> folder to copy.
        preset: The preset to export; None for a model from a folder.
        version: Number of the exported version.
    """

    config: ModelConfig
    copies: Mapping[int, Path]
    preset: str | None = None
    version: int = 1


def plan(
    models: Mapping[str, str | Path],
    output: Path,
    labels: Labels,
    policies: Mapping[str, Policy],
) -> list[PlannedModel]:
    """Plans everything, and changes nothing.

    Args:
        models: Name -> folder of versions, or `preset:PRESET`.
        output: The folder to write; what it holds already counts.
        labels: Name -> label -> version.
        policies: Name -> which versions to serve.

    Returns:
        One entry for each model.

    Raises:
        ServingError: If a name, a label, a policy or a folder is wrong.
    """
    if not models:
        raise ServingError("no model is named; give at least one")
    for kind, named in (("label", labels), ("policy", policies)):
        unknown = sorted(set(named) - set(models))
        if unknown:
            raise ServingError(
                f"a {kind} is given for {', '.join(unknown)}; the models are "
                f"{', '.join(models)}"
            )
    return [
        _plan_model(
            checks.name("model name", name),
            str(source),
            output / "models" / name,
            dict(labels.get(name, {})),
            policies.get(name),
        )
        for name, source in models.items()
    ]


def _plan_model(
    name: str,
    source: str,
    target: Path,
    labels: dict[str, int],
    policy: Policy | None,
) -> PlannedModel:
    for label in labels:
        checks.label(f"label of model {name!r}", label)
    present = list_versions(target)
    if source.startswith(PRESET):
        number = max(present, default=0) + 1
        config = _config(name, target, labels, policy, {*present, number})
        preset = source.removeprefix(PRESET)
        return PlannedModel(config, {}, preset, number)
    found = _source_versions(name, Path(source))
    config = _config(name, target, labels, policy, {*present, *found})
    wanted = config.wanted({*present, *found})
    same = Path(source).resolve() == target.resolve()
    copies = {} if same else {n: found[n] for n in wanted if n in found}
    return PlannedModel(config, dict(sorted(copies.items())))


def _config(
    name: str,
    target: Path,
    labels: dict[str, int],
    policy: Policy | None,
    present: set[int],
) -> ModelConfig:
    if policy is None:
        # A labelled version must stay until the label has moved, whatever
        # else is published.
        labelled = tuple(sorted(set(labels.values())))
        policy = Policy(specific=labelled or None)
    config = ModelConfig(name, target, policy.latest, policy.specific, labels)
    _check_versions(config, present)
    return config


def _check_versions(config: ModelConfig, present: set[int]) -> None:
    labelled = set(config.labels.values())
    missing = {*(config.specific or ()), *labelled} - present
    if missing:
        raise ServingError(
            f"model {config.name!r}: labels or policy ask for version "
            f"{_numbers(missing)}; there is {_numbers(present)}"
        )
    dropped = labelled - set(config.wanted(present))
    if dropped:
        raise ServingError(
            f"model {config.name!r}: a label points to version "
            f"{_numbers(dropped)}, which the policy does not serve; of "
            f"{_numbers(present)} it serves "
            f"{_numbers(set(config.wanted(present)))}"
        )


def _numbers(versions: set[int]) -> str:
    return ", ".join(map(str, sorted(versions)))


def _source_versions(name: str, folder: Path) -> dict[int, Path]:
    if (folder / "saved_model.pb").exists():
        raise ServingError(
            f"model {name!r}: {folder} is a version folder; give the folder "
            f"that holds it, {folder.parent}"
        )
    found = list_versions(folder)
    if not found:
        raise ServingError(
            f"model {name!r}: {folder} holds no version; make one with "
            "`metazoo export`"
        )
    for version in found.values():
        if not (version / "saved_model.pb").is_file():
            raise ServingError(
                f"model {name!r}: {version} holds no saved_model.pb"
            )
    return found
