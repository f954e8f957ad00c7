"""TAEML against its members, simpler ensembles, and one pooled network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from metazoo.experiments import Cell, Experiment, Picture, Scale
from metazoo.methods.taeml.experiments.taeml_channels import (
    DOMAINS as CHANNELS,
)
from metazoo.methods.taeml.experiments.taeml_channels import UNSEEN
from metazoo.methods.taeml.experiments.taeml_rows import (
    BEST_ON_VAL,
    LEFT_OUT,
    POOLED,
    RATIO,
    RIVAL_RATIO,
    UNIFORM,
    cells,
    claim,
    picture_of,
    taeml_row,
)
from metazoo.methods.taeml.taeml_recipe import DOMAINS, TAEMLRecipe

CHANNEL_RECIPE = TAEMLRecipe(
    dataset="channels:" + ",".join(CHANNELS),
    members=tuple(f"channels:{name}" for name in CHANNELS),
    rescaling=(-1 / 255, 1.0),
    filters=16,
    steps=4000,
    outer_learning_rate=1e-3,
    trust_units=(128, 64),
    member_ways=5,
    member_queries=15,
    member_steps=200,
)

_FORMS = {
    f"{form}_{mode}": {"form": form, "mode": mode}
    for form in ("symmetric", "flat")
    for mode in ("transductive", "single")
}
# Domains have unequal ways, which the flat form can't take.
_SYMMETRIC = {
    f"symmetric_{mode}": {"form": "symmetric", "mode": mode}
    for mode in ("transductive", "single", "support")
}


def channel_cells(scale: Scale) -> list[Cell]:
    """Both forms of the trust network on characters among distractors.

    Args:
        scale: how much to do.
    """
    return cells(CHANNEL_RECIPE, _FORMS, scale, f"channels:{UNSEEN}")


def domain_cells(scale: Scale) -> list[Cell]:
    """The symmetric form on four data sets.

    Args:
        scale: how much to do.
    """
    return cells(DOMAINS, _SYMMETRIC, scale)


def _pictures(
    recipe: TAEMLRecipe, variants: Mapping[str, Mapping[str, Any]], scale: Scale
) -> list[Picture]:
    name, changes = next(iter(variants.items()))
    return [picture_of(recipe, name, changes, scale)]


_ALL = taeml_row("symmetric", "transductive")


def _channel_claims() -> list[Any]:
    found = []
    for form in ("symmetric", "flat"):
        together = taeml_row(form, "transductive")
        single = taeml_row(form, "single")
        found += [
            claim(
                f"{form}: ahead of the uniform average",
                together,
                UNIFORM,
                0.08,
            ),
            claim(
                f"{form}: all queries together tell as much as one",
                together,
                single,
                -0.01,
            ),
            claim(
                f"{form}: the matched learner has twice the mean trust of the "
                "others in every domain",
                together,
                UNIFORM,
                1.0,
                RATIO,
            ),
        ]
    return found


_DOMAIN_CLAIMS = [
    claim(f"TAEML is ahead of the {row}", _ALL, row, 0.0)
    for row in (UNIFORM, BEST_ON_VAL, POOLED)
]
_DOMAIN_CLAIMS += [
    claim(
        "TAEML is ahead of choosing by the support",
        _ALL,
        LEFT_OUT,
        0.0,
    ),
    claim(
        "all queries tell more than one",
        _ALL,
        taeml_row("symmetric", "single"),
        0.0,
    ),
    claim(
        "the matched learner has the most trust in every domain",
        _ALL,
        UNIFORM,
        0.0,
        RIVAL_RATIO,
    ),
]

_TINY: dict[str, Any] = {
    "filters": 4,
    "steps": 5,
    "trust_units": (8, 4),
    "member_ways": 3,
    "member_shots": 1,
    "member_queries": 1,
    "member_steps": 5,
    "num_ways": 3,
    "num_shots": 2,
    "num_queries": 1,
}

EXPERIMENTS = {
    "channels": Experiment(
        "the trust network tells from differences alone which learner sees "
        "the class: Omniglot in one of four channels, noise in the others, "
        "5-way 5-shot",
        channel_cells,
        {
            "two_cores": Scale(episodes=300),
            "paper": Scale(
                changes={
                    "filters": 64,
                    "steps": 10000,
                    "outer_learning_rate": 1e-4,
                    "trust_units": (512, 128),
                    "member_steps": 2000,
                }
            ),
            "tiny": Scale(seeds=(0,), episodes=4, changes=_TINY),
        },
        _channel_claims(),
        partial(_pictures, CHANNEL_RECIPE, _FORMS),
    ),
    "domains": Experiment(
        "an ensemble weighted for each task is ahead of its members and of "
        "the uniform average (held-out classes of four data sets, 5-way "
        "5-shot, 3-way on CIFAR-10)",
        domain_cells,
        {
            "two_cores": Scale(episodes=600),
            "paper": Scale(
                changes={
                    "filters": 64,
                    "image_size": 84,
                    "steps": 10000,
                    "outer_learning_rate": 1e-4,
                    "member_queries": 15,
                    "member_steps": 20000,
                }
            ),
            "tiny": Scale(
                seeds=(0,),
                episodes=4,
                changes={
                    **_TINY,
                    "dataset": "mixture:cifar10,glyphs",
                    "members": ("mixture:cifar10", "mixture:glyphs"),
                },
            ),
        },
        _DOMAIN_CLAIMS,
        partial(_pictures, DOMAINS, _SYMMETRIC),
    ),
}
