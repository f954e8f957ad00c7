"""What an exported version says of itself: `assets.extra/metazoo.json`."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from metazoo.errors import ServingError
from metazoo.serving.publish import list_versions
from metazoo.serving.signatures import INFO_FILE, TensorInfo, shape_text

Described = dict[str, Any]


def write_info(
    directory: Path, learner: str, signatures: list[Described]
) -> None:
    """Writes the file.

    Args:
        directory: The version folder.
        learner: Name of the learner's class.
        signatures: What `describe` returned.
    """
    canonical = json.dumps(signatures, sort_keys=True).encode()
    packages = ("metazoo", "tensorflow", "keras")
    info = {
        "learner": learner,
        "signatures": signatures,
        "signatures_sha256": hashlib.sha256(canonical).hexdigest(),
        "packages": {name: metadata.version(name) for name in packages},
        "python": platform.python_version(),
    }
    path = directory / INFO_FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(info, indent=2) + "\n")


def read_info(directory: Path) -> Described:
    """Reads the file.

    Args:
        directory: The version folder.

    Raises:
        ServingError: If there is none, or it can't be read.
    """
    path = directory / INFO_FILE
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ServingError(f"{path} can't be read: {error}") from error


def exported_version(folder: Path) -> Path | None:
    """Finds the version that a folder is, or the newest it holds.

    Args:
        folder: A version folder, or the base folder of a model.

    Returns:
        The version folder; None if it is neither.
    """
    if (folder / INFO_FILE).is_file():
        return folder
    if not folder.is_dir():
        return None
    versions = list(list_versions(folder).values())
    described = [path for path in versions if (path / INFO_FILE).is_file()]
    return described[-1] if described else None


def describe(
    name: str,
    doc: str,
    docs: Mapping[str, str],
    inputs: Iterable[TensorInfo],
    outputs: Iterable[TensorInfo],
) -> Described:
    """Describes a signature as it is stored.

    Args:
        name: Its name.
        doc: What it does.
        docs: Wire name -> what the tensor is.
        inputs: Its inputs.
        outputs: Its outputs.
    """

    def tensors(infos: Iterable[TensorInfo]) -> Described:
        return {
            info.name: {
                "dtype": info.dtype,
                "shape": None if info.shape is None else list(info.shape),
                "doc": docs.get(info.name, ""),
            }
            for info in infos
        }

    return {
        "name": name,
        "doc": doc,
        "inputs": tensors(inputs),
        "outputs": tensors(outputs),
    }


def signatures_text(signatures: Iterable[Described]) -> str:
    """Writes signatures for people.

    Args:
        signatures: As `metazoo.json` holds them.
    """
    blocks = []
    for signature in signatures:
        lines = [f"{signature['name']}: {signature['doc']}"]
        for kind, arrow in (("inputs", "->"), ("outputs", "<-")):
            for name, tensor in signature[kind].items():
                what = f"{tensor['dtype']} {shape_text(tensor['shape'])}"
                doc = f"  {tensor['doc']}" if tensor["doc"] else ""
                lines.append(f"  {arrow} {name}  {what}{doc}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
