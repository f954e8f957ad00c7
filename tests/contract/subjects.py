"""What the contract suite runs on: one tiny learner per method, and more.

A further model of a method that ships as a preset is a case of its own.
"""

from __future__ import annotations

import functools

import keras
import numpy as np

import metazoo
from metazoo.data import (
    ClassDataset,
    EpisodeSampler,
    load_glyphs,
    load_phrases,
)
from metazoo.data.episode import Episode
from metazoo.recipes.episodic import EpisodicRecipe
from metazoo.registry import get_method

# Further models that users train and load, by method and recipe.
FURTHER = {"cactus_protonet": ("cactus", "omniglot_protonet")}
# Models that no case builds, and why.
EXEMPT = {
    "ACAI": "a stage that gives embeddings and learns from no tasks",
    "Representation": "a stage that gives embeddings",
    "MultiLabelATAML": "its labels are sets, its outputs no distribution",
    "ShuffledCAML": "a control of an experiment",
    "UnconditionedCAML": "a control of an experiment",
    "FirstOrderControl": "a control of an experiment",
    "LinearMetaSGD": "a control of an experiment",
}
EPISODIC = (
    *(
        name
        for name in metazoo.list_methods()
        if get_method(name).contract == "episodic"
    ),
    *FURTHER,
)


@functools.cache
def small_data() -> dict[str, ClassDataset]:
    """Procedural data sets by the name that tiny recipes use."""
    glyphs = load_glyphs("train", num_alphabets=1, num_characters=12)
    phrases = load_phrases("train", num_classes=12, num_examples=20)
    return {data.name: data for data in (glyphs, phrases)}


def data_of(method: str) -> ClassDataset:
    """What a method's learner is tried on: drawings, or texts."""
    return small_data()[tiny_recipe(method).dataset]


def tiny_recipe(method: str) -> EpisodicRecipe:
    """The first recipe of a method, or that of a further model, made tiny."""
    name, recipe = FURTHER.get(method, (method, None))
    recipes = get_method(name).load_recipes()
    return recipes[recipe or next(iter(recipes))].tiny()


def tiny_learner(method: str, seed: int = 0):
    """A fresh, seeded, compiled learner."""
    keras.utils.set_random_seed(seed)
    recipe = tiny_recipe(method)
    learner = recipe.learner_for(data_of(method))
    learner.compile(
        optimizer=recipe.build_optimizer(), **recipe.compile_options()
    )
    return learner


def sampler(method: str) -> EpisodeSampler:
    """Training episodes as the recipe wants them."""
    return tiny_recipe(method).training_source(data_of(method))


def episode(
    method: str, num_tasks: int, ways: int = 3, shots: int = 2
) -> Episode:
    """Tasks of what the method takes, as NumPy arrays."""
    source = EpisodeSampler(
        data_of(method),
        num_ways=ways,
        num_shots=shots,
        num_queries=2,
        seed=5,
    )
    return source.tasks(0, num_tasks).map(as_array)


def as_array(part) -> np.ndarray:
    """An array of numbers, or of texts of one width: files hold no objects."""
    array = part.numpy()
    return array.astype("S") if array.dtype == object else array
