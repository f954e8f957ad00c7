"""What BANDE's experiments share: modes, scales, trainings, data.

All tests draw from evaluation alphabets of Omniglot; trainings use the
background alphabets.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from metazoo.experiments import Measurement, Scale, Training
from metazoo.methods.bande.bande_recipe import RECIPES

# A prototypical network is soft k-means without unlabelled points: with
# this variance a log density is the negative squared distance.
MODES: dict[str, dict[str, Any]] = {
    "protonet": {"mode": "kmeans-refine", "sigma": 0.5, "learn_sigma": False},
    "bande": {"mode": "bande"},
    "soft-nn": {"mode": "soft-nn"},
    "bande-first-cluster": {"mode": "bande", "cluster_rule": "first_cluster"},
    "dp-means-hard": {"mode": "dp-means-hard", "learn_sigma": False},
    "kmeans-distractor": {
        "mode": "kmeans-distractor",
        "sigma": 1.0,
        "learn_sigma": False,
        "sigma_unlabeled": 100.0,
        "learn_sigma_unlabeled": True,
    },
}

# Seeds of test episodes are none of a training.
TEST_SEED = 10_000

SCALES = {
    "two_cores": Scale(
        seeds=(0, 1, 2),
        episodes=500,
        changes={
            "filters": 32,
            "steps": 3000,
            "halve_from": 1500,
            "halve_every": 500,
            "num_queries": 2,
        },
    ),
    "paper": Scale(seeds=(0, 1, 2), episodes=500),
    "tiny": Scale(
        seeds=(0,),
        episodes=3,
        changes={
            "dataset": "glyphs",
            "split": "train",
            "rotations": False,
            "num_ways": 3,
            "num_subclasses": 3,
            "num_queries": 1,
            "filters": 4,
            "steps": 2,
        },
    ),
}


def training(name: str, recipe: str, mode: str, scale: Scale, seed: int) -> Any:
    """One of the models: a recipe in a mode, at a scale.

    Args:
        name: of the training set, for the folder.
        recipe: name of the recipe.
        mode: one of `MODES`.
        scale: whose changes apply.
        seed: of the training.
    """
    changed = RECIPES[recipe].replace(seed=seed, **MODES[mode])
    changes = dict(scale.changes)
    if changed.episodes != "superclasses":
        # The super-classes' queries are many; these are few.
        changes.pop("num_queries", None)
    folder = f"{name}_{mode}_{seed}".replace("-", "_")
    return Training(folder, changed.replace(**changes))


def is_small(scale: Scale) -> bool:
    """Whether a scale is the one for tests.

    Args:
        scale: one of `SCALES`, maybe changed.
    """
    return scale.changes.get("dataset") == "glyphs"


def source(scale: Scale) -> tuple[str, str]:
    """Specification and split that tests draw from.

    Args:
        scale: one of `SCALES`, maybe changed.
    """
    return ("glyphs", "test") if is_small(scale) else ("omniglot", "test")


def at_shots(score: Measurement, shots: int) -> Measurement:
    """The same number as a metric of its own for a number of shots.

    Args:
        score: such as "accuracy".
        shots: support examples of each class.
    """
    return dataclasses.replace(score, metric=f"{score.metric}_{shots}_shot")
