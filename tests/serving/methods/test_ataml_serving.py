"""ATAML over the wire: texts, attention, steps of each task, bad texts."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from metazoo.cli import main
from metazoo.data import load_phrases
from metazoo.errors import EpisodeError
from metazoo.methods.ataml.ataml_recipe import ATAMLRecipe
from metazoo.serving import Client

X = ["rain and wind", "the storm", "a song", "my piano", "bank, loan"]
Y = [0, 0, 1, 1, 2]
QUERIES = ["SNOW!", "guitar melody nobody knows", "?!"]


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(0)
    return ATAMLRecipe().tiny().learner_for(load_phrases("train"))


def test_served_texts_are_answered_as_by_the_learner(learner, client):
    expected = learner.adapt(X, Y)
    outputs = learner.predict_state(QUERIES, expected.state)
    adapted = client.adapt(X, Y)
    for name, value in expected.state.items():
        np.testing.assert_allclose(adapted.state[name], value, atol=1e-5)
    once = client.adapt_predict(X, Y, QUERIES)
    for name in ("probabilities", "attention"):
        np.testing.assert_allclose(once[name], outputs[name][0], atol=1e-5)
    np.testing.assert_allclose(
        adapted.predict(QUERIES), outputs["probabilities"][0], atol=1e-5
    )


def test_attention_of_words_sums_to_one(learner, client):
    shares = client.adapt_predict(X, Y, QUERIES)["attention"]
    assert shares.shape == (3, learner.max_words)
    np.testing.assert_allclose(shares.sum(-1), [1, 1, 0], atol=1e-6)
    assert (shares > 0).sum(-1).tolist() == [1, 4, 0]


def test_steps_of_each_task_are_its_own(learner, client):
    wire = {
        "support_x": np.array([X, X, X], object),
        "support_y": np.array([Y] * 3),
        "num_steps": np.array([0, 3, 5000], np.int32),
        "step_size": np.array([0.1, 0.2, 0.3], np.float32),
    }
    found = client.call("adapt_steps", **wire)
    for task, (steps, size) in enumerate([(0, 0.1), (3, 0.2)]):
        adapted, report = learner.adapt_steps(X, Y, steps, size)
        for name, value in (adapted.state | report).items():
            np.testing.assert_allclose(found[name][task], value[0], atol=1e-5)
    assert np.isnan(found["head_kernel"][2]).all()
    assert np.isnan(found["support_loss"][2])


def test_client_refuses_what_is_no_text(client):
    for bad in (["", *X[1:]], [b"\xff", *X[1:]], ["a" * 70000, *X[1:]]):
        with pytest.raises(EpisodeError, match=r"support_x"):
            client.adapt(bad, Y)


def test_server_spoils_the_task_of_a_faulty_text_alone(learner, address):
    # As another client may send it.
    with Client(address["grpc"], "ataml") as client:
        both = np.array([X, [b"\xff", *X[1:]]], object)
        found = client.call(
            "adapt_predict",
            support_x=both,
            support_y=np.array([Y, Y]),
            query_x=np.array([QUERIES, QUERIES], object),
        )
    expected = learner.adapt(X, Y).predict(QUERIES)
    np.testing.assert_allclose(found["probabilities"][0], expected, atol=1e-5)
    assert np.isnan(found["probabilities"][1]).all()
    assert found["classes"][1].tolist() == [-1] * 3


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("texts")
    (root / "support").mkdir()
    (root / "support" / "weather.txt").write_text("rain and wind\nthe storm\n")
    (root / "support" / "music.txt").write_text("a song\n\nmy piano\n")
    (root / "unknown.txt").write_text("SNOW!\nguitar melody\n")
    return root


def test_command_line_learns_from_texts(learner, address, files, capsys):
    preset = learner.save_to_preset(files / "preset", dataset="phrases")
    task = ["--support", str(files / "support")]
    task += ["--queries", str(files / "unknown.txt")]
    state = files / "state.npz"
    local = ["adapt", "--preset", str(preset), *task, "--csv"]
    assert main([*local, "--output", str(state)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith(f"{files / 'unknown.txt'}:1,1,")
    served = ["--server", address["grpc"], "--model", "ataml", "--csv"]
    assert main(["predict", *task, *served]) == 0
    once = capsys.readouterr().out.splitlines()
    assert [row.split(",")[:4] for row in once] == [
        row.split(",")[:4] for row in lines
    ]
    queries = ["--queries", str(files / "unknown.txt")]
    assert main(["predict", "--state", str(state), *queries, *served]) == 0
    assert capsys.readouterr().out.splitlines() == once


def test_command_line_tells_of_bad_texts(address, files, capsys):
    bad = files / "bad.txt"
    bad.write_bytes(b"fine\n\xff\xfe\n")
    command = ["predict", "--support", str(files / "support")]
    command += ["--queries", str(bad)]
    command += ["--server", address["grpc"], "--model", "ataml"]
    assert main(command) != 0
    assert "line 2 is not valid UTF-8" in capsys.readouterr().err
    bad.write_text("\n")
    assert main(command) != 0
    assert "holds no text" in capsys.readouterr().err
