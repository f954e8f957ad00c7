"""LEO compares pairs of examples: too large a support set, wherever given."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import metazoo
from metazoo.cli import main
from metazoo.data.episode import Episode
from metazoo.layers import features

SIZE = 6
TEXT = "support_x holds 514 examples a task; this model takes at most 512"


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(0)
    made = metazoo.LEO(
        features(SIZE), latent_size=2, latent_steps=1, weight_steps=1
    )
    made.compile()
    return made


@pytest.fixture(scope="module")
def episode(new_episode) -> Episode:
    return new_episode(1, ways=2, shots=257, shape=(SIZE,))


@pytest.mark.parametrize("verb", ["fit", "evaluate"])
def test_keras_refuses_too_many_examples(learner, episode, verb):
    x, y, _ = episode.to_keras()
    with pytest.raises(metazoo.EpisodeError, match=TEXT):
        getattr(learner, verb)(x, y)


def test_call_and_verbs_refuse_too_many_examples(learner, episode):
    x, y = episode.support_x, episode.support_y
    with pytest.raises(metazoo.EpisodeError, match=TEXT):
        learner(episode.to_keras()[0])
    with pytest.raises(metazoo.EpisodeError, match=TEXT):
        learner.adapt(x, y)
    with pytest.raises(metazoo.EpisodeError, match=TEXT):
        learner.adapt_sample(x, y, [1, 2])


def test_as_many_as_the_limit_are_taken(learner, episode):
    x, y = episode.support_x[:, 1:-1], episode.support_y[:, 1:-1]
    assert x.shape[1] == learner.max_support
    found = learner.adapt(x, y).predict(episode.query_x)
    assert np.isfinite(found).all()


def test_command_line_refuses_too_many_examples(learner, tmp_path, capsys):
    learner.save_to_preset(tmp_path / "leo", dataset="subspace")
    command = ["bench", "--preset", str(tmp_path / "leo"), "--ways", "2"]
    assert main([*command, "--shots", "257"]) != 0
    assert TEXT in capsys.readouterr().err
