"""ACAI: an autoencoder whose interpolations a critic can't tell apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.functional.seeds import step_seed
from metazoo.methods.cactus.cactus_representation import EmbeddingWire

MIX_WEIGHT = 0.5
REAL_SHARE = 0.2


class Losses(NamedTuple):
    """Losses of one batch: scalars."""

    autoencoder: tf.Tensor
    critic: tf.Tensor


@keras.saving.register_keras_serializable(package="metazoo")
class ACAI(EmbeddingWire):
    """Adversarially constrained autoencoder (Berthelot et al. 2019).

    The critic guesses from a decoded mixture of two codes how large the
    smaller share is; encoder and decoder reconstruct and drive that guess
    to zero. Training tasks are batches whose labels are not looked at.

    Args:
        backbone: the encoder, from raw images to codes.
        prepare: from raw images to what the decoder gives.
        decoder: from codes to prepared images.
        critic: from prepared images to guesses, whose mean counts.
        mix_weight: weight of the critic's guess in the encoder's loss.
        real_share: share of the true image in what the critic takes for
            unmixed.
        warmup_steps: steps in which the weight rises from 0; without them
            the guess outweighs the reconstruction of images that are mostly
            empty, and codes stay the same for long.
        **kwargs: as for `EmbeddingLearner`.

    Reference:
        Berthelot, Raffel, Roy, Goodfellow: Understanding and Improving
        Interpolation in Autoencoders via an Adversarial Regularizer, ICLR
        2019, https://arxiv.org/abs/1807.07543
    """

    def __init__(
        self,
        backbone: keras.Model,
        prepare: keras.Model,
        decoder: keras.Model,
        critic: keras.Model,
        mix_weight: float = MIX_WEIGHT,
        real_share: float = REAL_SHARE,
        warmup_steps: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(backbone, **kwargs)
        self.prepare = prepare
        self.decoder = decoder
        self.critic = critic
        self.mix_weight = mix_weight
        self.real_share = real_share
        self.warmup_steps = warmup_steps
        self.build()

    def losses_of(
        self, x: tf.Tensor, shares: tf.Tensor, ramp: float | tf.Tensor = 1.0
    ) -> Losses:
        """Losses of a batch.

        The critic sees what it judges as constants: its loss is no business
        of encoder and decoder.

        Args:
            x: float32 [examples, *features], raw values.
            shares: float32 [examples], each in [0, 0.5]: of the code itself
                in its mixture with that of the example at the other end of
                the batch.
            ramp: factor of `mix_weight`.
        """
        target = self.prepare(x)
        codes = self.backbone(x)
        alpha = shares[:, None]
        mixed = alpha * codes + (1.0 - alpha) * codes[::-1]
        both = self.decoder(tf.concat([codes, mixed], 0))
        decoded, decoded_mix = tf.split(both, 2)
        fooled = tf.reduce_mean(self.critic(decoded_mix), -1)
        error = tf.reduce_mean(tf.square(target - decoded))
        penalty = tf.reduce_mean(tf.square(fooled))
        near = decoded + self.real_share * (target - decoded)
        seen = tf.stop_gradient(tf.concat([decoded_mix, near], 0))
        guess, plain = tf.split(tf.reduce_mean(self.critic(seen), -1), 2)
        critic = tf.reduce_mean(tf.square(guess - shares))
        critic += tf.reduce_mean(tf.square(plain))
        return Losses(error + ramp * self.mix_weight * penalty, critic)

    def chunk_gradients(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        """Each network's gradient of its own loss; see `MetaGradients`."""
        x = tf.cast(episode.query_x, tf.float32)
        x = tf.reshape(x, [-1, *self.example_shape])
        seed = step_seed(
            tf.stack([tf.cast(self.optimizer.iterations, tf.int64), 0])
        )
        uniform = tf.random.stateless_uniform([tf.shape(x)[0]], seed)
        with tf.GradientTape(persistent=True) as tape:
            found = self.losses_of(x, 0.5 - tf.abs(uniform - 0.5), self._ramp())
        critic = self.critic.trainable_variables
        judges = {id(v) for v in critic}
        own = [v for v in self.trainable_variables if id(v) not in judges]
        gradients: dict[int, tf.Tensor] = {}
        for loss, part in ((found.autoencoder, own), (found.critic, critic)):
            values = tape.gradient(loss, [v.value for v in part])
            gradients |= dict(zip(map(id, part), values, strict=True))
        logits = tf.zeros([*tf.unstack(tf.shape(episode.query_y)), 1])
        return (
            found.autoencoder,
            logits,
            [gradients[id(v)] for v in self.trainable_variables],
        )

    def _ramp(self) -> tf.Tensor:
        steps = tf.cast(self.optimizer.iterations, tf.float32)
        return tf.minimum(1.0, (steps + 1.0) / (self.warmup_steps + 1.0))

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        parts = {
            name: keras.saving.serialize_keras_object(getattr(self, name))
            for name in ("prepare", "decoder", "critic")
        }
        return {
            **super().get_config(),
            **parts,
            "mix_weight": self.mix_weight,
            "real_share": self.real_share,
            "warmup_steps": self.warmup_steps,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Any = None
    ) -> Any:
        """Rebuilds a learner from `get_config`."""
        config = dict(config)
        for name in ("prepare", "decoder", "critic"):
            config[name] = keras.saving.deserialize_keras_object(
                config[name], custom_objects=custom_objects
            )
        return super().from_config(config, custom_objects)
