"""The status codes of the wire."""

from __future__ import annotations

from metazoo.errors import ServingError

# In the order of their numbers.
CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)

HTTP_STATUS = {
    "OK": 200,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}

LONGEST_MESSAGE = 1024


class StatusError(ServingError):
    """A request that ends in a status other than OK.

    Attributes:
        code: Name of the status code.
        message: What a client reads, cut at 1024 characters.
    """

    def __init__(self, code: str, message: str) -> None:
        """Stores the code and the message."""
        self.code = code
        self.message = message[:LONGEST_MESSAGE]
        super().__init__(f"{code}: {self.message}")


def invalid(message: str) -> StatusError:
    """Makes an INVALID_ARGUMENT error."""
    return StatusError("INVALID_ARGUMENT", message)
