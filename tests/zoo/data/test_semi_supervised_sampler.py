"""Semi-supervised episodes: who is labelled, and who distracts."""

from __future__ import annotations

import numpy as np
import pytest

import metazoo
from metazoo.data import ClassDataset, SemiSupervisedSampler

CLASSES, EXAMPLES = 12, 10


def numbers(sizes=(EXAMPLES,) * CLASSES) -> ClassDataset:
    """Examples that tell their class and number."""
    rows = [(c, n) for c, size in enumerate(sizes) for n in range(size)]
    return ClassDataset(
        np.array(rows, np.float32),
        np.concatenate([[0], np.cumsum(sizes)]),
        tuple(map(str, range(len(sizes)))),
        name="numbers",
    )


def make(data=None, **changes):
    settings = {
        "num_ways": 3,
        "num_shots": 1,
        "num_unlabeled": 4,
        "num_distractors": 2,
        "seed": 5,
    }
    data = data or numbers()
    return SemiSupervisedSampler(data, **{**settings, **changes})


def pairs(x):
    return [tuple(row) for row in x.numpy().astype(int)]


def test_labelled_and_unlabelled_examples_never_mix():
    task = make().tasks(0, 60)
    assert task.support_x.shape == (60, 3, 2)
    assert task.query_x.shape == (60, 3 * 3, 2)
    assert task.unlabeled_x.shape == (60, 5 * 4, 2)
    assert task.unlabeled_mask.numpy().all()
    labelled, unlabelled = set(), set()
    for t in range(60):
        shown = pairs(task.support_x[t]) + pairs(task.query_x[t])
        free = pairs(task.unlabeled_x[t])
        assert len(set(shown)) == 12 and len(set(free)) == 20
        labelled |= set(shown)
        unlabelled |= set(free)
    assert not labelled & unlabelled
    counts = np.bincount([c for c, _ in labelled], minlength=CLASSES)
    assert (counts == 4).all()


def test_distractors_are_classes_without_support():
    task = make().tasks(0, 20)
    orders = set()
    for t in range(20):
        own = {c for c, _ in pairs(task.support_x[t])}
        free = np.array([c for c, _ in pairs(task.unlabeled_x[t])])
        assert len(set(free)) == 5 and own < set(free)
        assert (np.bincount(free)[list(set(free))] == 4).all()
        asked = [c for c, _ in pairs(task.query_x[t])]
        labels = dict(
            zip(
                [c for c, _ in pairs(task.support_x[t])],
                task.support_y[t].numpy(),
                strict=True,
            )
        )
        assert [labels[c] for c in asked] == task.query_y[t].numpy().tolist()
        orders.add(tuple(np.isin(free, list(own))))
    assert len(orders) > 10


def test_draws_repeat_whatever_their_grouping():
    whole = make().tasks(7, 4)
    for i in range(4):
        one = make().tasks(7 + i, 1)
        for a, b in zip(one, whole, strict=True):
            np.testing.assert_array_equal(a[0], b[i])


def test_unequal_classes_keep_their_share():
    data = numbers((10, 5, 20, 15, 10, 10))
    task = make(data, num_unlabeled=3, num_queries=1).tasks(0, 200)
    labelled = {p for t in range(200) for p in pairs(task.support_x[t])}
    counts = np.bincount([c for c, _ in labelled], minlength=6)
    assert counts.tolist() == [4, 2, 8, 6, 4, 4]


def test_requests_that_do_not_fit_are_refused():
    for changes, name in (
        ({"num_shots": 4}, "num_shots"),
        ({"num_queries": 4}, "num_queries"),
        ({"num_unlabeled": 7}, "num_unlabeled"),
        ({"num_distractors": -1}, "num_distractors"),
        ({"num_distractors": 10}, "num_ways"),
        ({"labeled_fraction": 1.0}, "labeled_fraction"),
    ):
        with pytest.raises(metazoo.EpisodeError, match=name):
            make(**changes)


def test_identity_tells_samplers_apart():
    assert make().identity() == make().identity()
    assert make().identity() != make(label_seed=1).identity()
