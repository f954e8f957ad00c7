"""Recipes of BANDE and of its controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.recipes.conv4 import Conv4Recipe
from metazoo.recipes.episodic import require_choice, require_counts

if TYPE_CHECKING:
    import keras

    from metazoo.data import ClassDataset
    from metazoo.methods.bande.bande_model import BANDE

EPISODES = ("classes", "superclasses", "semi")
OPTIMIZERS = ("rmsprop", "adam")


@dataclass(frozen=True)
class BandeRecipe(Conv4Recipe):
    """Hyper-parameters of BANDE, by the configurations of the official code.

    Attributes:
        mode: "bande" or a control; see `BANDE`.
        alpha: concentration.
        sigma: initial variance of a class's clusters.
        learn_sigma: whether training changes it.
        sigma_unlabeled: initial variance of clusters of no class.
        learn_sigma_unlabeled: whether training changes it.
        cluster_rule: see `BANDE`.
        num_cluster_steps: passes over the points.
        episodes: "classes"; "superclasses" (`num_ways` super-classes such
            as alphabets, `num_subclasses` classes of each); or "semi"
            (classes, an unlabelled set, distractors).
        num_subclasses: classes of each super-class.
        num_unlabeled: unlabelled examples of each class and distractor.
        num_distractors: distractor classes.
        optimizer: "rmsprop" as the official code, its step size halved at
            `halve_from` and every `halve_every` steps from then on; or
            "adam" along the cosine of `EpisodicRecipe`.
        halve_from: step of the first halving.
        halve_every: steps between halvings.
    """

    rescaling: tuple[float, float] = (-1 / 255, 1.0)
    mode: str = "bande"
    alpha: float = 0.1
    sigma: float = 5.0
    learn_sigma: bool = True
    sigma_unlabeled: float = 5.0
    learn_sigma_unlabeled: bool = False
    cluster_rule: str = "all_class_clusters"
    num_cluster_steps: int = 1
    episodes: str = "classes"
    num_subclasses: int = 10
    num_unlabeled: int = 5
    num_distractors: int = 5
    optimizer: str = "rmsprop"
    halve_from: int = 4000
    halve_every: int = 2000

    def __post_init__(self) -> None:
        """Refuses what can't be used.

        Raises:
            RecipeError: a field is out of range.
        """
        super().__post_init__()
        require_choice(self, "episodes", EPISODES)
        require_choice(self, "optimizer", OPTIMIZERS)
        require_counts(self, "halve_from", "halve_every")

    def build_learner(self, example_shape: tuple[int, ...]) -> BANDE:
        """Builds an untrained `BANDE` on a Conv4 backbone.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.methods.bande.bande_model import BANDE

        return BANDE(
            self.build_backbone(example_shape),
            mode=self.mode,
            alpha=self.alpha,
            sigma=self.sigma,
            learn_sigma=self.learn_sigma,
            sigma_unlabeled=self.sigma_unlabeled,
            learn_sigma_unlabeled=self.learn_sigma_unlabeled,
            cluster_rule=self.cluster_rule,
            num_cluster_steps=self.num_cluster_steps,
            name="bande",
        )

    def build_optimizer(self) -> keras.optimizers.Optimizer:
        """Builds the outer optimizer; see `optimizer`."""
        if self.optimizer == "adam":
            return super().build_optimizer()
        import keras

        steps = range(self.halve_from, self.steps, self.halve_every)
        boundaries = [step - 1 for step in steps]
        rates = [
            self.outer_learning_rate * 0.5**count
            for count in range(len(boundaries) + 1)
        ]
        schedule: Any = rates[0]
        if boundaries:
            schedules = keras.optimizers.schedules
            schedule = schedules.PiecewiseConstantDecay(boundaries, rates)
        return keras.optimizers.RMSprop(
            schedule,
            rho=0.9,
            epsilon=1e-10,
            global_clipnorm=self.global_clipnorm,
        )

    def training_source(self, data: ClassDataset) -> Any:
        """Makes the sampler that `episodes` names.

        Args:
            data: the training classes.
        """
        if self.episodes == "classes":
            return super().training_source(data)
        from metazoo.data import SemiSupervisedSampler, SuperClassSampler

        if self.episodes == "superclasses":
            return SuperClassSampler(
                data,
                num_ways=self.num_ways,
                num_subclasses=self.num_subclasses,
                num_shots=self.fixed_shots,
                num_queries=self.num_queries,
                seed=self.seed,
            )
        return SemiSupervisedSampler(
            data,
            num_ways=self.num_ways,
            num_shots=self.fixed_shots,
            num_queries=self.num_queries,
            num_unlabeled=self.num_unlabeled,
            num_distractors=self.num_distractors,
            seed=self.seed,
        )

    def task_setting(self) -> dict[str, Any]:
        """What a training task is made of, for the preset's card."""
        found = {**super().task_setting(), "episodes": self.episodes}
        if self.episodes == "superclasses":
            found["num_subclasses"] = self.num_subclasses
        if self.episodes == "semi":
            found["num_unlabeled"] = self.num_unlabeled
            found["num_distractors"] = self.num_distractors
        return found

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests."""
        small = {
            "rotations": False,
            "num_ways": 3,
            "num_subclasses": 3,
            "num_shots": 1 if self.episodes == "semi" else 2,
            "num_unlabeled": 2,
            "num_distractors": 1,
        }
        return super().tiny(**{**small, **changes})


# The official code draws one episode a step and clips at a norm that is
# never reached.
_OFFICIAL: dict[str, Any] = {
    "global_clipnorm": 1000.0,
    "num_tasks": 1,
    "steps": 20000,
}
# Two cores: fewer filters and steps, and every halving so much earlier.
_SMALL: dict[str, Any] = {
    "filters": 32,
    "steps": 3000,
    "halve_from": 1500,
    "halve_every": 500,
}

CHARACTERS = BandeRecipe(
    split="background", num_ways=20, num_shots=1, num_queries=5, **_OFFICIAL
)
ALPHABETS = BandeRecipe(
    split="background",
    episodes="superclasses",
    num_ways=10,
    num_subclasses=10,
    num_shots=1,
    num_queries=5,
    **_OFFICIAL,
)
SEMI = BandeRecipe(
    split="background",
    episodes="semi",
    num_ways=5,
    num_shots=1,
    num_queries=5,
    **_OFFICIAL,
)

RECIPES = {
    "omniglot": CHARACTERS,
    "omniglot_alphabets": ALPHABETS,
    "omniglot_semi": SEMI,
    "omniglot_small": CHARACTERS.replace(**_SMALL),
    "omniglot_alphabets_small": ALPHABETS.replace(num_queries=2, **_SMALL),
    "omniglot_semi_small": SEMI.replace(**_SMALL),
    "mini_imagenet": BandeRecipe(
        dataset="mini_imagenet",
        rotations=False,
        num_ways=5,
        num_shots=1,
        num_queries=5,
        alpha=1e-5,
        sigma=15.0,
        sigma_unlabeled=15.0,
        learn_sigma_unlabeled=True,
        rescaling=(1 / 255, 0.0),
        steps=100000,
        halve_from=20000,
        halve_every=20000,
        global_clipnorm=1000.0,
    ),
    # The workshop used a Wide ResNet; sigma and alpha are not stated there.
    "cifar10": BandeRecipe(
        dataset="cifar10",
        split="train",
        val_split="test",
        rotations=False,
        num_ways=10,
        num_shots=5,
        num_queries=5,
        rescaling=(1 / 255, 0.0),
        **_OFFICIAL,
    ),
    "glyphs": BandeRecipe(
        dataset="glyphs",
        rotations=False,
        episodes="superclasses",
        num_ways=5,
        num_subclasses=6,
        num_queries=2,
        filters=32,
        steps=500,
        halve_from=250,
        halve_every=100,
    ),
}
