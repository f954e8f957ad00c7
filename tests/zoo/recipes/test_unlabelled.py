"""Training splits are read without their classes, others with them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from metazoo.data.unlabelled import is_unlabelled
from metazoo.recipes.episodic import EpisodicRecipe
from metazoo.recipes.unlabelled import UnlabelledTraining


@dataclass(frozen=True)
class Blind(UnlabelledTraining, EpisodicRecipe):
    """Glyphs without names."""

    dataset: str = "glyphs"
    rotations: bool = False


class Told(Blind):
    """Its control."""

    hides_classes = False


@pytest.mark.parametrize("split", [None, "train"])
def test_the_training_split_loses_its_classes(split):
    assert is_unlabelled(Blind().load_dataset(None, split))
    assert not is_unlabelled(Told().load_dataset(None, split))


def test_other_splits_keep_their_classes():
    assert Blind().load_dataset(None, "val").num_classes > 1
