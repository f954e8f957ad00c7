"""Which presets a comparison is between, found without TensorFlow.

A method has one or more systems: its presets, where those whose names differ
in `_5way` and `_1shot` alone are one system, trained for several settings.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metazoo.presets.fetching import fetch
from metazoo.presets.format import (
    CONFIG_NAME,
    METADATA_NAME,
    PresetMetadata,
    parse_json,
)
from metazoo.presets.listing import list_presets
from metazoo.registry import MethodSpec

_SETTING = re.compile(r"(_\d+way)?(_\d+shot)?$")


@dataclass(frozen=True)
class Contender:
    """A preset that may be compared.

    Attributes:
        handle: what `from_preset` takes.
        metadata: of the preset.
    """

    handle: str
    metadata: PresetMetadata

    @classmethod
    def of(cls, handle: str) -> Contender:
        """Reads a preset's metadata; fetches it where needed.

        Args:
            handle: name, folder or address.

        Raises:
            PresetError: it can't be fetched, or is damaged.
        """
        text = (fetch(handle) / METADATA_NAME).read_bytes()
        return cls(handle, PresetMetadata.from_json(text))

    @property
    def preset(self) -> str:
        """Name of the preset."""
        return self.metadata.preset

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.metadata.method

    @functools.cached_property
    def most_ways(self) -> int | None:
        """Most classes it tells apart; None for any number."""
        path = fetch(self.handle) / CONFIG_NAME
        found = parse_json(path.read_bytes(), str(path))
        return found.get("config", {}).get("num_ways")

    @property
    def identity(self) -> dict[str, Any]:
        """What tells its weights and settings from others', in JSON types."""
        return {
            name: info.sha256
            for name, info in sorted(self.metadata.files.items())
            if name.startswith(("config", "model"))
        }

    def can_do(self, ways: int) -> bool:
        """Whether it tells so many classes apart.

        Args:
            ways: number of classes.
        """
        return self.most_ways is None or ways <= self.most_ways

    def distance(self, ways: int, shots: int) -> tuple[float, float, float]:
        """How far its training is from a setting; smaller is nearer.

        Args:
            ways: classes of a task, no more than it can do.
            shots: support examples a class.

        Returns:
            Unused columns, the ratio of shots as a logarithm, and, to
            decide between equal ratios, the trained shots, falling.
        """
        low, high = self._trained_shots(shots)
        near = min(max(shots, low), high)
        columns = ways if self.most_ways is None else self.most_ways
        return columns - ways, abs(math.log(near / shots)), -near

    def _trained_shots(self, otherwise: int) -> tuple[int, int]:
        """Least and most shots in training; `otherwise` where not stated."""
        found = self.metadata.episode.get("num_shots", otherwise)
        low, high = found if isinstance(found, (list, tuple)) else (found,) * 2
        return low, high


@dataclass(frozen=True)
class System:
    """One line of a comparison: presets of which each setting takes one.

    Attributes:
        name: of the line.
        contenders: presets that differ in the setting they were trained
            for; one or more.
    """

    name: str
    contenders: tuple[Contender, ...]

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.contenders[0].method

    def choose(self, ways: int, shots: int) -> Contender | None:
        """The preset for a setting.

        Of those that tell so many classes apart, the one with the fewest
        columns to spare; then the one trained with the nearest number of
        shots by ratio, of two equally near ones that with more.

        Args:
            ways: classes of a task.
            shots: support examples a class.

        Returns:
            The preset, or None if none tells so many classes apart.
        """
        able = [one for one in self.contenders if one.can_do(ways)]
        return min(
            able, key=lambda one: one.distance(ways, shots), default=None
        )


def method_contenders(spec: MethodSpec) -> list[Contender]:
    """The registered presets of a method, those of its controls too.

    Args:
        spec: the method.
    """
    return [
        Contender(info.preset, info.metadata)
        for info in list_presets(spec.name)
    ]


def systems_of(contenders: Sequence[Contender]) -> list[System]:
    """Puts presets that differ in their setting alone together.

    Args:
        contenders: of one method.

    Returns:
        Systems; one of several presets has their name without `_5way` and
        `_1shot`.
    """
    groups: dict[str, list[Contender]] = {}
    for one in contenders:
        groups.setdefault(_SETTING.sub("", one.preset), []).append(one)
    return [
        System(name if len(group) > 1 else group[0].preset, tuple(group))
        for name, group in groups.items()
    ]
