"""Glyphs' parts: strokes, motor noise and rasteriser."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from metazoo.data.glyph_alphabet import CHARACTER, draw_characters
from metazoo.data.glyph_motor import (
    NUM_WRITER_NUMBERS,
    draw_paths,
    ideal_path,
    num_example_numbers,
)
from metazoo.data.glyph_raster import rasterise
from metazoo.data.glyph_strokes import NUM_CONTROLS, draw_character
from metazoo.data.glyph_style import draw_style


def generator(*key):
    return np.random.default_rng([*key, *[0] * (4 - len(key)), 1])


def characters(count):
    return list(itertools.islice(draw_characters(generator), count))


def test_draw_character_is_centred_and_of_unit_size():
    for seed in range(50):
        rng = np.random.default_rng(seed)
        style = draw_style(rng)
        assert style.kind_weights.sum() == pytest.approx(1.0)
        strokes = draw_character(rng, style, [np.zeros((1, NUM_CONTROLS, 2))])
        assert strokes.shape[1:] == (NUM_CONTROLS, 2)
        points = strokes.reshape(-1, 2)
        low, high = points.min(0), points.max(0)
        np.testing.assert_allclose(low + high, 0.0, atol=1e-9)
        assert (high - low).max() <= 1.0 + 1e-9
        assert (high - low).max() > 0.3


def test_draw_characters_draws_anew_what_is_like_an_earlier_form():
    def same_for_every_character(kind, number=0, attempt=0):
        return generator(kind, 0 if kind == CHARACTER else number, attempt)

    drawn = draw_characters(same_for_every_character)
    paths = [ideal_path(strokes) for strokes in itertools.islice(drawn, 6)]
    images = rasterise_each(paths).reshape(6, -1)
    units = images / np.linalg.norm(images, axis=1, keepdims=True)
    likeness = units @ units.T - np.eye(6)
    assert likeness.max() < 0.95


def rasterise_each(paths):
    images = [
        rasterise((path * 0.7 + 0.5)[np.newaxis], np.array([1.0]), 28)[0]
        for path in paths
    ]
    return 255.0 - np.stack(images)


def test_ideal_path_passes_through_the_control_points():
    strokes = characters(1)[0]
    path = ideal_path(strokes)
    for control in strokes[:, [0, -1]].reshape(-1, 2):
        assert np.abs(path - control).sum(-1).min() < 1e-9
    gaps = np.abs(path[:, np.newaxis] - strokes.reshape(-1, 2)).sum(-1)
    assert gaps.min(0).max() < 0.06


def test_draw_paths_without_noise_is_the_form_on_paper():
    strokes = characters(1)[0]
    numbers = np.zeros((1, num_example_numbers(len(strokes))))
    points, pen = draw_paths(
        strokes, np.zeros((1, NUM_WRITER_NUMBERS)), numbers
    )
    ideal = ideal_path(strokes)
    scale = np.ptp(points[0, :, 0]) / np.ptp(ideal[:, 0])
    assert 0.4 < scale < 0.9
    centre = (ideal.max(0) + ideal.min(0)) / 2
    np.testing.assert_allclose(
        points[0], (ideal - centre) * scale + 0.5, atol=1e-9
    )
    assert pen.shape == (1,)


def test_draw_paths_stays_on_the_paper_under_wild_noise():
    strokes = characters(3)[2]
    rng = np.random.default_rng(0)
    points, _ = draw_paths(
        strokes,
        5.0 * rng.standard_normal((40, NUM_WRITER_NUMBERS)),
        5.0 * rng.standard_normal((40, num_example_numbers(len(strokes)))),
    )
    assert points.min() >= 0.06 - 1e-9
    assert points.max() <= 0.94 + 1e-9


def test_rasterise_inks_the_pixels_under_a_line():
    x = (np.linspace(4, 24, 200) + 0.5) / 28
    points = np.stack([x, np.full(200, 10.5 / 28)], axis=-1)[np.newaxis]
    image = rasterise(points, np.array([0.75]), 28)[0]
    assert (image[10, 5:24] == 0).all()
    assert (np.abs(image[9, 5:24].astype(int) - 191) <= 2).all()
    assert (image[11:, :][2:] == 255).all()
    assert (image[:, 26:] == 255).all()


def test_rasterise_keeps_ink_off_the_other_side_at_the_border():
    points = np.full((1, 3, 2), 1.0)
    image = rasterise(points, np.array([1.0]), 28)[0]
    assert image[27, 27] < 255
    assert (image[:26] == 255).all()
    assert (image[:, :26] == 255).all()
