"""Uploads a verified preset directory to a hub or copies it to a folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from metazoo.errors import PresetError
from metazoo.presets.cache import write_directory
from metazoo.presets.format import FILE_NAMES
from metazoo.presets.handles import Handle, parse_handle
from metazoo.presets.hubs import gfile, import_hub
from metazoo.presets.verify import verify_directory


def upload_preset(directory: str | Path, handle: str | os.PathLike[str]) -> str:
    """Uploads a preset, once it has been verified.

    Args:
        directory: A preset directory.
        handle: ``hf://owner/repo[@branch]``, a ``kaggle://`` or ``gs://``
            address, or a local folder that does not exist yet. Hub
            credentials come from the hub's own library.

    Returns:
        What to give to ``from_preset`` to load it from there.

    Raises:
        ImportError: If the hub's library is missing; names the extra.
        PresetError: If the preset is damaged, the handle can't be written to,
            or the hub refuses.
    """
    source = Path(directory)
    metadata = verify_directory(source)
    target = parse_handle(handle)
    writers = {"hf": _to_hf, "kaggle": _to_kaggle, "gs": _to_gs}
    if target.scheme == "https":
        raise PresetError(
            "handle: https addresses can't be written to; upload the four "
            f"files of {source} to the server by other means"
        )
    if target.scheme in ("name", "local"):
        return str(_to_folder(source, Path(target.location)))
    message = f"{metadata.preset} revision {metadata.revision}"
    try:
        writers[target.scheme](source, target, message)
    except (ImportError, PresetError):
        raise
    except Exception as error:
        raise PresetError(
            f"{target.scheme}://{target.location}: {error}"
        ) from error
    return f"{target.scheme}://{target.location}"


def _to_folder(source: Path, target: Path) -> Path:
    def write(temporary: Path) -> None:
        for name in FILE_NAMES:
            shutil.copyfile(source / name, temporary / name)
        verify_directory(temporary)

    return write_directory(target, write)


def _to_hf(source: Path, target: Handle, message: str) -> None:
    hub = import_hub("huggingface_hub")
    repository, _, revision = target.location.partition("@")
    hub.create_repo(repo_id=repository, exist_ok=True)
    hub.upload_folder(
        repo_id=repository,
        folder_path=str(source),
        revision=revision or None,
        commit_message=message,
        allow_patterns=list(FILE_NAMES),
    )


def _to_kaggle(source: Path, target: Handle, message: str) -> None:
    hub = import_hub("kagglehub")
    parts = target.location.split("/")
    if len(parts) != 4:
        raise PresetError(
            "handle: kaggle numbers versions itself; give "
            "kaggle://owner/model/framework/variation"
        )
    hub.model_upload(target.location, str(source), version_notes=message)


def _to_gs(source: Path, target: Handle, message: str) -> None:
    files = gfile()
    folder = f"gs://{target.location.rstrip('/')}"
    if files.exists(f"{folder}/{FILE_NAMES[-1]}"):
        raise PresetError(f"{folder} holds a preset already ({message})")
    for name in FILE_NAMES:
        files.copy(str(source / name), f"{folder}/{name}")
