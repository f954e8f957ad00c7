"""Inference of new classes' centres, and scores of all components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from metazoo.losses import mask_logits
from metazoo.methods.gmm_vae.gmm_vae_adaptation import (
    Objective,
    Support,
    ascend,
    closed_form,
    elbo,
)
from metazoo.methods.gmm_vae.gmm_vae_core import GMMVAECore
from metazoo.methods.gmm_vae.gmm_vae_mixture import (
    Centres,
    Posterior,
    component_logits,
)


class GMMVAEInference(GMMVAECore):
    """The verbs of the contract, and their parts."""

    def adapt_state(
        self,
        support_x: tf.Tensor,
        support_y: tf.Tensor,
        support_mask: tf.Tensor,
        num_ways: Any,
    ) -> dict[str, tf.Tensor]:
        """Centres of each task's classes; see `EpisodicLearner`."""
        support = self.support_of(
            self.encode(support_x), support_y, support_mask, num_ways
        )
        return self.state_of(self.centres_of(support), support)

    def support_of(
        self,
        posterior: Posterior,
        labels: tf.Tensor,
        mask: tf.Tensor,
        num_ways: Any,
    ) -> Support:
        """What adaptation takes.

        Args:
            posterior: of the support, [tasks, support, latent].
            labels: int64 [tasks, support].
            mask: bool [tasks, support].
            num_ways: number of columns.
        """
        members = tf.one_hot(labels, num_ways, dtype=posterior.mean.dtype)
        members *= tf.cast(mask, members.dtype)[..., None]
        return Support(posterior, members, self.base)

    def centres_of(
        self,
        support: Support,
        num_steps: tf.Tensor | None = None,
        seeds: tf.Tensor | None = None,
    ) -> Centres:
        """Infers the centres of new classes (equation 14).

        Args:
            support: the support sets.
            num_steps: Adam steps from the closed form, int32 [tasks]; None
                for the learner's own number.
            seeds: int32 [tasks, 2] to draw the discriminative term, or None
                for its value at means.
        """
        options = self.options
        start = closed_form(support, options.variance)
        if num_steps is None:
            if not options.inner_steps:
                return start
            tasks = tf.shape(support.members)[:1]
            num_steps = tf.fill(tasks, options.inner_steps)
        return ascend(
            start,
            support,
            self.aim,
            num_steps,
            options.inner_learning_rate,
            seeds,
        )

    def state_of(
        self, centres: Centres, support: Support
    ) -> dict[str, tf.Tensor]:
        """Centres and shots by their names in the state.

        Args:
            centres: of the new classes.
            support: what they were inferred from.
        """
        return {
            "new_mean": tf.cast(centres.mean, tf.float32),
            "new_log_std": tf.cast(centres.log_std, tf.float32),
            "shots": tf.cast(support.shots, tf.int32),
        }

    @property
    def aim(self) -> Objective:
        """What adaptation maximises."""
        return Objective(self.options.variance, self.options.alpha)

    def adapted_elbo(self, centres: Centres, support: Support) -> tf.Tensor:
        """What adaptation reached, float [tasks], in nats."""
        return elbo(centres, support, self.aim)

    def logits_from_state(
        self, query_x: tf.Tensor, state: Mapping[str, tf.Tensor]
    ) -> tf.Tensor:
        """Scores of the new classes; see `EpisodicLearner`."""
        return self.new_logits(self.encode(query_x).mean, state)

    def new_logits(
        self,
        z: tf.Tensor,
        state: Mapping[str, tf.Tensor],
        score: str | None = None,
    ) -> tf.Tensor:
        """Scores of codes by the components of a state.

        Args:
            z: float [tasks, examples, latent].
            state: what `adapt_state` returned.
            score: how codes are scored; None for the learner's own way.

        Returns:
            float32 [tasks, examples, ways]; -1e9 for absent classes.
        """
        score = score or self.options.score
        logits = component_logits(
            z, centres_of(state), self.options.variance, score
        )
        present = tf.cast(state["shots"] > 0, logits.dtype)
        return mask_logits(logits, present)

    def all_log_probs(
        self,
        z: tf.Tensor,
        state: Mapping[str, tf.Tensor],
        score: str | None = None,
    ) -> tf.Tensor:
        """Log probabilities of all classes, base classes first (eq. 16).

        Args:
            z: float [tasks, examples, latent].
            state: what `adapt_state` returned.
            score: how codes are scored; None for the learner's own way.

        Returns:
            float32 [tasks, examples, base classes + ways].
        """
        base = component_logits(
            z, self.base, self.options.variance, score or self.options.score
        )
        both = tf.concat([base, self.new_logits(z, state, score)], -1)
        return tf.nn.log_softmax(both)

    def state_spec(self) -> dict[str, tf.TensorSpec]:
        """`new_mean`, `new_log_std` [tasks, ways, latent], `shots`."""
        ways, size = self.num_ways, self.latent_size
        specs = {
            name: tf.TensorSpec([None, ways, size], tf.float32, name)
            for name in ("new_mean", "new_log_std")
        }
        specs["shots"] = tf.TensorSpec([None, ways], tf.int32, "shots")
        return specs


def centres_of(state: Mapping[str, Any]) -> Centres:
    """The centres of a state."""
    return Centres(
        tf.convert_to_tensor(state["new_mean"]),
        tf.convert_to_tensor(state["new_log_std"]),
    )
