"""WordIds and TextStates: numbering of words, and states of words."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.errors import MetazooError
from metazoo.layers import TextStates, WordIds, tcn, text_states_of


def test_words_get_numbers_after_padding_and_unknown():
    layer = WordIds(["rain", "dont", "été"], max_words=3)
    found = layer(tf.constant(["Rain, SNOW!", "", "Don't été rain rain"]))
    assert found.numpy().tolist() == [[2, 1, 0], [0, 0, 0], [3, 4, 2]]
    assert (found.dtype, layer.size) == (tf.int32, 5)


def test_texts_without_words_are_one_padding_wide():
    layer = WordIds(["rain"], 4)
    assert layer(tf.constant(["", "!?"])).numpy().tolist() == [[0], [0]]


def test_config_holds_the_vocabulary_as_one_text():
    layer = WordIds(["rain", "snow"], 4)
    config = layer.get_config()
    assert config["vocabulary"] == "rain snow"
    copy = WordIds.from_config(config)
    assert copy.vocabulary == ("rain", "snow")


@pytest.mark.parametrize(
    ("vocabulary", "max_words"),
    [([], 3), (["a", "a"], 3), (["a b"], 3), ([""], 3), (["a"], 0)],
)
def test_bad_vocabulary_is_refused(vocabulary, max_words):
    with pytest.raises(MetazooError):
        WordIds(vocabulary, max_words)


@pytest.fixture
def layer():
    keras.utils.set_random_seed(0)
    return TextStates(20, 5, filters=4, dilations=(1, 3), dropout=0.5)


IDS = np.array([[[3, 4, 5, 6, 7, 8], [9, 2, 0, 0, 0, 0]]])


def test_states_equal_stock_convolutions(layer):
    x = tf.gather(layer.embeddings.value, IDS[0, :1])
    for number, dilation in enumerate((1, 3)):
        kernel, bias = layer.convolutions[2 * number : 2 * number + 2]
        stock = keras.layers.Conv1D(
            4, 3, dilation_rate=dilation, padding="causal"
        )
        stock.build(x.shape)
        stock.kernel.assign(tf.reshape(kernel, stock.kernel.shape))
        stock.bias.assign(bias)
        x = tf.nn.leaky_relu(stock(x), 0.01)
    np.testing.assert_allclose(layer(IDS[0, :1]), x, atol=1e-5)


def test_a_state_does_not_depend_on_later_words(layer):
    changed = IDS.copy()
    changed[0, 0, 4:] = 11
    before, after = layer.states(IDS), layer.states(changed)
    np.testing.assert_array_equal(before[0, 0, :4], after[0, 0, :4])
    assert np.abs(before[0, 0, 4:] - after[0, 0, 4:]).max() > 0


def test_padding_is_zero_and_leaves_no_trace(layer):
    layer.convolutions[1].assign([1.0, 2.0, 3.0, 4.0])
    states = layer.states(IDS)
    assert not states[0, 1, 2:].numpy().any()
    longer = np.pad(IDS, ((0, 0), (0, 0), (0, 4)))
    np.testing.assert_allclose(
        layer.states(longer)[:, :, :6], states, atol=1e-6
    )


def test_kernels_of_each_task_are_its_own(layer):
    ids = np.concatenate([IDS, IDS + (IDS > 0)])
    other = [2 * v.value + 0.1 for v in layer.convolutions]
    both = [
        tf.stack([v.value, o])
        for v, o in zip(layer.convolutions, other, strict=True)
    ]
    together = layer.states(ids, both)
    np.testing.assert_allclose(together[0], layer.states(ids)[0], atol=1e-5)
    alone = layer.states(ids[1:], [o[None] for o in other])
    np.testing.assert_allclose(together[1], alone[0], atol=1e-4)


def test_dropout_follows_its_seed(layer):
    one = layer.states(IDS, None, tf.constant([1, 2]))
    np.testing.assert_array_equal(
        one, layer.states(IDS, None, tf.constant([1, 2]))
    )
    other = layer.states(IDS, None, tf.constant([1, 3]))
    assert np.abs(one - other).max() > 0
    assert (one[0, 0].numpy() == 0).mean() > 0.2


def test_no_convolution_gives_word_vectors():
    backbone = tcn(20, 5, dilations=())
    layer = text_states_of(backbone)
    assert (layer.size, backbone.output_shape) == (5, (None, None, 5))
    expected = tf.gather(layer.embeddings.value, IDS[0, :1])
    np.testing.assert_array_equal(backbone(IDS[0, :1]), expected)


def test_backbone_survives_its_config():
    backbone = tcn(20, 5, filters=4)
    copy = keras.Model.from_config(backbone.get_config())
    copy.set_weights(backbone.get_weights())
    np.testing.assert_array_equal(copy(IDS[0]), backbone(IDS[0]))


def test_word_vectors_are_trained_only_where_asked():
    assert len(tcn(9, 4).trainable_variables) == 4
    assert len(tcn(9, 4, train_embeddings=True).trainable_variables) == 5


def test_bad_settings_are_refused():
    with pytest.raises(MetazooError, match="dropout"):
        TextStates(9, 4, dropout=1.0)
    with pytest.raises(MetazooError, match="dilations"):
        TextStates(9, 4, dilations=(0,))
    inputs = keras.Input((None,), dtype="int32")
    with pytest.raises(MetazooError, match="TextStates"):
        text_states_of(keras.Model(inputs, inputs))
