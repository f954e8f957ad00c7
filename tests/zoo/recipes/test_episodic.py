"""Recipes: frozen, checked, and able to build what they describe."""

from __future__ import annotations

import dataclasses

import keras
import pytest

import metazoo
from metazoo.data import load_glyphs, load_phrases
from metazoo.errors import RecipeError
from metazoo.methods.caml.caml_recipe import CAMLRecipe
from metazoo.methods.maml.maml_recipe import MAMLRecipe
from metazoo.recipes.episodic import EpisodicRecipe
from metazoo.registry import get_method

# Data sets that need no file, by the name that tiny recipes use.
SMALL = {
    "glyphs": lambda: load_glyphs("val", num_alphabets=1, num_characters=6),
    "phrases": lambda: load_phrases("val"),
}


def test_recipe_is_frozen_and_hashable():
    recipe = EpisodicRecipe()
    assert hash(recipe) == hash(EpisodicRecipe())
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.steps = 3


def test_replace_changes_a_copy():
    recipe = EpisodicRecipe()
    assert recipe.replace(steps=7).steps == 7
    assert recipe.steps == 1000
    with pytest.raises(RecipeError, match=r"no field \['step'\]"):
        recipe.replace(step=7)


@pytest.mark.parametrize(
    "change",
    [
        {"num_ways": 0},
        {"num_ways": 1},
        {"num_queries": 0},
        {"num_tasks": -1},
        {"steps": 1.5},
        {"outer_learning_rate": 0.0},
        {"outer_learning_rate": float("nan")},
        {"outer_learning_rate": "abc"},
        {"outer_learning_rate": float("inf")},
        {"global_clipnorm": "abc"},
    ],
)
def test_unusable_field_is_named(change):
    (name,) = change
    with pytest.raises(RecipeError, match=name):
        EpisodicRecipe(**change)


def test_every_learning_rate_of_a_recipe_is_checked():
    for recipe, name in (
        (MAMLRecipe, "inner_learning_rate"),
        (CAMLRecipe, "metric_learning_rate"),
    ):
        for rate in (-1.0, 0.0, float("nan")):
            with pytest.raises(RecipeError, match=name):
                recipe(**{name: rate})


def test_optimizer_follows_a_cosine():
    recipe = EpisodicRecipe(
        steps=10, outer_learning_rate=0.5, global_clipnorm=3.0
    )
    optimizer = recipe.build_optimizer()
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert optimizer.global_clipnorm == 3.0
    schedule = optimizer._learning_rate
    rates = [float(schedule(step)) for step in (0, 5, 10)]
    assert rates == pytest.approx([0.5, 0.5 * (0.5 * 0.99 + 0.01), 0.005])


def test_optimizer_restarts_at_half_the_rate():
    recipe = EpisodicRecipe(
        steps=12, first_cycle_steps=8, outer_learning_rate=0.4
    )
    schedule = recipe.build_optimizer()._learning_rate
    rates = [float(schedule(step)) for step in (0, 4, 8, 10)]
    heights = [1.0, 0.5, 0.5, 0.25]
    expected = [0.4 * (0.99 * height + 0.01) for height in heights]
    assert rates == pytest.approx(expected)
    with pytest.raises(RecipeError, match="first_cycle_steps"):
        recipe.replace(steps=8)


@pytest.mark.parametrize("method", metazoo.list_methods())
def test_every_recipe_builds_its_learner(method):
    spec = get_method(method)
    for name, recipe in spec.load_recipes().items():
        tiny = recipe.tiny()
        assert tiny.dataset in SMALL, name
        assert tiny.steps <= 20, name
        data = SMALL[tiny.dataset]()
        learner = tiny.learner_for(data)
        made = type(learner)
        assert made is spec.load_class(made.__name__), name
        assert learner.example_shape == data.image_shape


@dataclasses.dataclass(frozen=True)
class Wider(EpisodicRecipe):
    width: int = 3


def test_recipe_of_another_class_keeps_what_both_have():
    wide = Wider(num_ways=7, steps=11, seed=5, width=9)
    plain = wide.as_recipe(EpisodicRecipe, steps=2)
    assert type(plain) is EpisodicRecipe
    assert (plain.num_ways, plain.steps, plain.seed) == (7, 2, 5)
    assert plain.as_recipe(Wider, width=4) == Wider(
        num_ways=7, steps=2, seed=5, width=4
    )


def test_stage_has_the_data_and_the_seed_and_its_own_training():
    stage = EpisodicRecipe(
        dataset="glyphs", rotations=False, num_ways=9, seed=5
    ).stage(Wider, num_shots=2)
    assert stage == Wider(
        dataset="glyphs", rotations=False, num_shots=2, seed=5
    )
