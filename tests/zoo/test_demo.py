import keras
import numpy as np
import pytest
from PIL import Image

import metazoo
from metazoo import demo
from metazoo.contracts.adapted import AdaptedModel
from metazoo.errors import PresetError, ServingError
from metazoo.layers import conv4


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    keras.utils.set_random_seed(0)
    learner = metazoo.ProtoNet(conv4((28, 28, 1), filters=4))
    learner.compile()
    folder = tmp_path_factory.mktemp("demo") / "tiny"
    return learner.save_to_preset(folder, dataset="none")


def test_demo_walks_the_whole_way(preset, tmp_path):
    lines = []
    report = demo.run_demo(
        preset=str(preset),
        output=tmp_path / "model",
        picture=tmp_path / "episode.png",
        episodes=20,
        say=lines.append,
    )
    assert report.result.episodes == 20
    assert 0.2 < report.result.accuracy <= 1.0
    assert set(report.state_difference) == {"grpc", "rest"}
    assert max(report.state_difference.values()) < 1e-4
    assert max(report.probability_difference.values()) < 1e-4
    assert (tmp_path / "model" / "1" / "saved_model.pb").is_file()
    assert min(Image.open(report.picture).size) > 600
    told = "\n".join(lines)
    for word in ("Adapted", "Exported", "grpc:", "rest:", "±", "episode.png"):
        assert word in told


def test_demo_prefers_the_default_preset(monkeypatch):
    names = ["maml_x", demo.DEFAULT_PRESET]
    monkeypatch.setattr(
        "metazoo.presets.listing.list_presets", lambda: _infos(names)
    )
    assert demo.shipped_preset() == demo.DEFAULT_PRESET
    names.remove(demo.DEFAULT_PRESET)
    assert demo.shipped_preset() == "maml_x"


def test_demo_without_a_shipped_preset_names_the_remedy(monkeypatch):
    monkeypatch.setattr("metazoo.presets.listing.list_presets", list)
    with pytest.raises(PresetError, match="--preset.*metazoo train"):
        demo.shipped_preset()


def test_demo_fails_where_a_served_state_differs():
    task, adapted = _task_and_adapted()
    with pytest.raises(ServingError, match="served state differs"):
        demo._ask(_FakeClient(adapted, 1e-2, 0.0), task, adapted, "grpc", print)


def test_demo_fails_where_a_served_probability_differs():
    task, adapted = _task_and_adapted()
    with pytest.raises(ServingError, match="probabilities by 0.01"):
        demo._ask(_FakeClient(adapted, 0.0, 1e-2), task, adapted, "rest", print)


def test_demo_accepts_equal_answers():
    task, adapted = _task_and_adapted()
    lines = []
    client = _FakeClient(adapted, 0.0, 0.0)
    found = demo._ask(client, task, adapted, "grpc", lines.append)
    assert found == (0.0, 0.0)
    assert "to the last bit" in lines[0]


class _FakeClient:
    """Answers as the local model does, but for given errors."""

    def __init__(self, adapted, state_error, probability_error):
        self.local = adapted
        self.state_error = state_error
        self.probability_error = probability_error

    def adapt(self, support_x, support_y):
        state = {k: v + self.state_error for k, v in self.local.state.items()}
        return AdaptedModel(self.local.learner, state, True)

    def adapt_predict(self, support_x, support_y, query_x):
        found = self.local.predict(query_x) + self.probability_error
        return {"probabilities": found}


class _Learner:
    """Predicts the same whatever its state is."""

    query_rank = 4

    def predict_state(self, query_x, state):
        shape = (1, len(query_x), 2)
        return {"probabilities": np.full(shape, 0.5, np.float32)}


def _task_and_adapted():
    images = np.zeros((2, 4, 4, 1), np.float32)
    task = demo._Task(images, np.arange(2), images, np.arange(2))
    state = {"prototypes": np.zeros((1, 2, 3), np.float32)}
    return task, AdaptedModel(_Learner(), state, True)


class _Info:
    def __init__(self, preset):
        self.preset = preset
        self.method = preset.partition("_")[0]
        self.directory = preset


def _infos(names):
    return [_Info(name) for name in names]
