"""ATAML with several labels a text, and F1."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.errors import EpisodeError, MetazooError
from metazoo.layers import tcn
from metazoo.methods.ataml.ataml_many import MultiLabelATAML
from metazoo.methods.ataml.ataml_model import ATAML
from metazoo.metrics.f1 import f1_scores
from metazoo.serving import export

VOCABULARY = [f"w{i}" for i in range(10)]
X = ["w0 w1", "w2", "w7 w8 w9", "w5"]
Y = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]])


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(0)
    net = tcn(12, 6, filters=8, dropout=0.0)
    return MultiLabelATAML(net, VOCABULARY, max_words=6, num_ways=3)


def test_one_hot_targets_give_the_sigmoid_loss_not_softmax(learner):
    targets = np.eye(3, dtype=np.float32)[None]
    logits = tf.constant([[[2.0, -1, 0], [1, 1, 1], [0, 3, -2]]])
    mask = tf.ones([1, 3], tf.bool)
    support = learner.support_of(
        tf.constant([["w0", "w1", "w2"]]), targets, mask, 3
    )
    found = learner.text_losses(support.targets, logits, support)
    p = 1 / (1 + np.exp(-logits.numpy()))
    by_hand = -np.where(targets == 1, np.log(p), np.log(1 - p)).mean(-1)
    np.testing.assert_allclose(found, by_hand, atol=1e-6)
    softmax = ATAML.text_losses(learner, support.targets, logits, support)
    assert np.abs(found - softmax).max() > 0.1


def test_labels_of_the_support_set_are_learned(learner):
    adapted, report = learner.adapt_steps(X, Y, 1000, 3.0)
    assert report["support_loss"] < 0.1
    outputs = learner.predict_state(X, adapted.state)
    np.testing.assert_array_equal(outputs["labels"][0], Y == 1)
    assert not np.allclose(outputs["probabilities"].sum(-1), 1.0)


def test_columns_that_a_task_lacks_are_absent(learner):
    adapted = learner.adapt(X, Y[:, :2])
    assert adapted.state["class_mask"].tolist() == [[1, 1, 0]]
    assert adapted.predict(X)[:, 2].max() == 0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Y[:-1], "expected"),
        (Y * 2, "zeros and ones"),
        ([0, 1, 2, 0], "one column a label"),
        (np.ones((4, 4)), "4 columns"),
    ],
)
def test_bad_labels_are_refused(learner, labels, message):
    with pytest.raises(EpisodeError, match=message):
        learner.adapt(X, labels)


def test_it_trains_on_episodes(learner):
    episode = learner.example_episode(2)
    inputs, query_y, mask = episode.to_keras()
    data = tf.data.Dataset.from_tensors((inputs, query_y, mask)).repeat(8)
    keras.utils.set_random_seed(0)
    copy = MultiLabelATAML.from_config(learner.get_config())
    copy.compile(keras.optimizers.Adam(1e-2))
    losses = copy.fit(data, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_export_and_faulty_tasks(learner, tmp_path):
    folder = export(learner, tmp_path / "many", checks=["saved_model"])
    model = tf.saved_model.load(str(folder))
    x = tf.constant([X, [*X[:3], b"\xff"]])
    y = tf.constant(np.stack([Y, Y]).astype(np.float32))
    found = model.signatures["adapt_predict"](
        support_x=x, support_y=y, query_x=x
    )
    expected = learner.adapt(X, Y).predict(X)
    np.testing.assert_allclose(found["probabilities"][0], expected, atol=1e-5)
    assert np.isnan(found["probabilities"][1]).all()
    assert not found["labels"][1].numpy().any()


def test_f1_by_hand():
    true = [[[1, 0], [1, 0], [0, 0]], [[0, 0], [0, 0], [0, 0]]]
    said = [[[1, 0], [0, 0], [1, 1]], [[0, 0], [0, 0], [0, 0]]]
    micro, macro = f1_scores(true, said)
    np.testing.assert_allclose(micro, [2 / 5, 0])
    np.testing.assert_allclose(macro, [(1 / 2 + 0) / 2, 0])
    with pytest.raises(MetazooError, match="episodes"):
        f1_scores([[1]], [[1]])


def test_padding_changes_nothing_on_the_wire(learner):
    (adapt,) = (s for s in learner.signatures() if s.name == "adapt_steps")
    settings = {
        "num_steps": tf.constant([3]),
        "step_size": tf.constant([1.0]),
    }
    y = tf.constant(Y, tf.float32)
    whole = adapt.fn(
        support_x=tf.constant([X[:3]]), support_y=y[None, :3], **settings
    )
    padded = adapt.fn(
        support_x=tf.constant([X]),
        support_y=tf.where(tf.range(4)[:, None] < 3, y, np.nan)[None],
        support_mask=tf.constant([[True, True, True, False]]),
        **settings,
    )
    for name, value in whole.items():
        np.testing.assert_allclose(padded[name], value, atol=1e-6)


def test_unknown_verbs_and_settings_are_refused(learner):
    with pytest.raises(EpisodeError, match="verb must be one of"):
        learner.adapt_by("adapt_none", X, Y)
    with pytest.raises(EpisodeError, match="takes the settings"):
        learner.adapt_by("adapt_steps", X, Y, num_steps=1)
