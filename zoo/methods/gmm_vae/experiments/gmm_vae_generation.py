"""Images of new classes: a picture of them, and whether others know them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.experiments import Cell, Measurement, Picture, Scale, Training
from metazoo.methods.gmm_vae.experiments.gmm_vae_settings import (
    TEST_SEED,
    control,
    mixture,
    test_data,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from metazoo.data import ClassDataset
    from metazoo.experiments import Bench

_WAYS = 5
_SAMPLES = 2
# Pixel by pixel, an image takes a while.
_EPISODES = 100


def measure(
    training: Training,
    judge: Training,
    num_shots: int,
    seed: int,
    bench: Bench,
    learner: Any,
) -> list[Measurement]:
    """Whether a prototypical network takes drawn images for their class.

    It has five real images of each class, none of them the support; what it
    says of further real images is the most that can be hoped for. Images
    as expected, before their pixels are drawn, are judged too.
    """
    from metazoo.data import EpisodeSampler

    data = test_data(training, bench)
    episodes = min(_EPISODES, bench.scale.episodes)
    task = EpisodeSampler(
        data,
        num_ways=_WAYS,
        num_shots=num_shots,
        num_queries=5 + _SAMPLES,
        seed=TEST_SEED + seed,
    ).tasks(0, episodes)
    drawn, expected = draw_classes(
        learner, task.support_x.numpy(), task.support_y.numpy(), seed
    )
    real = task.query_x.numpy().reshape(episodes, _WAYS, -1, *data.image_shape)
    known, others = real[:, :, :5], real[:, :, 5:]
    network = bench.learner(judge)
    return [
        Measurement.of(
            f"accuracy_{name}", _judged(network, known, images), data
        )
        for name, images in (
            ("drawn", drawn),
            ("expected", expected),
            ("real", others),
        )
    ]


def draw_classes(
    learner: Any,
    support_x: np.ndarray,
    support_y: np.ndarray,
    seed: int,
    num_samples: int = _SAMPLES,
) -> tuple[np.ndarray, np.ndarray]:
    """Adapts, and draws images of every class.

    Args:
        learner: a `GMMVAE`.
        support_x: raw pixels [tasks, support, height, width, 1].
        support_y: int64 [tasks, support].
        seed: of the draws.
        num_samples: images of each class.

    Returns:
        Raw pixels [tasks, classes, samples, height, width, 1]: drawn, and as
        expected before the draw of each pixel.
    """
    state = learner.adapt(support_x, support_y).state
    found = [
        learner.generate(state, label, num_samples, (seed, 1000 * label))
        for label in range(state["shots"].shape[1])
    ]
    drawn, ink = (
        np.stack([one[name] for one in found], axis=1)
        for name in ("images", "ink_probability")
    )
    return drawn, _as_pixels(ink)


def _as_pixels(ink: np.ndarray) -> np.ndarray:
    """Raw pixels: 0 is ink, 255 is paper."""
    return (255.0 * (1.0 - ink)).astype(np.float32)


def _to_show(learner: Any, drawn: np.ndarray, expected: np.ndarray) -> Any:
    """What a picture shows, and a word on it.

    Where pixels are drawn apart from one another, the draw is noise on what
    the code says.
    """
    if learner.pixels is None:
        return expected, "the ink expected at each pixel"
    return drawn, "pixel by pixel"


def _judged(network: Any, known: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Accuracy of a learner on images [tasks, classes, samples, ...]."""
    tasks, ways = known.shape[:2]

    def flat(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        labels = np.tile(np.repeat(np.arange(ways), x.shape[2]), (tasks, 1))
        return x.reshape(tasks, -1, *x.shape[3:]), labels

    found = network.adapt(*flat(known))
    x, y = flat(images)
    return (found.predict(x).argmax(-1) == y).mean(-1)


def cells(scale: Scale) -> list[Cell]:
    """One and five shots.

    Args:
        scale: how much to do.
    """
    return [
        Cell(
            {"model": "GMM-VAE", "testing": f"{_WAYS}-way {shots}-shot"},
            seed,
            partial(
                measure,
                mixture(scale, seed),
                control(scale, seed, 5),
                shots,
                seed,
            ),
            mixture(scale, seed),
        )
        for seed in scale.seeds
        for shots in (1, 5)
    ]


def pictures(scale: Scale) -> list[Picture]:
    """Images of new classes, and of classes that nobody has seen.

    Args:
        scale: how much to do.
    """
    trained = mixture(scale, scale.seeds[0])
    return [
        Picture(
            f"new_classes_{shots}shot",
            f"images of characters of new alphabets, from {shots} of each",
            partial(_draw_new, trained, shots),
            trained,
        )
        for shots in (1, 5)
    ] + [
        Picture(
            "imagined_classes",
            "images of imagined characters, a row each",
            _draw_imagined,
            trained,
        )
    ]


def _draw_new(
    training: Training, num_shots: int, bench: Bench, learner: Any
) -> Figure:
    from metazoo.plots import plot_samples

    data = test_data(training, bench)
    shown = spread_examples(data, 8, num_shots)
    labels = np.repeat(np.arange(len(shown)), num_shots)
    support_x = shown.reshape(-1, *data.image_shape).astype(np.float32)
    both = draw_classes(learner, support_x[None], labels[None], 0, 8)
    images, how = _to_show(learner, *both)
    each = "one drawing" if num_shots == 1 else f"{num_shots} drawings"
    return plot_samples(
        shown,
        images[0],
        "Characters it has not seen before",
        f"from {each} of each, no weight is changed; {how}",
    )


def spread_examples(
    data: ClassDataset, num_classes: int, num_shots: int
) -> np.ndarray:
    """The first images of classes spread over a data set.

    Args:
        data: the classes.
        num_classes: how many, at most.
        num_shots: images of each.

    Returns:
        [classes, shots, height, width, 1].
    """
    count = min(num_classes, data.num_classes)
    classes = np.linspace(0, data.num_classes - 1, count).astype(int)
    rows = data.class_offsets[classes][:, None] + np.arange(num_shots)
    return data.images[rows]


def _draw_imagined(bench: Bench, learner: Any) -> Figure:
    from metazoo.plots import plot_samples

    found = learner.imagine(8, 10, (0, 7))
    expected = _as_pixels(found["ink_probability"])
    images, how = _to_show(learner, found["images"], expected)
    return plot_samples(
        images[0][:, :0],
        images[0],
        "Characters it made up",
        f"each row is one class, drawn from the prior of classes; {how}",
    )
