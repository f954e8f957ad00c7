"""Leap on alphabets it has not seen, against other ways to pretrain.

What is compared is the error after a task's steps, and the area under the
curve of its training loss, by the number of alphabets pretrained on. The
encoder's architecture, the tasks and the steps are the same in every row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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

_ONCE = ("Leap", "Reptile, 0.1", "Reptile, 1.0", "first-order MAML")


@dataclass(frozen=True)
class LeapScale(Scale):
    """A scale that says which rows there are.

    Attributes:
        base: what all rows share, before `changes`.
        alphabets: numbers of alphabets to pretrain on, rising.
        compared: the number that claims are about.
        rows: names at every number of alphabets.
        compared_rows: names at the number compared alone.
    """

    base: LeapRecipe = OMNIGLOT_SMALL
    alphabets: tuple[int, ...] = (1, 5, 20)
    compared: int = 20
    rows: tuple[str, ...] = tuple(ROWS)
    compared_rows: tuple[str, ...] = tuple(LAST_ROWS)


_TINY = LeapScale(
    seeds=(0,),
    episodes=3,
    alphabets=(1, 2),
    compared=2,
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
)
SCALES = {
    "two_cores": LeapScale(episodes=48, changes={"filters": 16}),
    "paper": LeapScale(
        episodes=100,
        changes={"split": "background"},
        base=OMNIGLOT,
        alphabets=(1, 3, 5, 10, 15, 20, 25),
    ),
    "tiny": _TINY,
}
# The paper's tasks; outer steps, tasks of each and channels for two cores.
HUNDRED_SCALES = {
    "two_cores": LeapScale(
        episodes=24,
        changes={
            "filters": 16,
            "num_ways": 20,
            "inner_steps": 100,
            "predict_steps": 100,
            "rotations": False,
            "augment": True,
        },
        alphabets=(5, 20),
        rows=_ONCE,
        compared_rows=(),
    ),
    "tiny": dataclasses.replace(_TINY, rows=_ONCE, compared_rows=()),
}


def rows_of(scale: LeapScale) -> Iterator[tuple[str, int]]:
    """Names of rows with their number of alphabets, in the order to do.

    Args:
        scale: how much to do.
    """
    yield NONE, 0
    for number in reversed(scale.alphabets):
        yield from ((name, number) for name in scale.rows)
        if number == scale.compared:
            yield from ((name, number) for name in scale.compared_rows)


def recipe_of(name: str, number: int, scale: Scale, seed: int) -> LeapRecipe:
    """The recipe of one row.

    Args:
        name: of the row.
        number: alphabets to train on; 0 for none.
        scale: how much to do.
        seed: of the training and of the choice of alphabets.
    """
    changes = {**ROWS, **LAST_ROWS}.get(name, {})
    # The row comes last: a short horizon is what it is about.
    base = LeapScale.of(scale).base.replace(**scale.changes)
    return base.replace(
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
    found = []
    for name, number in rows_of(LeapScale.of(scale)):
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

    most = LeapScale.of(scale).alphabets[-1]
    rows = [(row, most) for row in LeapScale.of(scale).rows]
    curves = {}
    for name, number in [(NONE, 0), *rows]:
        found = []
        for seed in scale.seeds:
            key = training_of(name, number, scale, seed).name
            with np.load(bench.output / CURVES / f"{key}.npz") as stored:
                found.append(stored["curve"])
        curves[name] = np.concatenate(found)
    return plot_training_curves(
        curves, f"Unseen alphabets, after {most} to learn from"
    )


def pictures(scale: Scale) -> list[Picture]:
    """The training curves.

    Args:
        scale: how much was done.
    """
    doc = "Training loss on unseen alphabets, step by step, by pretraining."
    return [Picture("training_curves", doc, partial(draw_curves, scale))]


# Alphabets that claims are about.
_MOST = LeapScale.compared


def _claim(
    doc: str, other: str, number: int, metric: str = "error", **bounds: float
) -> Claim:
    return Claim(
        doc,
        {"variant": "Leap", "alphabets": _MOST},
        {"variant": other, "alphabets": number},
        metric=metric,
        **bounds,
    )


def _more_alphabets(fewest: int) -> Claim:
    return _claim(
        "more alphabets to learn from help Leap", "Leap", fewest, most=0.0
    )


_SHARED_CLAIMS = (
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
)
CLAIMS = (
    *_SHARED_CLAIMS,
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
    _more_alphabets(1),
)

EXPERIMENTS = {
    "omniglot": Experiment(
        "pulling the initial weights along whole training paths makes new "
        "alphabets faster to learn (section 4.1)",
        cells,
        SCALES,
        CLAIMS,
        pictures,
    ),
    "hundred-steps": Experiment(
        "the same on the paper's tasks: 20 ways, 100 gradient steps, drawings "
        "turned by any angle, scaled and shifted",
        cells,
        HUNDRED_SCALES,
        (*_SHARED_CLAIMS, _more_alphabets(5)),
        pictures,
    ),
}
