"""ATAML's settings, checked."""

from __future__ import annotations

from typing import NamedTuple

from metazoo.checks.options import check_choice, check_positive, check_steps
from metazoo.errors import MetazooError
from metazoo.wire.setting import MAX_STEPS

ATTENTIONS = ("softmax", "linear", "mean")
HEADS = ("columns", "tiled")
ADAPTS = ("task", "all")


class Options(NamedTuple):
    """The constructor's settings of `ATAML`, which see."""

    attention: str
    adapts: str
    head: str
    inner_steps: int
    inner_learning_rate: float
    predict_steps: int
    first_order: bool
    train_attention: bool

    def check(self) -> Options:
        """Refuses settings that make no learner.

        Returns:
            The same settings.

        Raises:
            MetazooError: one is out of range, or two contradict each other.
        """
        check_choice("attention", self.attention, ATTENTIONS)
        check_choice("adapts", self.adapts, ADAPTS)
        check_choice("head", self.head, HEADS)
        check_positive("inner_learning_rate", self.inner_learning_rate)
        for name in ("inner_steps", "predict_steps"):
            steps = check_steps(name, getattr(self, name), MAX_STEPS)
            if steps == 1 and self.is_stuck:
                raise MetazooError(
                    f"{name} is 1: the equal columns of head='tiled' give the "
                    "attention no gradient in the first step; use 2 or more."
                )
        if self.attention == "mean" and not self.train_attention:
            raise MetazooError(
                "train_attention=False needs an attention; with "
                "attention='mean' there is none."
            )
        return self

    @property
    def is_stuck(self) -> bool:
        """Whether the first step leaves the attention where it is."""
        return self.head == "tiled" and self.attention != "mean"
