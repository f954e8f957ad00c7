"""Tasks of one alphabet: what is drawn, in which order, and moved how."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import metazoo
from metazoo.data import AlphabetSampler, ClassDataset, load_glyphs
from metazoo.data.affine import moved
from metazoo.data.alphabet_sampler import choose_alphabets

SIZES = (4, 6, 5, 2)
EXAMPLES = 5
ALPHABET = np.repeat(np.arange(len(SIZES)), SIZES)


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


def make(**changes):
    settings = {"num_ways": 4, "num_shots": 3, "num_queries": 2, "seed": 5}
    return AlphabetSampler(numbers(), **{**settings, **changes})


def test_a_task_has_characters_of_one_alphabet():
    task = make().tasks(0, 12)
    support = task.support_x.numpy().astype(int)
    query = task.query_x.numpy().astype(int)
    seen = set()
    for t in range(12):
        (alphabet,) = set(ALPHABET[support[t, :, 0]])
        seen.add(alphabet)
        label = dict(
            zip(support[t, :, 0], task.support_y[t].numpy(), strict=True)
        )
        assert sorted(label.values()) == [0, 1, 2, 3]
        assert (np.bincount(task.support_y[t]) == 3).all()
        for (of, number), y in zip(
            query[t], task.query_y[t].numpy(), strict=True
        ):
            assert label[of] == y
            assert [of, number] not in support[t].tolist()
    assert seen == {0, 1, 2}


def test_every_epoch_holds_every_drawing_in_an_order_of_its_own():
    one, many = make().tasks(3, 2), make(num_epochs=3).tasks(3, 2)
    assert many.support_x.shape == (2, 36, 2)
    for t in range(2):
        epochs = many.support_x[t].numpy().reshape(3, 12, 2).tolist()
        assert epochs[0] != epochs[1]
        assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(epochs[2])
        labels = np.array([row[0] for row in epochs[0]])
        assert len(set(labels)) == 4
    assert one.support_x.shape == (2, 12, 2)


def test_tasks_repeat_by_number():
    source = make(num_epochs=2)
    np.testing.assert_array_equal(
        source.tasks(2, 3).support_x[1], source.tasks(3, 1).support_x[0]
    )
    assert source.identity() != make().identity()


def test_moved_drawings_differ_in_every_epoch():
    data = load_glyphs("train", num_alphabets=1, num_characters=3)
    settings = {"num_ways": 3, "num_shots": 2, "num_queries": 1, "seed": 1}
    source = AlphabetSampler(data, num_epochs=2, augment=True, **settings)
    task = source.tasks(0, 2)
    assert task.support_x.shape == (2, 12, 28, 28, 1)
    assert task.query_x.shape == (2, 3, 28, 28, 1)
    flat = task.support_x[0].numpy().reshape(12, -1)
    assert len(np.unique(flat, axis=0)) == 12
    assert flat.min() >= 0 and flat.max() <= 255


def test_a_quarter_turn_and_a_shift_are_exact():
    image = np.arange(25.0, dtype=np.float32).reshape(1, 5, 5, 1)
    # Scale 1 is half way; so is no shift.
    still = moved(tf.constant(image), tf.constant([[0.0, 0.5, 0.5, 0.5]]))
    np.testing.assert_allclose(still, image, atol=1e-3)
    turned = moved(tf.constant(image), tf.constant([[0.25, 0.5, 0.5, 0.5]]))
    np.testing.assert_allclose(
        turned[0, ..., 0], np.rot90(image[0, ..., 0]), atol=0.01
    )
    shifted = moved(tf.constant(image), tf.constant([[0.0, 0.5, 1.0, 0.5]]))
    np.testing.assert_allclose(shifted[0, :, 1:], image[0, :, :-1], atol=0.01)
    np.testing.assert_allclose(shifted[0, :, 0], 255.0, atol=0.01)


def test_chosen_alphabets_are_nested():
    few = choose_alphabets(numbers(), 1, 4, seed=3)
    more = choose_alphabets(numbers(), 2, 4, seed=3)
    assert set(few.class_names) < set(more.class_names)
    everything = choose_alphabets(numbers(), None, 4)
    assert everything.num_classes == 4 + 6 + 5


@pytest.mark.parametrize("number", [0, 4])
def test_too_many_or_no_alphabets_are_refused(number):
    with pytest.raises(metazoo.EpisodeError, match="has 3 with 4"):
        choose_alphabets(numbers(), number, 4)


def test_no_images_can_not_be_moved():
    with pytest.raises(metazoo.EpisodeError, match="augment"):
        make(augment=True)
