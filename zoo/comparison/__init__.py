"""Few-shot systems side by side, on the same episodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metazoo._lazy import lazy as _lazy

if TYPE_CHECKING:
    from metazoo.comparison.choice import Contender, System
    from metazoo.comparison.comparing import Comparison, Task, compare
    from metazoo.comparison.field import Field, gather
    from metazoo.comparison.files import write_comparison
    from metazoo.comparison.pairs import paired_differences
    from metazoo.comparison.unseen import UnseenCheck

__all__ = [
    "Comparison",
    "Contender",
    "Field",
    "System",
    "Task",
    "UnseenCheck",
    "compare",
    "gather",
    "paired_differences",
    "write_comparison",
]


__getattr__, __dir__ = _lazy(
    __name__,
    {
        "choice": "Contender System",
        "comparing": "Comparison Task compare",
        "field": "Field gather",
        "files": "write_comparison",
        "pairs": "paired_differences",
        "unseen": "UnseenCheck",
    },
)
