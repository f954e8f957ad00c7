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
from metazoo.serving.transports.tls import ClientTls

Result = TypeVar("Result")

RETRIES = 3
FIRST_PAUSE = 0.1


class ConnectionSetupError(StatusError):
    """UNAVAILABLE for a reason that no further try will change.

    TLS on one side only, a certificate that is not trusted, or the port of
    the other transport.
    """

    def __init__(self, message: str) -> None:
        """Stores the reason."""
        super().__init__("UNAVAILABLE", message)


@dataclass(frozen=True)
class Target:
    """Which model a client talks to, and how.

    Attributes:
        address: `host:port`.
        model: Name of the model.
        version: Its version; None for the highest one.
        label: A label instead of the version.
        tls: Certificates; None for a connection that is not encrypted.
    """

    address: str
    model: str
    version: int | None = None
    label: str | None = None
    tls: ClientTls | None = None

    def __str__(self) -> str:
        """Says which model of which server is meant."""
        which = f"model {self.model!r}"
        if self.version is not None:
            which += f", version {self.version}"
        if self.label is not None:
            which += f", label {self.label!r}"
        return f"{which} at {self.address}"


@dataclass(frozen=True)
class ModelDescription:
    """What a server says of a model.

    Attributes:
        version: The version that is described.
        signatures: Those that can be called, by name.
    """

    version: int
    signatures: Mapping[str, SignatureInfo]


class Transport(Protocol):
    """Sends requests; every call has a deadline in seconds."""

    def predict(
        self,
        signature: SignatureInfo,
        inputs: Mapping[str, np.ndarray],
        timeout: float,
    ) -> dict[str, np.ndarray]:
        """Runs one signature."""

    def metadata(self, timeout: float) -> ModelDescription:
        """Describes the model."""

    def status(self, timeout: float) -> list[dict[str, Any]]:
        """Lists the versions of the model, highest first."""

    def close(self) -> None:
        """Closes the connections."""


class Deadline:
    """A point in time that all steps of one call share."""

    def __init__(self, seconds: float) -> None:
        """Starts the clock.

        Args:
            seconds: Time for the call.
        """
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds that are left, 0 if there are none."""
        return max(self._end - time.monotonic(), 0.0)

    def require(self) -> float:
        """Seconds that are left.

        Raises:
            TimeoutError: If there are none.
        """
        left = self.left()
        if not left:
            raise TimeoutError(f"no answer within {self.seconds:.3g} s")
        return left


def with_retries(
    call: Callable[[float], Result],
    deadline: Deadline,
    retries: int = RETRIES,
) -> Result:
    """Makes a call, again where the server was UNAVAILABLE.

    Adaptation and prediction are pure, so a second try is safe; no other
    status promises to change. Pauses double from 0.1 s, half of each
    drawn at random, so that clients do not come back all at once.

    Args:
        call: Takes the seconds that are left.
        deadline: Of all tries together.
        retries: Tries after the first.

    Returns:
        What the call returned.

    Raises:
        StatusError: The last failure.
    """
    for retry in range(retries):
        pause = FIRST_PAUSE * 2**retry * random.uniform(0.5, 1.5)
        try:
            return call(_left(deadline))
        except ConnectionSetupError:
            raise
        except StatusError as error:
            if error.code != "UNAVAILABLE" or pause >= deadline.left():
                raise
        time.sleep(pause)
    return call(_left(deadline))


def _left(deadline: Deadline) -> float:
    return max(deadline.left(), 0.001)
