"""Meta-training: the compiled loop, checkpoints, strategies, recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metazoo._lazy import resolve as _resolve

if TYPE_CHECKING:
    from metazoo.trainers.callbacks import EpisodeEvaluation, ResumableCSVLogger
    from metazoo.trainers.checkpoint import CheckpointFolder
    from metazoo.trainers.determinism import deterministic
    from metazoo.trainers.run_recipe import train_recipe
    from metazoo.trainers.strategies import make_strategy
    from metazoo.trainers.trainer import Trainer

_NAMES = {
    "CheckpointFolder": "metazoo.trainers.checkpoint",
    "EpisodeEvaluation": "metazoo.trainers.callbacks",
    "ResumableCSVLogger": "metazoo.trainers.callbacks",
    "Trainer": "metazoo.trainers.trainer",
    "deterministic": "metazoo.trainers.determinism",
    "make_strategy": "metazoo.trainers.strategies",
    "train_recipe": "metazoo.trainers.run_recipe",
}

__all__ = [
    "CheckpointFolder",
    "EpisodeEvaluation",
    "ResumableCSVLogger",
    "Trainer",
    "deterministic",
    "make_strategy",
    "train_recipe",
]


def __getattr__(name: str) -> Any:
    found = _resolve(__name__, name, _NAMES)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
