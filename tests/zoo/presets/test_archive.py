"""Archives: the four files come out, everything else is refused."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile

import pytest

from metazoo.errors import PresetError
from metazoo.presets import fetch
from metazoo.presets.archive import extract_preset
from metazoo.presets.verify import verify_directory

EVIL = [
    "../evil.py",
    "../../config.json",
    "../config.json",
    "/tmp/config.json",
    "a/../config.json",
    "a/b/config.json",
    "..\\config.json",
    "weights.pkl",
    "tiny_fake/__init__.py",
]


def pack_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in files:
            file.writestr(name, content)


def pack_tar(path, files):
    with tarfile.open(path, "w:gz") as file:
        for name, content in files:
            member = name
            if not isinstance(name, tarfile.TarInfo):
                member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))


def files_of(folder, prefix=""):
    return [(prefix + p.name, p.read_bytes()) for p in folder.iterdir()]


@pytest.fixture(params=["zip", "tar.gz"])
def packed(request, tmp_path):
    pack = pack_zip if request.param == "zip" else pack_tar
    path = tmp_path / f"preset.{request.param}"

    def make(files):
        pack(path, files)
        return path

    return make


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "deep" / "target"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("prefix", ["", "tiny_fake/"])
def test_extract_gives_preset(packed, fake, target, prefix):
    extract_preset(packed(files_of(fake, prefix)), target)
    verify_directory(target)


@pytest.mark.parametrize("name", EVIL)
def test_extract_evil_name_refused(packed, fake, target, tmp_path, name):
    archive = packed([*files_of(fake), (name, b"evil")])
    before = set(tmp_path.rglob("*"))
    with pytest.raises(PresetError, match="unexpected member"):
        extract_preset(archive, target)
    new = set(tmp_path.rglob("*")) - before
    assert all(path.parent == target for path in new)
    assert not any(path.read_bytes() == b"evil" for path in new)


def test_extract_twice_the_same_file_refused(packed, fake, target):
    archive = packed([*files_of(fake), ("./config.json", b"{}")])
    with pytest.raises(PresetError, match="unexpected member"):
        extract_preset(archive, target)


def test_extract_many_members_refused(packed, target):
    archive = packed([(f"f{i}/", b"") for i in range(100)])
    with pytest.raises(PresetError, match="more than|unexpected"):
        extract_preset(archive, target)


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE],
)
def test_extract_tar_link_or_device_refused(tmp_path, target, kind):
    member = tarfile.TarInfo("config.json")
    member.type, member.linkname = kind, "/etc/passwd"
    pack_tar(tmp_path / "x.tar.gz", [(member, b"")])
    with pytest.raises(PresetError, match="link or not an ordinary"):
        extract_preset(tmp_path / "x.tar.gz", target)


def test_extract_zip_link_refused(tmp_path, target):
    member = zipfile.ZipInfo("config.json")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    pack_zip(tmp_path / "x.zip", [(member, b"/etc/passwd")])
    with pytest.raises(PresetError, match="link or not an ordinary"):
        extract_preset(tmp_path / "x.zip", target)


def test_extract_bomb_stopped_at_limit(packed, target):
    bomb = bytes(5 << 20)
    with pytest.raises(PresetError, match="larger than the limit"):
        extract_preset(packed([("README.md", bomb)]), target)
    assert (target / "README.md").stat().st_size <= 4 << 20


@pytest.mark.parametrize("cut", [0.5, 0.9])
def test_extract_damaged_archive_refused(packed, fake, target, cut):
    archive = packed(files_of(fake))
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(PresetError, match="can't be read|missing"):
        extract_preset(archive, target)
        verify_directory(target)


@pytest.mark.parametrize("field", ["encrypted", "method"])
def test_extract_member_zipfile_refuses_is_named(tmp_path, target, field):
    archive = tmp_path / "x.zip"
    pack_zip(archive, [("config.json", b"{}")])
    content = bytearray(archive.read_bytes())
    directory = content.index(b"PK\x01\x02")
    # Flags and compression method, of the member and of the directory.
    for place in (6, directory + 8):
        place += 0 if field == "encrypted" else 2
        content[place] = 1 if field == "encrypted" else 97
    archive.write_bytes(content)
    with pytest.raises(PresetError, match="x.zip can't be read"):
        extract_preset(archive, target)


def test_fetch_archive_handle(web, packed, fake):
    archive = packed(files_of(fake, "tiny_fake/"))
    web.folder = archive.parent
    handle = web.handle_for(archive.name)
    folder = fetch(handle)
    assert verify_directory(folder).preset == "tiny_fake"
    assert fetch(handle) == folder
    assert len(web.requests) == 1


def test_fetch_evil_archive_leaves_nothing(web, packed, fake, nothing_loadable):
    archive = packed([*files_of(fake), ("../x.py", b"evil")])
    web.folder = archive.parent
    with pytest.raises(PresetError, match="unexpected member"):
        fetch(web.handle_for(archive.name))
    nothing_loadable()
