"""Recipes of GMM-VAE, and of the prototypical network on its encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from metazoo.recipes.episodic import EpisodicRecipe
from metazoo.recipes.prototype import PrototypeSettings

if TYPE_CHECKING:
    import keras

    from metazoo.data import ClassDataset, LabelledSampler
    from metazoo.methods.gmm_vae.gmm_vae_model import GMMVAE


@dataclass(frozen=True)
class HeldOutRecipe(EpisodicRecipe):
    """What the model and its control share: data and encoder.

    Attributes:
        protocol: of Omniglot, "lake" or "vinyals".
        held_out_examples: of each training class, never trained on: the
            queries of base classes in integration (two of twenty drawers).
        network: "light" or "pixelvae".
        latent_size: entries of a code, or of an embedding.
        filters: channels of the light encoder.
    """

    protocol: str = "lake"
    held_out_examples: int = 2
    network: str = "light"
    latent_size: int = 64
    filters: int = 64

    def load_dataset(
        self, data_dir: str | None, split: str | None = None
    ) -> ClassDataset:
        """Reads the classes of a split; of the training one, what is trained.

        Args:
            data_dir: folder of the data set, or None if it needs none.
            split: a split; by default the training one, without the
                held-out examples.
        """
        if split is None:
            return self._halves(data_dir)[0]
        return self._whole(data_dir, split)

    def load_held_out(self, data_dir: str | None) -> ClassDataset:
        """Reads the held-out examples of the training classes.

        Args:
            data_dir: folder of the data set, or None if it needs none.
        """
        return self._halves(data_dir)[1]

    def _halves(
        self, data_dir: str | None
    ) -> tuple[ClassDataset, ClassDataset]:
        whole = self._whole(data_dir, self.split)
        return whole.split_examples(self.held_out_examples)

    def _whole(self, data_dir: str | None, split: str) -> ClassDataset:
        from metazoo.data import load_dataset

        data = load_dataset(
            self.dataset, data_dir, split, **self.reader_options
        )
        return data.with_rotations() if self.rotations else data

    @property
    def reader_options(self) -> dict[str, Any]:
        """What the reader of the data set takes beside the split."""
        named = self.dataset == "omniglot"
        return {"protocol": self.protocol} if named else {}

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests.

        Args:
            **changes: fields of the method that are to be smaller too.
        """
        small: dict[str, Any] = {
            "rotations": False,
            "num_ways": 5,
            "num_shots": 1,
            "network": "light",
            "latent_size": 8,
            "filters": 8,
            "keep_best": False,
        }
        return super().tiny(**{**small, **changes})


@dataclass(frozen=True)
class GMMVAERecipe(HeldOutRecipe):
    """Hyper-parameters of GMM-VAE.

    Training is over all classes: `num_ways`, `num_shots` and `num_queries`
    are of the validation episodes alone.

    Attributes:
        num_examples: images of a training task; a step takes `num_tasks` of
            them.
        decoder_width: units of the light decoder's first layer.
        variance: of a component, sigma squared.
        alpha: weight of the discriminative term.
        score: how components score a code; see `GMMVAE`.
        inner_steps: Adam steps of adaptation; 0 for the closed form.
        eta_kl_scale: how often the centres' divergence counts.
        centre_rate_scale: factor of the centres' step size.
        warmup_steps: steps over which the divergences get their weight.
        floor_steps: steps over which the deviation's lower bound falls.
    """

    num_examples: int = 128
    decoder_width: int = 512
    num_queries: int = 5
    variance: float = 0.1
    alpha: float = 100.0
    score: str = "mean"
    inner_steps: int = 0
    eta_kl_scale: str = "dataset"
    centre_rate_scale: float = 10.0
    warmup_steps: int = 5000
    floor_steps: int = 0

    def learner_for(self, data: ClassDataset) -> GMMVAE:
        """Builds an untrained `GMMVAE` with a component for each class.

        Args:
            data: the training classes.
        """
        from metazoo.methods.gmm_vae import gmm_vae_networks as networks
        from metazoo.methods.gmm_vae.gmm_vae_model import GMMVAE

        shape, size = data.image_shape, self.latent_size
        return GMMVAE(
            networks.encoder(
                self.network,
                shape,
                2 * size,
                self.filters,
                # Below the components' own deviation.
                std=0.5 * min(self.variance, 1.0) ** 0.5,
            ),
            networks.decoder(self.network, shape, size, self.decoder_width),
            num_classes=data.num_classes,
            num_examples=data.num_examples,
            pixels=networks.pixel_stack(self.network, shape),
            variance=self.variance,
            alpha=self.alpha,
            score=self.score,
            inner_steps=self.inner_steps,
            eta_kl_scale=self.eta_kl_scale,
            warmup_steps=self.warmup_steps,
            floor_steps=self.floor_steps,
            name="gmm_vae",
        )

    def build_optimizer(self) -> keras.optimizers.Optimizer:
        """Adam with larger steps of the centres."""

        from metazoo.methods.gmm_vae.gmm_vae_model import (
            CENTRE_NAMES,
            ScaledAdam,
        )

        return ScaledAdam(
            self.learning_rate(),
            scales=dict.fromkeys(CENTRE_NAMES, self.centre_rate_scale),
            global_clipnorm=self.global_clipnorm,
        )

    def training_source(self, data: ClassDataset) -> LabelledSampler:
        """Labelled batches of the training classes.

        Args:
            data: the training classes.
        """
        from metazoo.data import LabelledSampler

        return LabelledSampler(
            data, num_examples=self.num_examples, seed=self.seed
        )

    def task_setting(self) -> dict[str, Any]:
        """What a training step is made of, for the preset's card."""
        names = ("num_examples", "num_tasks", "held_out_examples")
        return {name: getattr(self, name) for name in names}

    def tiny(self, **changes: Any) -> Self:
        """A few small steps on glyphs, for tests.

        Args:
            **changes: fields that are to be smaller too.
        """
        small: dict[str, Any] = {
            "num_examples": 16,
            "decoder_width": 32,
            "warmup_steps": 0,
            "floor_steps": 0,
        }
        return super().tiny(**{**small, **changes})


@dataclass(frozen=True)
class EncoderProtoNetRecipe(PrototypeSettings, HeldOutRecipe):
    """The control: a prototypical network with the same encoder.

    Attributes:
        binary: whether pixels are thresholded; the paper found this control
            better on continuous ones.
    """

    num_ways: int = 60
    num_queries: int = 5
    binary: bool = False

    def build_backbone(self, example_shape: tuple[int, ...]) -> keras.Model:
        """Builds the untrained encoder.

        Args:
            example_shape: (height, width, 1).
        """
        from metazoo.methods.gmm_vae.gmm_vae_networks import encoder

        return encoder(
            self.network,
            example_shape,
            self.latent_size,
            self.filters,
            binary=self.binary,
        )


RECIPES = {
    "omniglot": GMMVAERecipe(
        split="background",
        steps=6000,
        final_learning_rate_scale=0.05,
    ),
    # 1500 epochs of 4112 classes' 18 images in batches of 64; which
    # variance and alpha won is not in the paper.
    "paper_omniglot": GMMVAERecipe(
        split="train",
        protocol="vinyals",
        rotations=True,
        network="pixelvae",
        latent_size=128,
        num_ways=20,
        num_examples=64,
        steps=1_700_000,
        final_learning_rate_scale=1.0,
        floor_steps=1000,
        keep_best=True,
    ),
    "glyphs": GMMVAERecipe(
        dataset="glyphs", rotations=False, steps=3000, warmup_steps=2500
    ),
}
