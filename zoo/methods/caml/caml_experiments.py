"""CAML against MAML, its own metric space, and shuffled places."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Cell, Experiment, Scale
from metazoo.methods.caml.caml_recipe import RECIPES, VARIANTS, CAMLRecipe
from metazoo.methods.caml.experiments.caml_cells import (
    TEST_SEED,
    cells,
    claims,
    standard_score,
    test_data,
)
from metazoo.methods.caml.experiments.caml_families import (
    FamilyRecipe,
    family_sampler,
)

if TYPE_CHECKING:
    from metazoo.experiments import Bench

FAMILIES = FamilyRecipe()
_CHUNK = 20


def family_score(recipe: CAMLRecipe, bench: Bench, learner: Any) -> Any:
    """Accuracy of test episodes, half of them of one family.

    Args:
        recipe: tells data and setting.
        bench: the place of the experiment.
        learner: a trained learner.
    """
    import numpy as np
    import tensorflow as tf

    sampler = family_sampler(
        test_data(recipe, bench),
        num_ways=recipe.num_ways,
        num_shots=recipe.num_shots,
        num_queries=15,
        seed=TEST_SEED,
    )
    call = tf.function(lambda inputs: tf.argmax(learner(inputs), -1))
    found: list[float] = []
    for start in range(0, bench.scale.episodes, _CHUNK):
        count = min(_CHUNK, bench.scale.episodes - start)
        inputs, query_y, _ = sampler.tasks(start, count).to_keras()
        right = call(inputs).numpy() == query_y.numpy()
        found += right.mean(-1).tolist()
    return np.array(found)


def _of_recipe(queries: int, recipe: CAMLRecipe) -> Any:
    return partial(standard_score, recipe, queries)


def omniglot_cells(scale: Scale) -> list[Cell]:
    """20-way 1-shot.

    Args:
        scale: how much to do.
    """
    base = RECIPES["omniglot_20way_1shot"]
    return cells(base, partial(_of_recipe, 5), scale)


def mini_imagenet_cells(scale: Scale) -> list[Cell]:
    """5-way 1-shot.

    Args:
        scale: how much to do.
    """
    base = RECIPES["mini_imagenet_5way_1shot"]
    return cells(base, partial(_of_recipe, 15), scale)


def family_cells(scale: Scale) -> list[Cell]:
    """5-way 1-shot on vectors in families.

    Args:
        scale: how much to do.
    """
    return cells(
        FAMILIES,
        lambda recipe: partial(family_score, recipe),
        scale,
        VARIANTS,
    )


_TINY = {
    "steps": 5,
    "inner_steps": 1,
    "predict_steps": 1,
    "filters": 4,
    "num_tasks": 1,
    "num_queries": 1,
    "metric_steps": 5,
    "metric_filters": 4,
    "metric_queries": 1,
    "metric_tasks": 1,
}
# The same network, steps and meta-batch for all rows of an experiment.
_PAPER = {"steps": 60000, "inner_steps": 5, "predict_steps": 10}

EXPERIMENTS = {
    "families": Experiment(
        "an image's place in a metric space tells which features matter "
        "(vectors whose classes differ by family in other directions)",
        family_cells,
        {
            "two_cores": Scale(episodes=960),
            "tiny": Scale(seeds=(0,), episodes=20, changes=_TINY),
        },
        claims(0.02, 0.01),
    ),
    "omniglot": Experiment(
        "CAML against MAML with the same network, 20-way 1-shot",
        omniglot_cells,
        {
            "two_cores": Scale(episodes=600),
            "paper": Scale(
                changes={
                    **_PAPER,
                    "filters": 64,
                    "num_tasks": 4,
                    "num_queries": 15,
                    "final_learning_rate_scale": 1.0,
                    "metric_queries": 15,
                    "metric_steps": 20000,
                }
            ),
            "tiny": Scale(
                seeds=(0,), episodes=4, changes={**_TINY, "num_ways": 5}
            ),
        },
        claims(0.0),
    ),
    "mini-imagenet": Experiment(
        "CAML against MAML with the same network, 5-way 1-shot",
        mini_imagenet_cells,
        {
            "two_cores": Scale(episodes=600, changes={"steps": 2000}),
            "paper": Scale(
                changes={
                    **_PAPER,
                    "num_queries": 15,
                    "num_tasks": 4,
                    "final_learning_rate_scale": 1.0,
                    "inner_learning_rate": 0.01,
                    "metric_preset": None,
                    "metric_widths": (64, 128, 256, 512),
                    "metric_queries": 15,
                    "metric_steps": 20000,
                    "modulation_size": None,
                }
            ),
            "tiny": Scale(seeds=(0,), episodes=4, changes=_TINY),
        },
        claims(0.0),
    ),
}
