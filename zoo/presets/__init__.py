"""Trained learners by name: list, fetch, load, save and upload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metazoo._lazy import resolve as _resolve

if TYPE_CHECKING:
    from metazoo.presets.fetching import fetch
    from metazoo.presets.format import FORMAT_VERSION, PresetMetadata
    from metazoo.presets.listing import PresetInfo, find_preset, list_presets
    from metazoo.presets.loader import from_preset
    from metazoo.presets.saver import save_to_preset
    from metazoo.presets.upload import upload_preset

__all__ = [
    "FORMAT_VERSION",
    "PresetInfo",
    "PresetMetadata",
    "fetch",
    "find_preset",
    "from_preset",
    "list_presets",
    "save_to_preset",
    "upload_preset",
]

_NAMES = {
    "FORMAT_VERSION": "metazoo.presets.format",
    "PresetInfo": "metazoo.presets.listing",
    "PresetMetadata": "metazoo.presets.format",
    "fetch": "metazoo.presets.fetching",
    "find_preset": "metazoo.presets.listing",
    "from_preset": "metazoo.presets.loader",
    "list_presets": "metazoo.presets.listing",
    "save_to_preset": "metazoo.presets.saver",
    "upload_preset": "metazoo.presets.upload",
}


def __getattr__(name: str) -> Any:
    found = _resolve(__name__, name, _NAMES)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
