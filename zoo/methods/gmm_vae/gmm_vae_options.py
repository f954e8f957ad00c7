"""What a GMM-VAE is built with, checked."""

from __future__ import annotations

from typing import NamedTuple

from metazoo.checks.options import (
    check_choice,
    check_count,
    check_not_negative,
    check_positive,
    check_steps,
)
from metazoo.errors import MetazooError
from metazoo.methods.gmm_vae.gmm_vae_mixture import SCORES
from metazoo.wire.setting import MAX_STEPS

# How often the divergence of the centres from their prior counts.
KL_SCALES = ("dataset", "example")


class Options(NamedTuple):
    """Settings of the model; see `GMMVAE`."""

    num_classes: int
    num_examples: int
    variance: float
    alpha: float
    score: str
    inner_steps: int
    inner_learning_rate: float
    eta_kl_scale: str
    warmup_steps: int
    floor_steps: int

    def check(self) -> Options:
        """Refuses settings that make no learner.

        Returns:
            The same settings.

        Raises:
            MetazooError: one is out of range.
        """
        check_count("num_classes", self.num_classes)
        check_count("num_examples", self.num_examples)
        check_positive("variance", self.variance)
        check_positive("inner_learning_rate", self.inner_learning_rate)
        check_choice("score", self.score, SCORES)
        check_choice("eta_kl_scale", self.eta_kl_scale, KL_SCALES)
        check_not_negative("alpha", self.alpha)
        check_steps("inner_steps", self.inner_steps, MAX_STEPS)
        check_steps("warmup_steps", self.warmup_steps)
        check_steps("floor_steps", self.floor_steps)
        if self.num_examples < self.num_classes:
            raise MetazooError(
                f"num_examples is {self.num_examples}; it must be as many as "
                f"the {self.num_classes} classes, or more."
            )
        return self

    @property
    def kl_share(self) -> float:
        """Weight of the centres' divergence in the loss of an example."""
        return (
            1.0 / self.num_examples if self.eta_kl_scale == "dataset" else 1.0
        )
