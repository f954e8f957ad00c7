"""EpisodeSampler: reproducible, uniform, disjoint, masked episodes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.data import ClassDataset, EpisodeSampler
from metazoo.errors import EpisodeError


def coded_dataset(sizes=(6, 9, 7, 6, 8, 6, 7)):
    """Each example's pixels are (class + 1, number within its class)."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    numbers = np.concatenate([np.arange(size) for size in sizes])
    pixels = np.stack([labels + 1, numbers], axis=-1).astype(np.uint8)
    return ClassDataset(
        images=pixels.reshape(-1, 1, 2, 1),
        class_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        class_names=tuple(f"c{i}" for i in range(len(sizes))),
        name="coded",
    )


def make_sampler(**changes):
    arguments = {"num_ways": 4, "num_shots": 2, "num_queries": 3, "seed": 1}
    return EpisodeSampler(coded_dataset(), **(arguments | changes))


def decode(x):
    """Returns (class, number) arrays [tasks, examples]."""
    x = x.numpy().reshape(*x.shape[:2], 2).astype(int)
    return x[..., 0] - 1, x[..., 1]


def assert_same(left, right):
    for one, other in zip(left[:6], right[:6], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "changes", [{}, {"num_ways": (2, 5), "num_shots": (1, 3)}]
)
def test_tasks_do_not_depend_on_their_grouping(changes):
    sampler = make_sampler(**changes)
    whole = sampler.tasks(5, 8)
    singles = [sampler.tasks(5 + i, 1) for i in range(8)]
    joined = [
        np.concatenate(parts)
        for parts in zip(*(one.labelled_parts for one in singles), strict=True)
    ]
    assert_same(whole.labelled_parts, joined)


def test_tasks_do_not_depend_on_the_sampler_instance_or_caller():
    expected = make_sampler().tasks(3, 2)
    other = make_sampler()
    other.tasks(0, 7)
    assert_same(expected, other.tasks(3, 2))
    traced = tf.function(lambda start: other.tasks(start, 2))
    assert_same(expected, traced(tf.constant(3, tf.int64)))


def test_tasks_first_episode_is_pinned():
    episode = make_sampler().tasks(0, 1)
    classes, numbers = decode(episode.support_x)
    assert classes.tolist() == [[5, 5, 0, 0, 3, 3, 1, 1]]
    assert numbers.tolist() == [[5, 0, 4, 5, 5, 4, 4, 6]]


def test_tasks_have_the_documented_shapes_and_dtypes():
    episode = make_sampler().tasks(0, 3)
    assert episode.support_x.shape == (3, 8, 1, 2, 1)
    assert episode.query_x.shape == (3, 12, 1, 2, 1)
    assert episode.support_x.dtype == tf.float32
    assert episode.support_y.dtype == episode.query_y.dtype == tf.int64
    assert episode.support_mask.numpy().all()
    assert episode.query_mask.numpy().all()


def test_labels_run_class_by_class_and_match_the_images():
    episode = make_sampler().tasks(0, 50)
    assert (episode.support_y.numpy() == np.repeat(np.arange(4), 2)).all()
    assert (episode.query_y.numpy() == np.repeat(np.arange(4), 3)).all()
    support, _ = decode(episode.support_x)
    query, _ = decode(episode.query_x)
    for task in range(50):
        ways = support[task, ::2]
        assert len(set(ways)) == 4
        np.testing.assert_array_equal(support[task], np.repeat(ways, 2))
        np.testing.assert_array_equal(query[task], np.repeat(ways, 3))


def test_support_and_query_share_no_example_and_stay_inside_the_class():
    data = coded_dataset()
    sampler = EpisodeSampler(data, num_ways=7, num_shots=3, num_queries=3)
    episode = sampler.tasks(0, 60)
    classes, numbers = (
        np.concatenate(pair, axis=1)
        for pair in zip(
            decode(episode.support_x), decode(episode.query_x), strict=True
        )
    )
    for task in range(60):
        drawn = set(zip(classes[task], numbers[task], strict=True))
        assert len(drawn) == 7 * 6
        assert all(n < data.class_sizes[c] for c, n in drawn)


def test_draws_are_uniform_over_classes_labels_and_examples():
    sampler = make_sampler(num_ways=3, num_shots=1, num_queries=1)
    count = 4000
    classes, numbers = decode(sampler.tasks(0, count).support_x)
    table = np.stack(
        [np.bincount(classes[:, way], minlength=7) for way in range(3)]
    )
    assert _chi_square(table) < 45.0  # 18 freedoms: p = 0.0004
    of_largest = np.bincount(numbers[classes == 1], minlength=9)
    assert len(of_largest) == 9
    assert _chi_square(of_largest) < 28.0  # 8 freedoms: p = 0.0005


def _chi_square(counts):
    expected = counts.sum() / counts.size
    return ((counts - expected) ** 2 / expected).sum()


