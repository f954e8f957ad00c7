"""LEO: inner gradient steps on a code from which weights are decoded."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.learners.sampled_adaptation import SampledAdaptation
from metazoo.methods.leo.leo_classifier import FeatureClassifier
from metazoo.methods.leo.leo_codes import Codes, distribution, drawn_start
from metazoo.methods.leo.leo_inner import (
    Adapted,
    Settings,
    Support,
    adapt_codes,
    class_logits,
)
from metazoo.methods.leo.leo_noise import NoNoise, StepNoise, TaskNoise
from metazoo.methods.leo.leo_options import Options
from metazoo.methods.leo.leo_parts import (
    Members,
    mean_over,
    orthogonality,
    squared_norms,
)

LATENT_RATE = 1.0
WEIGHT_RATE = 1e-3


@keras.saving.register_keras_serializable(package="metazoo")
class LEO(SampledAdaptation, FeatureClassifier):
    """Latent embedding optimisation (Rusu et al. 2019).

    Shared: encoder, relation network, decoder and one step size for each
    latent and each feature dimension. Adapted: a code for each class, from
    which the class's weights in a linear classifier are decoded, by gradient
    steps on the code; then the weights themselves, by a few more. Training
    differentiates through all steps.

    Examples are feature vectors; with a backbone, images. It is frozen, runs
    in inference mode, and no gradient goes through it. Features are
    L2-normalised here.

    Training samples codes and weights; `adapt` takes their means, so the
    same support set always gives the same classifier. `adapt_sample` draws.

    Args:
        backbone: Keras model from one example to a feature vector, such as
            `metazoo.layers.features(640)`, which gives back what it takes.
        num_ways: fixed number of classes, or None for any.
        latent_size: entries of a code (L in the paper).
        latent_steps: gradient steps on codes; 0 leaves them as encoded.
        weight_steps: gradient steps on weights; 0 for none.
        prior: "encoder", or "normal" for codes that are drawn without
            looking at the support set (the ablation "random prior").
        sample: False trains on means alone (the ablation "deterministic").
        std: "exp_minus_one" as the authors' code, or "softplus".
        kl: "closed" form, or "sampled" as the authors' code.
        kl_weight: beta in the paper.
        encoder_penalty: gamma in the paper.
        orthogonality: lambda 2, of the decoder's rows.
        l2: lambda 1, of all matrices.
        dropout: share of features dropped in training.
        second_order: False leaves out second derivatives.
        value_range: (low, high) of the raw values the backbone takes, or
            None where they have none.
        name: name of the model.

    Example:

    ```python
    learner = metazoo.LEO(metazoo.layers.features(640), num_ways=5)
    learner.compile(
        keras.optimizers.Adam(1e-3, clipnorm=0.1), clip_elements=0.1
    )
    learner.fit(sampler.keras_dataset(num_tasks=12, steps=1000))
    ```

    Reference:
        Rusu, Rao, Sygnowski, Vinyals, Pascanu, Osindero, Hadsell:
        Meta-Learning with Latent Embedding Optimization, ICLR 2019,
        https://arxiv.org/abs/1807.05960
    """

    max_support = 512
    skips_bad_updates = True

    def __init__(
        self,
        backbone: keras.Model,
        num_ways: int | None = None,
        latent_size: int = 64,
        latent_steps: int = 5,
        weight_steps: int = 5,
        prior: str = "encoder",
        sample: bool = True,
        std: str = "exp_minus_one",
        kl: str = "closed",
        kl_weight: float = 1e-3,
        encoder_penalty: float = 1e-9,
        orthogonality: float = 1e-3,
        l2: float = 1e-8,
        dropout: float = 0.5,
        second_order: bool = True,
        value_range: tuple[float, float] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        options = Options(
            latent_size=latent_size,
            latent_steps=latent_steps,
            weight_steps=weight_steps,
            prior=prior,
            sample=sample,
            std=std,
            kl=kl,
            kl_weight=kl_weight,
            encoder_penalty=encoder_penalty,
            orthogonality=orthogonality,
            l2=l2,
            dropout=dropout,
            second_order=second_order,
        ).check()
        super().__init__(backbone, num_ways, value_range, name, **kwargs)
        self.keep_untracked("options", options)
        self._seeds = keras.random.SeedGenerator()
        self._make_weights(latent_size, self.feature_size)
        self.build()

    @property
    def second_order(self) -> bool:  # type: ignore[override]
        """Whether training differentiates through inner gradients."""
        return self.options.second_order

    def _make_weights(self, latent: int, features: int) -> None:
        self.encoder = self._matrix("encoder", features, latent)
        self.relations = [
            self._matrix(f"relation_{i}", 2 * latent, 2 * latent)
            for i in (1, 2, 3)
        ]
        self.decoder = self._matrix("decoder", latent, 2 * features)
        self.latent_rates = self._rates("latent_rates", latent, LATENT_RATE)
        self.weight_rates = self._rates("weight_rates", features, WEIGHT_RATE)

    def _matrix(self, name: str, rows: int, columns: int) -> keras.Variable:
        return self.add_weight(
            shape=(rows, columns), initializer="glorot_uniform", name=name
        )

    def _rates(self, name: str, size: int, value: float) -> keras.Variable:
        return self.add_weight(
            shape=(size,),
            initializer=keras.initializers.Constant(value),
            name=name,
        )

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Codes and weights of each class; see `EpisodicLearner`."""
        members = self.members(support_y, support_mask, num_ways)
        support = Support(self.embed(support_x), members, NoNoise())
        return self._state(self._from_classes(support)[1], members)

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """`latents` [tasks, ways, latent], `weights`, `class_mask`."""
        shape = [None, self.num_ways, self.options.latent_size]
        latents = tf.TensorSpec(shape, tf.float32, "latents")
        return {"latents": latents, **super().state_spec()}

    def sampled_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        seed: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Codes and weights, drawn once a class; see `SampledAdaptation`."""
        members = self.members(support_y, support_mask, num_ways)
        decodings = [self.feature_size] * (self.options.latent_steps + 1)
        noise = TaskNoise(
            seed,
            num_ways,
            [self.options.latent_size, *decodings],
            self.variable_dtype,
        )
        support = Support(self.embed(support_x), members, noise)
        return self._state(self._from_classes(support)[1], members)

    def meta_loss(
        self, episode: Episode, num_ways: Any
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Query loss and all regularisers (section 2.5, equation 7)."""
        options = self.options
        noise = StepNoise(
            self._seeds.next(),
            options.dropout,
            options.sample,
            self.variable_dtype,
        )
        members = self.members(
            episode.support_y, episode.support_mask, num_ways
        )
        support = Support(self.embed(episode.support_x), members, noise)
        start, kl, slots = drawn_start(
            support, self._distribution(support), options
        )
        found = adapt_codes(start, support, self._settings(support), slots)
        query_x = noise.drop(self.embed(episode.query_x))
        logits = class_logits(query_x, found.weights, members.present)
        moved = tf.square(tf.stop_gradient(found.latents) - start)
        share = members.real if slots == "examples" else members.present
        loss = (
            self.query_loss(episode, logits)
            + options.kl_weight * kl
            + options.encoder_penalty * mean_over(moved, share)
            + self._regularisers()
        )
        return loss, logits

    def inner_report(self, episode: Episode) -> dict[str, tf.Tensor]:
        """What the inner loops do, on means, to watch a training by.

        Args:
            episode: some tasks.

        Returns:
            `losses` float [steps, tasks], the summed support loss before
            each step; `shift` [tasks], the norm of the change of the codes;
            `largest_latent_rate` and `largest_weight_rate`, scalars.
        """
        ways = self.ways_of(episode.support_y, episode.support_mask)
        members = self.members(episode.support_y, episode.support_mask, ways)
        support = Support(self.embed(episode.support_x), members, NoNoise())
        start, found = self._from_classes(support)
        moved = tf.reshape(found.latents - start, [tf.shape(start)[0], -1])
        return {
            "losses": tf.stack(found.losses),
            "shift": tf.norm(moved, axis=-1),
            "largest_latent_rate": tf.reduce_max(tf.abs(self.latent_rates)),
            "largest_weight_rate": tf.reduce_max(tf.abs(self.weight_rates)),
        }

    def _from_classes(self, support: Support) -> tuple[tf.Tensor, Adapted]:
        """One slot a class: means, or one draw for each class."""
        mean, std = self._distribution(support)
        noise = support.noise.normal(tf.shape(mean))
        start = mean if noise is None else mean + std * noise
        settings = self._settings(support)
        return start, adapt_codes(start, support, settings, "classes")

    def _distribution(self, support: Support) -> Codes:
        return distribution(support, self.options, self.encoder, self.relations)

    def _settings(self, support: Support) -> Settings:
        ways = tf.reduce_sum(support.members.present, -1)[:, None, None]
        return Settings(
            decoder=self.decoder.value,
            latent_rates=self.latent_rates.value,
            weight_rates=self.weight_rates.value,
            latent_steps=self.options.latent_steps,
            weight_steps=self.options.weight_steps,
            offset=tf.sqrt(2.0 / (ways + self.feature_size)),
            kind=self.options.std,
            second_order=self.options.second_order,
        )

    def _regularisers(self) -> tf.Tensor:
        matrices = [self.encoder, *self.relations, self.decoder]
        values = [matrix.value for matrix in matrices]
        options = self.options
        return options.l2 * squared_norms(
            values
        ) + options.orthogonality * orthogonality(self.decoder.value)

    def _state(self, found: Adapted, members: Members) -> dict[str, tf.Tensor]:
        return {
            "latents": tf.cast(found.latents, tf.float32),
            **self.classifier_state(found.weights, members),
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), **self.options._asdict()}
