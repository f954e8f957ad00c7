"""A server to fuzz, shared by the tests of this folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "wire")]

from fuzz_wire_calls import Victim  # noqa: E402
from wire_models import (  # noqa: E402
    WireModel,
    copy_version,
    write_typed,
)


@pytest.fixture(scope="session")
def fuzzed(tmp_path_factory):
    from metazoo.serving import EmbeddedServer

    folder = tmp_path_factory.mktemp("fuzzed")
    write_typed(folder / "typed")
    model = WireModel("typed")
    copy_version(folder / "typed", folder / "models", model.name)
    models = {model.name: folder / "models" / model.name}
    with EmbeddedServer(
        models, port=0, rest_port=0, max_connections=50
    ) as running:
        yield running


@pytest.fixture
def victim(fuzzed):
    opened = Victim(f"127.0.0.1:{fuzzed.port}", ("127.0.0.1", fuzzed.rest_port))
    yield opened
    opened.close()
