"""The autoencoder of a GMM-VAE: encoding, decoding, and its training."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.functional.seeds import step_seed
from metazoo.layers.binarize import MIDDLE, ink_of
from metazoo.learners.embedding import EmbeddingLearner
from metazoo.methods.gmm_vae.gmm_vae_mixture import (
    Centres,
    Posterior,
    component_logits,
)
from metazoo.methods.gmm_vae.gmm_vae_options import Options
from metazoo.methods.gmm_vae.gmm_vae_training import (
    Terms,
    log_likelihood,
    objective_terms,
    ramp,
)

_REPORT_SEED = (0, 0)


class GMMVAECore(EmbeddingLearner):
    """Networks and centres of the training classes, without adaptation.

    Attributes:
        decoder: from codes to logits of ink, or to maps for `pixels`.
        pixels: from ink and maps to logits of ink, or None.
        base_mean: means of the centres' posteriors.
        base_log_std: their log deviations.
        options: settings.
    """

    decoder: keras.Model
    pixels: keras.Model | None
    base_mean: keras.Variable
    base_log_std: keras.Variable
    options: Options

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, 1): the networks are built for one size."""
        height, width, channels = self.backbone.input_shape[1:]
        return int(height), int(width), int(channels)

    @property
    def latent_size(self) -> int:
        """Entries of a code."""
        return self.embedding_size // 2

    @property
    def base(self) -> Centres:
        """Posteriors of the training classes' centres, as tensors."""
        return Centres(
            tf.convert_to_tensor(self.base_mean),
            tf.convert_to_tensor(self.base_log_std),
        )

    def encode(
        self, x: tf.Tensor, training: bool = False, floor: Any = None
    ) -> Posterior:
        """Posteriors of codes.

        Args:
            x: float [tasks, examples, height, width, 1], raw pixels.
            training: whether normalisation uses batch statistics.
            floor: lower bound of the deviation, or None.

        Returns:
            [tasks, examples, latent] each.
        """
        return self.posterior_of(self.embed(x, training), floor)

    def posterior_of(self, outputs: tf.Tensor, floor: Any = None) -> Posterior:
        """Posteriors of what the backbone gave.

        Args:
            outputs: float [..., 2 latent].
            floor: lower bound of the deviation, or None.
        """
        mean, raw = tf.split(outputs, 2, axis=-1)
        std = 0.5 * (tf.nn.softsign(raw) + 1.0)
        # Beyond 1e7, softsign is -1 in float32.
        std = tf.maximum(std, 1e-6 if floor is None else floor)
        return Posterior(mean, std)

    def ink(self, x: tf.Tensor) -> tf.Tensor:
        """Ink of raw pixels, 0 or 1, shaped as they are."""
        ends = self.value_range
        return ink_of(x, MIDDLE if ends is None else sum(ends) / 2)

    def decode(
        self, z: tf.Tensor, ink: tf.Tensor, training: bool = False
    ) -> tf.Tensor:
        """Log p(x|z).

        Args:
            z: float [examples, latent].
            ink: 0 or 1, [examples, height, width, 1].
            training: whether normalisation uses batch statistics.

        Returns:
            float [examples], in nats.
        """
        logits = self.decoder(z, training=training)
        if self.pixels is not None:
            logits = self.pixels([ink, logits], training=training)
        return log_likelihood(logits, ink)

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Minus the objective of labelled examples; see `EpisodicTraining`."""
        options, step = self.options, self._step()
        done = ramp(step, options.floor_steps)
        floor = 1.0 - done if options.floor_steps else None
        posterior = self.encode(episode.query_x, True, floor)
        seed = step_seed(self._seeds.next())
        terms = self._terms(episode, posterior, seed, True)
        weight = ramp(step, options.warmup_steps)
        loss = (
            weight * (terms.kl + options.kl_share * terms.centre_kl)
            + math.log(options.num_classes)
            - terms.reconstruction
            - options.alpha * terms.discriminative
        )
        logits = component_logits(posterior.mean, self.base, options.variance)
        return loss, logits

    def objective_report(self, episode: Episode) -> dict[str, float]:
        """Parts of the objective, to watch a training by, in nats.

        A `kl` near zero means that the decoder does without codes.

        Args:
            episode: labelled examples, as training takes them.

        Returns:
            `reconstruction`, `kl`, `centre_kl` and `discriminative`.
        """
        episode = episode.map(tf.convert_to_tensor)
        posterior = self.encode(tf.cast(episode.query_x, tf.float32))
        seed = tf.constant(_REPORT_SEED)
        terms = self._terms(episode, posterior, seed, False)
        return {name: float(v) for name, v in terms._asdict().items()}

    def _terms(
        self,
        episode: Episode,
        posterior: Posterior,
        seed: tf.Tensor,
        training: bool,
    ) -> Terms:
        size = [-1, self.latent_size]
        flat = Posterior(*(tf.reshape(part, size) for part in posterior))
        x = tf.reshape(episode.query_x, [-1, *self.example_shape])
        ink = self.ink(tf.cast(x, tf.float32))
        base = self.base
        return objective_terms(
            flat,
            tf.reshape(episode.query_y, [-1]),
            base,
            self.options.variance,
            lambda z: self.decode(z, ink, training),
            self.draw(seed, flat.mean, base.mean),
        )

    def draw(self, seed: tf.Tensor, *parts: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Standard normal noise for the objective.

        Args:
            seed: int32 [2].
            *parts: what the noise is shaped like: means of the examples'
                codes and of all centres.
        """
        split = tf.random.experimental.stateless_split
        streams = tf.unstack(split(seed, len(parts)))
        return tuple(
            tf.random.stateless_normal(tf.shape(part), stream)
            for part, stream in zip(parts, streams, strict=True)
        )

    def _step(self) -> Any:
        optimizer = getattr(self, "optimizer", None)
        return None if optimizer is None else optimizer.iterations
