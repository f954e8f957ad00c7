"""Recipes of Leap and of what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.errors import RecipeError
from metazoo.recipes.descent import DescentSettings
from metazoo.recipes.episodic import (
    EpisodicRecipe,
    require_choice,
    require_counts,
)

if TYPE_CHECKING:
    import keras

    from metazoo.data import AlphabetSampler, ClassDataset
    from metazoo.methods.leap.leap_model import Leap

OUTER = ("path", "last_gradient")


@dataclass(frozen=True)
class LeapRecipe(DescentSettings, EpisodicRecipe):
    """Hyper-parameters of Leap on tasks that are alphabets.

    The defaults are those of the Omniglot experiment (section 4.1,
    appendix C and the released code).

    Attributes:
        inner_steps: mini-batch steps of a task (K).
        inner_learning_rate: their step size.
        predict_steps: mini-batch steps of `adapt`.
        inner_batch_size: examples of a mini-batch.
        outer: "path" for Leap, "last_gradient" for first-order MAML.
        distance: "length" or "energy".
        loss_in_path: the path spans weights and loss.
        stabilizer: count a rise of the loss as a fall.
        include_last: the last step counts too.
        floor: leave out segments shorter than this share of the longest.
        head: "columns" or "zero"; see `Leap`.
        filters: channels of each block.
        order: "pool_first" or "norm_first"; see `leap_network`.
        rescaling: (scale, offset) from raw pixels to what the net sees.
        augment: turn, scale and shift every drawing at random.
        num_alphabets: alphabets to train on; None for all of the split that
            are large enough.
        alphabet_seed: of the order they are chosen in.
    """

    split: str = "train"
    rotations: bool = False
    num_ways: int = 20
    num_shots: int = 15
    num_queries: int = 5
    num_tasks: int = 20
    steps: int = 1000
    outer_learning_rate: float = 0.1
    final_learning_rate_scale: float = 1.0
    inner_steps: int = 100
    inner_learning_rate: float = 0.1
    predict_steps: int = 100
    inner_batch_size: int = 20
    outer: str = "path"
    distance: str = "length"
    loss_in_path: bool = True
    stabilizer: bool = True
    include_last: bool = False
    floor: float = 0.0
    head: str = "columns"
    filters: int = 64
    order: str = "pool_first"
    rescaling: tuple[float, float] = (-1 / 255, 1.0)
    augment: bool = True
    num_alphabets: int | None = None
    alphabet_seed: int = 0

    def __post_init__(self) -> None:
        """Refuses fields that can't be used.

        Raises:
            RecipeError: a count, a rate or a choice is none.
        """
        super().__post_init__()
        require_choice(self, "outer", OUTER)
        require_counts(self, "inner_steps", "inner_batch_size")
        if not 0 <= self.floor < 1:
            raise RecipeError(f"floor must lie in [0, 1); got {self.floor!r}.")
        _ = self.fixed_shots  # Refuses a range.

    def build_learner(self, example_shape: tuple[int, ...]) -> Leap:
        """Builds an untrained `Leap`, or the control on the same tasks.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.methods.leap.leap_control import FirstOrderControl
        from metazoo.methods.leap.leap_model import Leap
        from metazoo.methods.leap.leap_network import leap_network

        height, width, channels = example_shape
        network = leap_network(
            (height, width, channels), self.filters, self.order, self.rescaling
        )
        chosen = Leap if self.outer == "path" else FirstOrderControl
        return chosen(
            network,
            num_ways=None if self.head == "zero" else self.num_ways,
            head=self.head,
            inner_batch_size=self.inner_batch_size,
            distance=self.distance,
            loss_in_path=self.loss_in_path,
            stabilizer=self.stabilizer,
            include_last=self.include_last,
            floor=self.floor,
            name="leap",
            **self.descent_options(),
        )

    def build_optimizer(self) -> keras.optimizers.Optimizer:
        """Plain gradient descent."""
        import keras

        return keras.optimizers.SGD(
            self.learning_rate(), global_clipnorm=self.global_clipnorm
        )

    def load_dataset(
        self, data_dir: str | None, split: str | None = None
    ) -> ClassDataset:
        """Reads the alphabets of a split that are large enough.

        Args:
            data_dir: folder of the data set, or None if it needs none.
            split: a split; by default the training one, of which
                `num_alphabets` are kept. Of others all are.
        """
        from metazoo.data import load_dataset

        chosen = split or self.split
        number = self.num_alphabets if chosen == self.split else None
        data = load_dataset(self.dataset, data_dir, chosen)
        return self.alphabets_of(data, number)

    def alphabets_of(
        self, data: ClassDataset, number: int | None = None
    ) -> ClassDataset:
        """Alphabets that are large enough, turned ones too where asked.

        Args:
            data: all classes.
            number: how many alphabets to keep; None for all.
        """
        from metazoo.data.alphabet_sampler import choose_alphabets

        kept = choose_alphabets(data, number, self.num_ways, self.alphabet_seed)
        return kept.with_rotations() if self.rotations else kept

    def training_source(self, data: ClassDataset) -> AlphabetSampler:
        """Tasks of one alphabet, a support set as long as the path.

        Args:
            data: the training classes.
        """
        return self.alphabet_tasks(data, self.inner_steps, self.seed)

    def alphabet_tasks(
        self, data: ClassDataset, steps: int, seed: int
    ) -> AlphabetSampler:
        """Tasks whose support set lasts for so many steps.

        Args:
            data: the classes.
            steps: mini-batch steps of a task.
            seed: of all tasks.
        """
        from metazoo.data import AlphabetSampler

        # One more where the last segment counts: it needs a loss behind it.
        wanted = (steps + self.include_last) * self.inner_batch_size
        return AlphabetSampler(
            data,
            num_ways=self.num_ways,
            num_shots=self.num_shots,
            num_queries=self.num_queries,
            num_epochs=-(-wanted // (self.num_ways * self.num_shots)),
            augment=self.augment,
            seed=seed,
        )

    def task_setting(self) -> dict[str, Any]:
        """What a training task is made of, for the preset's card."""
        names = ("inner_steps", "inner_batch_size", "num_alphabets")
        own = {name: getattr(self, name) for name in names}
        return {**super().task_setting(), **own}

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests."""
        small: dict[str, Any] = {
            "num_ways": 5,
            "num_shots": 2,
            "inner_steps": 3,
            "predict_steps": 3,
            # A batch as large as the support set: its order is then no
            # matter, as for every other method.
            "inner_batch_size": 64,
            "filters": 4,
            "augment": False,
            "num_alphabets": None,
        }
        return super().tiny(**{**small, **changes})


OMNIGLOT = LeapRecipe()
# Section 9 of what two cores do in minutes: 10 of an alphabet's characters,
# alphabets turned by quarters, a narrow network, 30 steps a task.
OMNIGLOT_SMALL = LeapRecipe(
    rotations=True,
    num_ways=10,
    num_tasks=8,
    steps=40,
    inner_steps=30,
    predict_steps=30,
    filters=16,
    augment=False,
)

RECIPES = {"omniglot_alphabets": OMNIGLOT, "omniglot_small": OMNIGLOT_SMALL}
