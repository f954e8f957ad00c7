"""What the latency benchmark serves: a learner of every few-shot method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from metazoo.comparison.choice import Contender, method_contenders, systems_of
from metazoo.data import load_glyphs, load_phrases
from metazoo.presets import from_preset
from metazoo.registry import MethodSpec, methods

WAYS, SHOTS = 5, 5


@dataclass(frozen=True)
class Subject:
    """A learner to be served.

    Attributes:
        method: Name of the method.
        origin: Name of the preset, or of the recipe.
        trained: Whether its weights are those of a preset.
        learner: The learner.
    """

    method: str
    origin: str
    trained: bool
    learner: Any

    @property
    def example(self) -> str:
        """What one example is, in short."""
        shape = self.learner.example_shape
        return "x".join(map(str, shape)) if shape else "text"


def names() -> list[str]:
    """The few-shot methods of the registry."""
    return [s.name for s in methods().values() if s.contract == "episodic"]


def subject(name: str, data_dir: str | None) -> Subject:
    """The preset of a method; where it has none yet, its first recipe.

    Of several presets that can do 5 ways, the one with the smallest examples
    is taken, then the first by name; of one system's presets, the one
    trained nearest to 5-way 5-shot.

    Args:
        name: Of the method.
        data_dir: Folder of the data sets, for a recipe.
    """
    spec = methods()[name]
    chosen = _preset(spec)
    if chosen is not None:
        learner = from_preset(chosen.handle)
        return Subject(name, chosen.preset, True, learner)
    recipe_name, recipe = next(iter(spec.load_recipes().items()))
    recipe = recipe.replace(num_ways=WAYS)
    learner = recipe.learner_for(recipe.load_dataset(data_dir))
    return Subject(name, recipe_name, False, learner)


def _preset(spec: MethodSpec) -> Contender | None:
    chosen = [
        one.choose(WAYS, SHOTS) for one in systems_of(method_contenders(spec))
    ]
    able = [one for one in chosen if one is not None]
    return min(able, key=_size, default=None)


def _size(one: Contender) -> tuple[int, str]:
    return math.prod(one.metadata.input_spec.get("shape", ())), one.preset


def task(learner: Any, queries: int) -> dict[str, np.ndarray]:
    """A 5-way 5-shot task of made-up drawings or phrases.

    Args:
        learner: Who is to take it.
        queries: Query examples a class.

    Returns:
        Inputs of `adapt_predict`.
    """
    shape = tuple(learner.example_shape)
    each = SHOTS + queries
    examples = _drawings(shape, each) if shape else _phrases(each)
    return {
        "support_x": _flat(examples[:, :SHOTS]),
        "support_y": np.repeat(np.arange(WAYS), SHOTS)[None],
        "query_x": _flat(examples[:, SHOTS:]),
    }


def _flat(examples: np.ndarray) -> np.ndarray:
    """From [class, example, ...] to [1, examples, ...]."""
    return examples.reshape(1, -1, *examples.shape[2:])


def _drawings(shape: tuple[int, ...], each: int) -> np.ndarray:
    height, width, channels = shape
    if height != width:
        raise SystemExit(f"drawings are square, examples {shape}")
    data = load_glyphs(
        "test",
        num_alphabets=1,
        num_characters=WAYS,
        num_drawers=each,
        image_size=height,
    )
    grey = data.images.reshape(WAYS, each, height, width, 1)
    return np.repeat(grey, channels, axis=-1).astype(np.float32)


def _phrases(each: int) -> np.ndarray:
    data = load_phrases("test", num_classes=WAYS, num_examples=each)
    return data.images.astype("S").reshape(WAYS, each)


def inputs_of(
    signatures: Mapping[str, Any],
    inputs: dict[str, np.ndarray],
    adapted: dict[str, np.ndarray],
) -> dict[str, dict[str, np.ndarray]]:
    """Inputs of every verb: the task's, and the state where one is asked for.

    Args:
        signatures: Of the export, by name.
        inputs: Of `adapt_predict`.
        adapted: What `adapt` answered.
    """
    known = {**inputs, **adapted}
    return {
        verb: {name: known[name] for name in signatures[verb].inputs}
        for verb in ("adapt", "predict", "adapt_predict")
    }
