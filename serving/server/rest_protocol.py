"""What uvicorn leaves open: connections that send slowly, or too much."""

from __future__ import annotations

import asyncio
import http
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from metazoo.serving.server.options import ServerOptions

LARGEST_HEAD = 64 * 2**10
# Most bytes of chunk sizes and the like, for each byte of a body.
LARGEST_OVERHEAD = 8


class GuardedProtocol(HttpToolsProtocol):
    """Ends a connection that takes too long, sends too much or is one too many.

    The head of a request, and what is not its body, is limited in size; the
    head also in time. So is a client that does not read its answer.

    Attributes:
        options: The limits.
    """

    options: ServerOptions

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Starts without a connection."""
        super().__init__(*args, **kwargs)
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        # Bytes of the present request that are no body, and that are.
        self._overhead = 0
        self._body = 0
        self._begun = False
        self._body_total = 0

    def connection_made(self, transport: Any) -> None:
        """Takes a connection, or turns it away."""
        super().connection_made(transport)
        if len(self.connections) > self.options.max_connections:
            self._refuse(503, "too many connections")
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops all clocks."""
        self._stop_head_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what has arrived."""
        if self.transport.is_closing():
            return
        idle = self.cycle is None or self.cycle.response_complete
        if idle and self._head_timer is None:
            self._expect_head()
        body_before, self._begun = self._body_total, False
        super().data_received(data)
        self._count(len(data), self._body_total - body_before)
        allowed = LARGEST_HEAD + LARGEST_OVERHEAD * self._body
        if self._overhead > allowed and not self.transport.is_closing():
            self._refuse(431, f"a head of over {LARGEST_HEAD} bytes")

    def _count(self, size: int, body: int) -> None:
        if self._begun:
            self._overhead = self._body = 0
        self._overhead += size - body
        self._body += body

    def on_message_begin(self) -> None:
        """Notes that what comes belongs to a further request."""
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Starts to answer."""
        self._stop_head_timer()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a part of a body."""
        self._body_total += len(body)
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP."""
        self._refuse(400, msg)

    def pause_writing(self) -> None:
        """Waits for a client to read."""
        super().pause_writing()
        self._watch_writing(self._unwritten())

    def resume_writing(self) -> None:
        """Goes on, since the client reads."""
        self._stop_write_timer()
        super().resume_writing()

    def _expect_head(self) -> None:
        self._overhead = self._body = 0
        self._head_timer = self.loop.call_later(
            self.options.read_timeout,
            self._refuse,
            408,
            "the head of the request comes too slowly",
        )

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _watch_writing(self, before: int) -> None:
        self._stop_write_timer()
        self._write_timer = self.loop.call_later(
            self.options.read_timeout, self._check_writing, before
        )

    def _check_writing(self, before: int) -> None:
        if self._unwritten() >= before:
            self.transport.abort()
        else:
            self._watch_writing(self._unwritten())

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _unwritten(self) -> int:
        return int(self.transport.get_write_buffer_size())

    def _refuse(self, status: int, message: str) -> None:
        self._stop_head_timer()
        body = json.dumps({"error": message}).encode()
        head = (
            f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n"
            "content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        # Into an answer that has begun, no other one can be written.
        if self.cycle is None or not self.cycle.response_started:
            self.transport.write(head.encode() + body)
        self.transport.close()


def guarded_by(options: ServerOptions) -> type[GuardedProtocol]:
    """Makes the protocol of a server with these limits."""
    return type("_Guarded", (GuardedProtocol,), {"options": options})
