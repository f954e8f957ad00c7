"""GMM-VAE: one mixture component a class, new classes by inference."""

from __future__ import annotations

import math
from typing import Any

import keras

from metazoo.errors import MetazooError
from metazoo.methods.gmm_vae.gmm_vae_optimizer import ScaledAdam
from metazoo.methods.gmm_vae.gmm_vae_options import Options
from metazoo.methods.gmm_vae.gmm_vae_verbs import GMMVAEVerbs

# A saved learner needs its optimizer's class too.
__all__ = ["GMMVAE", "ScaledAdam"]

CENTRE_NAMES = ("base_mean", "base_log_std")
# Spread of the centres before training: far narrower than their prior,
# where they would be random codes.
_START = 0.05


@keras.saving.register_keras_serializable(package="metazoo")
class GMMVAE(GMMVAEVerbs):
    """A variational autoencoder with one component a class (Li et al. 2018).

    Shared: encoder, decoder, and a posterior of the centre of every training
    class's component. Adapted: posteriors of the centres of new classes,
    from their support. The same state classifies among the new classes
    (`predict`), among all old and new ones (`integrate`), and draws images
    (`generate`).

    Training tasks are labelled batches (`metazoo.data.LabelledSampler`):
    labels are class numbers of the training set, and a support is not used.
    Images have one channel; raw pixels are thresholded to ink and paper.

    Args:
        backbone: encoder: Keras model from one example to the mean of its
            code and, behind it, what gives the deviation.
        decoder: Keras model from a code to logits of ink, or to maps that
            `pixels` takes.
        num_classes: training classes.
        num_examples: training examples.
        pixels: Keras model from ink and maps to logits of ink that see
            earlier pixels alone (PixelCNN); None for independent pixels.
        num_ways: fixed number of new classes, or None for any.
        variance: of a component, sigma squared in the paper.
        alpha: weight of the discriminative term.
        score: how a code is scored by components: "mean", "expected" (the
            paper's equations 15 and 16) or "predictive".
        inner_steps: Adam steps of adaptation; 0 for the closed form.
        inner_learning_rate: of those steps.
        eta_kl_scale: the centres' divergence counts once a "dataset", or as
            the paper prints it, once an "example".
        warmup_steps: steps over which the divergences get their weight.
        floor_steps: steps over which a lower bound of the codes' deviation
            falls from 1 to 0.
        value_range: (low, high) of the raw values the backbone takes.
        name: name of the model.

    Reference:
        Li, Grathwohl, Triantafillou, Duvenaud, Zemel: Few-shot Learning for
        Free by Modelling Global Class Structure, NIPS Meta-Learning
        Workshop, 2018
    """

    def __init__(
        self,
        backbone: keras.Model,
        decoder: keras.Model,
        num_classes: int,
        num_examples: int,
        pixels: keras.Model | None = None,
        num_ways: int | None = None,
        variance: float = 0.1,
        alpha: float = 10.0,
        score: str = "mean",
        inner_steps: int = 0,
        inner_learning_rate: float = 0.01,
        eta_kl_scale: str = "dataset",
        warmup_steps: int = 0,
        floor_steps: int = 0,
        value_range: tuple[float, float] | None = (0, 255),
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        options = Options(
            num_classes=num_classes,
            num_examples=num_examples,
            variance=variance,
            alpha=alpha,
            score=score,
            inner_steps=inner_steps,
            inner_learning_rate=inner_learning_rate,
            eta_kl_scale=eta_kl_scale,
            warmup_steps=warmup_steps,
            floor_steps=floor_steps,
        ).check()
        super().__init__(backbone, num_ways, value_range, name=name, **kwargs)
        self.keep_untracked("options", options)
        self.decoder = decoder
        self.pixels = pixels
        self._check_networks()
        self._seeds = keras.random.SeedGenerator()
        self._make_centres()
        self.build()

    def _check_networks(self) -> None:
        outputs = self.decoder if self.pixels is None else self.pixels
        shape = tuple(self.example_shape)
        codes = self.decoder.input_shape[1:]
        if (
            self.embedding_size % 2
            or codes != (self.latent_size,)
            or self.decoder.output_shape[1:3] != shape[:2]
            or outputs.output_shape[-1] != 1
            or shape[2:] != (1,)
        ):
            raise MetazooError(
                "decoder must take codes of half the backbone's outputs and "
                "give a value for every pixel of images of one channel; the "
                f"backbone goes from {shape} to {self.embedding_size}, the "
                f"decoder from {codes} to {self.decoder.output_shape[1:]}."
            )

    def _make_centres(self) -> None:
        options = self.options
        shape = (options.num_classes, self.latent_size)
        shots = options.num_examples / options.num_classes
        # Where the bound itself has its optimum.
        log_std = 0.5 * math.log(options.variance / shots)
        starts = (
            keras.initializers.RandomNormal(stddev=_START),
            keras.initializers.Constant(log_std),
        )
        self.base_mean, self.base_log_std = (
            self.add_weight(shape=shape, initializer=start, name=name)
            for name, start in zip(CENTRE_NAMES, starts, strict=True)
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        serialize = keras.saving.serialize_keras_object
        pixels = None if self.pixels is None else serialize(self.pixels)
        return {
            **super().get_config(),
            **self.options._asdict(),
            "decoder": serialize(self.decoder),
            "pixels": pixels,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> Any:
        """Rebuilds a learner from `get_config`."""
        config = dict(config)
        for part in ("decoder", "pixels"):
            if config.get(part) is not None:
                config[part] = keras.saving.deserialize_keras_object(
                    config[part], custom_objects=custom_objects
                )
        return super().from_config(config, custom_objects)
