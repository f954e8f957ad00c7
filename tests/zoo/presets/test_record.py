"""Evaluation rows written into a preset."""

from __future__ import annotations

import pytest

import metazoo
from metazoo.errors import PresetError
from metazoo.layers import conv4
from metazoo.presets.record import record_metrics
from metazoo.presets.verify import verify_directory


@pytest.fixture
def preset(tmp_path):
    learner = metazoo.ProtoNet(conv4(filters=2))
    return learner.save_to_preset(tmp_path / "protonet_x", dataset="omniglot")


def row(ways: int = 5, accuracy: float = 0.9) -> dict:
    return {
        "dataset": "omniglot-lake",
        "split": "test",
        "ways": ways,
        "shots": 1,
        "accuracy": accuracy,
        "ci95": 0.01,
        "episodes": 600,
        "seeds": 1,
        "transductive": False,
    }


def test_record_adds_row_with_the_papers_number(preset):
    record_metrics(preset, row(), hardware="a CPU", adaptation_ms=1.234)
    metadata = verify_directory(preset)
    assert metadata.metrics == ({**row(), "paper_accuracy": 0.988},)
    assert (metadata.hardware, metadata.adaptation_ms) == ("a CPU", 1.23)
    card = (preset / "README.md").read_text()
    assert "90.00 ± 1.00" in card and "98.80" in card
    metazoo.from_preset(str(preset))


def test_record_replaces_same_setting_and_sorts_others(preset):
    for accuracy, ways in ((0.5, 20), (0.8, 5), (0.9, 5)):
        record_metrics(preset, row(ways, accuracy))
    found = verify_directory(preset).metrics
    assert [(r["ways"], r["accuracy"]) for r in found] == [(5, 0.9), (20, 0.5)]


def test_record_refuses_damaged_preset(preset):
    (preset / "config.json").write_text("{}")
    with pytest.raises(PresetError, match="config.json"):
        record_metrics(preset, row())
