"""Trained learners by name: list, fetch, load, save and upload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metazoo._lazy import lazy as _lazy

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


__getattr__, __dir__ = _lazy(
    __name__,
    {
        "fetching": "fetch",
        "format": "FORMAT_VERSION PresetMetadata",
        "listing": "PresetInfo find_preset list_presets",
        "loader": "from_preset",
        "saver": "save_to_preset",
        "upload": "upload_preset",
    },
)