def test_seeds_and_numbers_give_other_episodes():
    first = make_sampler().tasks(0, 1).support_x.numpy()
    others = [make_sampler(seed=s).tasks(0, 1) for s in (2, 3, -1, 2**62)]
    others += [make_sampler().tasks(i, 1) for i in (1, 2**40)]
    drawn = {e.support_x.numpy().tobytes() for e in others}
    assert len(drawn | {first.tobytes()}) == 7


def test_dataset_yields_the_numbered_episodes():
    sampler = make_sampler()
    elements = list(sampler.dataset(3, start=4, num_batches=2))
    assert len(elements) == 2
    assert_same(elements[0], sampler.tasks(4, 3))
    assert_same(elements[1], sampler.tasks(7, 3))
    assert elements[0].support_x.shape == (3, 8, 1, 2, 1)


def test_dataset_without_end_is_known_to_be_infinite():
    pipeline = make_sampler().dataset(2)
    assert pipeline.cardinality() == tf.data.INFINITE_CARDINALITY
    spec = pipeline.element_spec
    assert spec.query_x.shape == (2, 12, 1, 2, 1)


class QueryOnly(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4)

    def call(self, inputs):
        shape = keras.ops.shape(inputs["query_x"])
        flat = keras.ops.reshape(inputs["query_x"], (shape[0], shape[1], 2))
        return self.dense(flat)


def test_keras_dataset_feeds_model_fit():
    model = QueryOnly()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="sgd", loss=loss)
    sampler = make_sampler(num_ways=(2, 4))
    history = model.fit(
        sampler.keras_dataset(2),
        steps_per_epoch=2,
        validation_data=sampler.keras_dataset(2, start=100, steps=1),
        shuffle=False,
        verbose=0,
    )
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(history.history["val_loss"]).all()


def test_ranges_draw_every_size_and_mask_the_rest():
    sampler = make_sampler(num_ways=(2, 4), num_shots=(1, 3))
    assert sampler.is_ragged
    episode = sampler.tasks(0, 300)
    mask = episode.support_mask.numpy().reshape(300, 4, 3)
    ways, shots = mask.any(2).sum(1), mask.any(1).sum(1)
    assert set(ways) == {2, 3, 4}
    assert set(shots) == {1, 2, 3}
    expected = (np.arange(4)[:, None] < ways[:, None, None]) & (
        np.arange(3) < shots[:, None, None]
    )
    np.testing.assert_array_equal(mask, expected)
    query = episode.query_mask.numpy().reshape(300, 4, 3)
    np.testing.assert_array_equal(query.all(2), mask.any(2))
    np.testing.assert_array_equal(query.any(2), mask.any(2))


def test_ranges_leave_padding_with_label_and_values_zero():
    sampler = make_sampler(num_ways=(2, 4), num_shots=(1, 3))
    episode = sampler.tasks(0, 40)
    for x, y, mask in (
        (episode.support_x, episode.support_y, episode.support_mask),
        (episode.query_x, episode.query_y, episode.query_mask),
    ):
        mask = mask.numpy()
        assert not mask.all()
        assert (y.numpy()[~mask] == 0).all()
        assert (x.numpy()[~mask] == 0).all()
        assert (x.numpy()[mask][:, 0, 0, 0] > 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_ways": 8}, "num_ways=8 is more than the 7 classes of 'coded'"),
        ({"num_shots": 4}, r"num_shots=4 \+ num_queries=3 .* 6 examples .*c0"),
        ({"num_ways": (2, 9)}, "num_ways=9"),
        ({"num_shots": (1, 4)}, "num_shots=4"),
        ({"num_ways": 0}, "num_ways must be at least 1; got 0"),
        ({"num_ways": 1}, "num_ways must be at least 2; got 1"),
        ({"num_ways": (1, 3)}, "num_ways must be at least 2; got 1"),
        ({"num_shots": -1}, "num_shots"),
        ({"num_queries": 0}, "num_queries"),
        ({"num_queries": (1, 2)}, "num_queries must be an integer"),
        ({"num_ways": 2.0}, "num_ways must be an integer; got 2.0"),
        ({"num_ways": (4, 2)}, "num_ways must rise"),
        ({"num_ways": (1, 2, 3)}, "pair"),
        ({"seed": 2**63}, "64 bits"),
        ({"seed": "0"}, "seed must be an integer"),
    ],
)
def test_constructor_refuses_impossible_requests(changes, message):
    with pytest.raises(EpisodeError, match=message):
        make_sampler(**changes)


def test_calls_refuse_numbers_out_of_range():
    sampler = make_sampler()
    with pytest.raises(EpisodeError, match="count"):
        sampler.tasks(0, 0)
    with pytest.raises(EpisodeError, match="start"):
        sampler.tasks(-1, 1)
    with pytest.raises(EpisodeError, match="num_tasks"):
        sampler.dataset(0)
    with pytest.raises(EpisodeError, match="num_batches"):
        sampler.dataset(1, num_batches=0)
