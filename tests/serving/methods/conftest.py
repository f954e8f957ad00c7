"""The learners of a test file, served: exported, loaded and connected to.

A file defines the fixture `learner`, served under the name of its method, or
`learners`, from name to learner.
"""

from __future__ import annotations

import pytest

from metazoo.serving import Client, EmbeddedServer, export

TRANSPORTS = ("grpc", "rest")


def method_of(request) -> str:
    """`leap` of `test_leap_serving.py`."""
    return request.path.stem.removeprefix("test_").removesuffix("_serving")


@pytest.fixture(scope="module")
def learners(request, learner):
    """What is served, by name."""
    return {method_of(request): learner}


@pytest.fixture(scope="module")
def variants():
    """Signatures to export beside the plain ones, by model; else none.

    The conformance suite has all of them, and all checks.
    """
    return {}


@pytest.fixture(scope="module")
def server(learners, variants, tmp_path_factory):
    """The embedded server of all learners, on ports of its own."""
    root = tmp_path_factory.mktemp("served")
    for name, one in learners.items():
        export(
            one,
            root / name,
            warmup=False,
            variants=variants.get(name, ()),
            checks=("session",),
        )
    folders = {name: root / name for name in learners}
    with EmbeddedServer(folders, port=0, rest_port=0) as running:
        yield running


@pytest.fixture
def address(server):
    """Host and port of a transport."""
    ports = {"grpc": server.port, "rest": server.rest_port}
    return {name: f"127.0.0.1:{port}" for name, port in ports.items()}


@pytest.fixture(params=TRANSPORTS)
def connect(request, address, learners):
    """A function that opens a client of a model, by default the first."""
    opened = []

    def to(model=None):
        name = model or next(iter(learners))
        opened.append(Client(address[request.param], name, request.param))
        return opened[-1]

    yield to
    for one in opened:
        one.close()


@pytest.fixture
def client(connect):
    """A client of the first model."""
    return connect()
