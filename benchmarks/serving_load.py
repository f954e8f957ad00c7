"""Clients of a server, in a process without TensorFlow.

Reads commands as JSON lines and answers each with one line. Requests are
bytes from a file, so that what is timed is the server and the transport.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

PREDICT = "/tensorflow.serving.PredictionService/Predict"
UNLIMITED = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Otherwise all clients of a process share one connection.
    ("grpc.use_local_subchannel_pool", 1),
]


def grpc_client(port: int, body: bytes) -> Callable[[], int]:
    """Returns a call that sends the request once."""
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=UNLIMITED)
    call = channel.unary_unary(PREDICT)
    return lambda: len(call(body, timeout=60))


def rest_client(port: int, body: bytes, path: str) -> Callable[[], int]:
    """Returns a call that sends the request once."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask() -> int:
        connection.request("POST", path, body)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise SystemExit(f"{response.status}: {answer[:500]!r}")
        return len(answer)

    return ask


def client(command: dict[str, Any]) -> Callable[[], int]:
    """Makes one client, connected and warm."""
    body = Path(command["body"]).read_bytes()
    if command["transport"] == "grpc":
        ask = grpc_client(command["port"], body)
    else:
        ask = rest_client(command["port"], body, command["path"])
    ask()
    return ask


def run(command: dict[str, Any]) -> dict[str, Any]:
    """Sends requests from several clients at once.

    Returns:
        `seconds` from the first request to the last answer, and the
        `latencies` of all requests, in seconds.
    """
    asks = [client(command) for _ in range(command["clients"])]
    share = command["requests"] // command["clients"]
    latencies: list[float] = []
    barrier = threading.Barrier(len(asks) + 1)

    def work(ask: Callable[[], int]) -> None:
        own = []
        barrier.wait()
        for _ in range(share):
            started = time.perf_counter()
            ask()
            own.append(time.perf_counter() - started)
        latencies.extend(own)

    threads = [threading.Thread(target=work, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    barrier.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    if len(latencies) != share * len(asks):
        raise SystemExit("a client failed")
    return {"seconds": seconds, "latencies": latencies}


def main() -> None:
    """Answers commands until the input ends."""
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
