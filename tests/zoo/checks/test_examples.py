"""Checks at the boundary: what passes, and what errors say."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from metazoo.checks.examples import (
    check_each_task,
    check_examples,
    check_integer,
    check_labels,
    check_mask,
    check_ways,
)
from metazoo.errors import EpisodeError


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool", "f2", "f4", "f8"])
def test_numeric_examples_become_float32(dtype):
    value = np.ones((3, 2), dtype)
    found, single = check_examples("support_x", value, (2,))
    assert found.dtype == np.float32
    assert found.shape == (1, 3, 2)
    assert single


def test_tasks_axis_is_kept():
    found, single = check_examples("query_x", np.zeros((2, 3, 4)), (None,))
    assert found.shape == (2, 3, 4)
    assert not single


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array(["a", "b"]), "numeric; got dtype <U1"),
        (np.array([1j]), "numeric; got dtype complex"),
        (np.zeros(2), r"shape \(2,\); expected \[examples, 2\]"),
        (np.zeros((3, 5)), r"shape \(3, 5\)"),
        (np.zeros((1, 1, 3, 2)), "shape"),
        (np.zeros((0, 2)), "empty"),
        (np.zeros((2, 0, 2)), "empty"),
        (np.array([[1.0, np.nan]]), "NaN or infinite"),
        (np.array([[1.0, -np.inf]]), "NaN or infinite"),
        (np.array([[1.0, 1e300]]), "NaN or infinite"),
    ],
)
def test_bad_examples_are_named(value, message):
    with pytest.raises(EpisodeError, match=f"^query_x.*{message}"):
        check_examples("query_x", value, (2,))


def test_scaled_input_is_warned_of():
    scaled = np.full((2, 3), 0.5, np.float32)
    with pytest.warns(UserWarning, match="support_x looks scaled.*0.5"):
        check_examples("support_x", scaled, (3,), (0, 255))


@pytest.mark.parametrize(
    ("value", "value_range"),
    [
        (np.full((2, 3), 0.5), None),
        (np.full((2, 3), 0.5), (0, 1)),
        (np.full((2, 3), 1, np.uint8), (0, 255)),
        (np.full((2, 3), 7.0), (0, 255)),
    ],
)
def test_raw_input_is_not_warned_of(value, value_range):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_examples("support_x", value, (3,), value_range)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_integer_labels_become_int64(dtype):
    found = check_labels("support_y", np.array([0, 2], dtype), (1, 2), 3)
    assert found.dtype == np.int64
    assert found.tolist() == [[0, 2]]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0.0, 1.0], "integers; got dtype float64"),
        ([True, False], "integers; got dtype bool"),
        ([0, 1, 2], r"shape \(3,\); expected \(1, 2\)"),
        ([[0], [1]], "shape"),
        ([-1, 0], r"in \[0, 3\); found labels from -1 to 0"),
        ([0, 3], r"in \[0, 3\); found labels from 0 to 3"),
    ],
)
def test_bad_labels_are_named(value, message):
    with pytest.raises(EpisodeError, match=f"^support_y.*{message}"):
        check_labels("support_y", value, (1, 2), 3)


def test_labels_have_no_upper_bound_without_ways():
    assert check_labels("support_y", [0, 900], (1, 2), None).max() == 900
    with pytest.raises(EpisodeError, match="0 or more"):
        check_labels("support_y", [0, -2], (1, 2), None)


def test_labels_of_padding_do_not_matter():
    mask = np.array([[True, False]])
    found = check_labels("support_y", [2, -7], (1, 2), 3, mask)
    assert found.tolist() == [[2, 0]]


def test_labels_of_several_tasks_need_the_tasks_axis():
    with pytest.raises(EpisodeError, match="support_y has shape"):
        check_labels("support_y", [0, 1], (2, 2), 3)


def test_masks_default_to_real_and_take_zero_and_one():
    assert check_mask("support_mask", None, (2, 3)).all()
    found = check_mask("support_mask", [1, 0], (1, 2))
    assert found.dtype == bool
    assert found.tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1.0, 0.0], "must be boolean"),
        ([True], "must be boolean of shape"),
        ([False, False], r"no example in tasks \[0\]"),
    ],
)
def test_bad_masks_are_named(value, message):
    with pytest.raises(EpisodeError, match=f"^support_mask.*{message}"):
        check_mask("support_mask", value, (1, 2))


@pytest.mark.parametrize(
    ("value", "fixed", "expected"),
    [(None, None, None), (None, 5, 5), (3, 5, 5), (3.0, None, 3)],
)
def test_ways_are_taken_from_argument_or_model(value, fixed, expected):
    assert check_ways(value, fixed) == expected


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "three", np.nan])
def test_bad_ways_are_refused(value):
    with pytest.raises(EpisodeError, match="num_ways"):
        check_ways(value, None)


def test_more_ways_than_the_model_has_are_refused():
    with pytest.raises(EpisodeError, match="tells 5 ways apart"):
        check_ways(6, 5)


@pytest.mark.parametrize("value", [0, 5, np.int64(3)])
def test_integers_in_range_pass(value):
    found = check_integer("steps", value, 0, 5)
    assert found == value
    assert type(found) is int


@pytest.mark.parametrize(
    "value", [True, False, np.bool_(1), 1.0, -1, 6, "1", None, [1]]
)
def test_what_is_no_integer_in_range_is_refused(value):
    with pytest.raises(EpisodeError, match=r"steps must .* in \[0, 5\]"):
        check_integer("steps", value, 0, 5)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (2, np.int32, [2, 2]),
        ([0, 7], np.int32, [0, 7]),
        (1, np.float32, [1, 1]),
        ([0.5, 0.25], np.float32, [0.5, 0.25]),
    ],
)
def test_numbers_become_one_for_each_task(value, dtype, expected):
    found = check_each_task("rate", value, 2, dtype, high=7)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (True, np.int32),
        ([True, False], np.float32),
        (1.5, np.int32),
        (-1, np.int32),
        (2**40, np.int32),
        ([1, 2, 3], np.int32),
        ("1", np.float32),
        (np.nan, np.float32),
        (np.inf, np.float32),
        (1e60, np.float32),
    ],
)
def test_what_is_no_number_for_each_task_is_refused(value, dtype):
    with pytest.raises(EpisodeError, match="^rate must "):
        check_each_task("rate", value, 2, dtype)


@pytest.mark.parametrize("value", [0.0, 1e-60])
def test_numbers_that_must_be_above_the_least_are_refused_at_it(value):
    with pytest.raises(EpisodeError, match=r"rate must lie in \(0, "):
        check_each_task("rate", value, 2, np.float32, above=True)
