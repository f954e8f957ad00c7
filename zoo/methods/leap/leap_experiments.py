"""Leap on alphabets it has not seen, against other ways to pretrain.

What is compared is the error after a task's steps, and the area under the
curve of its training loss, by the number of alphabets pretrained on. The
encoder's architecture, the tasks and the steps are the same in every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import (
    Cell,
    Claim,
    Experiment,
    Measurement,
    Picture,
    Scale,
    Training,
)
from metazoo.methods.leap.leap_recipe import (
    OMNIGLOT,
    OMNIGLOT_SMALL,
    LeapRecipe,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from metazoo.experiments import Bench

_REPTILE: dict[str, Any] = {
    "distance": "energy",
    "loss_in_path": False,
    "stabilizer": False,
    "include_last": True,
}
# Rows at every number of alphabets. The step sizes of the released script
# are 0.1 for Leap and Reptile and 0.5 for MAML.
ROWS: Mapping[str, Mapping[str, Any]] = {
    "Leap": {},
    "Reptile, 0.1": _REPTILE,
    "Reptile, 1.0": {**_REPTILE, "outer_learning_rate": 1.0},
    "first-order MAML": {"outer": "last_gradient", "outer_learning_rate": 0.5},
    "first-order MAML, 5 steps": {
        "outer": "last_gradient",
        "outer_learning_rate": 0.5,
        "inner_steps": 5,
    },
}
# Rows at the largest number alone: Reptile's step size, Leap's parts.
LAST_ROWS: Mapping[str, Mapping[str, Any]] = {
    "Reptile, 0.5": {**_REPTILE, "outer_learning_rate": 0.5},
    "Leap, no stabiliser": {"stabilizer": False},
    "Leap, energy": {"distance": "energy"},
    "Leap, no loss in the path": {"loss_in_path": False},
    "Leap, 0.3": {"outer_learning_rate": 0.3},
}
NONE = "no pretraining"
TEST_SPLIT = "test"
TEST_SEED = 20_000
CURVES = "curves"

# A scale's own fields, apart from those of the recipe.
ALPHABETS = {"two_cores": (1, 5, 20), "paper": (1, 3, 5, 10, 15, 20, 25)}
SCALES = {
    "two_cores": Scale(episodes=48, changes={"filters": 16}),
    "paper": Scale(episodes=100, changes={"split": "background"}),
    "tiny": Scale(
        seeds=(0,),
        episodes=3,
        changes={
            "dataset": "glyphs",
            "split": "val",
            "filters": 4,
            "num_ways": 3,
            "num_shots": 4,
            "num_queries": 2,
            "num_tasks": 2,
            "inner_steps": 4,
            "predict_steps": 4,
            "inner_batch_size": 4,
            "steps": 2,
        },
    ),
}


def base_of(scale: Scale) -> tuple[LeapRecipe, tuple[int, ...]]:
    """What all rows of a scale share, and its numbers of alphabets.

    Args:
        scale: how much to do.
    """
    if scale.changes.get("dataset") == "glyphs":
        return OMNIGLOT_SMALL, (1, 2)
    if scale.changes.get("split") == "background":
        return OMNIGLOT, ALPHABETS["paper"]
    return OMNIGLOT_SMALL, ALPHABETS["two_cores"]


def rows_of(numbers: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    """Names of rows with their number of alphabets, in the order to do.

    Args:
        numbers: of alphabets.
    """
    yield NONE, 0
    for number in reversed(numbers):
        yield from ((name, number) for name in ROWS)
        if number == numbers[-1]:
            yield from ((name, number) for name in LAST_ROWS)


def recipe_of(name: str, number: int, scale: Scale, seed: int) -> LeapRecipe:
    """The recipe of one row.

    Args:
        name: of the row.
        number: alphabets to train on; 0 for none.
        scale: how much to do.
        seed: of the training and of the choice of alphabets.
    """
    base, _ = base_of(scale)
    changes = {**ROWS, **LAST_ROWS}.get(name, {})
    # The row comes last: a short horizon is what it is about.
    return base.replace(**scale.changes).replace(
        **changes,
        seed=seed,
        alphabet_seed=seed,
        num_alphabets=number or None,
    )


def training_of(name: str, number: int, scale: Scale, seed: int) -> Training:
    """The training of one row.

    Args:
        name: of the row.
        number: alphabets to train on.
        scale: how much to do.
        seed: of the training.
    """
    words = "".join(c if c.isalnum() else " " for c in name.lower()).split()
    key = "_".join([*words, str(number), str(seed)])
    return Training(key, recipe_of(name, number, scale, seed))


def measure(
    recipe: LeapRecipe, key: str, bench: Bench, learner: Any
) -> list[Measurement]:
    """Error and area under the curve on tasks of unseen alphabets.

    Args:
        recipe: tells the tasks and, without a training, the learner.
        key: names the file the curves are kept in, for the picture.
        bench: the place of the experiment.
        learner: the trained learner; None makes an untrained one.
    """
    import keras
    import numpy as np

    from metazoo.methods.leap.leap_measures import held_out_paths
    from metazoo.whole_files import replacing

    data = recipe.alphabets_of(bench.dataset(recipe.dataset, TEST_SPLIT))
    if learner is None:
        keras.utils.set_random_seed(recipe.seed)
        learner = recipe.learner_for(data)
    steps = recipe.predict_steps
    paths = held_out_paths(
        learner,
        recipe.alphabet_tasks(data, steps, TEST_SEED),
        bench.scale.episodes,
        steps,
        recipe.inner_learning_rate,
    )
    folder = bench.output / CURVES
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{key}.npz"
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, curve=paths.curve)
    return [
        Measurement.of("error", paths.error, data),
        Measurement.of("training_loss_area", paths.area, data),
        Measurement.of("path_length", paths.length, data),
    ]


def cells(scale: Scale) -> list[Cell]:
    """All rows at all numbers of alphabets.

    Args:
        scale: how much to do.
    """
    _, numbers = base_of(scale)
    found = []
    for name, number in rows_of(numbers):
        for seed in scale.seeds:
            training = training_of(name, number, scale, seed)
            recipe = recipe_of(name, number, scale, seed)
            found.append(
                Cell(
                    labels={"variant": name, "alphabets": number},
                    seed=seed,
                    measure=partial(measure, recipe, training.name),
                    training=None if name == NONE else training,
                    setting=recipe if name == NONE else None,
                )
            )
    return found


def draw_curves(scale: Scale, bench: Bench, learner: Any) -> Figure:
    """Training curves on held-out tasks after most alphabets.

    Args:
        scale: how much was done.
        bench: where the curves were kept.
        learner: none.
    """
    import numpy as np

    from metazoo.methods.leap.leap_picture import plot_training_curves

    _, numbers = base_of(scale)
    curves = {}
    for name, number in [(NONE, 0), *((row, numbers[-1]) for row in ROWS)]:
        found = []
        for seed in scale.seeds:
            key = training_of(name, number, scale, seed).name
            with np.load(bench.output / CURVES / f"{key}.npz") as stored:
                found.append(stored["curve"])
        curves[name] = np.concatenate(found)
    return plot_training_curves(
        curves, f"Unseen alphabets, after {numbers[-1]} to learn from"
    )


def pictures(scale: Scale) -> list[Picture]:
    """The training curves.

    Args:
        scale: how much was done.
    """
    doc = "Training loss on unseen alphabets, step by step, by pretraining."
    return [Picture("training_curves", doc, partial(draw_curves, scale))]


def _claim(
    doc: str, other: str, number: int, metric: str = "error", **bounds: float
) -> Claim:
    largest = ALPHABETS["two_cores"][-1]
    return Claim(
        doc,
        {"variant": "Leap", "alphabets": largest},
        {"variant": other, "alphabets": number},
        metric=metric,
        **bounds,
    )


_MOST = ALPHABETS["two_cores"][-1]
CLAIMS = (
    _claim("Leap is ahead of no pretraining", NONE, 0, most=0.0),
    _claim("Leap is 20 points ahead of no pretraining", NONE, 0, most=-0.2),
    _claim(
        "Leap is ahead of Reptile at its own step size",
        "Reptile, 0.1",
        _MOST,
        most=0.0,
    ),
    _claim(
        "Leap is ahead of Reptile at Reptile's tuned step size",
        "Reptile, 1.0",
        _MOST,
        most=0.0,
    ),
    _claim(
        "Leap is ahead of first-order MAML", "first-order MAML", _MOST, most=0.0
    ),
    _claim(
        "Leap is ahead of first-order MAML of 5 steps",
        "first-order MAML, 5 steps",
        _MOST,
        most=0.0,
    ),
    _claim(
        "the stabiliser makes training on a new task faster",
        "Leap, no stabiliser",
        _MOST,
        "training_loss_area",
        most=-0.05,
    ),
    _claim("length is no worse than energy", "Leap, energy", _MOST, most=0.0),
    _claim(
        "the loss belongs into the path",
        "Leap, no loss in the path",
        _MOST,
        most=0.0,
    ),
    Claim(
        "more alphabets to learn from help Leap",
        {"variant": "Leap", "alphabets": _MOST},
        {"variant": "Leap", "alphabets": 1},
        most=0.0,
        metric="error",
    ),
)

EXPERIMENTS = {
    "omniglot": Experiment(
        "pulling the initial weights along whole training paths makes new "
        "alphabets faster to learn (section 4.1)",
        cells,
        SCALES,
        CLAIMS,
        pictures,
    )
}
