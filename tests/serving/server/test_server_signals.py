"""A signal that comes while the server begins."""

from __future__ import annotations

import signal

import pytest

from metazoo.serving import EmbeddedServer


class Signalled(EmbeddedServer):
    """Gets a signal at one step of its start."""

    def __init__(self, *arguments, step, **settings):
        super().__init__(*arguments, **settings)
        self._step = step

    def _check_ports(self, address):
        super()._check_ports(address)
        if self._step == "loading":
            signal.raise_signal(signal.SIGTERM)

    def _open(self, address):
        super()._open(address)
        if self._step == "open":
            signal.raise_signal(signal.SIGTERM)


def test_a_signal_once_the_ports_are_open_drains(model_dir):
    ready = []
    before = signal.getsignal(signal.SIGTERM)
    server = Signalled({"m": model_dir}, port=0, rest_port=0, step="open")
    server.run_until_signalled(ready.append)
    assert ready == [server]
    assert server.drained
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_before_ends_with_its_status(model_dir):
    server = Signalled({"m": model_dir}, port=0, rest_port=0, step="loading")
    with pytest.raises(SystemExit) as ended:
        server.run_until_signalled()
    assert ended.value.code == 128 + signal.SIGTERM
