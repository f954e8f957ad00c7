"""Which models the demo page works with, and whether one fits it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metazoo.demo import DEFAULT_PRESET
from metazoo.errors import ServingError
from metazoo.presets.listing import PresetInfo, list_presets
from metazoo.registry import get_method
from metazoo.serving.info import read_info

# Under these names the page asks for them.
CHARACTERS, TEXTS = "characters", "texts"
_LARGEST_SIDE = 105


@dataclass(frozen=True)
class DemoModel:
    """A model of the page.

    Attributes:
        name: Name on the server, `characters` or `texts`.
        preset: Name, folder or address of its preset.
        option: Command line option that chooses another one.
    """

    name: str
    preset: str
    option: str


def demo_models(
    images: str | None = None, texts: str | None = None
) -> list[DemoModel]:
    """Chooses the presets of the page.

    Args:
        images: Preset for characters; None for the one that suits best.
        texts: Preset for texts; None for the one of the registry.

    Returns:
        The model of characters and, if there is a preset for it, that of
        texts.
    """
    found = [
        DemoModel(CHARACTERS, images or DEFAULT_PRESET, "--demo-images"),
    ]
    texts = texts or text_preset()
    if texts is not None:
        found.append(DemoModel(TEXTS, texts, "--demo-texts"))
    return found


def text_preset() -> str | None:
    """Name of the registry's preset of a few-shot learner of texts.

    Of several, one that ships comes before one that must be fetched, and
    then the one that tells more kinds apart, and the one that was trained
    with more examples of each.

    Returns:
        The name; None if there is none.
    """
    found = sorted(filter(_learns_texts, list_presets()), key=_rank)
    return found[0].preset if found else None


def _learns_texts(info: PresetInfo) -> bool:
    contract = get_method(info.method).contract
    dtype = info.metadata.input_spec.get("dtype")
    return contract == "episodic" and dtype == "string"


def _rank(info: PresetInfo) -> tuple[bool, int, int, str]:
    episode = info.metadata.episode
    ways, shots = episode.get("num_ways", 0), episode.get("num_shots", 0)
    most = max(shots) if isinstance(shots, list | tuple) else shots
    return info.directory is None, -int(ways), -int(most), info.preset


def check_model(model: DemoModel, version: Path) -> None:
    """Refuses a model that the page can't feed.

    Args:
        model: The model.
        version: Its exported version.

    Raises:
        ServingError: Names the option, what the model takes and what the
            page sends.
    """
    signatures = {s["name"]: s for s in read_info(version)["signatures"]}
    if not {"adapt", "predict"} <= signatures.keys():
        raise _unfit(model, f"offers {', '.join(signatures)}", "adapt, predict")
    example = signatures["adapt"]["inputs"].get("support_x")
    if example is None:
        inputs = ", ".join(signatures["adapt"]["inputs"])
        raise _unfit(model, f"adapts to {inputs}", "support_x, support_y")
    fits = _takes_texts if model.name == TEXTS else _takes_drawings
    if not fits(example):
        wanted = {
            TEXTS: "texts",
            CHARACTERS: "square grey images [side, side, 1] of at most "
            f"{_LARGEST_SIDE} pixels a side",
        }
        got = f"takes {example['dtype']} examples of {example['shape'][2:]}"
        raise _unfit(model, got, wanted[model.name])


def _takes_texts(example: dict[str, Any]) -> bool:
    return bool(example["dtype"] == "string")


def _takes_drawings(example: dict[str, Any]) -> bool:
    shape = example["shape"][2:]
    return (
        example["dtype"] == "float32"
        and len(shape) == 3
        and shape[0] == shape[1]
        and 0 < (shape[0] or 0) <= _LARGEST_SIDE
        and shape[2] == 1
    )


def _unfit(model: DemoModel, got: str, wanted: str) -> ServingError:
    return ServingError(
        f"{model.option}: {model.preset!r} {got}; the page needs {wanted}"
    )
