"""Downloads from a server that cuts, lies, stalls and changes its mind."""

from __future__ import annotations

import functools
import hashlib

import pytest

from metazoo.errors import PresetError
from metazoo.presets.download import Download

NAME = "model.weights.h5"


@pytest.fixture
def download(web, tmp_path):
    content = (web.folder / NAME).read_bytes()

    def make(**changes):
        fields = {
            "url": web.url + NAME,
            "target": tmp_path / NAME,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "limit": 10 * len(content),
            "part": tmp_path / "weights.part",
            "timeout": 1.0,
            "backoff": 0.01,
            "attempts": 3,
        }
        return Download(**{**fields, **changes})

    make.content = content
    return make


def flip(handler, content, send):
    damaged = bytearray(content)
    damaged[1000] ^= 1
    send(handler, bytes(damaged))


def status(handler, content, code=503, **headers):
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def stall(handler, content, send):
    send(handler, content, cut=300_000)
    handler.server.released.wait(5)


def test_download_honest_server_gives_file(download, web, tmp_path):
    seen = []
    download(progress=lambda *args: seen.append(args)).run()
    assert (tmp_path / NAME).read_bytes() == download.content
    assert seen[-1] == (NAME, len(download.content), len(download.content))
    assert [path.name for path in tmp_path.glob("weights*")] == []


def test_download_unknown_size_gives_file(download, tmp_path):
    download(size=None).run()
    assert (tmp_path / NAME).read_bytes() == download.content


@pytest.mark.parametrize("size", ["known", None])
def test_download_cut_connection_resumes(download, web, send_answer, size):
    cut = functools.partial(send_answer, cut=100_000)
    web.tricks[NAME] = [cut, cut, send_answer]
    changes = {} if size else {"size": None}
    assert download(**changes).run().read_bytes() == download.content
    ranges = [wanted for _, wanted in web.requests]
    assert ranges == [None, "bytes=100000-", "bytes=200000-"]


def test_download_always_truncated_at_same_place_refused(
    download, web, send_answer
):
    web.tricks[NAME] = [
        functools.partial(send_answer, cut=70_000, honest_range=False)
    ]
    with pytest.raises(PresetError, match=f"{NAME}.*truncated at 70000 of"):
        download().run()
    assert not download().target.exists()


def test_download_flipped_byte_refused_and_forgotten(
    download, web, send_answer
):
    web.tricks[NAME] = [functools.partial(flip, send=send_answer)]
    wanted = hashlib.sha256(download.content).hexdigest()
    with pytest.raises(PresetError, match=f"{NAME}.*sha256.*{wanted}"):
        download().run()
    assert not download().target.exists()
    assert not download().part.exists()


def test_download_stall_times_out_then_resumes(download, web, send_answer):
    web.tricks[NAME] = [
        functools.partial(stall, send=send_answer),
        send_answer,
    ]
    fetched = download(timeout=0.3).run()
    assert fetched.read_bytes() == download.content
    assert web.requests[1][1].startswith("bytes=")


def test_download_server_busy_then_ok_succeeds(download, web, send_answer):
    later = functools.partial(status, Retry_After="0")
    web.tricks[NAME] = [status, later, send_answer]
    assert download().run().read_bytes() == download.content


def test_download_server_always_busy_refused(download, web):
    web.tricks[NAME] = [status]
    with pytest.raises(PresetError, match="503"):
        download().run()
    assert len(web.requests) == 3


def test_download_not_found_refused_at_once(download, web):
    web.tricks[NAME] = [functools.partial(status, code=404)]
    with pytest.raises(PresetError, match="404"):
        download().run()
    assert len(web.requests) == 1


def test_download_range_ignored_starts_again(download, web, send_answer):
    web.tricks[NAME] = [
        functools.partial(send_answer, cut=70_000),
        functools.partial(send_answer, honest_range=False),
    ]
    assert download().run().read_bytes() == download.content


@pytest.mark.parametrize("off", [-1, 1, 10_000_000])
def test_download_wrong_content_length_refused(download, web, send_answer, off):
    length = len(download.content) + off
    web.tricks[NAME] = [functools.partial(send_answer, length=length)]
    with pytest.raises(PresetError, match=f"announces {length} bytes"):
        download().run()
    assert not download().part.exists()


@pytest.mark.parametrize("size", ["known", None])
def test_download_oversized_without_length_refused(
    download, web, send_answer, size
):
    def endless(handler, content):
        send_answer(handler, content * 20, length=None)

    web.tricks[NAME] = [endless]
    changes = {} if size else {"size": None}
    with pytest.raises(PresetError, match="more than the expected"):
        download(**changes).run()
    assert not download().target.exists()


def test_download_etag_changed_restarts(download, web, send_answer):
    old = functools.partial(send_answer, etag='"old"', cut=70_000)

    def other_version(handler, content):
        old(handler, bytes(len(content)))

    web.tricks[NAME] = [other_version, send_answer]
    assert download().run().read_bytes() == download.content


def test_download_if_range_ignored_and_etag_changed_restarts(
    download, web, send_answer
):
    def other_version(handler, content):
        send_answer(handler, bytes(len(content)), etag='"old"', cut=70_000)

    def careless(handler, content):
        if "If-Range" in handler.headers:
            del handler.headers["If-Range"]
        send_answer(handler, content)

    web.tricks[NAME] = [other_version, careless]
    assert download().run().read_bytes() == download.content
    assert [r for _, r in web.requests] == [None, "bytes=70000-", None]


def test_download_spliced_from_two_versions_starts_again(
    download, web, send_answer
):
    def other_version(handler, content):
        send_answer(handler, bytes(len(content)), etag=None, cut=70_000)

    web.tricks[NAME] = [
        other_version,
        functools.partial(send_answer, etag=None),
    ]
    assert download().run().read_bytes() == download.content
    assert [r for _, r in web.requests] == [None, "bytes=70000-", None]


def test_download_left_over_part_of_other_file_is_healed(download, web):
    download().part.write_bytes(b"x" * 5000)
    assert download().run().read_bytes() == download.content


def test_download_left_over_part_too_long_is_healed(download, web):
    def no_range(handler, content):
        status(handler, content, code=416)

    download().part.write_bytes(b"x" * (len(download.content) + 9))
    web.tricks[NAME] = [no_range, functools.partial(plain)]
    assert download().run().read_bytes() == download.content


def plain(handler, content):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def test_download_redirect_on_this_machine_followed(download, web):
    web.tricks["moved"] = [
        functools.partial(status, code=302, Location=web.url + NAME)
    ]
    fetched = download(url=web.url + "moved").run()
    assert fetched.read_bytes() == download.content


@pytest.mark.parametrize(
    "location", ["http://example.org/x", "ftp://example.org/x", "file:///x"]
)
def test_download_redirect_off_https_refused(download, web, location):
    web.tricks[NAME] = [functools.partial(status, code=302, Location=location)]
    with pytest.raises(PresetError, match="only https|HTTP status 302"):
        download().run()


@pytest.mark.parametrize(
    "url",
    ["http://example.org/a", "file:///etc/passwd", "ftp://h/a", "https://"],
)
def test_download_not_https_refused_before_connecting(download, url):
    with pytest.raises(PresetError, match="only https"):
        download(url=url).run()


def test_download_nobody_listens_refused(download):
    with pytest.raises(PresetError, match="could not be fetched"):
        download(url="http://127.0.0.1:9/x").run()
