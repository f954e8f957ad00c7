"""Meta-training: the compiled loop, checkpoints, strategies, recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metazoo._lazy import lazy as _lazy

if TYPE_CHECKING:
    from metazoo.trainers.callbacks import EpisodeEvaluation, ResumableCSVLogger
    from metazoo.trainers.checkpoint import CheckpointFolder
    from metazoo.trainers.determinism import deterministic
    from metazoo.trainers.run_recipe import train_recipe
    from metazoo.trainers.strategies import make_strategy
    from metazoo.trainers.trainer import Trainer

__all__ = [
    "CheckpointFolder",
    "EpisodeEvaluation",
    "ResumableCSVLogger",
    "Trainer",
    "deterministic",
    "make_strategy",
    "train_recipe",
]

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "callbacks": "EpisodeEvaluation ResumableCSVLogger",
        "checkpoint": "CheckpointFolder",
        "determinism": "deterministic",
        "run_recipe": "train_recipe",
        "strategies": "make_strategy",
        "trainer": "Trainer",
    },
)
