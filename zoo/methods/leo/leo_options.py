"""LEO's settings, checked."""

from __future__ import annotations

from typing import NamedTuple

from metazoo.checks.options import (
    check_choice,
    check_count,
    check_not_negative,
    check_share,
    check_steps,
)
from metazoo.errors import MetazooError

CHOICES = {
    "prior": ("encoder", "normal"),
    "std": ("exp_minus_one", "softplus"),
    "kl": ("closed", "sampled"),
}


class Options(NamedTuple):
    """The constructor's settings of `LEO`, which see."""

    latent_size: int
    latent_steps: int
    weight_steps: int
    prior: str
    sample: bool
    std: str
    kl: str
    kl_weight: float
    encoder_penalty: float
    orthogonality: float
    l2: float
    dropout: float
    second_order: bool

    def check(self) -> Options:
        """Refuses settings that make no learner.

        Returns:
            The same settings.

        Raises:
            MetazooError: one is out of range, or two contradict each other.
        """
        for name, choices in CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        check_count("latent_size", self.latent_size)
        check_steps("latent_steps", self.latent_steps)
        check_steps("weight_steps", self.weight_steps)
        for name in ("kl_weight", "encoder_penalty", "orthogonality", "l2"):
            check_not_negative(name, getattr(self, name))
        check_share("dropout", self.dropout)
        if self.prior == "normal" and not self.sample:
            raise MetazooError(
                "prior='normal' draws its codes; it needs sample=True."
            )
        return self
