"""LEO: inner gradient steps on a code from which weights are decoded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from metazoo.adapted import AdaptedModel
from metazoo.checks import check_seed
from metazoo.data.episode import Episode
from metazoo.frozen_features import FrozenFeatures
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
    deviation,
    kl_closed,
    kl_sampled,
    members_of,
    orthogonality,
    relate,
    squared_norms,
)
from metazoo.signature import Signature

LATENT_RATE = 1.0
WEIGHT_RATE = 1e-3


@keras.saving.register_keras_serializable(package="metazoo")
class LEO(FrozenFeatures):
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
        # Past Keras's attribute tracking, which would make a plain tuple.
        object.__setattr__(self, "options", options)
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

    # The verbs of the contract.

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Codes and weights of each class; see `EpisodicLearner`."""
        members = self._members(support_y, support_mask, num_ways)
        support = Support(self.embed(support_x), members, NoNoise())
        return self._state(self._from_classes(support)[1], members)

    def logits_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Linear scores of normalised features; see `EpisodicLearner`."""
        dtype = self.variable_dtype
        return class_logits(
            self.embed(query_x),
            tf.cast(state["weights"], dtype),
            tf.cast(state["class_mask"], dtype),
        )

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """`latents` [tasks, ways, latent], `weights`, `class_mask`."""
        ways, size = self.num_ways, self.feature_size
        latent = self.options.latent_size
        return {
            "latents": tf.TensorSpec(
                [None, ways, latent], tf.float32, "latents"
            ),
            "weights": tf.TensorSpec([None, ways, size], tf.float32, "weights"),
            "class_mask": tf.TensorSpec([None, ways], tf.float32, "class_mask"),
        }

    def sampled_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        seed: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """As `adapt_state`, with codes and weights drawn once for each task.

        Args:
            support_x: float [tasks, support, *features].
            support_y: int64 [tasks, support].
            support_mask: bool [tasks, support].
            seed: int32 [tasks, 2]; a task's draws depend on its own alone.
            num_ways: number of columns.
        """
        members = self._members(support_y, support_mask, num_ways)
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
        members = self._members(
            episode.support_y, episode.support_mask, num_ways
        )
        support = Support(self.embed(episode.support_x), members, noise)
        start, kl, slots = self._drawn_start(support)
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
        members = self._members(episode.support_y, episode.support_mask, ways)
        support = Support(self.embed(episode.support_x), members, NoNoise())
        start, found = self._from_classes(support)
        moved = tf.reshape(found.latents - start, [tf.shape(start)[0], -1])
        return {
            "losses": tf.stack(found.losses),
            "shift": tf.norm(moved, axis=-1),
            "largest_latent_rate": tf.reduce_max(tf.abs(self.latent_rates)),
            "largest_weight_rate": tf.reduce_max(tf.abs(self.weight_rates)),
        }

    def adapt_sample(
        self, support_x: Any, support_y: Any, seed: Any, num_ways: Any = None
    ) -> AdaptedModel:
        """As `adapt`, with codes and weights drawn instead of their means.

        Args:
            support_x: raw examples [support, *features] of one task, or
                [tasks, support, *features].
            support_y: integer labels [support] or [tasks, support].
            seed: integers [2], or [tasks, 2]; the same seed draws the same.
            num_ways: number of classes; by default the largest label plus
                one.

        Returns:
            The adapted model.

        Raises:
            EpisodeError: an argument is malformed.
        """
        x, y, mask, ways, single = self._checked_support(
            support_x, support_y, None, num_ways
        )
        seed = check_seed(seed, len(x))
        state = self._function("adapt_sample")(x, y, mask, ways, seed)
        return AdaptedModel(self, state, single)

    # The wire.

    def signatures(self) -> tuple[Signature, ...]:
        """Returns those of the contract, and `adapt_sample`."""
        adapt = super().signatures()[1]
        seed = tf.TensorSpec([None, 2], tf.int32, "seed")
        return (
            *super().signatures(),
            self._signature(
                "adapt_sample",
                {**adapt.inputs, "seed": seed},
                adapt.outputs,
                "As adapt, with codes and weights drawn by each task's seed.",
                masks_support=True,
            ),
        )

    def example_extras(self, num_tasks: int) -> dict[str, np.ndarray]:
        """Seeds to try `adapt_sample` with.

        Args:
            num_tasks: number of tasks.
        """
        return {"seed": np.arange(2 * num_tasks, dtype=np.int32).reshape(-1, 2)}

    def _serve_adapt_sample(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        seed: tf.Tensor,
        support_mask: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        verb = "adapt_sample"
        return self._serve_verb(verb, support_x, support_y, support_mask, seed)

    def _trace(self, verb: str) -> Any:
        if verb != "adapt_sample":
            return super()._trace(verb)
        specs = (
            tf.TensorSpec([None, None, *self.example_shape]),
            tf.TensorSpec([None, None], tf.int64),
            tf.TensorSpec([None, None], tf.bool),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([None, 2], tf.int32),
        )

        def run(x: Any, y: Any, mask: Any, ways: Any, seed: Any) -> Any:
            columns = ways if self.num_ways is None else self.num_ways
            return self.sampled_state(x, y, mask, seed, columns)

        return tf.function(run, input_signature=specs)

    # Parts.

    def _from_classes(self, support: Support) -> tuple[tf.Tensor, Adapted]:
        """One slot a class: means, or one draw for each class."""
        mean, std = self._distribution(support)
        noise = support.noise.normal(tf.shape(mean))
        start = mean if noise is None else mean + std * noise
        settings = self._settings(support)
        return start, adapt_codes(start, support, settings, "classes")

    def _drawn_start(
        self, support: Support
    ) -> tuple[tf.Tensor, tf.Tensor, str]:
        """Codes to start training from, their KL divergence, and the slots."""
        members, options = support.members, self.options
        mean, std = self._distribution(support)
        if not options.sample:
            return mean, tf.zeros([], mean.dtype), "classes"
        to_examples = partial(tf.einsum, "tsn,tnl->tsl", members.one_hot)
        means, stds = to_examples(mean), to_examples(std)
        noise = support.noise.normal(tf.shape(means))
        start = means + stds * noise
        if options.prior == "normal":
            kl = tf.zeros([], mean.dtype)
        elif options.kl == "sampled":
            # Padding has no deviation, and no logarithm of it either.
            stds += 1.0 - members.real[..., None]
            kl = mean_over(kl_sampled(start, noise, stds), members.real)
        else:
            kl = mean_over(kl_closed(mean, std), members.present)
        return start, kl, "examples"

    def _distribution(self, support: Support) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and deviation of each class's code."""
        members = support.members
        if self.options.prior == "normal":
            shape = [
                *tf.unstack(tf.shape(members.present)),
                self.options.latent_size,
            ]
            zeros = tf.zeros(shape, members.present.dtype)
            return zeros, zeros + 1.0
        dropped = support.noise.drop(support.features)
        codes = tf.einsum("tsd,dl->tsl", dropped, self.encoder)
        mean, raw = relate(codes, members, self.relations)
        return mean, deviation(raw, 0.0, self.options.std).value

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

    def _members(
        self, labels: tf.Tensor, mask: tf.Tensor, ways: Any
    ) -> Members:
        return members_of(labels, mask, ways, self.variable_dtype)

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
            "weights": tf.cast(found.weights, tf.float32),
            "class_mask": tf.cast(members.present, tf.float32),
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), **self.options._asdict()}


def mean_over(values: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Mean over the real slots of each task, then over tasks.

    Args:
        values: float [tasks, slots, size].
        share: float [tasks, slots], 0 for slots that don't count.
    """
    sums = tf.reduce_sum(tf.reduce_mean(values, -1) * share, -1)
    counts = tf.maximum(tf.reduce_sum(share, -1), 1.0)
    return tf.reduce_mean(sums / counts)
