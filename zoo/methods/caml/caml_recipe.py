"""Recipes of CAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.methods.caml.caml_metric_recipe import MetricRecipe
from metazoo.recipes.conv4 import Conv4Recipe
from metazoo.recipes.descent import DescentSettings
from metazoo.recipes.episodic import require_choice, require_counts

if TYPE_CHECKING:
    import keras

    from metazoo.contracts.episodic import EpisodicLearner
    from metazoo.data import ClassDataset
    from metazoo.recipes.episodic import EpisodicRecipe

VARIANTS = ("caml", "maml", "shuffled")
STAGE = "metric"
FEATURES = "simpleshot_resnet10_mini_imagenet"


@dataclass(frozen=True)
class CAMLRecipe(DescentSettings, Conv4Recipe):
    """Hyper-parameters of CAML: two stages, the metric network's first.

    Attributes:
        variant: "caml"; or what to compare it with on the same backbone:
            "maml" (no conditioning), "shuffled" (conditioned on the places
            of other images).
        normalization: "support", "transductive" or "moving"; see
            `InnerLoopLearner`.
        first_order: leave out second derivatives.
        standardize: see `CAML`.
        modulation_size: see `CAML`.
        modulation_l2: see `CAML`.
        multitask_weight: weight of the multitask term; see `CAML`. "maml"
            has it too.
        multitask_examples: plain examples of each training episode.
        clip_elements: bound on each element of the outer gradient.
        metric_preset: preset whose backbone is the metric network; None to
            train one, in the stage "metric", by the fields below.
        metric_filters: channels of a Conv4 metric network.
        metric_widths: channels of a residual one instead; see
            `MetricRecipe`.
        metric_ways: classes of its training task.
        metric_shots: support examples a class.
        metric_queries: queries a class.
        metric_tasks: episodes of a training step.
        metric_steps: its training steps.
        metric_learning_rate: its step size.
    """

    inner_steps: int = 5
    predict_steps: int = 5
    variant: str = "caml"
    normalization: str = "support"
    first_order: bool = False
    standardize: bool = True
    modulation_size: int | None = None
    modulation_l2: float = 0.0
    multitask_weight: float = 0.0
    multitask_examples: int = 32
    clip_elements: float = 10.0
    metric_preset: str | None = None
    metric_filters: int = 64
    metric_widths: tuple[int, ...] = ()
    metric_ways: int = 20
    metric_shots: int = 1
    metric_queries: int = 5
    metric_tasks: int = 1
    metric_steps: int = 3000
    metric_learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        """Refuses fields that can't be used.

        Raises:
            RecipeError: one is out of range.
        """
        super().__post_init__()
        require_choice(self, "variant", VARIANTS)
        names = ("metric_ways", "metric_queries", "metric_tasks")
        require_counts(self, *names, "metric_steps")

    def stages(self) -> Mapping[str, EpisodicRecipe]:
        """The metric network, unless a preset or nobody has it."""
        if self.variant == "maml" or self.metric_preset is not None:
            return {}
        return {STAGE: self.metric_recipe()}

    def with_presets(self, presets: Mapping[str, str]) -> Self:
        """This recipe with the metric network that was trained.

        Args:
            presets: folder of the preset of the stage "metric".
        """
        return self.replace(metric_preset=presets[STAGE])

    def metric_recipe(self) -> MetricRecipe:
        """How the metric network is trained, on the same classes."""
        return self.stage(
            MetricRecipe,
            num_ways=self.metric_ways,
            num_shots=self.metric_shots,
            num_queries=self.metric_queries,
            num_tasks=self.metric_tasks,
            steps=self.metric_steps,
            outer_learning_rate=self.metric_learning_rate,
            keep_best=self.keep_best,
            filters=self.metric_filters,
            rescaling=self.rescaling,
            widths=self.metric_widths,
        )

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds the untrained base learner, which can be modulated.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.layers import conv4

        height, width, channels = example_shape
        return conv4(
            (height, width, channels),
            filters=self.filters,
            normalization="conditional",
            rescaling=self.rescaling,
        )

    def build_metric(self, example_shape: tuple[int, ...]) -> keras.Model:
        """The metric network: that of the preset, or an untrained one.

        Args:
            example_shape: shape of one raw example.
        """
        if self.metric_preset is None:
            return self.metric_recipe().build_backbone(example_shape)
        from metazoo.presets import from_preset

        return from_preset(self.metric_preset).backbone

    def learner_for(self, data: ClassDataset) -> EpisodicLearner:
        """Builds the untrained learner for a training set.

        Args:
            data: its classes are those of the multitask term.
        """
        return self.build_learner(data.image_shape, data.num_classes)

    def build_learner(
        self, example_shape: tuple[int, ...], num_classes: int = 0
    ) -> EpisodicLearner:
        """Builds the untrained learner of the variant.

        Args:
            example_shape: shape of one raw example.
            num_classes: training classes, for the multitask term.
        """
        backbone = self.build_backbone(example_shape)
        shared: dict[str, Any] = {
            "head": "zero",
            "first_order": self.first_order,
            "normalization": self.normalization,
            "value_range": self.value_range(),
            **self.descent_options(),
        }
        if self.variant == "maml" and not self.multitask_weight:
            from metazoo.registry import get_method

            maml = get_method("maml").load_model_class()
            return maml(backbone, name="maml", **shared)
        return self._model_class()(
            backbone,
            self.build_metric(example_shape),
            standardize=self.standardize,
            modulation_size=self.modulation_size,
            modulation_l2=self.modulation_l2,
            multitask_classes=num_classes,
            multitask_examples=self.multitask_examples,
            multitask_weight=self.multitask_weight,
            name="caml",
            **shared,
        )

    def _model_class(self) -> type:
        from metazoo.methods.caml import caml_control
        from metazoo.methods.caml.caml_model import CAML

        return {
            "caml": CAML,
            "shuffled": caml_control.ShuffledCAML,
            "maml": caml_control.UnconditionedCAML,
        }[self.variant]

    def training_source(self, data: ClassDataset) -> Any:
        """Episodes, with plain examples where the multitask term is on.

        Args:
            data: the training classes.
        """
        if not self.multitask_weight:
            return super().training_source(data)
        from metazoo.methods.caml.caml_multitask import MultitaskSampler

        return MultitaskSampler(
            data,
            num_examples=self.multitask_examples,
            num_ways=self.num_ways,
            num_shots=self.num_shots,
            num_queries=self.num_queries,
            seed=self.seed,
        )

    def value_range(self) -> tuple[float, float] | None:
        """(low, high) of the raw values, as for `EpisodicLearner`."""
        return (0, 255)

    def compile_options(self) -> dict[str, Any]:
        """Elements of the outer gradient are clipped."""
        return {"clip_elements": self.clip_elements}

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests."""
        small: dict[str, Any] = {
            "num_ways": 5,
            "inner_steps": 2,
            "predict_steps": 2,
            "keep_best": False,
            "metric_preset": None,
            "metric_filters": 4,
            "metric_widths": (),
            "metric_ways": 5,
            "metric_queries": 2,
            "metric_tasks": 1,
            "metric_steps": 10,
        }
        return super().tiny(**{**small, **changes})


