"""Bodies of REST requests: read within limits of size and time."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable, Mapping
from functools import partial

from starlette.requests import ClientDisconnect, Request

from metazoo.serving.server.in_flight import Lease
from metazoo.serving.status import HTTP_STATUS, StatusError, invalid

LARGEST_UNPACKED = 100 * 2**20
# A body must arrive no slower than this, over all of it.
LOWEST_BYTES_PER_SECOND = 16 * 2**10
# How long the rest of a body that is too large is thrown away, so that the
# client gets to read the answer.
LINGER_SECONDS = 5.0


class BodyError(Exception):
    """A body that does not arrive as it should.

    Attributes:
        status: HTTP status of the answer.
    """

    def __init__(self, status: int, message: str) -> None:
        """Stores status and message."""
        self.status = status
        super().__init__(message)


class RefusedBodyError(BodyError):
    """A body that is too large, or for which there is no room."""


async def read_body(
    request: Request, limit: int, timeout: float, lease: Lease
) -> bytes:
    """Reads the body of a request.

    Nothing is read, nor `100 Continue` answered, where the head already says
    that the body is too large, or the server too full.

    Args:
        request: Its head has been read.
        limit: Most bytes.
        timeout: Seconds of silence that a client is allowed.
        lease: Counts the bytes as they come.

    Raises:
        BodyError: 413 if the body is too large, 429 if the server holds too
            many bytes already, 408 if it comes too slowly.
        ClientDisconnect: If the client goes away.
    """
    announced = request.headers.get("content-length", "0")
    size = int(announced) if announced.isdecimal() else 0
    try:
        _admit(size, limit, lambda: lease.check(size))
    except RefusedBodyError:
        if "100-continue" not in request.headers.get("expect", "").lower():
            await _discard(request)
        raise
    try:
        return await _read(request, limit, timeout, lease)
    except RefusedBodyError:
        lease.release()
        await _discard(request)
        raise


async def _read(
    request: Request, limit: int, timeout: float, lease: Lease
) -> bytes:
    started = time.monotonic()
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        deadline = started + timeout + size / LOWEST_BYTES_PER_SECOND
        chunk, more = await _next_chunk(request, deadline)
        size += len(chunk)
        _admit(size, limit, partial(lease.add, len(chunk)))
        chunks.append(chunk)
    return b"".join(chunks)


def _admit(size: int, limit: int, count: Callable[[], None]) -> None:
    if size > limit:
        raise RefusedBodyError(413, f"the body is larger than {limit} bytes")
    try:
        count()
    except StatusError as error:
        raise RefusedBodyError(
            HTTP_STATUS[error.code], error.message
        ) from error


async def _next_chunk(request: Request, deadline: float) -> tuple[bytes, bool]:
    try:
        message = await asyncio.wait_for(
            request.receive(), max(0.0, deadline - time.monotonic())
        )
    except TimeoutError as error:
        raise BodyError(408, "the body comes too slowly") from error
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


async def _discard(request: Request) -> None:
    deadline = time.monotonic() + LINGER_SECONDS
    more = True
    while more:
        try:
            _, more = await _next_chunk(request, deadline)
        except BodyError:
            return


def unpacked(headers: Mapping[str, str], body: bytes) -> bytes:
    """Unpacks a body that was sent with gzip.

    Args:
        headers: Headers of the request.
        body: The body as it was sent.

    Raises:
        StatusError: INVALID_ARGUMENT if it can't be unpacked or is too large.
    """
    if headers.get("content-encoding", "").lower() != "gzip":
        return body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(body, LARGEST_UNPACKED)
    except zlib.error as error:
        raise invalid(f"the gzip body can't be unpacked: {error}") from error
    if unpacker.unconsumed_tail:
        raise invalid(f"the gzip body unpacks to over {LARGEST_UNPACKED} bytes")
    if not unpacker.eof:
        raise invalid("the gzip body is cut short")
    if unpacker.unused_data:
        # Unpacking further members would take a time that grows with the
        # square of their number; no HTTP client is known to send any.
        raise invalid(
            f"the gzip body has {len(unpacker.unused_data)} bytes behind its "
            "first member; send it as one member"
        )
    return data
