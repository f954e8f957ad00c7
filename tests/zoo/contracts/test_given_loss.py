"""Losses that a user gives: brought to one form, or refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.contracts.given_loss import logits_loss
from metazoo.errors import MetazooError


def test_no_loss_and_keras_losses_pass():
    assert logits_loss(None) is None
    given = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert logits_loss(given) is given


def test_function_is_averaged_over_weighted_examples():
    def squares(y_true, y_pred):
        return tf.square(tf.cast(y_true, tf.float32) - y_pred[..., 0])

    loss = logits_loss(squares)
    logits = tf.constant([[[3.0], [1.0]]])
    found = loss(tf.constant([[0, 1]]), logits, tf.constant([[1.0, 0.0]]))
    assert isinstance(loss, keras.losses.Loss)
    np.testing.assert_allclose(found, 9.0 / 2)


@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        keras.losses.CategoricalFocalCrossentropy(),
        keras.losses.sparse_categorical_crossentropy,
    ],
)
def test_loss_of_probabilities_is_refused(loss):
    with pytest.raises(MetazooError, match="expects probabilities"):
        logits_loss(loss)
