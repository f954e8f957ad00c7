import dataclasses
import json

import numpy as np
import pytest

import metazoo
from metazoo.comparison import Task, compare, gather, paired_differences
from metazoo.errors import EpisodeError, MetazooError
from metazoo.evaluation import evaluate
from metazoo.presets import from_preset

pytestmark = pytest.mark.usefixtures("presets")

TASK = Task(ways=(3, 5), shots=(1,), queries=4, episodes=6, seeds=(0, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("comparison")


@pytest.fixture
def field(drawings):
    return gather(["protonet", "maml", "maml_tiny_3way_8shot"], drawings, [3])


@pytest.fixture
def found(field, drawings, folder):
    """Measured once, then read from the folder."""
    return compare(field, drawings, TASK, output=folder)


def test_cells_agree_with_evaluate(found, drawings):
    expected = evaluate(
        from_preset("maml_tiny_3way_1shot"),
        drawings,
        num_ways=3,
        num_shots=1,
        num_queries=4,
        episodes=6,
        seeds=(0, 3),
    )
    record = found.record("maml_tiny", (3, 1))
    assert record["preset"] == "maml_tiny_3way_1shot"
    assert record["accuracy"] == expected.accuracy
    assert record["accuracies"] == expected.records.accuracy.tolist()
    assert record["transductive"] is True
    assert found.record("protonet", (3, 1))["transductive"] is False
    assert record["trained_on"] == "glyphs"
    assert record["fingerprint"] == drawings.fingerprint
    assert record["seeds"] == [0, 3]


def test_each_setting_takes_its_preset_and_gaps_say_why(found):
    assert found.record("maml_tiny", (5, 1))["preset"] == "maml_tiny_5way_1shot"
    assert found.record("maml_tiny_3way_8shot", (5, 1)) is None
    (gap,) = found.gaps
    assert (gap["system"], gap["ways"]) == ("maml_tiny_3way_8shot", 5)
    assert gap["reason"] == "tells at most 3 classes apart"


def test_differences_are_paired_by_episode(found):
    one, other = (
        np.array(found.record(name, (3, 1))["accuracies"])
        for name in ("maml_tiny", "protonet")
    )
    (gap,) = (
        row
        for row in found.differences
        if (row["ways"], row["system"], row["against"])
        == (3, "maml_tiny", "protonet")
    )
    assert gap["difference"] == pytest.approx((one - other).mean())
    width = 1.96 * (one - other).std(ddof=1) / np.sqrt(12)
    assert gap["ci95"] == pytest.approx(width)
    assert gap["wins"] == (one > other).sum()
    assert gap["wins"] + gap["ties"] + gap["losses"] == 12
    # Three systems with 3 ways, two with 5: ordered pairs.
    assert len(found.differences) == 6 + 2


def test_equal_systems_differ_by_nothing():
    base = {"ways": 5, "shots": 1, "accuracies": [0.2, 0.8, 0.5]}
    pairs = paired_differences(
        [{**base, "system": "a"}, {**base, "system": "b"}]
    )
    assert [(p["difference"], p["ci95"], p["ties"]) for p in pairs] == [
        (0, 0, 3)
    ] * 2


def test_a_comparison_goes_on_where_it_stopped(
    field, drawings, found, folder, monkeypatch
):
    (folder / "cells" / "protonet_tiny-5way_1shot.json").unlink()
    loaded = []

    def load(handle):
        loaded.append(handle)
        return from_preset(handle)

    monkeypatch.setattr("metazoo.presets.from_preset", load)
    seen = []
    again = compare(
        field,
        drawings,
        TASK,
        output=folder,
        progress=lambda *told: seen.append(told),
    )
    assert loaded == ["protonet_tiny"]
    before, after = (
        [one["accuracies"] for one in each.records] for each in (found, again)
    )
    assert before == after
    assert seen[0] == (0, 5, "protonet_tiny-3way_1shot")
    assert seen[-1] == (5, 5, "")


def test_a_folder_never_mixes_two_tasks(field, drawings, found, folder):
    other = Task(ways=(3,), shots=(1,), queries=4, episodes=6, seeds=(1,))
    with pytest.raises(MetazooError, match=r"\['seeds'\] differ"):
        compare(field, drawings, other, output=folder)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"ways": (3, 13)}, "num_ways=13"),
        ({"shots": (1, 30)}, "num_shots=30"),
        ({"queries": 40}, "num_queries=40"),
    ],
)
def test_a_task_that_does_not_fit_the_data_ends_before_any_cell(
    field, drawings, tmp_path, change, match
):
    task = dataclasses.replace(TASK, **change)
    with pytest.raises(EpisodeError, match=match):
        compare(field, drawings, task, output=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"episodes": 1}, "episodes must be 2"),
        ({"seeds": ()}, "seeds"),
        ({"seeds": (1, 1)}, "seeds must be distinct"),
    ],
)
def test_a_task_without_an_interval_is_refused(change, match):
    with pytest.raises(EpisodeError, match=match):
        Task(**change)


def test_more_support_than_a_learner_takes_is_refused(drawings, monkeypatch):
    field = gather(["protonet"], drawings, [3])
    monkeypatch.setattr(metazoo.ProtoNet, "max_support", 5)
    task = Task(ways=(3,), shots=(2,), queries=2, episodes=2)
    with pytest.raises(EpisodeError, match="support_x"):
        compare(field, drawings, task)


def test_without_a_folder_nothing_is_written(drawings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    field = gather(["protonet"], drawings, [3])
    task = Task(ways=(3,), shots=(2,), queries=2, episodes=2)
    found = compare(field, drawings, task)
    assert len(found.records) == 1
    assert list(tmp_path.iterdir()) == []


def test_texts_are_compared_too(phrases):
    field = gather(["ataml"], phrases, [3])
    task = Task(ways=(3,), shots=(2,), queries=2, episodes=2)
    found = compare(field, phrases, task)
    assert found.records[0]["dataset"] == "phrases"
    json.dumps(found.to_dict(), allow_nan=False)
