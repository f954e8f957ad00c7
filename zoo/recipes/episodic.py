"""Training recipes: every hyper-parameter of a run in one frozen value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar

from metazoo.errors import RecipeError

if TYPE_CHECKING:
    import keras
    from keras.optimizers.schedules import LearningRateSchedule

    from metazoo.contracts.episodic import EpisodicLearner
    from metazoo.data import ClassDataset

# What a stage takes from its recipe.
DATA_FIELDS = ("dataset", "split", "val_split", "rotations", "seed")

R = TypeVar("R", bound="EpisodicRecipe")


@dataclass(frozen=True)
class EpisodicRecipe:
    """How to train an episodic learner; methods add their own fields.

    Attributes:
        dataset: what `metazoo.data.load_dataset` understands.
        split: classes to train on.
        val_split: classes to watch while training.
        rotations: each class turned by 90, 180 and 270 degrees is a new
            class (Santoro et al. 2016, section 4.1).
        num_ways: classes in a training task.
        num_shots: support examples per class; a pair draws from a range.
        num_queries: query examples per class.
        num_tasks: tasks per outer step (meta-batch).
        steps: outer steps.
        outer_learning_rate: step size of Adam.
        final_learning_rate_scale: the step size falls to this share of
            itself along a cosine.
        first_cycle_steps: length of the first cosine; a second one takes
            the rest of the steps, from half the step size. None for one
            cosine over all steps.
        global_clipnorm: bound on the norm of the outer gradient, or None.
        seed: seed of initial weights and episodes.
        initial_preset: preset of the same learner whose weights training
            starts from, or None for fresh weights.
        max_skipped_steps: steps of an epoch that may be skipped because
            their gradient is not finite, where the learner skips them; more
            end the training with an error.
        keep_best: the preset gets the weights of the epoch with the best
            validation accuracy instead of the last ones.
    """

    dataset: str = "omniglot"
    split: str = "train"
    val_split: str = "val"
    rotations: bool = True
    num_ways: int = 5
    num_shots: int | tuple[int, int] = 1
    num_queries: int = 5
    num_tasks: int = 1
    steps: int = 1000
    outer_learning_rate: float = 1e-3
    final_learning_rate_scale: float = 0.01
    first_cycle_steps: int | None = None
    global_clipnorm: float | None = None
    seed: int = 0
    initial_preset: str | None = None
    max_skipped_steps: int = 25
    keep_best: bool = False

    def __post_init__(self) -> None:
        """Refuses counts and rates that can't be used.

        Raises:
            RecipeError: a count is out of range, or a rate not positive.
        """
        require_counts(self, "num_ways", "num_queries", "num_tasks", "steps")
        first = self.first_cycle_steps
        if first is not None and not 0 < first < self.steps:
            raise RecipeError(
                f"first_cycle_steps must lie between 0 and steps "
                f"({self.steps}); got {first!r}."
            )
        if self.num_ways < 2:
            raise RecipeError(
                f"num_ways must be 2 or more; got {self.num_ways}: of one "
                "class there is nothing to learn."
            )
        rates = [
            field.name
            for field in dataclasses.fields(self)
            if field.name.endswith("learning_rate")
        ]
        for name in (*rates, "final_learning_rate_scale"):
            rate = getattr(self, name)
            number = isinstance(rate, (int, float))
            if not number or not math.isfinite(rate) or not rate > 0:
                raise RecipeError(
                    f"{name} must be a positive number; got {rate!r}."
                )
        clip = self.global_clipnorm
        if clip is not None and not isinstance(clip, (int, float)):
            raise RecipeError(
                f"global_clipnorm must be a number or None; got {clip!r}."
            )

    def build_learner(self, example_shape: tuple[int, ...]) -> EpisodicLearner:
        """Builds an untrained learner.

        Args:
            example_shape: shape of one raw example.
        """
        raise NotImplementedError

    def learner_for(self, data: ClassDataset) -> EpisodicLearner:
        """Builds an untrained learner for a training set.

        By default only the shape of its examples matters.

        Args:
            data: the training classes.
        """
        return self.build_learner(data.image_shape)

    def build_optimizer(self) -> keras.optimizers.Optimizer:
        """Builds the outer optimizer: Adam along `learning_rate`."""
        import keras

        return keras.optimizers.Adam(
            self.learning_rate(), global_clipnorm=self.global_clipnorm
        )

    def as_recipe(self, kind: type[R], /, **changes: Any) -> R:
        """A recipe of another class with all fields that both have.

        Args:
            kind: class of the recipe.
            **changes: fields of it that are to differ, or that it alone has.
        """
        own = {field.name for field in dataclasses.fields(self)}
        shared = [f.name for f in dataclasses.fields(kind) if f.name in own]
        return kind(**{**{n: getattr(self, n) for n in shared}, **changes})

    def stage(self, kind: type[R], /, **fields: Any) -> R:
        """A recipe of a stage, on the same data and by the same seed.

        Args:
            kind: class of the recipe.
            **fields: all others that are to differ from its defaults.
        """
        shared = {name: getattr(self, name) for name in DATA_FIELDS}
        return kind(**{**shared, **fields})

    def learning_rate(self) -> LearningRateSchedule:
        """Builds the schedule of the outer step size: one or two cosines."""
        from keras.optimizers import schedules

        rate = self.outer_learning_rate
        last = self.final_learning_rate_scale
        first = self.first_cycle_steps
        if first is None:
            return schedules.CosineDecay(rate, self.steps, alpha=last)
        return schedules.CosineDecayRestarts(
            rate,
            first,
            t_mul=(self.steps - first) / first,
            m_mul=0.5,
            alpha=last,
        )

    def load_dataset(
        self, data_dir: str | None, split: str | None = None
    ) -> ClassDataset:
        """Reads the classes of a split, turned ones too where asked.

        Args:
            data_dir: folder of the data set, or None if it needs none.
            split: a split; by default the training one.
        """
        from metazoo.data import load_dataset

        data = load_dataset(self.dataset, data_dir, split or self.split)
        return data.with_rotations() if self.rotations else data

    def training_source(self, data: ClassDataset) -> Any:
        """Makes what training draws its tasks from.

        Args:
            data: the training classes.

        Returns:
            What `metazoo.trainers.Trainer.fit` takes; by default an
            `EpisodeSampler`, of a mixture a `DomainSampler`.
        """
        from metazoo.data import episode_sampler

        return episode_sampler(
            data,
            num_ways=self.num_ways,
            num_shots=self.num_shots,
            num_queries=self.num_queries,
            seed=self.seed,
        )

    def validation_source(
        self, data: ClassDataset, num_ways: int, num_queries: int, seed: int
    ) -> Any:
        """Makes what a validation while training draws its tasks from.

        Args:
            data: the validation classes.
            num_ways: classes of a task.
            num_queries: query examples per class.
            seed: of all episodes.

        Returns:
            A source as for `training_source`.
        """
        from metazoo.data import episode_sampler

        shots = self.num_shots
        return episode_sampler(
            data,
            num_ways=num_ways,
            num_shots=shots if isinstance(shots, int) else shots[1],
            num_queries=num_queries,
            seed=seed,
        )

    def compile_options(self) -> dict[str, Any]:
        """Arguments of the learner's `compile` besides the optimizer."""
        return {}

    def stages(self) -> Mapping[str, EpisodicRecipe]:
        """Recipes to train before this one, by a name in snake case.

        None needs another of them; a stage may have stages of its own.
        By default there are none.
        """
        return {}

    def with_presets(self, presets: Mapping[str, str]) -> Self:
        """This recipe, told what its stages left.

        Data, learner and training source are then this copy's.

        Args:
            presets: name of each stage to the folder of its preset.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has stages and no with_presets."
        )

    def published(self, learner: EpisodicLearner) -> EpisodicLearner:
        """What the preset holds: by default the learner as it was trained.

        Args:
            learner: the trained learner.
        """
        return learner

    @property
    def fixed_shots(self) -> int:
        """Support examples per class, where that is one number.

        Raises:
            RecipeError: `num_shots` is a range.
        """
        if not isinstance(self.num_shots, int):
            raise RecipeError(
                f"num_shots must be one number here; got {self.num_shots}."
            )
        return self.num_shots

    def task_setting(self) -> dict[str, Any]:
        """What a training task is made of, for the preset's card."""
        names = ("num_ways", "num_shots", "num_queries", "num_tasks")
        return {name: getattr(self, name) for name in names}

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs: seconds on one core, for tests.

        Args:
            **changes: fields of the method that are to be smaller too.
        """
        small: dict[str, Any] = {
            "dataset": "glyphs",
            "split": "train",
            "num_queries": 2,
            "num_tasks": 2,
            "steps": 10,
            "first_cycle_steps": None,
            "initial_preset": None,
        }
        return self.replace(**{**small, **changes})

    def replace(self, **changes: Any) -> Self:
        """Returns a copy with some fields changed.

        Args:
            **changes: field name to new value.

        Raises:
            RecipeError: a name is no field of this recipe.
        """
        known = {field.name for field in dataclasses.fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise RecipeError(
                f"{type(self).__name__} has no field {unknown}; it has "
                f"{sorted(known)}."
            )
        return dataclasses.replace(self, **changes)


def require_counts(recipe: EpisodicRecipe, *names: str) -> None:
    """Refuses fields that count nothing.

    Args:
        recipe: whose fields.
        *names: of the fields.

    Raises:
        RecipeError: a field is no integer of 1 or more.
    """
    for name in names:
        value = getattr(recipe, name)
        if not isinstance(value, int) or value < 1:
            raise RecipeError(f"{name} must be 1 or more; got {value!r}.")


def require_choice(
    recipe: EpisodicRecipe, name: str, choices: Sequence[str]
) -> None:
    """Refuses a field that is none of the choices.

    Args:
        recipe: whose field.
        name: of the field.
        choices: what it may be.

    Raises:
        RecipeError: it is something else.
    """
    value = getattr(recipe, name)
    if value not in choices:
        raise RecipeError(
            f"{name} must be one of {list(choices)}; got {value!r}."
        )
