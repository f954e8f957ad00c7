"""The progress line: readable, not too often, ended when complete."""

from __future__ import annotations

import io

from metazoo.presets.progress import ProgressLine


def test_progress_shows_share_and_ends_line():
    stream = io.StringIO()
    show = ProgressLine(stream, interval=0)
    show("model.weights.h5", 1 << 19, 1 << 20)
    show("model.weights.h5", 1 << 20, 1 << 20)
    first, second = stream.getvalue().split("\r")[1:]
    assert first.strip() == "model.weights.h5: 512.0 KiB of 1.0 MiB (50%)"
    assert second.endswith("\n")


def test_progress_unknown_size_shows_bytes():
    stream = io.StringIO()
    ProgressLine(stream)("x", 10, None)
    assert stream.getvalue().strip() == "x: 10 B"


def test_progress_waits_between_writes_but_shows_the_end():
    stream = io.StringIO()
    show = ProgressLine(stream, interval=60)
    for done in range(1, 1001):
        show("x", done << 24, 1000 << 24)
    assert stream.getvalue().count("\r") == 2
    assert "15.6 GiB (100%)" in stream.getvalue()
