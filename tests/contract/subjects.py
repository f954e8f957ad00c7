"""The instances the contract suite runs on: one tiny learner per method."""

from __future__ import annotations

import functools

import keras

import metazoo
from metazoo.data import EpisodeSampler, load_glyphs
from metazoo.data.episode import Episode
from metazoo.recipe import EpisodicRecipe
from metazoo.registry import get_method

EPISODIC = tuple(
    name
    for name in metazoo.list_methods()
    if get_method(name).contract == "episodic"
)


@functools.cache
def glyphs():
    """A small procedural data set."""
    return load_glyphs("train", num_alphabets=1, num_characters=12)


def tiny_recipe(method: str) -> EpisodicRecipe:
    """The first recipe of a method, made tiny."""
    recipes = get_method(method).load_recipes()
    return next(iter(recipes.values())).tiny()


def tiny_learner(method: str, seed: int = 0):
    """A fresh, seeded, compiled learner."""
    keras.utils.set_random_seed(seed)
    recipe = tiny_recipe(method)
    learner = recipe.learner_for(glyphs())
    learner.compile(
        optimizer=recipe.build_optimizer(), **recipe.compile_options()
    )
    return learner


def sampler(method: str) -> EpisodeSampler:
    """Training episodes as the recipe wants them."""
    return tiny_recipe(method).training_source(glyphs())


def episode(num_tasks: int, ways: int = 3, shots: int = 2) -> Episode:
    """Glyph tasks as NumPy arrays."""
    source = EpisodeSampler(
        glyphs(), num_ways=ways, num_shots=shots, num_queries=2, seed=5
    )
    return source.tasks(0, num_tasks).map(lambda part: part.numpy())
