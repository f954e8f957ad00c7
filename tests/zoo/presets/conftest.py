"""A registered tiny method, a saved preset and a web server that lies."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from metazoo import registry
from metazoo.registry import MethodSpec, Paper

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def tiny_module():
    if "tiny_method" not in sys.modules:
        path = HERE / "tiny_method.py"
        spec = importlib.util.spec_from_file_location("tiny_method", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["tiny_method"] = module
        spec.loader.exec_module(module)
    return sys.modules["tiny_method"]


@pytest.fixture
def tiny_spec(tmp_path):
    """The tiny method without its TensorFlow class."""
    paper = Paper("Tiny", "T. Iny", "Nowhere", 2020, "https://example.org")
    spec = registry.register(
        MethodSpec(
            name="tiny",
            title="Tiny",
            contract="episodic",
            model="tiny_method:TinyLearner",
            recipes="tiny_method:RECIPES",
            paper=paper,
            doc="A tiny learner.",
            presets_dir=tmp_path / "shipped",
        )
    )
    yield spec
    registry.unregister("tiny")


@pytest.fixture
def tiny(tiny_spec, tiny_module):
    return tiny_module


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("METAZOO_CACHE", str(folder))
    monkeypatch.delenv("METAZOO_OFFLINE", raising=False)
    return folder


@pytest.fixture(scope="session")
def fake_preset(tmp_path_factory):
    """A preset whose files verify but hold no real learner."""
    folder = tmp_path_factory.mktemp("fake") / "tiny_fake"
    folder.mkdir()
    (folder / "config.json").write_text('{"class_name": "TinyLearner"}')
    (folder / "model.weights.h5").write_bytes(bytes(range(256)) * 2000)
    (folder / "README.md").write_text("# tiny_fake\n")
    write_metadata(folder)
    return folder


@pytest.fixture
def fake(fake_preset, tmp_path):
    return Path(shutil.copytree(fake_preset, tmp_path / "fake" / "tiny_fake"))


@pytest.fixture
def rehash():
    """Writes hashes anew, as a forger would after changing a file."""
    return write_metadata


def write_metadata(folder, **changes):
    path = folder / "metadata.json"
    fields = {
        "format_version": 1,
        "method": "tiny",
        "class_name": "TinyLearner",
        "preset": folder.name,
        "dataset": "nothing",
    }
    if path.exists():
        fields = json.loads(path.read_text())
    names = ("config.json", "model.weights.h5", "README.md")
    files = {name: describe(folder / name) for name in names}
    path.write_text(json.dumps({**fields, "files": files, **changes}))


def describe(path):
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return {"sha256": digest, "size": len(content)}


class Server(ThreadingHTTPServer):
    """Serves a folder; ``tricks`` maps a file name to its misbehaviours."""

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = Path(folder)
        self.tricks = {}
        self.requests = []
        self.released = threading.Event()

    def handle_error(self, request, client_address):
        """A client that hangs up is what these tests are about."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def handle_for(self, name="metadata.json"):
        digest = hashlib.sha256((self.folder / name).read_bytes()).hexdigest()
        return f"{self.url}{name}#sha256={digest}"


class Handler(BaseHTTPRequestHandler):
    """One answer; a trick is a function of the handler and the content."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.lstrip("/")
        self.server.requests.append((name, self.headers.get("Range")))
        tricks = self.server.tricks.get(name, [])
        trick = tricks.pop(0) if len(tricks) > 1 else (tricks or [send])[0]
        path = self.server.folder / name
        trick(self, path.read_bytes() if path.is_file() else b"")

    def log_message(self, *args):
        """Keeps the test output clean."""


def send(handler, content, etag='"v1"', honest_range=True, **changes):
    """A proper answer, from the wanted range on."""
    start = wanted_start(handler) if honest_range else 0
    condition = handler.headers.get("If-Range")
    if condition is not None and condition != etag:
        start = 0
    body = content[start:]
    handler.send_response(206 if start else 200)
    if start:
        end = len(content) - 1
        handler.send_header(
            "Content-Range", f"bytes {start}-{end}/{len(content)}"
        )
    if etag:
        handler.send_header("ETag", etag)
    length = changes.get("length", len(body))
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    handler.wfile.write(body[: changes.get("cut", len(body))])
    handler.wfile.flush()


def wanted_start(handler):
    wanted = handler.headers.get("Range", "bytes=0-")
    return int(wanted.removeprefix("bytes=").partition("-")[0])


@pytest.fixture
def send_answer():
    return send


@pytest.fixture
def web(fake):
    server = Server(fake)
    thread = threading.Thread(
        target=server.serve_forever, args=(0.01,), daemon=True
    )
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def nothing_loadable(cache):
    """Checks that no directory of the cache passes as a preset."""
    from metazoo.errors import PresetError
    from metazoo.presets.verify import verify_directory

    def check():
        assert not list((cache / "presets").glob("*"))
        for metadata in cache.rglob("metadata.json"):
            with pytest.raises(PresetError):
                verify_directory(metadata.parent)

    return check
