"""What can be compared, for a list and for readers of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metazoo.comparison.choice import Contender, method_contenders
from metazoo.comparison.field import episodic_methods, named_contender


def image_shapes(names: Sequence[str]) -> set[tuple[int, ...]]:
    """Shapes of the images that presets take.

    Args:
        names: methods or presets; none for all methods.

    Raises:
        MetazooError: a name is unknown.
    """
    shapes = (
        tuple(one.metadata.input_spec.get("shape", ()))
        for one in contenders_of(names)
    )
    return {shape for shape in shapes if len(shape) == 3}


def listing(names: Sequence[str]) -> list[dict[str, Any]]:
    """What can be compared, a line for each preset.

    Args:
        names: methods or presets; none for all methods.

    Returns:
        Dicts with `method`, `preset`, `trained_on`, `most_ways`, `shots` and
        `example`; a method without a preset has None for the rest.

    Raises:
        MetazooError: a name is unknown.
    """
    columns = ("preset", "trained_on", "most_ways", "shots", "example")
    found = contenders_of(names)
    rows = [
        {
            "method": one.method,
            "preset": one.preset,
            "trained_on": one.metadata.dataset,
            "most_ways": one.most_ways,
            "shots": one.metadata.episode.get("num_shots"),
            "example": _example_text(one),
        }
        for one in found
    ]
    with_preset = {one.method for one in found}
    return rows + [
        {"method": name, **dict.fromkeys(columns)}
        for name in episodic_methods()
        if name not in with_preset and name in (names or [name])
    ]


def contenders_of(names: Sequence[str]) -> list[Contender]:
    """The presets that names stand for, whatever data they are for.

    Args:
        names: methods or presets; none for all methods.

    Raises:
        MetazooError: a name is unknown.
        PresetError: a preset can't be fetched, or is damaged.
    """
    known = episodic_methods()
    found: list[Contender] = []
    for name in names or known:
        if name in known:
            found += method_contenders(known[name])
        else:
            found.append(named_contender(name))
    return found


def _example_text(one: Contender) -> str | None:
    spec = one.metadata.input_spec
    if spec.get("dtype") == "string":
        return "text"
    return "x".join(map(str, spec["shape"])) if "shape" in spec else None
