"""Episodes of one domain each: what is drawn, what is padding."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.data import ClassDataset, DomainSampler
from metazoo.errors import DataError, EpisodeError

SIZES = {"letters": 6, "animals": 3, "tools": 4}
EXAMPLES = 8
DOMAIN = np.repeat(np.arange(3), list(SIZES.values()))


def numbers(sizes=None) -> ClassDataset:
    """Examples that tell their class and number."""
    names = [
        f"{d}/x/{c}" for d, n in (sizes or SIZES).items() for c in range(n)
    ]
    values = np.stack(
        np.meshgrid(np.arange(len(names)), np.arange(EXAMPLES), indexing="ij"),
        -1,
    )
    return ClassDataset(
        values.reshape(-1, 2).astype(np.float32),
        np.arange(len(names) + 1) * EXAMPLES,
        tuple(names),
    )


def make(**changes):
    settings = {"num_ways": 4, "num_shots": 2, "num_queries": 3, "seed": 5}
    return DomainSampler(numbers(), **{**settings, **changes})


def test_every_task_stays_in_its_domain():
    found = make().tasks(0, 200).map(lambda part: part.numpy())
    domains = DOMAIN[found.support_x[..., 0].astype(int)]
    assert (domains == domains[:, :1]).all()
    queries = DOMAIN[found.query_x[..., 0].astype(int)]
    assert (queries == domains[:, :1]).all()
    counts = np.bincount(domains[:, 0], minlength=3)
    assert counts.min() > 40


def test_small_domains_give_all_their_classes_and_padding():
    found = make().tasks(0, 60).map(lambda part: part.numpy())
    domains = DOMAIN[found.support_x[:, 0, 0].astype(int)]
    for task, domain in enumerate(domains):
        ways = min(4, list(SIZES.values())[domain])
        mask = found.support_mask[task]
        assert mask.tolist() == [True] * 2 * ways + [False] * 2 * (4 - ways)
        assert found.query_mask[task].sum() == 3 * ways
        real = found.support_x[task, mask]
        labels = found.support_y[task, mask]
        assert sorted(set(labels)) == list(range(ways))
        assert len(set(real[:, 0])) == ways
        classes = dict(zip(labels, real[:, 0], strict=True))
        own = found.query_mask[task]
        for y, x in zip(
            found.query_y[task, own], found.query_x[task, own], strict=True
        ):
            assert x[0] == classes[y]
        seen = [tuple(row) for row in real]
        seen += [tuple(row) for row in found.query_x[task, own]]
        assert len(set(seen)) == len(seen)
        assert (found.support_y[task, ~mask] == 0).all()


def test_episodes_repeat_and_differ():
    one, again = make().tasks(3, 2), make().tasks(3, 2)
    np.testing.assert_array_equal(one.support_x, again.support_x)
    single = make().tasks(4, 1)
    np.testing.assert_array_equal(one.query_x[1], single.query_x[0])
    other = make(seed=6).tasks(3, 2)
    assert np.abs(one.support_x - other.support_x).max() > 0


def test_ways_are_at_most_those_of_the_largest_domain():
    sampler = make(num_ways=10)
    assert sampler.num_ways == 6
    assert sampler.tasks(0, 1).support_x.shape == (1, 12, 2)
    assert sampler.identity()["num_ways"] == 6


def test_bad_requests_are_refused():
    with pytest.raises(EpisodeError, match="num_ways must be at least 1"):
        make(num_ways=0)
    with pytest.raises(EpisodeError, match="'b' of 'unnamed'.*one class only"):
        DomainSampler(
            numbers({"a": 3, "b": 1}), num_ways=2, num_shots=1, num_queries=1
        )
    with pytest.raises(EpisodeError):
        make(num_shots=EXAMPLES)
    whole = numbers()
    plain = ClassDataset(
        whole.images,
        whole.class_offsets,
        tuple(name.replace("/", "-") for name in whole.class_names),
    )
    with pytest.raises(DataError, match="names no domain"):
        DomainSampler(plain, num_ways=2, num_shots=1, num_queries=1)
