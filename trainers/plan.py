"""What one call of `Trainer.fit` is to do, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metazoo.errors import TrainingError
from metazoo.trainers.sources import EpisodeSource, as_source

DEFAULT_EPOCH = 100


@dataclass(frozen=True)
class Plan:
    """Sources, lengths and intervals of a run.

    Attributes:
        source: training episodes.
        num_tasks: tasks of a step, over all replicas.
        steps: steps of the whole run.
        epoch: steps of an epoch.
        validation: validation episodes, or None.
        validation_every: steps between validations.
        validation_steps: steps of a validation.
        validation_tasks: tasks of a validation step.
    """

    source: EpisodeSource
    num_tasks: int
    steps: int
    epoch: int
    validation: EpisodeSource | None
    validation_every: int
    validation_steps: int
    validation_tasks: int

    @classmethod
    def make(
        cls,
        *,
        source: Any,
        num_tasks: int,
        steps: int,
        steps_per_epoch: int | None = None,
        validation: Any = None,
        validation_every: int | None = None,
        validation_steps: int = 1,
        validation_tasks: int | None = None,
    ) -> Plan:
        """Fills in defaults and checks; see `Trainer.fit`.

        Raises:
            TrainingError: an argument does not fit.
        """
        epoch = steps_per_epoch or validation_every or DEFAULT_EPOCH
        plan = cls(
            source=as_source(source),
            num_tasks=num_tasks,
            steps=steps,
            epoch=epoch,
            validation=None if validation is None else as_source(validation),
            validation_every=validation_every or epoch,
            validation_steps=validation_steps,
            validation_tasks=validation_tasks or num_tasks,
        )
        require_positive("num_tasks", num_tasks)
        require_positive("steps", steps)
        require_positive("steps_per_epoch", epoch)
        require_positive("validation_steps", validation_steps)
        require_positive("validation_tasks", plan.validation_tasks)
        if plan.validation_every % epoch:
            raise TrainingError(
                f"validation_every is {plan.validation_every}; it must be a "
                f"multiple of steps_per_epoch, {epoch}."
            )
        return plan

    @property
    def num_epochs(self) -> int:
        """Number of epochs; the last may be short."""
        return -(-self.steps // self.epoch)

    def first_epoch(self, step: int) -> int:
        """Number of the first epoch that is still to finish.

        Args:
            step: number of steps done.
        """
        return self.num_epochs if step == self.steps else step // self.epoch

    def end_of_epoch(self, step: int) -> int:
        """Step that the epoch of a step ends before.

        Args:
            step: number of steps done.
        """
        return min((step // self.epoch + 1) * self.epoch, self.steps)

    def validates_after(self, step: int, stopping: bool) -> bool:
        """Whether a validation is due at the end of an epoch.

        Args:
            step: number of steps done.
            stopping: whether training stops here.
        """
        if self.validation is None:
            return False
        last = stopping or step == self.steps
        return last or step % self.validation_every == 0


def require_positive(name: str, value: Any) -> None:
    """Refuses what is not a positive int.

    Args:
        name: name of the argument, for the error.
        value: what came.

    Raises:
        TrainingError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise TrainingError(f"{name} must be 1 or more; got {value!r}.")
