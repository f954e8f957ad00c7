"""LEO's settings, checked."""

from __future__ import annotations

from typing import NamedTuple

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
            if getattr(self, name) not in choices:
                raise MetazooError(
                    f"{name}: got {getattr(self, name)!r}, expected one of "
                    f"{choices}."
                )
        if (
            self.latent_size < 1
            or min(self.latent_steps, self.weight_steps) < 0
        ):
            raise MetazooError(
                "latent_size must be 1 or more, latent_steps and weight_steps "
                f"0 or more; got {self.latent_size}, {self.latent_steps} and "
                f"{self.weight_steps}."
            )
        for name in ("kl_weight", "encoder_penalty", "orthogonality", "l2"):
            if not getattr(self, name) >= 0.0:
                raise MetazooError(
                    f"{name} must be 0 or more; got {getattr(self, name)!r}."
                )
        if not 0.0 <= self.dropout < 1.0:
            raise MetazooError(
                f"dropout must lie in [0, 1); got {self.dropout!r}."
            )
        if self.prior == "normal" and not self.sample:
            raise MetazooError(
                "prior='normal' draws its codes; it needs sample=True."
            )
        return self
