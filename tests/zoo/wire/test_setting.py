from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo.errors import EpisodeError
from metazoo.wire import setting

STEPS = setting.steps()
RATE = setting.Setting("rate", "a rate", tf.float32, above=True, safe=1.0)
SEED = setting.seed("of draws")


@pytest.mark.parametrize(
    ("one", "values", "wrong"),
    [
        (STEPS, [-1, 0, 1000, 1001], [True, False, False, True]),
        (RATE, [0.0, 1e-6, np.nan, np.inf], [True, False, True, True]),
        (SEED, [[-1, 5], [0, 0]], [False, False]),
    ],
)
def test_values_out_of_range_are_wrong(one, values, wrong):
    found = one.wrong(tf.constant(values, one.dtype))
    assert found.numpy().tolist() == wrong


def test_faulty_tasks_get_what_is_safe():
    wrong = tf.constant([True, False])
    given = tf.constant([10**6, 7])
    assert STEPS.usable(given, wrong).numpy().tolist() == [0, 7]
    rates = RATE.usable(tf.constant([np.nan, 0.5]), wrong)
    assert rates.numpy().tolist() == [1.0, 0.5]


@pytest.mark.parametrize("one", [STEPS, RATE, SEED])
def test_examples_fit_the_spec_and_the_range(one):
    examples = one.examples(3)
    assert one.spec().is_compatible_with(tf.constant(examples))
    assert not one.wrong(tf.constant(examples)).numpy().any()
    np.testing.assert_array_equal(one.checked(examples, 3), examples)


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (STEPS, 1001),
        (STEPS, -1),
        (STEPS, True),
        (STEPS, 2.0),
        (STEPS, [1, 2, 3]),
        (RATE, 0.0),
        (RATE, float("nan")),
        (SEED, 3),
        (SEED, [2**40, 0]),
    ],
)
def test_bad_values_are_refused_by_name(one, value):
    with pytest.raises(EpisodeError, match=one.name):
        one.checked(value, 2)


def test_docs_tell_the_axes():
    assert STEPS.wire_doc() == "gradient steps, 0 to 1000; [tasks]"
    assert SEED.wire_doc() == "of draws; [tasks, 2]"
