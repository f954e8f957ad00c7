"""What a GMM-VAE does beside the contract, for a Python user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.checks.examples import (
    check_each_task,
    check_examples,
    check_integer,
    check_seed,
)
from metazoo.contracts.adapted import AdaptedModel
from metazoo.errors import EpisodeError
from metazoo.methods.gmm_vae.gmm_vae_serving import GMMVAEServing
from metazoo.methods.gmm_vae.gmm_vae_wire import MAX_SAMPLES

Arrays = dict[str, np.ndarray]


class GMMVAEVerbs(GMMVAEServing):
    """Integration, generation, and adaptation by a number of steps."""

    def adapt_steps(
        self,
        support_x: Any,
        support_y: Any,
        num_steps: Any,
        seed: Any = None,
        num_ways: int | None = None,
    ) -> AdaptedModel:
        """As `adapt`, by Adam steps against all base classes.

        Args:
            support_x: raw examples [support, *features] of one task, or
                [tasks, support, *features].
            support_y: integer labels [support] or [tasks, support].
            num_steps: steps from the closed form, 0 to 1000, an integer or
                [tasks].
            seed: integers [2] or [tasks, 2] to draw the discriminative term
                at every step; None for its value at means.
            num_ways: number of classes; by default the largest label plus
                one.

        Returns:
            The adapted model; its state has no `elbo`, which the endpoint
            `adapt_steps` gives.

        Raises:
            EpisodeError: an argument is malformed.
        """
        seeds = {} if seed is None else {"seed": seed}
        return self.adapt_by(
            "adapt_sample" if seeds else "adapt_steps",
            support_x,
            support_y,
            num_ways,
            num_steps=num_steps,
            **seeds,
        )[0]

    def integrate(
        self, query_x: Any, state: Mapping[str, Any], top_k: int = 1
    ) -> Arrays:
        """Classifies queries among all base and new classes.

        Args:
            query_x: raw examples [tasks, query, *features], or without the
                first axis for one task.
            state: state of an adapted model.
            top_k: classes to name.

        Returns:
            `class_id` int32 [tasks, query, top_k], best first, new classes
            behind the base classes; `log_prob` float32 like it; `is_new`
            bool [tasks, query].

        Raises:
            EpisodeError: an argument is malformed.
        """
        x, _ = check_examples(
            "query_x", query_x, self.example_shape, self.value_range
        )
        state = self._state_of_tasks(state, len(x))
        ways = state["shots"].shape[1]
        check_integer("top_k", top_k, 1, self.options.num_classes + ways)
        return _arrays(self._function("integrate")(x, state, np.int32(top_k)))

    def generate(
        self,
        state: Mapping[str, Any],
        class_index: Any,
        num_samples: int = 8,
        seed: Any = (0, 0),
        sample_centre: bool = True,
    ) -> Arrays:
        """Draws images of a new class of each task.

        Args:
            state: state of an adapted model.
            class_index: which class, an integer or one for each task.
            num_samples: images of each task.
            seed: integers [2] or [tasks, 2]; the same draws the same.
            sample_centre: whether the centre is drawn too.

        Returns:
            `images` float32 [tasks, samples, height, width, 1], raw pixels,
            and `ink_probability` like it.

        Raises:
            EpisodeError: an argument is malformed.
        """
        state = self._state_of_tasks(state, None)
        shots = state["shots"]
        index = check_each_task(
            "class_index", class_index, len(shots), np.int32
        )
        if (
            not (index < shots.shape[1]).all()
            or not (np.take_along_axis(shots, index[:, None], 1) > 0).all()
        ):
            raise EpisodeError(
                f"class_index {index.tolist()} is no class of the state; it "
                f"has {shots.shape[1]}, with shots {shots.tolist()}."
            )
        check_integer("num_samples", num_samples, 1, MAX_SAMPLES)
        return _arrays(
            self._function("generate")(
                state,
                index,
                np.int32(num_samples),
                _seeds(seed, len(index)),
                np.full(len(index), sample_centre),
            )
        )

    def generate_base(
        self,
        base_class: Any,
        num_samples: int = 8,
        seed: Any = (0, 0),
        sample_centre: bool = True,
    ) -> Arrays:
        """Draws images of training classes.

        Args:
            base_class: class number, or several.
            num_samples: images of each.
            seed: integers [2] or [classes, 2].
            sample_centre: whether the centre is drawn too.

        Returns:
            As `generate`.

        Raises:
            EpisodeError: an argument is malformed.
        """
        count = np.size(base_class)
        index = check_each_task("base_class", base_class, count, np.int32)
        if not (index < self.options.num_classes).all():
            raise EpisodeError(
                f"base_class must lie below {self.options.num_classes}; got "
                f"{index.tolist()}."
            )
        check_integer("num_samples", num_samples, 1, MAX_SAMPLES)
        return _arrays(
            self._function("generate_base")(
                index,
                np.int32(num_samples),
                _seeds(seed, count),
                np.full(count, sample_centre),
            )
        )

    def imagine(
        self, num_classes: int = 1, num_samples: int = 8, seed: Any = (0, 0)
    ) -> Arrays:
        """Draws images of classes whose centres come from the prior.

        Args:
            num_classes: classes to imagine.
            num_samples: images of each.
            seed: integers [2].

        Returns:
            `images` float32 [1, classes, samples, height, width, 1] and
            `ink_probability` like it.

        Raises:
            EpisodeError: an argument is malformed.
        """
        check_integer("num_classes", num_classes, 1, MAX_SAMPLES)
        check_integer("num_samples", num_samples, 1, MAX_SAMPLES)
        return _arrays(
            self._function("imagine")(
                np.int32(num_classes), np.int32(num_samples), _seeds(seed, 1)
            )
        )

    def _state_of_tasks(
        self, state: Mapping[str, Any], tasks: int | None
    ) -> Arrays:
        checked = self._check_state(state)
        if tasks is not None and len(checked["shots"]) != tasks:
            raise EpisodeError(
                f"query_x holds {tasks} tasks; the state holds "
                f"{len(checked['shots'])}."
            )
        return checked


def _seeds(seed: Any, tasks: int) -> np.ndarray:
    """Seeds of tasks; those that share one are told apart."""
    checked = check_seed(seed, tasks)
    if np.ndim(seed) == 2 or tasks == 1:
        return checked
    told = checked.copy()
    told[:, 1] += np.arange(tasks, dtype=np.int32)
    return told


def _arrays(found: Mapping[str, tf.Tensor]) -> Arrays:
    return {name: value.numpy() for name, value in found.items()}
