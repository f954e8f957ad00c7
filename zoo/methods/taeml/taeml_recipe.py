"""Recipes of TAEML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.errors import RecipeError
from metazoo.methods.taeml.taeml_data import (
    joined_members,
    load_domains,
    member_features,
)
from metazoo.methods.taeml.taeml_member_recipe import MemberRecipe
from metazoo.methods.taeml.taeml_settings import DomainSettings
from metazoo.recipes.conv4 import Conv4Recipe
from metazoo.recipes.episodic import require_choice, require_counts

if TYPE_CHECKING:
    from metazoo.contracts.episodic import EpisodicLearner
    from metazoo.data import ClassDataset
    from metazoo.methods.taeml.taeml_model import TAEML
    from metazoo.recipes.episodic import EpisodicRecipe

STAGE = "learner"


@dataclass(frozen=True)
class TAEMLRecipe(DomainSettings, Conv4Recipe):
    """Hyper-parameters of TAEML: one stage a learner, then the trust network.

    The trust network is trained on tasks of classes that no learner has
    seen: `split` is not the learners' own. Features are computed once, for
    learners don't change any more; the finished learner takes images.

    Attributes:
        members: data set of each learner, as for `load_domains`.
        member_presets: presets of the learners; empty to train them, in the
            stages "learner_0", "learner_1" and so on, by the fields below.
        form: "symmetric" or "flat"; see `TAEML`.
        mode: "transductive", "single" or "support"; see `TAEML`.
        trust_units: see `TAEML`.
        initial_trust: see `TAEML`.
        member_split: classes the learners train on.
        member_ways: classes of their tasks.
        member_shots: support examples a class.
        member_queries: queries a class.
        member_steps: their steps.
        member_learning_rate: their step size.
    """

    dataset: str = "mixture:omniglot,mini_imagenet,cifar10,glyphs"
    split: str = "val"
    rotations: bool = False
    num_ways: int = 5
    num_shots: int = 5
    num_queries: int = 3
    members: tuple[str, ...] = ()
    member_presets: tuple[str, ...] = ()
    form: str = "symmetric"
    mode: str = "transductive"
    trust_units: tuple[int, ...] | None = None
    initial_trust: float = 2.0
    member_split: str = "train"
    member_ways: int = 10
    member_shots: int = 5
    member_queries: int = 5
    member_steps: int = 2000
    member_learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        """Refuses fields that can't be used.

        Raises:
            RecipeError: one is out of range.
        """
        super().__post_init__()
        require_choice(self, "form", ("symmetric", "flat"))
        require_choice(self, "mode", ("transductive", "single", "support"))
        require_counts(self, "member_ways", "member_queries", "member_steps")
        given = len(self.member_presets)
        if not self.members or given not in (0, len(self.members)):
            raise RecipeError(
                "members must name the data set of one learner or more, and "
                f"member_presets none or as many; got {self.members} and "
                f"{self.member_presets}."
            )

    def stages(self) -> Mapping[str, EpisodicRecipe]:
        """The learners, unless they are given."""
        if self.member_presets:
            return {}
        return {
            f"{STAGE}_{number}": self.member_recipe(dataset)
            for number, dataset in enumerate(self.members)
        }

    def with_presets(self, presets: Mapping[str, str]) -> Self:
        """This recipe with the learners that were trained.

        Args:
            presets: folder of the preset of each stage.
        """
        names = [f"{STAGE}_{number}" for number in range(len(self.members))]
        return self.replace(
            member_presets=tuple(presets[name] for name in names)
        )

    def member_recipe(self, dataset: str) -> MemberRecipe:
        """How a learner is trained.

        Args:
            dataset: of the learner; of several domains for the pooled one.
        """
        return self.stage(
            MemberRecipe,
            dataset=dataset,
            split=self.member_split,
            num_ways=self.member_ways,
            num_shots=self.member_shots,
            num_queries=self.member_queries,
            steps=self.member_steps,
            outer_learning_rate=self.member_learning_rate,
            filters=self.filters,
            rescaling=self.rescaling,
            image_size=self.image_size,
            feature_length=self.feature_length,
            momentum=self.momentum,
            drop_after=self.drop_after,
        )

    def load_dataset(
        self, data_dir: str | None, split: str | None = None
    ) -> ClassDataset:
        """Reads a split: what the learners make of it, or raw examples.

        Args:
            data_dir: folder of the data sets, or None if they need none.
            split: a split; by default the training one.
        """
        split = split or self.split
        if not self.member_presets:
            return load_domains(self.dataset, data_dir, split, self.image_size)
        return member_features(
            self.member_presets,
            self.dataset,
            data_dir,
            split,
            self.image_size,
        )

    def build_learner(self, example_shape: tuple[int, ...]) -> TAEML:
        """Builds an untrained trust network, on features or on images.

        Args:
            example_shape: (features,) of all learners, or (height, width,
                channels) for learners that are untrained too.
        """
        from metazoo.layers import features
        from metazoo.methods.taeml.taeml_ensemble import ensemble
        from metazoo.methods.taeml.taeml_model import TAEML

        options: dict[str, Any] = {
            "num_ways": self.num_ways if self.form == "flat" else None,
            "form": self.form,
            "mode": self.mode,
            "trust_units": self.trust_units,
            "initial_trust": self.initial_trust,
            "name": "taeml",
        }
        count = len(self.members)
        if len(example_shape) == 1:
            backbone = features(example_shape[0])
            return TAEML(backbone, count, value_range=None, **options)
        members = [
            self.member_recipe(dataset).build_backbone(example_shape)
            for dataset in self.members
        ]
        return TAEML(ensemble(members), count, **options)

    def published(self, learner: EpisodicLearner) -> EpisodicLearner:
        """The learner on images, where it was trained on features.

        Args:
            learner: the trained learner.
        """
        if not self.member_presets:
            return learner
        return learner.with_backbone(joined_members(self.member_presets))

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests."""
        small: dict[str, Any] = {
            "split": "train",
            "num_ways": 5,
            "num_shots": 2,
            "outer_learning_rate": 0.01,
            "members": ("glyphs", "glyphs"),
            "member_presets": (),
            "trust_units": (16, 8),
            "member_ways": 5,
            "member_shots": 1,
            "member_queries": 2,
            "member_steps": 10,
        }
        return super().tiny(**{**small, **changes})


_DOMAINS = ("omniglot", "mini_imagenet", "cifar10", "glyphs")

# For two CPU cores.
DOMAINS = TAEMLRecipe(
    members=tuple(f"mixture:{name}" for name in _DOMAINS),
    filters=32,
    steps=6000,
    outer_learning_rate=3e-4,
)

# Sizes and step sizes of the authors' code on the domains at hand; CIFAR-10
# has too few classes for tasks of ten ways.
_TEN_WAYS = ("omniglot", "mini_imagenet", "glyphs")

RECIPES = {
    "domains_5way_5shot": DOMAINS,
    "paper_10way_5shot": TAEMLRecipe(
        dataset="mixture:" + ",".join(_TEN_WAYS),
        members=tuple(f"mixture:{name}" for name in _TEN_WAYS),
        image_size=84,
        form="flat",
        num_ways=10,
        steps=10000,
        outer_learning_rate=1e-4,
        member_queries=15,
        member_steps=20000,
    ),
}
