"""Makes the lines of a comparison from the names that were asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from metazoo.comparison.choice import (
    Contender,
    System,
    method_contenders,
    systems_of,
)
from metazoo.errors import MetazooError, PresetError
from metazoo.nearest import nearest_text
from metazoo.presets.format import PRESET_NAME
from metazoo.presets.listing import list_presets
from metazoo.registry import MethodSpec, methods

if TYPE_CHECKING:
    from metazoo.data import ClassDataset

CONTRACT = "episodic"


@dataclasses.dataclass(frozen=True)
class Field:
    """What is compared.

    Attributes:
        systems: the lines, in the order asked for.
        left_out: method that nobody named to why it has no line.
    """

    systems: tuple[System, ...]
    left_out: Mapping[str, str]


def gather(
    names: Sequence[str],
    data: ClassDataset,
    ways: Sequence[int],
    any_training_set: bool = False,
) -> Field:
    """Finds the systems to compare.

    A method stands for each of its systems that was trained on the data set
    and takes its examples; a preset stands for itself.

    Args:
        names: methods, or presets by name, folder or address; none for all
            methods that have a preset that fits.
        data: what is evaluated on.
        ways: numbers of classes; a system must be able to do one of them.
        any_training_set: takes a method's presets whatever they were trained
            on, for data of one's own.

    Returns:
        The systems.

    Raises:
        MetazooError: a name is unknown, twice there, or nothing of it fits.
        PresetError: a preset can't be read.
    """
    known = episodic_methods()
    found: list[System] = []
    left_out: dict[str, str] = {}
    for name in names or known:
        if name not in known:
            found.append(_named(name, data, ways))
            continue
        systems, reason = _of_method(known[name], data, ways, any_training_set)
        if reason and names:
            raise PresetError(f"methods: {reason}")
        if reason:
            left_out[name] = reason
        found += systems
    if not found:
        raise PresetError(
            f"no method has a preset that fits {data.name!r} and {_ways(ways)}."
            " `metazoo compare --list` shows what there is."
        )
    return Field(_labelled(found, known), left_out)


def episodic_methods() -> dict[str, MethodSpec]:
    """The few-shot methods of the registry, by name."""
    return {
        name: spec
        for name, spec in methods().items()
        if spec.contract == CONTRACT
    }


def _of_method(
    spec: MethodSpec, data: ClassDataset, ways: Sequence[int], any_set: bool
) -> tuple[list[System], str]:
    """Systems of a method that fit, or why there is none."""
    presets = method_contenders(spec)
    if not presets:
        return [], f"{spec.name} has no preset yet."
    alike = [
        one for one in presets if any_set or one.metadata.dataset == data.name
    ]
    if not alike:
        return [], (
            f"{spec.name} has no preset trained on {data.name!r}, only "
            f"{_listing(presets)}; name a preset to compare it all the same."
        )
    taking = [one for one in alike if mismatch(one, data) is None]
    if not taking:
        return [], str(mismatch(alike[0], data))
    able = [
        system
        for system in systems_of(taking)
        if _able(system.contenders, ways)
    ]
    if not able:
        return [], _too_many(taking, ways)
    return able, ""


def _named(name: str, data: ClassDataset, ways: Sequence[int]) -> System:
    """A preset that was named, as a system of its own."""
    one = named_contender(name)
    spec = methods().get(one.method)
    if spec is None or spec.contract != CONTRACT:
        raise PresetError(
            f"{name}: method {one.method!r} is not episodic; only few-shot "
            "methods can be compared."
        )
    reason = mismatch(one, data)
    if reason is None and not _able([one], ways):
        reason = _too_many([one], ways)
    if reason is not None:
        raise PresetError(f"methods: {reason}")
    return System(one.preset, (one,))


def named_contender(name: str) -> Contender:
    """A preset by its name, folder or address.

    Args:
        name: what was asked for; no method's name.

    Raises:
        MetazooError: there is no such method or preset.
        PresetError: the preset can't be fetched, or is damaged.
    """
    known = {info.preset: info for info in list_presets()}
    if name in known:
        return Contender(name, known[name].metadata)
    if PRESET_NAME.fullmatch(name):
        raise MetazooError(
            f"methods: got {name!r}, "
            + nearest_text(name, [*episodic_methods(), *known])
        )
    return Contender.of(name)


def mismatch(one: Contender, data: ClassDataset) -> str | None:
    """Why a preset can't take the examples of a data set.

    Args:
        one: the preset.
        data: the data set.

    Returns:
        The reason, or None if it can, or if its metadata don't say.
    """
    spec = one.metadata.input_spec
    if "shape" not in spec:
        return None
    wants_text = spec.get("dtype") == "string"
    if wants_text != data.holds_texts:
        kinds = ("texts", "images or vectors")
        wanted, given = kinds if wants_text else kinds[::-1]
        return f"{one.preset} takes {wanted}; {data.name!r} holds {given}."
    shape = tuple(spec["shape"])
    if len(shape) == len(data.image_shape) and all(
        size in (None, given)
        for size, given in zip(shape, data.image_shape, strict=True)
    ):
        return None
    return (
        f"{one.preset} takes examples of shape {shape}; those of "
        f"{data.name!r} have {data.image_shape}."
    )


def _able(contenders: Sequence[Contender], ways: Sequence[int]) -> bool:
    return any(one.can_do(way) for one in contenders for way in ways)


def _too_many(contenders: Sequence[Contender], ways: Sequence[int]) -> str:
    parts = [f"{one.preset} at most {one.most_ways}" for one in contenders]
    return f"{_ways(ways)} can't be done: of classes, {', '.join(parts)}."


def _ways(ways: Sequence[int]) -> str:
    return " and ".join(f"{way}-way" for way in ways)


def _listing(contenders: Sequence[Contender]) -> str:
    return ", ".join(
        f"{one.preset} ({one.metadata.dataset})" for one in contenders
    )


def _labelled(
    systems: Sequence[System], known: Mapping[str, MethodSpec]
) -> tuple[System, ...]:
    """Gives the only system of a method the method's name; refuses twins.

    That of a control keeps its own.

    Raises:
        MetazooError: a preset is there twice, or two have one name.
    """
    of_method = [system.method for system in systems]

    def name(system: System) -> str:
        own = known[system.method].class_name
        classes = {one.metadata.class_name for one in system.contenders}
        alone = of_method.count(system.method) == 1 and classes == {own}
        return system.method if alone else system.name

    named = [
        dataclasses.replace(system, name=name(system)) for system in systems
    ]
    names = [system.name for system in named]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MetazooError(
            f"methods: {', '.join(twice)} would have two lines; name each "
            "preset once, and train presets of different names (--preset-name)."
        )
    return tuple(named)