# For two CPU cores.
_OMNIGLOT = CAMLRecipe(
    split="background",
    rescaling=(-1 / 255, 1.0),
    filters=32,
    num_ways=20,
    num_queries=5,
    num_tasks=2,
    steps=4000,
    inner_steps=3,
    predict_steps=3,
    inner_learning_rate=0.1,
    metric_queries=10,
    metric_tasks=2,
    keep_best=True,
)

# The features of a preset of this zoo are the metric space: it knows more
# than what two cores would train in the time.
_MINI = CAMLRecipe(
    dataset="mini_imagenet",
    rotations=False,
    rescaling=(1 / 127.5, -1.0),
    filters=30,
    num_ways=5,
    num_queries=5,
    num_tasks=2,
    steps=4000,
    inner_steps=3,
    predict_steps=5,
    inner_learning_rate=0.03,
    metric_preset=FEATURES,
    modulation_size=64,
    keep_best=True,
)

# The paper's text was not at hand: a reconstruction, see the method's page.
_PAPER = _MINI.replace(
    num_queries=15,
    num_tasks=4,
    steps=60000,
    final_learning_rate_scale=1.0,
    inner_steps=5,
    predict_steps=10,
    inner_learning_rate=0.01,
    metric_preset=None,
    metric_widths=(64, 128, 256, 512),
    metric_queries=15,
    metric_steps=20000,
    modulation_size=None,
)

RECIPES = {
    "omniglot_20way_1shot": _OMNIGLOT,
    "omniglot_5way_1shot": _OMNIGLOT.replace(num_ways=5, num_tasks=8),
    "mini_imagenet_5way_1shot": _MINI,
    "mini_imagenet_5way_5shot": _MINI.replace(num_shots=5),
    "paper_mini_imagenet_5way_1shot": _PAPER,
    "paper_mini_imagenet_5way_5shot": _PAPER.replace(
        num_shots=5, num_tasks=2, metric_shots=5
    ),
}
