"""The page's files over REST, without a browser."""

from __future__ import annotations

import urllib.error
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import pytest

from metazoo.serving import EmbeddedServer, demo
from metazoo.serving.demo.pages import FILES, demo_pages

PAGE = Path(demo.__file__).parent / "page"
PATHS = ["/", *(f"/page/{name}" for name in FILES if name != "index.html")]


@pytest.fixture(scope="module")
def with_page(model_dir):
    with EmbeddedServer(
        {"linear": model_dir}, port=0, rest_port=0, pages=demo_pages()
    ) as running:
        yield running


def ask(server, path, method="GET"):
    connection = HTTPConnection("127.0.0.1", server.rest_port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, dict(answer.headers), answer.read()
    connection.close()
    return found


def test_every_file_of_the_page_is_listed():
    assert {path.name for path in PAGE.iterdir()} == set(FILES)


@pytest.mark.parametrize("path", PATHS)
def test_files_are_served_whole_with_strict_headers(with_page, path):
    status, headers, content = ask(with_page, path)
    name = path.removeprefix("/page/").strip("/") or "index.html"
    assert status == 200
    assert content == (PAGE / name).read_bytes()
    assert headers["content-type"] == FILES[name]
    policy = headers["content-security-policy"].split("; ")
    assert policy[0] == "default-src 'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def test_head_of_a_file_has_no_body(with_page):
    status, headers, content = ask(with_page, "/", "HEAD")
    assert (status, content) == (200, b"")
    assert int(headers["content-length"]) > 500


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/page/",
        "/page/index.html",
        "/page/../pages.py",
        "/page/%2e%2e/pages.py",
        "/page/..%2fpages.py",
        "//page/app.js",
        "/page/app.js/",
        "/page/APP.JS",
        "/page/app.js%00.css",
    ],
)
def test_what_is_not_listed_is_not_served(with_page, path):
    status, _, content = ask(with_page, path)
    assert status == 404
    assert b"Not Found" in content


def test_other_methods_get_no_page(with_page):
    for method in ("POST", "PUT", "DELETE"):
        assert ask(with_page, "/", method)[0] == 404


def test_without_the_page_the_server_has_none(server):
    for path in PATHS:
        assert ask(server, path)[0] == 404


def test_api_answers_as_without_the_page(with_page, server):
    for path in ("/v1/models/linear", "/v1/models/linear/metadata", "/nope"):
        assert ask(with_page, path)[::2] == ask(server, path)[::2]
        assert "content-security-policy" not in ask(with_page, path)[1]


def test_page_names_nothing_from_elsewhere():
    for path in PAGE.iterdir():
        text = path.read_text(encoding="utf-8")
        text = text.replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, path.name
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    assert "<style" not in html
    assert " style=" not in html
    assert " onclick" not in html
    assert html.count("<script") == html.count('src="page/app.js"') == 1


def test_page_is_fetched_with_urllib_as_any_client(with_page):
    url = f"http://127.0.0.1:{with_page.rest_port}"
    with urllib.request.urlopen(url) as answer:
        assert b"<title>metazoo" in answer.read()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{url}/page/none.js")
