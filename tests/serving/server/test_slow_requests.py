"""Requests that are sent slowly, or not to the end."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

from server_requests import (
    SILENCE,
    connected,
    head,
    predict,
    read_all,
    status_of,
)


def test_slow_head_is_ended(hasty, body):
    with connected(hasty) as slow:
        slow.sendall(head(10)[:20])
        assert predict(hasty, body)[0] == 200
        assert status_of(read_all(slow)) == 408


def test_silent_connection_is_ended(hasty):
    with connected(hasty) as silent:
        assert status_of(read_all(silent)) == 408


def test_blank_lines_do_not_keep_a_connection(hasty):
    with connected(hasty) as slow:
        slow.sendall(b"\r\n")
        slow.sendall(b"\r\n")
        assert status_of(read_all(slow)) == 408


def test_slow_body_is_ended_and_holds_no_worker(hasty, body):
    with ExitStack() as stack:
        # More than there are workers.
        slow = [stack.enter_context(connected(hasty)) for _ in range(8)]
        for connection in slow:
            connection.sendall(head(len(body)) + body[:10])
        assert predict(hasty, body)[0] == 200
        answers = [read_all(connection) for connection in slow]
    assert {status_of(answer) for answer in answers} == {408}
    assert b"too slowly" in answers[0]


def test_body_that_drips_is_ended(hasty, body):
    with connected(hasty) as slow:
        slow.sendall(head(len(body)))
        answer = []
        reader = threading.Thread(target=lambda: answer.append(read_all(slow)))
        reader.start()
        started = time.monotonic()
        while reader.is_alive() and time.monotonic() - started < 20:
            try:
                slow.sendall(b" ")
            except OSError:
                break
            reader.join(SILENCE / 4)
        reader.join(20)
    assert status_of(answer[0]) == 408
