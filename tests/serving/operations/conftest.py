"""Folders of versions that look like exports, and what is made of them."""

import pytest

from metazoo.serving.operations import serve_config


def make_versions(base, *numbers):
    for number in numbers:
        folder = base / str(number)
        (folder / "variables").mkdir(parents=True, exist_ok=True)
        (folder / "saved_model.pb").write_bytes(b"graph %d" % number)
        (folder / "variables" / "variables.index").write_bytes(b"index")
    return base


@pytest.fixture
def versions(tmp_path):
    """Makes a model's folder with the versions of these numbers."""

    def make(*numbers, name="source"):
        return make_versions(tmp_path / name, *numbers)

    return make


@pytest.fixture
def written(tmp_path, versions):
    """Writes a folder of one model, `characters`, with some settings."""

    def write(settings=None, **options):
        return serve_config(
            {"characters": versions(1)},
            tmp_path / "served",
            settings=settings,
            **options,
        )

    return write


@pytest.fixture
def pem(tmp_path):
    """A key and a certificate by their headings; nothing reads further."""
    for name, kind in (("key", "PRIVATE KEY"), ("cert", "CERTIFICATE")):
        text = f"-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n"
        (tmp_path / f"{name}.pem").write_text(text)
    return tmp_path / "key.pem", tmp_path / "cert.pem"
