"""Checks of a learner's settings: what passes and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.checks.options import (
    check_choice,
    check_count,
    check_not_negative,
    check_positive,
    check_share,
    check_steps,
)
from metazoo.errors import MetazooError, OptionError
from metazoo.layers import conv4


def test_known_choice_passes_and_another_is_refused():
    assert check_choice("head", "none", ("none", "shared")) == "none"
    with pytest.raises(MetazooError, match="head must be one of"):
        check_choice("head", "all", ("none", "shared"))


@pytest.mark.parametrize("value", [1, 7, np.int64(3)])
def test_counts_become_integers(value):
    found = check_count("inner_steps", value)
    assert found == value
    assert type(found) is int


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "1", None])
def test_what_counts_nothing_is_refused(value):
    with pytest.raises(MetazooError, match="inner_steps must be an integer"):
        check_count("inner_steps", value)


@pytest.mark.parametrize("value", [0.5, 2, np.float32(0.25)])
def test_positive_numbers_become_floats(value):
    found = check_positive("alpha", value)
    assert found == value
    assert type(found) is float


@pytest.mark.parametrize("value", [0.0, -1, np.nan, np.inf, "1", [1.0]])
def test_what_is_not_positive_is_refused(value):
    with pytest.raises(MetazooError, match="alpha must be a positive"):
        check_positive("alpha", value)


@pytest.mark.parametrize("value", [-1, 1001, 2.0, True, None])
def test_what_is_no_number_of_steps_is_refused(value):
    assert check_steps("inner_steps", 0, 1000) == 0
    assert check_steps("inner_steps", 1001) == 1001
    with pytest.raises(MetazooError, match="inner_steps must be an integer"):
        check_steps("inner_steps", value, 1000)


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf, "1", True])
def test_what_is_negative_or_no_number_is_refused(value):
    assert check_not_negative("alpha", 0) == 0.0
    with pytest.raises(MetazooError, match="alpha must be 0 or more"):
        check_not_negative("alpha", value)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(0.25)])
def test_shares_become_floats(value):
    found = check_share("floor", value)
    assert found == value
    assert type(found) is float


@pytest.mark.parametrize("value", [-0.1, 1, np.nan, True, None])
def test_what_is_no_share_is_refused(value):
    with pytest.raises(MetazooError, match=r"floor must lie in \[0, 1\)"):
        check_share("floor", value)


def test_layers_and_learners_refuse_a_choice_by_one_error():
    with pytest.raises(OptionError, match="pooling must be one of"):
        conv4(pooling="max")
    assert issubclass(OptionError, ValueError)
    assert issubclass(OptionError, MetazooError)
