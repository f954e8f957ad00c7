"""Writes what an evaluation measured into a preset's metadata and card."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metazoo.presets.cache import write_directory
from metazoo.presets.card import model_card
from metazoo.presets.format import (
    CARD_NAME,
    CONFIG_NAME,
    METADATA_NAME,
    WEIGHTS_NAME,
    PresetMetadata,
    hash_file,
)
from metazoo.presets.verify import verify_directory
from metazoo.registry import get_method

_SETTING = ("dataset", "split", "ways", "shots", "transductive")


def record_metrics(
    directory: str | Path,
    row: Mapping[str, Any],
    *,
    hardware: str | None = None,
    adaptation_ms: float | None = None,
) -> Path:
    """Adds an evaluation to a preset; one of the same setting is replaced.

    Args:
        directory: A preset directory.
        row: `EvaluationResult.to_metrics()`; accuracies are fractions. The
            paper's own number for the setting is added where it has one.
        hardware: What it was evaluated on.
        adaptation_ms: Time of one adaptation, in milliseconds.

    Returns:
        The directory, with new metadata, hashes and card.

    Raises:
        PresetError: If the directory is not one undamaged preset.
    """
    directory = Path(directory)
    metadata = verify_directory(directory)
    row = {**row, **_paper_accuracy(metadata.method, row)}
    kept = [old for old in metadata.metrics if not _same_setting(old, row)]
    changes: dict[str, Any] = {"metrics": tuple(_sorted([*kept, row]))}
    if hardware is not None:
        changes["hardware"] = hardware
    if adaptation_ms is not None:
        changes["adaptation_ms"] = round(adaptation_ms, 2)
    changed = dataclasses.replace(metadata, **changes)

    def write(temporary: Path) -> None:
        for name in (CONFIG_NAME, WEIGHTS_NAME):
            shutil.copyfile(directory / name, temporary / name)
        _write_metadata(temporary, changed)

    return write_directory(directory, write, overwrite=True)


def _write_metadata(temporary: Path, metadata: PresetMetadata) -> None:
    card = temporary / CARD_NAME
    card.write_text(model_card(metadata), encoding="utf-8")
    files = {**metadata.files, CARD_NAME: hash_file(card)}
    whole = dataclasses.replace(metadata, files=files).to_dict()
    text = json.dumps(whole, indent=2, sort_keys=True, allow_nan=False)
    (temporary / METADATA_NAME).write_text(text + "\n", encoding="utf-8")


def _same_setting(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(key) == other.get(key) for key in _SETTING)


def _sorted(rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(
        rows, key=lambda r: [str(r.get(k)).zfill(6) for k in _SETTING]
    )


def _paper_accuracy(method: str, row: Mapping[str, Any]) -> dict[str, float]:
    for result in get_method(method).paper.results:
        if str(row.get("dataset", "")).startswith(result.dataset) and (
            (result.ways, result.shots) == (row.get("ways"), row.get("shots"))
            and result.transductive == row.get("transductive")
        ):
            return {"paper_accuracy": result.accuracy}
    return {}
