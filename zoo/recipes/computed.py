"""Recipes of stages that are computed and not trained by the trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from metazoo.recipes.episodic import EpisodicRecipe

Report = Callable[[str], None]


@dataclass(frozen=True)
class ComputedRecipe(EpisodicRecipe):
    """A stage that leaves a folder by a computation of its own.

    `train_recipe` runs it as it runs any other: stages of its own first, a
    folder of another recipe is refused, what is done is not repeated.
    """

    def compute(
        self, folder: Path, data_dir: str | None, report: Report
    ) -> None:
        """Leaves the folder `preset` in a folder, whole or not at all.

        Called again after a kill it goes on: what it keeps beside `preset`
        is its own affair.

        Args:
            folder: of the run; it exists.
            data_dir: folder of the data set, where it needs one.
            report: takes a line of progress.
        """
        raise NotImplementedError
