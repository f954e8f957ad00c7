from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metazoo.serving.server.batching_tasks import (
    joined,
    merge_key,
    merged,
    parts_of,
    split,
    tasks_of,
)
from metazoo.serving.status import StatusError


def request(tasks=1, support=3, labels=(0, 1, 2), **extra):
    return {
        "support_x": np.zeros((tasks, support, 2), np.float32),
        "support_y": np.tile(np.array(labels, np.int64), (tasks, 1)),
        **extra,
    }


def test_requests_that_differ_in_tasks_alone_have_one_key():
    assert merge_key(request(1)) == merge_key(request(4))


@pytest.mark.parametrize(
    "other",
    [
        request(support=4),
        request(labels=(0, 1, 1)),
        request(labels=(0, 1, 3)),
        request(labels=(-1, 1, 2)),
        request(labels=(0, 1, 2, 2)),
        {**request(), "support_x": np.zeros((1, 3, 2))},
        {"support_y": request()["support_y"]},
    ],
)
def test_requests_whose_answers_could_differ_have_other_keys(other):
    assert merge_key(other) != merge_key(request())


def test_requests_for_other_numbers_of_answers_have_other_keys():
    def asks(*numbers):
        counts = np.array(numbers, np.int32)
        return merge_key(request(len(numbers), num_samples=counts))

    assert asks(3) != asks(4)
    assert asks(3, 3) == asks(3)


def test_sizes_of_support_sets_do_not_keep_requests_apart():
    def padded(size):
        return merge_key(request(support_size=np.array([size], np.int32)))

    assert padded(3) == padded(3)
    # Fewer rows hold another range of labels.
    assert padded(3) != padded(2)


def test_order_of_inputs_does_not_matter():
    backwards = dict(reversed(request().items()))
    assert merge_key(backwards) == merge_key(request())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_request_that_is_not_finite_has_no_key(value):
    bad = request()
    bad["support_x"][0, 1, 1] = value
    assert merge_key(bad) is None


def test_bytes_that_are_not_finite_have_no_key():
    good, bad = np.ones(3, "<f4"), np.array([1, np.nan, 1], "<f4")
    for numbers, has_key in ((good, True), (bad, False)):
        text = np.array([numbers.tobytes() + b"x"], object)
        key = merge_key({"support_x": text}, packed=True)
        assert (key is not None) == has_key
        assert merge_key({"support_x": text}) is not None


def test_labels_beyond_support_size_do_not_count():
    sizes = {"support_size": np.array([2], np.int32)}
    assert merge_key(request(labels=(0, 1, 0), **sizes)) == merge_key(
        request(labels=(0, 1, 9), **sizes)
    )
    assert merge_key(request(labels=(0, 1, 0), **sizes)) != merge_key(
        request(labels=(0, 2, 0), **sizes)
    )


def test_lengths_of_packed_numbers_are_part_of_the_key():
    def strings(*lengths):
        array = np.empty(len(lengths), object)
        array[:] = [b"x" * length for length in lengths]
        return {"support_x": array}

    assert merge_key(strings(4), True) == merge_key(strings(4, 4), True)
    assert merge_key(strings(4), True) != merge_key(strings(8), True)
    assert merge_key(strings(4)) == merge_key(strings(8, 5))


@pytest.mark.parametrize("shape", [(2,), (2, 2)])
def test_seeds_are_no_part_of_the_key(shape):
    seeds = [np.full(shape, seed, np.int32) for seed in (1, 2)]
    first, second = [merge_key(request(2, seed=seed)) for seed in seeds]
    assert first == second


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 3))
def test_split_undoes_merged(sizes, padding):
    requests = [
        {"a": np.arange(n) + 10 * i, "b": np.full((n, 2), i)}
        for i, n in enumerate(sizes)
    ]
    together = merged(requests, padding)
    assert len(together["a"]) == sum(sizes) + padding
    assert (together["a"][sum(sizes) :] == requests[-1]["a"][0]).all()
    for part, original in zip(
        split(together, sizes, padding), requests, strict=True
    ):
        for name, value in original.items():
            np.testing.assert_array_equal(part[name], value)


@given(st.integers(1, 9), st.integers(1, 4))
def test_joined_undoes_parts_of(size, largest):
    inputs = {"a": np.arange(size)}
    parts = parts_of(inputs, size, largest)
    assert all(1 <= len(part["a"]) <= largest for part in parts)
    np.testing.assert_array_equal(joined(parts)["a"], inputs["a"])


@pytest.mark.parametrize("value", [np.array(1.0), np.zeros((3, 2))])
def test_output_without_the_tasks_is_failed_precondition(value):
    with pytest.raises(StatusError, match="'y'") as caught:
        split({"x": np.zeros(2), "y": value}, [1, 1], 0)
    assert caught.value.code == "FAILED_PRECONDITION"


@pytest.mark.parametrize(
    ("inputs", "part"),
    [
        ({}, "at least one input"),
        ({"a": np.array(1)}, "'a' has none"),
        ({"a": np.zeros(2), "b": np.zeros(3)}, "'b' has 3"),
    ],
)
def test_inputs_without_common_tasks_are_invalid(inputs, part):
    with pytest.raises(StatusError, match=part) as caught:
        tasks_of(inputs)
    assert caught.value.code == "INVALID_ARGUMENT"
