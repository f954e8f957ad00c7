"""Episodes of super-classes: what is drawn, and that draws repeat."""

from __future__ import annotations

import numpy as np
import pytest

import metazoo
from metazoo.data import ClassDataset, SuperClassSampler, load_glyphs
from metazoo.data.superclass_sampler import superclass_names

SIZES = (4, 6, 5, 2)
EXAMPLES = 5


def numbers() -> ClassDataset:
    """Examples that tell their class and number; alphabets of SIZES."""
    names = [
        f"alphabet{a}/character{c}"
        for a, size in enumerate(SIZES)
        for c in range(size)
    ]
    values = np.stack(
        np.meshgrid(np.arange(len(names)), np.arange(EXAMPLES), indexing="ij"),
        -1,
    )
    return ClassDataset(
        values.reshape(-1, 2).astype(np.float32),
        np.arange(len(names) + 1) * EXAMPLES,
        tuple(names),
        name="numbers",
    )


ALPHABET = np.repeat(np.arange(len(SIZES)), SIZES)


def make(**changes):
    settings = {
        "num_ways": 3,
        "num_subclasses": 4,
        "num_shots": 2,
        "num_queries": 3,
        "seed": 5,
    }
    return SuperClassSampler(numbers(), **{**settings, **changes})


def decode(x):
    x = x.numpy().astype(int)
    return x[..., 0], x[..., 1]


def test_labels_are_superclasses_of_distinct_classes():
    task = make().tasks(0, 20)
    assert task.support_x.shape == (20, 3 * 4 * 2, 2)
    assert task.query_x.shape == (20, 3 * 4 * 3, 2)
    classes, numbers = decode(task.support_x)
    query_classes, query_numbers = decode(task.query_x)
    for t in range(20):
        y = task.support_y[t].numpy()
        alphabets = ALPHABET[classes[t]]
        assert 3 not in alphabets
        for label in range(3):
            assert len(set(alphabets[y == label])) == 1
            assert len(set(classes[t][y == label])) == 4
        assert len(set(alphabets)) == 3
        assert set(query_classes[t]) == set(classes[t])
        shown = set(zip(classes[t], numbers[t], strict=True))
        asked = set(zip(query_classes[t], query_numbers[t], strict=True))
        assert len(shown) == 24 and len(asked) == 36 and not shown & asked
        label_of = dict(zip(alphabets, y, strict=True))
        expected = [label_of[a] for a in ALPHABET[query_classes[t]]]
        assert task.query_y[t].numpy().tolist() == expected


def test_random_classes_have_unequal_shots_and_labels_of_their_own():
    task = make(num_ways=None, num_subclasses=9, num_shots=1).tasks(0, 30)
    classes, _ = decode(task.support_x)
    label_of_first = set()
    counts = set()
    for t in range(30):
        y = task.support_y[t].numpy()
        assert len(set(classes[t])) == 9
        pairs = set(zip(ALPHABET[classes[t]], y, strict=True))
        assert len({a for a, _ in pairs}) == len({b for _, b in pairs})
        assert len(pairs) == len({a for a, _ in pairs})
        assert y.min() >= 0 and y.max() < len(SIZES)
        label_of_first |= {b for a, b in pairs if a == 0}
        counts |= set(np.bincount(y, minlength=4))
    assert len(label_of_first) == 4
    assert len(counts) > 3


@pytest.mark.parametrize("changes", [{}, {"num_ways": None}])
def test_draws_repeat_whatever_their_grouping(changes):
    sampler = make(**changes)
    whole = sampler.tasks(7, 4)
    for i in range(4):
        one = make(**changes).tasks(7 + i, 1)
        for a, b in zip(one[:6], whole[:6], strict=True):
            np.testing.assert_array_equal(a[0], b[i])
    other = make(seed=6, **changes).tasks(7, 4)
    assert not np.array_equal(other.support_x, whole.support_x)


def test_every_superclass_is_drawn_equally_often():
    task = make(num_ways=1, num_shots=1, num_queries=1).tasks(0, 900)
    classes, _ = decode(task.support_x)
    count = np.bincount(ALPHABET[classes[:, 0]], minlength=4)
    assert count[3] == 0
    assert (np.abs(count[:3] - 300) < 60).all()


def test_turned_alphabets_are_alphabets_of_their_own():
    data = load_glyphs("test", num_alphabets=2, num_characters=2)
    names = superclass_names(data.with_rotations())
    assert set(names) == {
        f"glyphs-test-0{a}{turn}"
        for a in range(2)
        for turn in ("", "@90", "@180", "@270")
    }


def test_requests_that_do_not_fit_are_refused():
    for changes, name in (
        ({"num_ways": 4}, "num_ways"),
        ({"num_subclasses": 0}, "num_subclasses"),
        ({"num_ways": None, "num_subclasses": 99}, "num_ways"),
        ({"num_shots": 3}, "num_shots"),
        ({"superclasses": ["a"]}, "superclasses"),
    ):
        with pytest.raises(metazoo.EpisodeError, match=name):
            make(**changes)
    flat = numbers()
    flat = ClassDataset(
        flat.images, flat.class_offsets, tuple(map(str, range(17)))
    )
    with pytest.raises(metazoo.EpisodeError, match="super-class"):
        SuperClassSampler(flat, num_ways=2, num_subclasses=2)


def test_identity_tells_samplers_apart():
    assert make().identity() == make().identity()
    assert make().identity() != make(num_queries=2).identity()
