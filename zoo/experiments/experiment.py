"""What an experiment is: cells of a table, each with its model and measure.

Nothing here imports TensorFlow: experiments are listed by the command line.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from metazoo.errors import MetazooError
from metazoo.presets.format import PRESET_NAME

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from metazoo.data import ClassDataset
    from metazoo.experiments.bench import Bench
    from metazoo.experiments.claims import Claim
    from metazoo.recipes.episodic import EpisodicRecipe

Label = str | int | float


def check_snake_case(what: str, name: str) -> None:
    """Refuses what can't be a folder and a preset.

    Args:
        what: for the error.
        name: the name.

    Raises:
        MetazooError: it is not snake case.
    """
    if not PRESET_NAME.fullmatch(name):
        raise MetazooError(
            f"{what}: got {name!r}, expected snake case such as "
            "'alphabets_bande_0'."
        )


# Columns of the table that a label would hide.
_TAKEN = frozenset({"method", "experiment", "scale", "seed", "metric"})


@dataclass(frozen=True)
class Scale:
    """How much of an experiment to do.

    Attributes:
        seeds: seeds of the trainings; a row of the table for each.
        episodes: test episodes of each cell.
        changes: recipe fields that every training of this scale changes,
            such as `steps`.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    episodes: int = 600
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses what gives no interval.

        Raises:
            MetazooError: no seed, one twice, or fewer than two episodes.
        """
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise MetazooError(
                f"seeds must be one or more, all different; got {self.seeds}."
            )
        if self.episodes < 2:
            raise MetazooError(
                f"episodes must be 2 or more; got {self.episodes}."
            )

    @classmethod
    def of(cls, scale: Scale) -> Self:
        """A scale that says what this class does.

        Args:
            scale: how much to do.

        Raises:
            MetazooError: it is of another class.
        """
        if isinstance(scale, cls):
            return scale
        raise MetazooError(
            f"scale: got a {type(scale).__name__}, expected a {cls.__name__}."
        )

    def with_changes(self, **changes: Any) -> Scale:
        """Adds recipe fields to change; later ones win.

        Args:
            **changes: field name to value.
        """
        return dataclasses.replace(self, changes={**self.changes, **changes})


@dataclass(frozen=True)
class Training:
    """A model that cells need: trained once, kept, shared by its name.

    Attributes:
        name: folder of the run below `models/`.
        recipe: what to train; `train_recipe` does it.
        stages: pairs of a stage of the recipe and the model to take for it;
            several trainings may share one. Stages without a pair are
            trained with the recipe.
    """

    name: str
    recipe: EpisodicRecipe
    stages: tuple[tuple[str, Training], ...] = ()

    def __post_init__(self) -> None:
        """Refuses a name that can't be a folder and a preset.

        Raises:
            MetazooError: the name is not snake case.
        """
        check_snake_case("name of a training", self.name)


@dataclass(frozen=True)
class Measurement:
    """One number that a cell gives.

    Attributes:
        metric: what it is, such as "accuracy".
        mean: its mean over episodes.
        ci95: half width of its 95 % interval over episodes, or None.
        episodes: episodes it was measured on.
        dataset: name of the data set.
        split: its split.
        fingerprint: of the data.
    """

    metric: str
    mean: float
    ci95: float | None
    episodes: int
    dataset: str
    split: str
    fingerprint: str

    @classmethod
    def of(cls, metric: str, values: Any, data: ClassDataset) -> Measurement:
        """Mean and interval of one value for each episode.

        Args:
            metric: what the values are.
            values: numbers [episodes].
            data: what the episodes were drawn from.
        """
        from metazoo.metrics.episodes import mean_interval

        found = mean_interval(values)
        return cls(
            metric,
            found.mean,
            found.ci95,
            found.count,
            data.name,
            data.split,
            data.fingerprint,
        )


@dataclass(frozen=True)
class Cell:
    """A row of the table to be: a model and what to measure of it.

    Attributes:
        labels: what tells the cell from the others, column to value.
        seed: seed of the training, and what test episodes may depend on.
        measure: takes the bench and the trained learner (None without a
            training) and gives the numbers. It must not depend on cells
            measured before.
        training: the model, or None.
        setting: recipe that a measurement without a training depends on; a
            stored cell of another one is refused.
    """

    labels: Mapping[str, Label]
    seed: int
    measure: Callable[[Bench, Any], Sequence[Measurement]]
    training: Training | None = None
    setting: EpisodicRecipe | None = None

    def __post_init__(self) -> None:
        """Refuses labels that hide a column, and two recipes.

        Raises:
            MetazooError: a label has the name of another column, or there
                are a training, whose recipe counts, and a setting.
        """
        if self.training is not None and self.setting is not None:
            raise MetazooError(
                f"the cell {self.key} has a training and a setting; the "
                "training's recipe is its setting."
            )
        taken = sorted(_TAKEN & set(self.labels))
        if taken:
            raise MetazooError(f"labels of a cell hide the columns {taken}.")

    @property
    def key(self) -> str:
        """Name of the cell's file, from its labels and seed."""
        parts = [f"{name}={value}" for name, value in self.labels.items()]
        text = ",".join([*parts, f"seed={self.seed}"])
        return re.sub(r"[^A-Za-z0-9=,_.\-]", "_", text)


@dataclass(frozen=True)
class Picture:
    """A figure that shows what an experiment found.

    Attributes:
        name: of the file, without `.png`.
        doc: what it shows, in one line.
        draw: takes the bench and the trained learner (None without a
            training) and gives a `matplotlib` figure.
        training: the model, or None; one of the cells' if it can be.
    """

    name: str
    doc: str
    draw: Callable[[Bench, Any], Figure]
    training: Training | None = None

    def __post_init__(self) -> None:
        """Refuses a name that can't be a file.

        Raises:
            MetazooError: the name is not snake case.
        """
        check_snake_case("name of a picture", self.name)


@dataclass(frozen=True)
class Experiment:
    """A claim, and how to measure it.

    Attributes:
        doc: the claim in one line.
        cells: makes the cells of a scale, in the order to do them.
        scales: name to scale; the first is the default.
        claims: differences between rows that it is to show.
        pictures: makes the figures of a scale, or None.
    """

    doc: str
    cells: Callable[[Scale], Sequence[Cell]]
    scales: Mapping[str, Scale]
    claims: Sequence[Claim] = ()
    pictures: Callable[[Scale], Sequence[Picture]] | None = None

    def scale(self, name: str | None = None, **changes: Any) -> Scale:
        """Looks a scale up and changes some of its fields.

        Args:
            name: its name; None for the default.
            **changes: fields to new values; None leaves a field.

        Raises:
            MetazooError: there is no such scale, or a value can't be used.
        """
        name = next(iter(self.scales)) if name is None else name
        if name not in self.scales:
            raise MetazooError(
                f"scale: got {name!r}, expected one of {sorted(self.scales)}."
            )
        given = {k: v for k, v in changes.items() if v is not None}
        return dataclasses.replace(self.scales[name], **given)
