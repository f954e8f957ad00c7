"""The settings of batching, with the names and rules of the real server."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Self

from metazoo.errors import ServingError

_WRAPPED = (
    "max_batch_size",
    "batch_timeout_micros",
    "max_enqueued_batches",
    "num_batch_threads",
    "enable_large_batch_splitting",
    "max_execution_batch_size",
)
_POSITIVE = ("max_batch_size", "max_enqueued_batches", "num_batch_threads")


def _cores() -> int:
    return os.cpu_count() or 1


@dataclass(frozen=True)
class BatchingOptions:
    """How requests are merged.

    Attributes:
        max_batch_size: Most tasks of one request, and of one merged run
            unless `max_execution_batch_size` is less.
        batch_timeout_micros: Microseconds a run waits for more tasks; with
            0 an idle server runs at once and a busy one takes whatever came
            in the meantime.
        max_enqueued_batches: Most batches that wait, for each group of
            requests that can be merged.
        num_batch_threads: Most merged runs at the same time, over all
            models.
        allowed_batch_sizes: Sizes that a run is padded to, ascending, the
            last one `max_batch_size`; empty for any size.
        enable_large_batch_splitting: Whether a request of more tasks than
            `max_execution_batch_size` is split instead of refused.
        max_execution_batch_size: Most tasks of one merged run where
            splitting is enabled; None for `max_batch_size`.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = field(default_factory=_cores)
    allowed_batch_sizes: tuple[int, ...] = ()
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int | None = None

    def __post_init__(self) -> None:
        """Checks the settings.

        Raises:
            ServingError: Names the setting, what it is and what it must be.
        """
        for name in _POSITIVE:
            _check_at_least(name, getattr(self, name), 1)
        _check_at_least("batch_timeout_micros", self.batch_timeout_micros, 0)
        self._check_execution_size()
        self._check_allowed_sizes()

    def _check_execution_size(self) -> None:
        size = self.max_execution_batch_size
        if size is None:
            return
        _check_at_least("max_execution_batch_size", size, 1)
        if not self.enable_large_batch_splitting:
            raise ServingError(
                "max_execution_batch_size has no meaning unless "
                "enable_large_batch_splitting is true"
            )
        if size > self.max_batch_size:
            raise ServingError(
                f"max_execution_batch_size is {size}; it must be at most "
                f"max_batch_size, which is {self.max_batch_size}"
            )

    def _check_allowed_sizes(self) -> None:
        sizes = self.allowed_batch_sizes
        if not sizes:
            return
        _check_at_least("allowed_batch_sizes", sizes[0], 1)
        if list(sizes) != sorted(set(sizes)):
            raise ServingError(
                "allowed_batch_sizes entries must be monotonically "
                f"increasing; got {list(sizes)}"
            )
        if sizes[-1] != self.max_batch_size:
            raise ServingError(
                "Last entry in allowed_batch_sizes must match "
                f"max_batch_size; last entry was {sizes[-1]}; expected "
                f"{self.max_batch_size}"
            )

    @property
    def execution_size(self) -> int:
        """Most tasks of one merged run."""
        return self.max_execution_batch_size or self.max_batch_size

    def padded_size(self, size: int) -> int:
        """Returns the allowed size that a run of `size` tasks is padded to."""
        for allowed in self.allowed_batch_sizes:
            if allowed >= size:
                return allowed
        return size

    @classmethod
    def from_proto(cls, message: Any) -> Self:
        """Reads a batching parameters file.

        Args:
            message: A `BatchingParameters` message; what it leaves out takes
                the default of TensorFlow Serving.

        Returns:
            The settings.

        Raises:
            ServingError: If a setting is out of its range, or asks for
                padding of the inputs.
        """
        if message.pad_variable_length_inputs:
            raise ServingError(
                "pad_variable_length_inputs must be false: it pads a support "
                "set with copies of its first value, labels and masks too, "
                "which changes answers without an error. Requests of "
                "different lengths are simply not merged"
            )
        settings = {
            name: getattr(message, name).value
            for name in _WRAPPED
            if message.HasField(name)
        }
        sizes = tuple(message.allowed_batch_sizes)
        return cls(allowed_batch_sizes=sizes, **settings)


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ServingError(f"{name} is {value}; it must be at least {least}")
