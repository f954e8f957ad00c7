"""Decodes the official Omniglot zips of 105x105 PNG drawings."""

from __future__ import annotations

import collections
import dataclasses
import io
import json
import os
import pathlib
import zipfile

import numpy as np

from metazoo.data.files import file_digest
from metazoo.data.images import read_image
from metazoo.errors import DataError
from metazoo.whole_files import write_text

BOX_SIZE = 28
_URL = "https://github.com/brendenlake/omniglot/raw/master/python/"
_SIDECAR_SUFFIX = ".sha256.json"


@dataclasses.dataclass(frozen=True)
class Archive:
    """One official zip.

    Attributes:
        filename: its name.
        md5: hex digest of the official file, as long published for it.
    """

    filename: str
    md5: str

    @property
    def help_text(self) -> str:
        """Which file, from where, with which hash."""
        return f"{self.filename} (from {_URL}{self.filename}, md5 {self.md5})"


BACKGROUND = Archive(
    "images_background.zip", "68d2efa1b9178cc56df9314c21c6e718"
)
EVALUATION = Archive(
    "images_evaluation.zip", "6b91aef0f799c5bb55b94e3f2daec811"
)


def read_zip(
    path: pathlib.Path, archive: Archive, image_size: int
) -> tuple[np.ndarray, list[str]]:
    """Checks and decodes one zip.

    The md5 is compared with the published one. No sha256 is published, so
    the file's own is noted beside it on first use and compared after that:
    this shows later damage, not that the first copy was genuine.

    Args:
        path: the zip file.
        archive: which official zip it should be.
        image_size: height and width to box-filter the drawings to.

    Returns:
        (images, names): uint8 [character, drawer, image_size, image_size],
        0 ink and 255 paper, and `Alphabet/characterNN` for each character,
        in the order of the names.

    Raises:
        DataError: the hash is wrong, or the zip's content is not Omniglot's.
    """
    _check_hashes(path, archive)
    try:
        with zipfile.ZipFile(path) as source:
            members = _members_by_character(source, path)
            images = [
                [_decode(source, member, image_size) for member in drawings]
                for drawings in members.values()
            ]
    except zipfile.BadZipFile as error:
        raise DataError(f"{path} is no whole zip file: {error}") from error
    return np.array(images, np.uint8), list(members)


def _check_hashes(path: pathlib.Path, archive: Archive) -> None:
    md5 = file_digest(path, "md5")
    if md5 != archive.md5:
        raise DataError(
            f"{path} has md5 {md5}, not that of the official file. Fetch "
            f"{archive.help_text} again."
        )
    _check_sidecar(path, file_digest(path, "sha256"))


def _check_sidecar(path: pathlib.Path, sha256: str) -> None:
    sidecar = path.with_name(path.name + _SIDECAR_SUFFIX)
    if not sidecar.exists():
        if os.access(path.parent, os.W_OK):
            write_text(sidecar, json.dumps({"sha256": sha256}) + "\n")
        return
    try:
        noted = json.loads(sidecar.read_text("utf-8"))["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{sidecar} is no note of a sha256; remove it to have it made anew."
        ) from error
    if noted != sha256:
        raise DataError(
            f"{path} has changed since its first use: sha256 {sha256}, noted "
            f"{noted} in {sidecar.name}."
        )


def _members_by_character(
    source: zipfile.ZipFile, path: pathlib.Path
) -> dict[str, list[str]]:
    """Maps Alphabet/characterNN to its members, sorted by drawer."""
    groups = collections.defaultdict(list)
    for member in source.namelist():
        parts = pathlib.PurePosixPath(member).parts
        is_drawing = len(parts) == 4 and member.endswith(".png")
        if is_drawing and parts[0] != "__MACOSX":
            groups["/".join(parts[1:3])].append(member)
    counts = {len(members) for members in groups.values()}
    if len(counts) != 1:
        raise DataError(
            f"{path} must hold folder/alphabet/character/drawing.png with "
            f"equally many drawings a character; found {len(groups)} "
            f"characters with {sorted(counts)} drawings."
        )
    return {
        name: sorted(
            groups[name], key=lambda m: m.rsplit("/")[-1].split("_")[-1]
        )
        for name in sorted(groups)
    }


def _decode(
    source: zipfile.ZipFile, member: str, image_size: int
) -> np.ndarray:
    image = read_image(
        io.BytesIO(source.read(member)),
        image_size=image_size,
        grayscale=True,
        label=f"{member} in {source.filename}",
    )
    return image[..., 0]
