"""The main job on embedded defaults: load, adapt, export, serve, measure.

Needs no data, no network and no GPU; needs the extras `serving` and `plots`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from metazoo.errors import PresetError, ServingError

if TYPE_CHECKING:
    from metazoo.contracts.adapted import AdaptedModel
    from metazoo.contracts.episodic import EpisodicLearner
    from metazoo.data import ClassDataset
    from metazoo.evaluation import EvaluationResult

DEFAULT_PRESET = "protonet_conv4_omniglot"
DEFAULT_PICTURE = Path("metazoo_demo.png")
MODEL_NAME = "demo"
NUM_WAYS = 5
NUM_SHOTS = 1
NUM_QUERIES = 5
# Compiled for other batch shapes, a graph rounds differently.
TOLERANCE = 1e-4

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class DemoReport:
    """What the demo did and found.

    Attributes:
        preset: name of the preset.
        correct: queries of the pictured episode that were right.
        queries: queries of that episode.
        state_difference: largest difference of a served state from the local
            one, relative to its largest value.
        probability_difference: largest difference of a probability.
        result: accuracy over many episodes.
        export: folder of the exported version; None if it was temporary.
        picture: the picture of one episode.
        seconds: wall time.
    """

    preset: str
    correct: int
    queries: int
    state_difference: dict[str, float]
    probability_difference: dict[str, float]
    result: EvaluationResult
    export: Path | None
    picture: Path
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON can hold it."""
        return {
            "preset": self.preset,
            "accuracy": self.result.accuracy,
            "ci95": self.result.ci95,
            "episodes": self.result.episodes,
            "dataset": self.result.dataset,
            "correct": self.correct,
            "queries": self.queries,
            "state_difference": self.state_difference,
            "probability_difference": self.probability_difference,
            "export": None if self.export is None else str(self.export),
            "picture": str(self.picture),
            "seconds": self.seconds,
        }


@dataclasses.dataclass(frozen=True)
class _Task:
    """One episode without the tasks axis."""

    support_x: np.ndarray
    support_y: np.ndarray
    query_x: np.ndarray
    query_y: np.ndarray


def run_demo(
    preset: str | None = None,
    output: str | Path | None = None,
    picture: str | Path = DEFAULT_PICTURE,
    episodes: int = 300,
    seed: int = 0,
    say: Say = print,
) -> DemoReport:
    """Walks the whole way from a preset to served predictions.

    Args:
        preset: name, folder or address; None takes the one that ships.
        output: folder of the exported model; None exports to a temporary
            one that is gone afterwards.
        picture: file of the picture of one episode.
        episodes: episodes for the accuracy.
        seed: seed of the episodes.
        say: told what happens, line by line.

    Returns:
        The report.

    Raises:
        PresetError: no preset ships with this installation.
        ServingError: a served answer differs from the local one.
        ImportError: an extra is missing.
    """
    started = time.perf_counter()
    name = preset or shipped_preset()
    learner = _load(name, say)
    data = _characters(learner)
    task = _task(data, seed)
    adapted = _adapt(learner, task, say)
    with _export_folder(output) as folder:
        version = _export(learner, folder, say)
        differences = _serve(folder, task, adapted, say)
    result = _measure(learner, data, episodes, seed, say)
    drawn = _draw(task, adapted, Path(picture), say)
    correct = int((adapted.predict_classes(task.query_x) == task.query_y).sum())
    seconds = time.perf_counter() - started
    say(f"Done in {seconds:.0f} s.")
    return DemoReport(
        preset=name,
        correct=correct,
        queries=len(task.query_y),
        state_difference={k: v[0] for k, v in differences.items()},
        probability_difference={k: v[1] for k, v in differences.items()},
        result=result,
        export=None if output is None else version,
        picture=drawn,
        seconds=seconds,
    )


def shipped_preset() -> str:
    """Name of the preset that the demo loads.

    Returns:
        The default one, or the first other episodic one that ships.

    Raises:
        PresetError: none ships with this installation.
    """
    from metazoo.presets.listing import list_presets
    from metazoo.registry import get_method

    names = [
        info.preset
        for info in list_presets()
        if info.directory is not None
        and get_method(info.method).contract == "episodic"
    ]
    if not names:
        raise PresetError(
            "no preset ships with this installation; give one with --preset, "
            "or train one: metazoo train protonet --recipe glyphs --output run"
        )
    return DEFAULT_PRESET if DEFAULT_PRESET in names else names[0]


def _load(name: str, say: Say) -> EpisodicLearner:
    from metazoo.presets import from_preset

    learner = from_preset(name)
    metadata = learner.preset_metadata
    say(
        f"Loaded {metadata.preset}: {type(learner).__name__}, "
        f"{metadata.parameter_count:,} parameters, trained on "
        f"{metadata.dataset}."
    )
    return learner


def _characters(learner: EpisodicLearner) -> ClassDataset:
    from metazoo.data import load_glyphs

    return load_glyphs("test", image_size=learner.example_shape[0] or 28)


