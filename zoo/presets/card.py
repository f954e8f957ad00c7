"""Generates the model card of a preset from its metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from metazoo.errors import MetazooError
from metazoo.presets.format import PresetMetadata
from metazoo.registry import get_method

_NOT_STATED = "not stated"


def model_card(metadata: PresetMetadata) -> str:
    """Writes the card: use, setting, licence, results, cost, provenance.

    Args:
        metadata: The preset's metadata.

    Returns:
        The card in Markdown.
    """
    sections = {
        "Intended use": metadata.intended_use or _default_use(metadata),
        "How to use it": _usage(metadata),
        "Episode setting": _table(metadata.episode),
        "Input": _table(metadata.input_spec),
        "Results": _results(metadata),
        "Cost": _cost(metadata),
        "Training": _table(metadata.recipe),
        "Data": _data(metadata),
        "Provenance": _provenance(metadata),
        "Reference": _reference(metadata),
    }
    parts = [f"# {metadata.preset}"]
    if metadata.description:
        parts.append(metadata.description)
    parts += [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def _default_use(metadata: PresetMetadata) -> str:
    return (
        "Telling apart a few classes that were not seen in training, from a "
        f"few labelled examples of each, on data like {metadata.dataset}. Not "
        "evaluated on other kinds of data; not for decisions about people."
    )


def _usage(metadata: PresetMetadata) -> str:
    return (
        "```python\nimport metazoo\n\n"
        f'learner = metazoo.from_preset("{metadata.preset}")\n'
        "adapted = learner.adapt(support_x, support_y)\n"
        "probabilities = adapted.predict(query_x)\n```"
    )


def _results(metadata: PresetMetadata) -> str:
    if not metadata.metrics:
        return "Not evaluated."
    rows = [
        "Mean accuracy and 95 % interval over the episodes, in percent.",
        "",
        "| data | split | setting | accuracy | paper | episodes | seeds "
        "| transductive |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(row) for row in metadata.metrics),
    ]
    return "\n".join(rows)


def _row(row: Mapping[str, Any]) -> str:
    paper = _percent(row.get("paper_accuracy"))
    accuracy = f"{_percent(row.get('accuracy'))} ± {_percent(row.get('ci95'))}"
    cells = (
        _cell(row.get("dataset", _NOT_STATED)),
        _cell(row.get("split", _NOT_STATED)),
        f"{row.get('ways', '?')}-way {row.get('shots', '?')}-shot",
        accuracy,
        paper,
        _cell(row.get("episodes", _NOT_STATED)),
        _cell(row.get("seeds", _NOT_STATED)),
        _yes_or_no(row.get("transductive")),
    )
    return "| " + " | ".join(cells) + " |"


def _yes_or_no(value: Any) -> str:
    return _NOT_STATED if value is None else ("yes" if value else "no")


def _percent(fraction: Any) -> str:
    return _NOT_STATED if fraction is None else f"{100 * fraction:.2f}"


def _cost(metadata: PresetMetadata) -> str:
    time = _NOT_STATED
    if metadata.adaptation_ms is not None:
        time = f"{metadata.adaptation_ms:g} ms"
    return (
        f"{metadata.parameter_count:,} parameters; time per adaptation: "
        f"{time}; hardware: {metadata.hardware or _NOT_STATED}."
    )


def _data(metadata: PresetMetadata) -> str:
    return (
        f"{metadata.dataset}; licence: "
        f"{metadata.data_licence or _NOT_STATED}; fingerprint (sha256): "
        f"{metadata.data_fingerprint or _NOT_STATED}."
    )


def _provenance(metadata: PresetMetadata) -> str:
    seed = _NOT_STATED if metadata.seed is None else str(metadata.seed)
    versions = ", ".join(f"{k} {v}" for k, v in metadata.versions.items())
    return (
        f"Revision {metadata.revision}; seed {seed}; commit "
        f"{metadata.commit or _NOT_STATED}; {versions}."
    )


def _reference(metadata: PresetMetadata) -> str:
    try:
        paper = get_method(metadata.method).paper
    except MetazooError:
        return f"Method {metadata.method}, not installed here."
    return (
        f"{paper.authors}: *{paper.title}*. {paper.venue}, {paper.year}. "
        f"<{paper.url}>"
    )


def _table(values: Mapping[str, Any]) -> str:
    if not values:
        return f"{_NOT_STATED.capitalize()}."
    lines = [f"| {k} | {_cell(v)} |" for k, v in values.items()]
    return "\n".join(["| field | value |", "| --- | --- |", *lines])


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("|", "\\|").replace("\n", " ")
