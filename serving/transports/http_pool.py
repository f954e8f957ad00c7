"""Kept-alive HTTP connections that many threads share.

The standard library bounds each read of a socket; here the whole exchange
ends at one deadline, however slowly the other side sends.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Any

from metazoo.errors import ServingError
from metazoo.serving.transports.base import Deadline

# One TLS record: each is sent whole, so a deadline is checked between them.
CHUNK = 1 << 14

# How a connection fails that the server closed while it was idle.
STALE = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


@dataclass(frozen=True)
class HttpAnswer:
    """A complete answer."""

    status: int
    reason: str
    content_type: str
    data: bytes


class HttpPool:
    """Connections to one server, opened as they are needed."""

    def __init__(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        """Opens nothing yet.

        Args:
            host: Where to connect.
            port: Its port.
            context: For TLS; None for plain HTTP.
            server_name: Name that the server's certificate must be for; by
                default the host.
        """
        self._host, self._port = host, port
        self._context, self._server_name = context, server_name or host
        self._idle: deque[_Connection] = deque()
        self._closed = False

    def exchange(
        self, method: str, path: str, body: bytes, deadline: Deadline
    ) -> HttpAnswer:
        """Sends one request and reads its whole answer.

        Args:
            method: Such as `POST`.
            path: With a leading slash.
            body: What to send.
            deadline: Of everything together.

        Returns:
            The answer.

        Raises:
            TimeoutError: At the deadline.
            OSError: The connection failed.
            http.client.HTTPException: The answer is no HTTP.
            ServingError: The pool is closed.
        """
        if self._closed:
            raise ServingError("the client is closed")
        while True:
            connection, reused = self._take()
            try:
                answer, reusable = connection.ask(method, path, body, deadline)
            except STALE:
                connection.close()
                if not reused:
                    raise
                continue
            except BaseException:
                connection.close()
                raise
            if reusable and not self._closed:
                self._idle.append(connection)
            else:
                connection.close()
            return answer

    def close(self) -> None:
        """Closes the idle connections; no request follows."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> tuple[_Connection, bool]:
        try:
            return self._idle.pop(), True
        except IndexError:
            fresh = _Connection(
                self._host, self._port, self._context, self._server_name
            )
            return fresh, False


class _Connection(http.client.HTTPConnection):
    """Connects within a deadline."""

    def __init__(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
        server_name: str,
    ) -> None:
        super().__init__(host, port)
        self._context, self._server_name = context, server_name
        self._deadline = Deadline(0)
        self._timed: Any = None

    def connect(self) -> None:
        """Opens the socket, with TLS if there is a context."""
        deadline = self._deadline
        plain = socket.create_connection(
            (self.host, self.port), deadline.require()
        )
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapped: Any = plain
        if self._context is not None:
            plain.settimeout(deadline.require())
            try:
                wrapped = self._context.wrap_socket(
                    plain, server_hostname=self._server_name
                )
            except BaseException:
                plain.close()
                raise
        self.sock = self._timed = _TimedSocket(wrapped, deadline)

    def ask(
        self, method: str, path: str, body: bytes, deadline: Deadline
    ) -> tuple[HttpAnswer, bool]:
        """Returns the answer, and whether the connection can go on."""
        self._deadline = deadline
        if self._timed is not None:
            self._timed.deadline = deadline
        response = self._respond(method, path, body)
        answer = HttpAnswer(
            response.status,
            response.reason,
            response.getheader("Content-Type", ""),
            response.read(),
        )
        return answer, not response.will_close

    def _respond(
        self, method: str, path: str, body: bytes
    ) -> http.client.HTTPResponse:
        headers = {"Content-Type": "application/json"}
        if self.sock is None:
            self.connect()
        try:
            self.request(method, path, body, headers)
        except STALE as error:
            # A server that refuses a body may answer before it has read it.
            try:
                return self.getresponse()
            except (OSError, http.client.HTTPException):
                raise error from None
        return self.getresponse()


class _TimedSocket:
    """What http.client needs of a socket, each step within the deadline."""

    def __init__(self, wrapped: Any, deadline: Deadline) -> None:
        self.deadline = deadline
        self._wrapped = wrapped

    def sendall(self, data: Any) -> None:
        view = memoryview(data)
        for start in range(0, len(view), CHUNK):
            self._wrapped.settimeout(self.deadline.require())
            self._wrapped.sendall(view[start : start + CHUNK])

    def makefile(self, mode: str) -> Any:
        """Opens the answer, and refuses at once what is no HTTP."""
        raw = self._wrapped.makefile(mode, buffering=0)
        reader = io.BufferedReader(_TimedReader(self, raw))
        head = reader.peek(5)[:5]
        if not b"HTTP/".startswith(head):
            reader.close()
            raise http.client.BadStatusLine(head.decode("latin-1"))
        return reader

    def settimeout(self, seconds: float) -> None:
        self._wrapped.settimeout(seconds)

    def close(self) -> None:
        self._wrapped.close()


class _TimedReader(io.RawIOBase):
    """Reads from a socket until its deadline."""

    def __init__(self, timed: _TimedSocket, raw: Any) -> None:
        self._timed, self._raw = timed, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._timed.settimeout(self._timed.deadline.require())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
