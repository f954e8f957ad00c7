"""Scales, trainings and rows that GMM-VAE's experiments share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Scale, Training
from metazoo.methods.gmm_vae.gmm_vae_recipe import (
    RECIPES,
    EncoderProtoNetRecipe,
    GMMVAERecipe,
    HeldOutRecipe,
)

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.experiments import Bench

TEST_SEED = 1000
ADAM_STEPS = 200
TESTS = {
    "5-way 1-shot": (5, 1),
    "5-way 5-shot": (5, 5),
    "20-way 1-shot": (20, 1),
    "20-way 5-shot": (20, 5),
}
# A control's steps for each of the model's: about the same CPU time, with
# 60-way episodes of 1 and of 5 shots.
_CONTROL_STEPS = {1: 0.55, 5: 0.33}

BASE = RECIPES["omniglot"]


def _differences(recipe: GMMVAERecipe) -> dict[str, Any]:
    fields = [field.name for field in dataclasses.fields(BASE)]
    pairs = {f: (getattr(BASE, f), getattr(recipe, f)) for f in fields}
    return {f: new for f, (old, new) in pairs.items() if old != new}


SCALES: Mapping[str, Scale] = {
    "two_cores": Scale(episodes=1000),
    "paper": Scale(
        episodes=1000, changes=_differences(RECIPES["paper_omniglot"])
    ),
    "tiny": Scale(seeds=(0,), episodes=4, changes=_differences(BASE.tiny())),
}


def mixture(scale: Scale, seed: int, alpha: float | None = None) -> Training:
    """The model at a scale.

    Args:
        scale: how much to do.
        seed: of the training.
        alpha: weight of the discriminative term; None for the recipe's own.
    """
    recipe = BASE.replace(seed=seed, **scale.changes)
    if alpha is None:
        return Training(f"gmm_vae_{seed}", recipe)
    return Training(
        f"gmm_vae_alpha{alpha:g}_{seed}", recipe.replace(alpha=alpha)
    )


def control(scale: Scale, seed: int, num_shots: int) -> Training:
    """The prototypical network with the same encoder, trained as long.

    Args:
        scale: how much to do.
        seed: of the training.
        num_shots: support examples in its training, as in the test.
    """
    model = mixture(scale, seed).recipe
    small = model.dataset == "glyphs"
    recipe = model.as_recipe(HeldOutRecipe).as_recipe(
        EncoderProtoNetRecipe,
        num_ways=5 if small else 60,
        num_shots=num_shots,
        num_queries=2 if small else 5,
        num_tasks=1,
        steps=max(1, round(_CONTROL_STEPS[num_shots] * model.steps)),
        keep_best=False,
    )
    return Training(f"protonet_{num_shots}shot_{seed}", recipe)


def test_data(training: Training, bench: Bench) -> ClassDataset:
    """Images of new classes, of the protocol that a model was trained by.

    They are the characters as they are, none of them turned.

    Args:
        training: of the model.
        bench: the place of the experiment.
    """
    recipe = _recipe(training)
    return bench.dataset(recipe.dataset, "test", **recipe.reader_options)


def training_data(
    training: Training, bench: Bench
) -> tuple[ClassDataset, ClassDataset]:
    """Images of the training classes: those of the training, and the others.

    Args:
        training: of the model.
        bench: the place of the experiment.
    """
    recipe = _recipe(training)
    options = recipe.reader_options
    data = bench.dataset(recipe.dataset, recipe.split, **options)
    whole = data.with_rotations() if recipe.rotations else data
    return whole.split_examples(recipe.held_out_examples)


def _recipe(training: Training) -> HeldOutRecipe:
    recipe = training.recipe
    if not isinstance(recipe, HeldOutRecipe):
        raise TypeError(f"{training.name} is of {type(recipe).__name__}.")
    return recipe
