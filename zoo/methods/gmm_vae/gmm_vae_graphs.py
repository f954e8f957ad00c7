"""The traced functions behind a GMM-VAE's verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from metazoo.contracts.episodic_verbs import traced
from metazoo.contracts.support_verb import SupportVerb
from metazoo.losses import MASKED_LOGIT
from metazoo.methods.gmm_vae.gmm_vae_inference import GMMVAEInference
from metazoo.methods.gmm_vae.gmm_vae_mixture import (
    Centres,
    kl_to_components,
)
from metazoo.methods.gmm_vae.gmm_vae_sampling import (
    as_raw,
    draw_noise,
    draw_pixels,
)
from metazoo.wire import setting

State = Mapping[str, tf.Tensor]


_STEPS = setting.steps("num_steps", "Adam steps from the closed form")


def _adapted(
    learner: GMMVAEGraphs,
    x: tf.Tensor,
    y: tf.Tensor,
    mask: tf.Tensor,
    num_ways: Any,
    num_steps: tf.Tensor,
    seed: tf.Tensor | None = None,
) -> dict[str, tf.Tensor]:
    support = learner.support_of(learner.encode(x), y, mask, num_ways)
    centres = learner.centres_of(support, num_steps, seed)
    return {
        **learner.state_of(centres, support),
        "elbo": learner.adapted_elbo(centres, support),
    }


class GMMVAEGraphs(GMMVAEInference):
    """Adaptation by steps, integration and generation on tensors."""

    support_verbs = (
        SupportVerb(
            "adapt_steps",
            _adapted,
            (_STEPS,),
            "As adapt, by that many steps against all base classes.",
            ("elbo",),
        ),
        SupportVerb(
            "adapt_sample",
            _adapted,
            (_STEPS, setting.seed("of the task's draws")),
            "As adapt_steps, with codes and centres drawn at every step.",
            ("elbo",),
            masks_support=False,
        ),
    )

    def _trace(self, verb: str) -> Any:
        functions: dict[str, Any] = {
            "integrate": self._integrate,
            "integrate_full": self._integrate_full,
            "generate": self._generate,
            "generate_base": self._generate_base,
            "imagine": self._imagine,
            "score": self._score,
        }
        if verb not in functions:
            return super()._trace(verb)
        return traced(functions[verb], self._specs_of(verb))

    def _specs_of(self, verb: str) -> tuple[Any, ...]:
        state = self.state_spec()
        examples = tf.TensorSpec([None, None, *self.example_shape])
        scalar = tf.TensorSpec([], tf.int32)
        each = tf.TensorSpec([None], tf.int32)
        seeds = tf.TensorSpec([None, 2], tf.int32)
        flags = tf.TensorSpec([None], tf.bool)
        specs: dict[str, tuple[Any, ...]] = {
            "integrate": (examples, state, scalar),
            "integrate_full": (examples, state),
            "generate": (state, each, scalar, seeds, flags),
            "generate_base": (each, scalar, seeds, flags),
            "imagine": (scalar, scalar, seeds),
            "score": (examples, state),
        }
        return specs[verb]

    def _integrate(
        self, x: tf.Tensor, state: State, top_k: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        logs = self.all_log_probs(self.encode(x).mean, state)
        best = tf.math.top_k(logs, top_k)
        first = best.indices[..., 0]
        return {
            "class_id": best.indices,
            "log_prob": best.values,
            "is_new": first >= self.options.num_classes,
        }

    def _integrate_full(
        self, x: tf.Tensor, state: State
    ) -> dict[str, tf.Tensor]:
        logs = self.all_log_probs(self.encode(x).mean, state)
        first = tf.argmax(logs, -1, tf.int32)
        return {
            "log_prob": logs,
            "is_new": first >= self.options.num_classes,
        }

    def _generate(
        self,
        state: State,
        index: tf.Tensor,
        count: tf.Tensor,
        seeds: tf.Tensor,
        sample_centre: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        centres = Centres(
            *(
                tf.gather(state[name], index, batch_dims=1)
                for name in ("new_mean", "new_log_std")
            )
        )
        return self._drawn(centres, count, seeds, sample_centre)

    def _generate_base(
        self,
        index: tf.Tensor,
        count: tf.Tensor,
        seeds: tf.Tensor,
        sample_centre: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        centres = Centres(*(tf.gather(part, index) for part in self.base))
        return self._drawn(centres, count, seeds, sample_centre)

    def _imagine(
        self, classes: tf.Tensor, count: tf.Tensor, seeds: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        tasks = tf.shape(seeds)[0]
        # Each imagined class is a draw from the prior, with its own seed.
        each = tf.map_fn(
            lambda seed: tf.map_fn(
                lambda i: tf.random.experimental.stateless_fold_in(seed, i),
                tf.range(classes),
            ),
            seeds,
        )
        zeros = tf.zeros([tasks * classes, self.latent_size])
        found = self._drawn(
            Centres(zeros, zeros),
            count,
            tf.reshape(each, [-1, 2]),
            tf.ones([tasks * classes], tf.bool),
        )
        return {
            name: tf.reshape(
                value, [tasks, classes, count, *self.example_shape]
            )
            for name, value in found.items()
        }

    def _drawn(
        self,
        centres: Centres,
        count: tf.Tensor,
        seeds: tf.Tensor,
        sample_centre: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Images of one class a task; centres [tasks, latent]."""
        height, width, _ = self.image_shape
        size = self.latent_size
        noise = draw_noise(seeds, count, size, height * width)
        drawn = tf.cast(sample_centre, tf.float32)[:, None]
        eta = centres.mean + drawn * tf.exp(centres.log_std) * noise.centre
        z = eta[:, None] + self.options.variance**0.5 * noise.code
        ink, shares = draw_pixels(
            self.decoder,
            self.pixels,
            tf.reshape(z, [-1, size]),
            tf.reshape(noise.pixel, [-1, height * width]),
        )
        shape = [tf.shape(seeds)[0], count, height, width, 1]
        return {
            "images": tf.reshape(as_raw(ink), shape),
            "ink_probability": tf.reshape(shares, shape),
        }

    def _score(self, x: tf.Tensor, state: State) -> dict[str, tf.Tensor]:
        """The bound, but log p(x|z) at the mean code: an estimate."""
        posterior = self.encode(x)
        tasks, queries = tf.unstack(tf.shape(x)[:2])
        flat = tf.reshape(x, [-1, *self.example_shape])
        z = tf.reshape(posterior.mean, [-1, self.latent_size])
        found = tf.reshape(self.decode(z, self.ink(flat)), [tasks, queries])
        every = [part[:, :, tf.newaxis] for part in posterior]
        centres = Centres(
            state["new_mean"][:, tf.newaxis],
            state["new_log_std"][:, tf.newaxis],
        )
        gaps = kl_to_components(
            type(posterior)(*every), centres, self.options.variance
        )
        present = (state["shots"] > 0)[:, tf.newaxis]
        bounds = found[..., tf.newaxis] - gaps
        return {
            "class_elbo": tf.where(present, bounds, MASKED_LOGIT),
            "reconstruction": found,
        }
