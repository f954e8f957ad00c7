"""Glyphs: reproducible, extendable, distinct, in Omniglot's convention."""

from __future__ import annotations

import time

import numpy as np
import pytest

from metazoo.data import EpisodeSampler, load_glyphs
from metazoo.errors import DataError

SMALL = {"num_alphabets": 2, "num_characters": 5, "num_drawers": 4}


@pytest.fixture(scope="module")
def medium():
    return load_glyphs("test", num_alphabets=4, num_characters=20)


def test_load_glyphs_is_the_same_every_time():
    first = load_glyphs("train", **SMALL)
    assert first.fingerprint == load_glyphs("train", **SMALL).fingerprint
    assert first.images.shape == (40, 28, 28, 1)
    assert first.class_names[5] == "glyphs-train-01/character01"


def test_load_glyphs_differs_by_split_seed_alphabet_and_drawer():
    sets = [load_glyphs(split, **SMALL) for split in ("train", "val", "test")]
    sets.append(load_glyphs("train", seed=1, **SMALL))
    drawings = np.concatenate([data.images for data in sets])
    distinct = {drawing.tobytes() for drawing in drawings}
    assert len(distinct) == len(drawings)


def test_load_glyphs_more_of_anything_changes_nothing():
    small = load_glyphs("val", **SMALL)
    large = load_glyphs("val", num_alphabets=3, num_characters=7, num_drawers=6)
    large_images = large.images.reshape(3, 7, 6, 28, 28)[:2, :5, :4]
    np.testing.assert_array_equal(
        small.images.reshape(2, 5, 4, 28, 28), large_images
    )


def test_load_glyphs_has_dark_ink_on_white_inside_the_margin(medium):
    images = medium.images[..., 0]
    border = np.concatenate([images[:, 0], images[:, :, 0]])
    assert np.mean(border == 255) > 0.999
    darkest = images.reshape(len(images), -1).min(1)
    assert (darkest < 80).all()
    ink = (255 - images.astype(float)).mean((1, 2)) / 255
    assert ink.min() > 0.005
    assert ink.max() < 0.35
    assert 0.05 < ink.mean() < 0.11


def test_load_glyphs_drawings_of_a_character_resemble_each_other(medium):
    """Nearest pixels find the class far above chance, yet not always."""
    sampler = EpisodeSampler(medium, num_ways=5, num_shots=1, num_queries=5)
    episode = sampler.tasks(0, 100)
    support = episode.support_x.numpy().reshape(100, 5, -1)
    query = episode.query_x.numpy().reshape(100, 25, -1)
    distance = (support**2).sum(-1)[:, None] - 2 * query @ support.transpose(
        0, 2, 1
    )
    accuracy = np.mean(distance.argmin(-1) == episode.query_y.numpy())
    assert 0.35 < accuracy < 0.8  # chance is 0.2


def test_load_glyphs_draws_400_images_within_a_second():
    begin = time.process_time()
    data = load_glyphs("train", num_alphabets=1, num_characters=20)
    assert data.num_examples == 400
    assert time.process_time() - begin < 1.0


def test_load_glyphs_scales_with_the_image_size():
    small = load_glyphs("train", **SMALL)
    large = load_glyphs("train", image_size=56, **SMALL)
    halved = large.images.reshape(-1, 28, 2, 28, 2).mean((2, 4))
    difference = halved - small.images[..., 0]
    assert np.abs(difference).mean() < 8.0


def test_load_glyphs_rotations_make_four_times_the_classes():
    assert load_glyphs("val", rotations=True, **SMALL).num_classes == 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, "'dev'"),
        ({"num_alphabets": 0}, "num_alphabets must be at least 1"),
        ({"num_characters": 0}, "num_characters"),
        ({"num_drawers": -1}, "num_drawers"),
        ({"image_size": 0}, "image_size"),
        ({"seed": -1}, "seed"),
    ],
)
def test_load_glyphs_refuses_bad_arguments(arguments, message):
    with pytest.raises(DataError, match=message):
        load_glyphs(**arguments)
