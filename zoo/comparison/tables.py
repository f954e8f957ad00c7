"""A comparison as tables: cells for a reader, rows for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metazoo.comparison.comparing import Comparison
from metazoo.errors import MetazooError
from metazoo.nearest import nearest_text

NOTHING = "–"
_NESTED = ("accuracies", "hardware", "versions", "per_seed", "seeds")


@dataclass(frozen=True)
class Table:
    """Cells of text.

    Attributes:
        title: what the numbers are.
        head: names of the columns.
        rows: cells, as many as there are columns.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def check_reference(comparison_systems: Sequence[str], name: str) -> None:
    """Refuses a reference that is no line.

    Args:
        comparison_systems: names of the lines.
        name: of the reference.

    Raises:
        MetazooError: there is no such line.
    """
    if name not in comparison_systems:
        raise MetazooError(
            f"reference: got {name!r}, "
            + nearest_text(name, list(comparison_systems))
        )


def tables(found: Comparison, reference: str) -> list[Table]:
    """Accuracy, differences from one line, and where each line comes from.

    Args:
        found: the comparison.
        reference: name of the line that the others are compared with.

    Returns:
        Tables in percent; the differences are left out for a single line.
    """
    parts = [_accuracies(found)]
    if len(found.systems) > 1:
        parts.append(_differences(found, reference))
    return [*parts, _origins(found)]


def flat_rows(found: Comparison, reference: str) -> list[dict[str, Any]]:
    """One flat row for each measured cell, numbers not rounded.

    Args:
        found: the comparison.
        reference: name of the line that the others are compared with.

    Returns:
        Column name to value; `difference` and `difference_ci95` are to the
        reference, and None for itself.
    """
    gaps = _by_cell(found, reference)
    return [
        {
            **{k: v for k, v in one.items() if k not in _NESTED},
            "seeds": " ".join(map(str, one["seeds"])),
            "reference": reference,
            **_flat_gap(gaps.get((one["system"], one["ways"], one["shots"]))),
            "cpu": one["hardware"]["cpu"],
            "cores": one["hardware"]["cores"],
            "gpus": " ".join(one["hardware"]["gpus"]),
            **one["versions"],
        }
        for one in found.records
    ]


def described(found: Comparison) -> str:
    """What was measured, on what and with what, in a few lines."""
    one = found.records[0]
    seeds = ", ".join(map(str, one["seeds"]))
    versions = ", ".join(f"{k} {v}" for k, v in one["versions"].items())
    machines = sorted(
        {
            f"{r['hardware']['cpu']}, {r['hardware']['cores']} cores"
            for r in found.records
        }
    )
    return (
        f"{one['dataset']}/{one['split']}, {one['num_classes']} classes, "
        f"fingerprint {one['fingerprint'][:12]}; {one['episodes']} episodes "
        f"of seed {seeds}, the same for every line, {one['queries']} queries "
        f"a class. {'; '.join(machines)}; {versions}."
    )


def notes(found: Comparison) -> list[str]:
    """What has no number, and why."""
    gaps = [
        f"{gap['system']}: {gap['ways']}-way {gap['shots']}-shot not "
        f"measured, {gap['reason']}."
        for gap in found.gaps
    ]
    return [*gaps, *(f"Left out: {why}" for why in found.left_out.values())]


def markdown(found: Comparison, reference: str, picture: str | None) -> str:
    """The whole comparison as a page.

    Args:
        found: the comparison.
        reference: name of the line that the others are compared with.
        picture: file name of the plot, or None.

    Returns:
        Markdown.
    """
    parts = ["# Comparison", described(found)]
    for one in tables(found, reference):
        lines = [one.head, ("---",) * len(one.head), *one.rows]
        text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        parts += [f"{one.title}:", text]
    if found.gaps or found.left_out:
        parts.append("\n".join(f"- {note}" for note in notes(found)))
    if picture is not None:
        parts.append(f"![accuracy of every line]({picture})")
    return "\n\n".join(parts) + "\n"


def _accuracies(found: Comparison) -> Table:
    def cell(system: str, setting: tuple[int, int]) -> str:
        one = found.record(system, setting)
        return NOTHING if one is None else _percent(one["accuracy"], one)

    return Table(
        "Accuracy in %, with its 95 % interval over episodes",
        ("method", "queries see each other", *_heads(found)),
        tuple(
            (
                system,
                _transductive(found, system),
                *(cell(system, setting) for setting in found.settings),
            )
            for system in found.systems
        ),
    )


def _differences(found: Comparison, reference: str) -> Table:
    gaps = _by_cell(found, reference)

    def cell(system: str, setting: tuple[int, int]) -> str:
        one = gaps.get((system, *setting))
        return NOTHING if one is None else _percent(one["difference"], one, "+")

    return Table(
        f"Difference from {reference} in points, with its 95 % interval over "
        "the same episodes",
        ("method", *_heads(found)),
        tuple(
            (system, *(cell(system, setting) for setting in found.settings))
            for system in found.systems
            if system != reference
        ),
    )


def _origins(found: Comparison) -> Table:
    """Preset, data and cost of each line; a line may have several presets."""
    lines: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for one in found.records:
        lines.setdefault((one["system"], one["preset"]), []).append(one)
    return Table(
        "Presets",
        (
            "method",
            "preset",
            "settings",
            "trained on",
            "parameters",
            "ms to adapt",
        ),
        tuple(
            (
                system,
                preset,
                ", ".join(_setting(r["ways"], r["shots"]) for r in records),
                records[0]["trained_on"],
                f"{records[0]['parameters']:,}",
                ", ".join(_milliseconds(r["adaptation_ms"]) for r in records),
            )
            for (system, preset), records in lines.items()
        ),
    )


def _transductive(found: Comparison, system: str) -> str:
    told = {
        "yes" if one["transductive"] else "no"
        for one in found.records
        if one["system"] == system
    }
    return " and ".join(sorted(told)) or NOTHING


def _by_cell(
    found: Comparison, reference: str
) -> dict[tuple[str, int, int], Mapping[str, Any]]:
    """Differences from the reference by system and setting."""
    return {
        (one["system"], one["ways"], one["shots"]): one
        for one in found.differences
        if one["against"] == reference
    }


def _flat_gap(gap: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "difference": None if gap is None else gap["difference"],
        "difference_ci95": None if gap is None else gap["ci95"],
    }


def _heads(found: Comparison) -> list[str]:
    return [_setting(*setting) for setting in found.settings]


def _setting(ways: int, shots: int) -> str:
    return f"{ways}-way {shots}-shot"


def _percent(value: float, one: Mapping[str, Any], sign: str = "") -> str:
    return f"{100 * value:{sign}.2f} ± {100 * one['ci95']:.2f}"


def _milliseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
