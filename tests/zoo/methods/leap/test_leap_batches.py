"""Mini-batches by order and by seed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo.methods.leap.leap_batches import batch_rows

MASK = np.array([True, True, False, True, False, True, True])
REAL = np.flatnonzero(MASK)


def taken(mask, size, steps, seed=None):
    rows = batch_rows(tf.constant(mask), size, seed)
    return [rows(tf.constant(step)).numpy().tolist() for step in range(steps)]


def test_batches_go_round_the_real_examples_in_order():
    flat = np.concatenate(taken(MASK, 3, 5))
    np.testing.assert_array_equal(flat, np.tile(REAL, 3))


def test_spread_batches_reach_over_the_whole_set():
    mask = tf.constant([False] + [True] * 10)
    rows = batch_rows(mask, 4, spread=True)
    found = [rows(tf.constant(step)).numpy().tolist() for step in range(3)]
    assert found[0] == [1, 4, 7, 10]
    assert found[1][:3] == [2, 5, 8]
    assert sorted(np.concatenate(found)[:10]) == list(range(1, 11))


@pytest.mark.parametrize("size", [5, 9])
def test_a_small_support_set_is_taken_whole(size):
    assert taken(MASK, size, 2) == [REAL.tolist()] * 2


def test_shuffled_rounds_hold_every_example_once():
    seed = tf.constant([3, 4])
    flat = np.concatenate(taken(MASK, 2, 10, seed)).reshape(4, 5)
    for one in flat:
        assert sorted(one) == REAL.tolist()
    assert len({tuple(one) for one in flat}) > 1
    again = np.concatenate(taken(MASK, 2, 10, seed)).reshape(4, 5)
    np.testing.assert_array_equal(flat, again)
    other = np.concatenate(taken(MASK, 2, 10, seed + 1)).reshape(4, 5)
    assert (flat != other).any()