def _task(data: ClassDataset, seed: int) -> _Task:
    from metazoo.data import EpisodeSampler

    sampler = EpisodeSampler(
        data,
        num_ways=NUM_WAYS,
        num_shots=NUM_SHOTS,
        num_queries=NUM_QUERIES,
        seed=seed,
    )
    episode = sampler.tasks(0, 1)
    return _Task(
        *(
            np.asarray(part)[0]
            for part in (
                episode.support_x,
                episode.support_y,
                episode.query_x,
                episode.query_y,
            )
        )
    )


def _adapt(learner: EpisodicLearner, task: _Task, say: Say) -> AdaptedModel:
    from metazoo.timing import time_calls

    adapted = learner.adapt(task.support_x, task.support_y)
    timing = time_calls(
        lambda: learner.adapt(task.support_x, task.support_y), runs=5
    )
    right = (adapted.predict_classes(task.query_x) == task.query_y).sum()
    say(
        f"Adapted to {NUM_WAYS} made-up characters from {NUM_SHOTS} drawing "
        f"of each in {timing.median_ms:.1f} ms: {right} of "
        f"{len(task.query_y)} new drawings right."
    )
    return adapted


@contextlib.contextmanager
def _export_folder(output: str | Path | None) -> Iterator[Path]:
    if output is not None:
        yield Path(output)
        return
    with tempfile.TemporaryDirectory(prefix="metazoo-demo-") as directory:
        yield Path(directory, MODEL_NAME)


def _export(learner: EpisodicLearner, folder: Path, say: Say) -> Path:
    from metazoo.serving import export

    version = export(learner, folder)
    names = ", ".join(signature.name for signature in learner.signatures())
    say(f"Exported a SavedModel with {names} to {version}.")
    return version


def _serve(
    folder: Path, task: _Task, adapted: AdaptedModel, say: Say
) -> dict[str, tuple[float, float]]:
    """Adapts and predicts over both transports; differences from local."""
    from metazoo.serving import Client, EmbeddedServer

    found: dict[str, tuple[float, float]] = {}
    with EmbeddedServer({MODEL_NAME: folder}, port=0, rest_port=0) as server:
        say(
            f"Serving on 127.0.0.1: gRPC {server.port}, REST "
            f"{server.rest_port}."
        )
        ports: dict[Literal["grpc", "rest"], int | None] = {
            "grpc": server.port,
            "rest": server.rest_port,
        }
        for transport, port in ports.items():
            address = f"127.0.0.1:{port}"
            with Client(address, MODEL_NAME, transport) as client:
                found[transport] = _ask(client, task, adapted, transport, say)
    return found


def _ask(
    client: Any, task: _Task, adapted: AdaptedModel, transport: str, say: Say
) -> tuple[float, float]:
    remote = client.adapt(task.support_x, task.support_y)
    state = max(
        _relative(remote.state[name], value)
        for name, value in adapted.state.items()
    )
    probabilities = adapted.predict(task.query_x)
    answers = (
        remote.predict(task.query_x),
        client.adapt_predict(task.support_x, task.support_y, task.query_x)[
            "probabilities"
        ],
    )
    largest = max(float(np.abs(a - probabilities).max()) for a in answers)
    if max(state, largest) > TOLERANCE:
        raise ServingError(
            f"{transport}: the served state differs by {state:.2g} and the "
            f"probabilities by {largest:.2g} from the local ones; at most "
            f"{TOLERANCE:g} is expected"
        )
    say(
        f"  {transport}: adapted and predicted; the state equals the local "
        f"one ({_closeness(state)})."
    )
    return state, largest


def _relative(value: np.ndarray, expected: np.ndarray) -> float:
    if value.shape != expected.shape:
        raise ServingError(
            f"a served state has shape {value.shape}; the local one "
            f"{expected.shape}"
        )
    if expected.dtype.kind not in "f":
        return 0.0 if np.array_equal(value, expected) else float("inf")
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(value - expected).max()) / scale


def _closeness(difference: float) -> str:
    if difference == 0:
        return "to the last bit"
    return f"to {difference:.1g} of its largest value"


def _measure(
    learner: EpisodicLearner,
    data: ClassDataset,
    episodes: int,
    seed: int,
    say: Say,
) -> EvaluationResult:
    from metazoo.evaluation import evaluate

    result = evaluate(
        learner,
        data,
        num_ways=NUM_WAYS,
        num_shots=NUM_SHOTS,
        episodes=episodes,
        seed=seed,
    )
    say(f"Accuracy on characters it never saw: {result}")
    return result


def _draw(task: _Task, adapted: AdaptedModel, path: Path, say: Say) -> Path:
    from metazoo.plots import draw_episode, save_figure

    figure = draw_episode(
        task.support_x,
        task.support_y,
        task.query_x,
        task.query_y,
        adapted.predict(task.query_x),
        subtitle=f"{NUM_WAYS} characters the model never saw, one drawing of "
        "each to learn from",
    )
    saved = save_figure(figure, path).absolute()
    say(f"Drew one episode: {saved}")
    return saved
