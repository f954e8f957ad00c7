"""What every transport offers, and when a call is tried again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from metazoo.serving.signatures import SignatureInfo
from metazoo.serving.status import StatusError

Result = TypeVar("Result")

RETRIES = 3
FIRST_PAUSE = 0.1


@dataclass(frozen=True)
class Target:
    """Which model a client talks to.

    Attributes:
        address: `host:port`.
        model: Name of the model.
        version: Its version; None for the highest one.
        label: A label instead of the version.
    """

    address: str
    model: str
    version: int | None = None
    label: str | None = None


class Transport(Protocol):
    """Sends requests; every call has a deadline in seconds."""

    def predict(
        self,
        signature: SignatureInfo,
        inputs: Mapping[str, np.ndarray],
        timeout: float,
    ) -> dict[str, np.ndarray]:
        """Runs one signature."""

    def metadata(self, timeout: float) -> dict[str, SignatureInfo]:
        """Describes the signatures of the model."""

    def status(self, timeout: float) -> list[dict[str, Any]]:
        """Lists the versions of the model, highest first."""

    def close(self) -> None:
        """Closes the connections."""


def with_retries(call: Callable[[float], Result], timeout: float) -> Result:
    """Makes a call, again where the server was UNAVAILABLE.

    Adaptation and prediction are pure, so a second try is safe; no other
    status promises to change.

    Args:
        call: Takes the seconds that are left.
        timeout: Seconds for all tries together.

    Returns:
        What the call returned.

    Raises:
        StatusError: The last failure.
    """
    deadline = time.monotonic() + timeout
    pauses = [FIRST_PAUSE * 2**retry for retry in range(RETRIES)]
    for pause in pauses:
        pause *= random.uniform(0.5, 1.5)
        try:
            return call(_left(deadline))
        except StatusError as error:
            if error.code != "UNAVAILABLE" or pause >= _left(deadline):
                raise
        time.sleep(pause)
    return call(_left(deadline))


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.001)
