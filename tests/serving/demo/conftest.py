"""Two served models, the page on top of them, and a browser to look at it."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import pytest

import metazoo
from metazoo.data import load_phrases
from metazoo.serving import EmbeddedServer, export

sys.path.insert(0, str(Path(__file__).parent))

from demo_driver import DemoPage, browser_path

INSTALL = (
    "the demo page is tested with Playwright and Chromium; install "
    "metazoo[browser] and the browser (Debian: apt-get install chromium)"
)


class TwoSignatures:
    """A learner of which only what the page calls is exported."""

    def __init__(self, learner):
        self.learner = learner

    def __getattr__(self, name):
        return getattr(self.learner, name)

    def signatures(self):
        wanted = ("adapt", "predict")
        return [s for s in self.learner.signatures() if s.name in wanted]


@pytest.fixture(scope="session")
def text_learner():
    from metazoo.methods.ataml.ataml_recipe import ATAMLRecipe

    keras.utils.set_random_seed(0)
    return ATAMLRecipe().tiny().learner_for(load_phrases("train"))


@pytest.fixture(scope="session")
def demo_folders(text_learner, tmp_path_factory):
    """Exports under the names that the page asks for."""
    root = tmp_path_factory.mktemp("demo")
    learners = {
        "characters": metazoo.from_preset("protonet_conv4_omniglot"),
        "texts": text_learner,
    }
    for name, learner in learners.items():
        # That the exports are right is tested elsewhere.
        options = {"variants": (), "checks": ("session",), "warmup": False}
        export(TwoSignatures(learner), root / name, **options)
    return {name: root / name for name in learners}


@pytest.fixture(scope="session")
def start_demo(demo_folders):
    """Starts a server with the page, by default of both models."""
    from metazoo.serving.demo.pages import demo_pages

    def start(names=("characters", "texts"), rest_port=0):
        folders = {name: demo_folders[name] for name in names}
        return EmbeddedServer(
            folders, port=0, rest_port=rest_port, pages=demo_pages()
        )

    return start


@pytest.fixture(scope="session")
def demo_server(start_demo):
    with start_demo() as running:
        yield running


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason=INSTALL)
    path = browser_path()
    if path is None:
        pytest.skip(INSTALL)
    with playwright.sync_playwright() as driver:
        # Root, as in a container, has no sandbox.
        launched = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser):
    """Opens the page of a server; complaints of the browser fail the test."""
    contexts, complaints = [], []

    def open_(server, tab="characters", **options):
        options.setdefault("viewport", {"width": 1280, "height": 800})
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                "Content Security Policy" in message.text
                and complaints.append(message.text)
            ),
        )
        page.goto(f"http://127.0.0.1:{server.rest_port}/#{tab}")
        page.locator(f"#{tab} > *").first.wait_for()
        return DemoPage(page, tab)

    yield open_
    for context in contexts:
        for page in context.pages:
            page.unroute_all(behavior="ignoreErrors")
        context.close()
    assert complaints == []


@pytest.fixture
def demo(open_page, demo_server):
    return open_page(demo_server)


@pytest.fixture
def demo_texts(open_page, demo_server):
    return open_page(demo_server, "texts")
