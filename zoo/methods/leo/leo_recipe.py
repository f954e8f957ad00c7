"""Recipes of LEO."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.recipes.episodic import EpisodicRecipe

if TYPE_CHECKING:
    import keras

    from metazoo.contracts.episodic import EpisodicLearner
    from metazoo.data import ClassDataset
    from metazoo.methods.leo.leo_model import LEO

FEATURES = "simpleshot_resnet10_mini_imagenet"


@dataclass(frozen=True)
class LEORecipe(EpisodicRecipe):
    """Hyper-parameters of LEO; defaults are those of the authors' code.

    Attributes:
        features_preset: preset whose backbone turns the images of `dataset`
            into features; the finished learner takes images again. None
            where the data set holds features, as "embeddings:" does.
        keep_features: the finished learner takes features, not images.
        train_on_val: train on the validation classes too, as the paper's
            final numbers (section 4.2).
        latent_size: L in the paper (authors' code: 64).
        latent_steps: inner steps on codes (authors' code: 5).
        weight_steps: fine-tuning steps on weights (authors' code: 5).
        prior: "encoder" or "normal"; see `LEO`.
        sample: whether codes and weights are drawn; see `LEO`.
        std: "exp_minus_one" or "softplus"; see `LEO`.
        kl: "closed" or "sampled"; see `LEO`.
        kl_weight: beta in the paper.
        encoder_penalty: gamma in the paper.
        orthogonality: lambda 2 in the paper.
        l2: lambda 1 in the paper.
        dropout: share of features dropped in training.
        second_order: False leaves out second derivatives.
        clip_elements: bound on each element of the outer gradient (authors'
            code: 0.1).
        clip_norm: bound on the norm of each variable's gradient, after that
            (authors' code: 0.1).
    """

    features_preset: str | None = None
    keep_features: bool = False
    train_on_val: bool = False
    rotations: bool = False
    num_queries: int = 15
    num_tasks: int = 12
    steps: int = 100000
    outer_learning_rate: float = 1e-4
    keep_best: bool = True
    latent_size: int = 64
    latent_steps: int = 5
    weight_steps: int = 5
    prior: str = "encoder"
    sample: bool = True
    std: str = "exp_minus_one"
    kl: str = "closed"
    kl_weight: float = 1e-3
    encoder_penalty: float = 1e-9
    orthogonality: float = 1e-3
    l2: float = 1e-8
    dropout: float = 0.5
    second_order: bool = True
    clip_elements: float = 0.1
    clip_norm: float = 0.1

    def build_learner(self, example_shape: tuple[int, ...]) -> LEO:
        """Builds an untrained `LEO` on features.

        Args:
            example_shape: (features,), or (height, width, channels) of
                images whose pixels are their own features.
        """
        from metazoo.methods.leo.leo_model import LEO

        return LEO(
            feature_backbone(example_shape),
            num_ways=self.num_ways,
            latent_size=self.latent_size,
            latent_steps=self.latent_steps,
            weight_steps=self.weight_steps,
            prior=self.prior,
            sample=self.sample,
            std=self.std,
            kl=self.kl,
            kl_weight=self.kl_weight,
            encoder_penalty=self.encoder_penalty,
            orthogonality=self.orthogonality,
            l2=self.l2,
            dropout=self.dropout,
            second_order=self.second_order,
            value_range=None,
            name="leo",
        )

    def build_optimizer(self) -> keras.optimizers.Optimizer:
        """Adam along a cosine, each variable's gradient clipped by itself."""
        import keras

        return keras.optimizers.Adam(
            self.learning_rate(), clipnorm=self.clip_norm
        )

    def compile_options(self) -> dict[str, Any]:
        """Elements are clipped before norms."""
        return {"clip_elements": self.clip_elements}

    def load_dataset(
        self, data_dir: str | None, split: str | None = None
    ) -> ClassDataset:
        """Reads the features of a split.

        Args:
            data_dir: folder of the data set, or None if it needs none.
            split: a split; by default the training one.
        """
        split = split or self.split
        data = self._features(data_dir, split)
        if self.train_on_val and split == self.split:
            more = self._features(data_dir, self.val_split)
            return data.joined(more, "train+val")
        return data

    def _features(self, data_dir: str | None, split: str) -> ClassDataset:
        if self.features_preset is None:
            return super().load_dataset(data_dir, split)
        return preset_features(
            self.features_preset, self.dataset, data_dir, split
        )

    def published(self, learner: EpisodicLearner) -> EpisodicLearner:
        """The learner on images, where its features came from a preset.

        Args:
            learner: the trained learner.
        """
        if self.features_preset is None or self.keep_features:
            return learner
        from metazoo.presets import from_preset

        backbone = from_preset(self.features_preset).backbone
        return learner.with_backbone(backbone)

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on the pixels of glyphs, for tests."""
        small = {
            "features_preset": None,
            "train_on_val": False,
            "outer_learning_rate": 1e-3,
            "latent_size": 8,
            "latent_steps": 2,
            "weight_steps": 2,
            "dropout": 0.1,
        }
        return super().tiny(**{**small, **changes})


@functools.lru_cache(maxsize=4)
def preset_features(
    preset: str, dataset: str, data_dir: str | None, split: str
) -> ClassDataset:
    """Features of a split by a preset's backbone, computed once a process.

    Args:
        preset: name or folder of the preset.
        dataset: what `metazoo.data.load_dataset` understands.
        data_dir: folder of the data set, or None if it needs none.
        split: which split.
    """
    from metazoo.data import load_dataset
    from metazoo.data.features import extract_features
    from metazoo.presets import from_preset

    backbone = from_preset(preset).backbone
    return extract_features(backbone, load_dataset(dataset, data_dir, split))


def feature_backbone(example_shape: tuple[int, ...]) -> keras.Model:
    """What turns raw examples into features without any training.

    Args:
        example_shape: (features,), kept as they are; or (height, width,
            channels), whose pixels become features in 0..1.
    """
    import keras

    from metazoo.layers import features

    if len(example_shape) == 1:
        return features(example_shape[0])
    return keras.Sequential(
        [
            keras.Input(example_shape),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
        ],
        name="pixels",
    )


# Tuned values of the authors' README, for their released embeddings. The
# authors keep the step size constant.
_PAPER = LEORecipe(
    dataset="embeddings:miniImageNet/center", final_learning_rate_scale=1.0
)
_MINI_1SHOT = _PAPER.replace(
    num_shots=1,
    outer_learning_rate=2.739e-4,
    l2=3.623e-10,
    orthogonality=0.1881,
    dropout=0.3077,
    kl_weight=0.7561,
    encoder_penalty=5.757e-6,
)
_MINI_5SHOT = _PAPER.replace(
    num_shots=5,
    outer_learning_rate=4.102e-4,
    l2=8.540e-9,
    orthogonality=1.524e-3,
    dropout=0.3003,
    kl_weight=0.4664,
    encoder_penalty=2.662e-7,
)
_TIERED = _PAPER.replace(dataset="embeddings:tieredImageNet/center")

# Features of a backbone of this zoo, for two CPU cores; chosen on validation
# classes. The backbone knows the training images by heart, so more features
# are dropped than in the paper.
TWO_CORES = LEORecipe(
    dataset="mini_imagenet",
    features_preset=FEATURES,
    steps=3000,
    outer_learning_rate=1e-3,
    dropout=0.7,
)

RECIPES = {
    "mini_imagenet_5way_1shot": TWO_CORES.replace(num_shots=1),
    "mini_imagenet_5way_5shot": TWO_CORES.replace(num_shots=5, kl_weight=0.5),
    "paper_mini_imagenet_5way_1shot": _MINI_1SHOT,
    "paper_mini_imagenet_5way_5shot": _MINI_5SHOT,
    "paper_tiered_imagenet_5way_1shot": _TIERED.replace(
        num_shots=1,
        outer_learning_rate=8.659e-4,
        l2=4.149e-10,
        orthogonality=5.451e-3,
        dropout=0.4751,
        kl_weight=2.034e-3,
        encoder_penalty=8.303e-5,
    ),
    "paper_tiered_imagenet_5way_5shot": _TIERED.replace(
        num_shots=5,
        outer_learning_rate=6.110e-4,
        l2=1.690e-10,
        orthogonality=2.481e-2,
        dropout=0.4152,
        kl_weight=1.6228,
        encoder_penalty=2.672e-5,
    ),
}
