"""What lies in a model's folder, and what to tell about it."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from metazoo.serving.publish import version_number

LOG = logging.getLogger(__name__)
REPEAT_SECONDS = 60.0


class Notices:
    """Logs a warning when it is new, and then once a minute."""

    def __init__(self) -> None:
        """Starts with nothing told."""
        self._told: dict[str, tuple[str, float]] = {}

    def tell(self, model: str, message: str) -> None:
        """Warns about a model.

        Args:
            model: Its name.
            message: What is wrong with it now.
        """
        last, when = self._told.get(model, ("", 0.0))
        now = time.monotonic()
        if message != last or now - when >= REPEAT_SECONDS:
            self._told[model] = (message, now)
            LOG.warning("model %r: %s", model, message)

    def settle(self, model: str) -> None:
        """Notes that a model is as it should be."""
        self._told.pop(model, None)


def find_versions(base: Path) -> tuple[dict[int, Path], list[str]]:
    """Lists the version folders of a model.

    Args:
        base: The model's base folder.

    Returns:
        (version -> folder, what to warn about). Of two spellings of one
        number, the last in alphabetical order wins, as in TensorFlow
        Serving.

    Raises:
        OSError: If the folder is missing or can't be read.
    """
    found: dict[int, Path] = {}
    warnings = []
    for child in sorted(base.iterdir()):
        number = version_number(child.name)
        if number is None or not child.is_dir():
            continue
        if number in found:
            warnings.append(
                f"{child.name} and {found[number].name} are both version "
                f"{number}; {child.name} is taken"
            )
        found[number] = child
    return found, warnings
