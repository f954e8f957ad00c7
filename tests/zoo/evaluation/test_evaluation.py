import concurrent.futures
import csv
import dataclasses
import json

import keras
import numpy as np
import pytest

import metazoo
from metazoo.data import (
    EpisodeSampler,
    episode_sampler,
    from_arrays,
    load_glyphs,
)
from metazoo.data.mixture import domain_names, joined_domains
from metazoo.errors import EpisodeError, MetazooError
from metazoo.evaluation import (
    RowSampler,
    accuracy_curve,
    append_csv,
    evaluate,
)
from metazoo.layers import conv4

SETTING = {"num_ways": 3, "num_shots": 2, "num_queries": 4, "episodes": 8}


@pytest.fixture(scope="module")
def data():
    return load_glyphs("test", num_alphabets=2, num_characters=6)


@pytest.fixture(scope="module")
def learner():
    keras.utils.set_random_seed(0)
    return metazoo.ProtoNet(conv4((28, 28, 1), filters=4))


@pytest.fixture(scope="module")
def result(learner, data):
    return evaluate(learner, data, **SETTING)


@pytest.fixture(scope="module")
def colours():
    """Classes that differ by one flat grey value each."""
    values = np.repeat(np.arange(8) * 30, 6).astype(np.uint8)
    images = np.broadcast_to(values[:, None, None], (48, 4, 4))
    return from_arrays(images, np.repeat(np.arange(8), 6), name="greys")


@pytest.fixture(scope="module")
def pixels():
    """A learner that compares raw pixels."""
    inputs = keras.Input((4, 4, 1))
    return metazoo.ProtoNet(keras.Model(inputs, keras.layers.Flatten()(inputs)))


def test_accuracy_equals_a_slow_loop(learner, data, result):
    sampler = EpisodeSampler(
        data, num_ways=3, num_shots=2, num_queries=4, seed=0
    )
    accuracies = []
    for number in range(8):
        task = sampler.tasks(number, 1).labelled_parts
        x, y, query_x, query_y, *_ = (part.numpy()[0] for part in task)
        classes = learner.adapt(x, y).predict_classes(query_x)
        accuracies.append(np.mean(classes == query_y))
    assert result.accuracy == pytest.approx(np.mean(accuracies))
    spread = np.std(accuracies, ddof=1) / np.sqrt(8)
    assert result.ci95 == pytest.approx(1.96 * spread)


def test_classes_that_differ_plainly_give_accuracy_one(pixels, colours):
    found = evaluate(
        pixels, colours, num_ways=5, num_shots=1, num_queries=3, episodes=4
    )
    assert found.accuracy == 1.0
    assert found.ci95 == 0.0
    assert found.loss < 1e-3
    assert found.ece < 1e-3


def test_batch_size_changes_nothing(learner, data, result):
    found = evaluate(learner, data, **SETTING, tasks_per_batch=3)
    assert found.records.query_y.shape == (8, 12)
    np.testing.assert_array_equal(found.records.classes, result.records.classes)
    assert found.loss == pytest.approx(result.loss, rel=1e-5)


def test_no_variable_changes(learner, data):
    before = [v.numpy().copy() for v in learner.variables]
    evaluate(learner, data, **SETTING)
    for value, variable in zip(before, learner.variables, strict=True):
        np.testing.assert_array_equal(value, variable.numpy())


def test_seeds_are_pooled_and_reported_apart(learner, data, result):
    found = evaluate(learner, data, **SETTING, seeds=[0, 7])
    first, second = found.per_seed
    assert first["accuracy"] == pytest.approx(result.accuracy)
    assert second["accuracy"] != first["accuracy"]
    middle = (first["accuracy"] + second["accuracy"]) / 2
    assert found.accuracy == pytest.approx(middle)
    assert len(found.records.loss) == 16
    gap = abs(first["accuracy"] - second["accuracy"])
    assert found.seeds_ci95 == pytest.approx(1.96 * gap / 2)
    assert result.seeds_ci95 is None


def test_progress_counts_all_episodes(learner, data):
    seen = []
    evaluate(
        learner,
        data,
        **SETTING,
        seeds=[0, 1],
        tasks_per_batch=5,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(5, 16), (8, 16), (13, 16), (16, 16)]


def test_result_records_what_it_was_measured_with(result, data, learner):
    found = json.loads(result.to_json())
    assert found["fingerprint"] == data.fingerprint
    assert (found["dataset"], found["split"]) == ("glyphs", "test")
    assert found["num_classes"] == 12
    assert (found["ways"], found["shots"], found["queries"]) == (3, 2, 4)
    assert found["seeds"] == [0]
    assert found["transductive"] is False
    assert set(found["versions"]) == {
        "metazoo",
        "tensorflow",
        "keras",
        "numpy",
        "python",
    }
    assert found["hardware"]["cores"] >= 1
    assert found["parameters"] == learner.count_params()
    assert found["accuracy_percent"] == pytest.approx(100 * found["accuracy"])
    assert found["adaptation_ms"] > 0


def test_metrics_row_is_what_a_preset_keeps(result):
    row = result.to_metrics()
    assert row["accuracy"] == result.accuracy
    assert row["seeds"] == 1


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"num_ways": 13}, "12 classes"),
        ({"num_shots": 17}, "num_shots=17"),
        ({"episodes": 1}, "episodes must be 2"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "seeds"),
    ],
)
def test_setting_that_does_not_fit_is_refused(learner, data, change, match):
    with pytest.raises(EpisodeError, match=match):
        evaluate(learner, data, **{**SETTING, **change})


def test_more_ways_than_the_learner_tells_apart_names_the_remedy(data):
    backbone = conv4((28, 28, 1), filters=4)
    fixed = metazoo.ProtoNet(backbone, num_ways=2)
    with pytest.raises(EpisodeError, match="at most 2 .*--ways"):
        evaluate(fixed, data, **SETTING)


def test_fewer_ways_than_the_learner_tells_apart_work(learner, data, result):
    fixed = metazoo.ProtoNet(learner.backbone, num_ways=5)
    found = evaluate(fixed, data, **SETTING)
    assert found.accuracy == result.accuracy


def test_images_of_another_shape_are_refused(learner, colours):
    with pytest.raises(EpisodeError, match="dataset has shape"):
        evaluate(learner, colours, **{**SETTING, "num_queries": 2})


def test_a_model_that_is_no_learner_is_refused(data):
    with pytest.raises(MetazooError, match="episodic"):
        evaluate(keras.Sequential(), data, **SETTING)


def test_curve_has_a_point_for_each_setting(learner, data):
    points = accuracy_curve(
        learner, data, ways=[4, 2], shots=[1, 3], num_queries=4, episodes=6
    )
    settings = [(p.ways, p.shots) for p in points]
    assert settings == [(2, 1), (2, 3), (4, 1), (4, 3)]
    alone = evaluate(
        learner, data, num_ways=4, num_shots=1, num_queries=4, episodes=6
    )
    assert points[2].accuracy == alone.accuracy
    assert points[2].ci95 == alone.ci95


def test_row_sampler_names_the_examples_of_an_episode(data):
    sampler = EpisodeSampler(
        data, num_ways=4, num_shots=2, num_queries=3, seed=5
    )
    support, query = RowSampler(sampler).rows(2, 3)
    episode = sampler.tasks(2, 3)
    np.testing.assert_array_equal(data.images[support], episode.support_x)
    np.testing.assert_array_equal(data.images[query], episode.query_x)


def test_row_sampler_follows_classes_of_unequal_size():
    sizes = [5, 9, 7]
    labels = np.repeat(np.arange(3), sizes)
    images = np.arange(21, dtype=np.uint8).reshape(21, 1, 1, 1)
    data = from_arrays(images, labels)
    sampler = EpisodeSampler(data, num_ways=2, num_shots=1, num_queries=2)
    _, query = RowSampler(sampler).rows(0, 5)
    np.testing.assert_array_equal(
        query, sampler.tasks(0, 5).query_x[..., 0, 0, 0]
    )


def test_episode_classes_are_those_of_the_data_set(pixels, colours):
    found = evaluate(
        pixels, colours, num_ways=4, num_shots=1, num_queries=2, episodes=5
    )
    classes = found.episode_classes(colours)
    sampler = EpisodeSampler(colours, num_ways=4, num_shots=1, num_queries=2)
    greys = np.asarray(sampler.tasks(0, 5).support_x)[:, :, 0, 0, 0]
    np.testing.assert_array_equal(classes * 30, greys)


def test_episode_classes_refuse_another_data_set(result, colours):
    with pytest.raises(MetazooError, match="fingerprint"):
        result.episode_classes(colours)


def test_csv_gets_a_header_once_and_a_row_each(tmp_path, result):
    path = tmp_path / "new" / "results.csv"
    append_csv(path, result.to_row())
    append_csv(path, dataclasses.replace(result, seeds=(3, 4)).to_row())
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["seeds"] for row in rows] == ["0", "3 4"]
    assert float(rows[0]["accuracy"]) == result.accuracy
    assert rows[0]["fingerprint"] == result.fingerprint
    assert [p.name for p in path.parent.iterdir()] == ["results.csv"]


def test_csv_of_other_columns_is_refused_and_kept(tmp_path):
    path = tmp_path / "results.csv"
    append_csv(path, {"a": 1})
    with pytest.raises(MetazooError, match="columns"):
        append_csv(path, {"b": 1})
    assert path.read_text() == "a\n1\n"


def test_csv_rows_written_at_once_all_arrive(tmp_path):
    path = tmp_path / "results.csv"
    numbers = [str(n) for n in range(40)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: append_csv(path, {"number": n}), numbers))
    header, *rows = path.read_text().splitlines()
    assert header == "number"
    assert sorted(rows, key=int) == numbers


@pytest.fixture(scope="module")
def mixture(colours):
    """Two domains of the same greys, of eight classes and of three."""
    parts = {"many": colours, "few": colours.select([0, 3, 6])}
    return joined_domains(parts, "mixture:many,few", "test")


def test_episodes_of_a_mixture_stay_within_a_domain(pixels, mixture):
    found = evaluate(
        pixels, mixture, num_ways=3, num_shots=1, num_queries=2, episodes=20
    )
    # A grey of one domain is the same grey in the other.
    assert found.accuracy == 1.0
    names = np.array(domain_names(mixture))[found.episode_classes(mixture)]
    assert (names == names[:, :1]).all()
    assert set(names[:, 0]) == {"many", "few"}


def test_more_ways_than_a_domain_has_are_refused(pixels, mixture):
    with pytest.raises(EpisodeError, match="domain 'few'.*3 classes"):
        evaluate(pixels, mixture, num_ways=4, num_shots=1, episodes=4)


def test_a_mixture_keeps_its_domains(mixture):
    assert not from_arrays(np.zeros((2, 1), np.float32), [0, 1]).has_domains
    kept, held = mixture.split_classes(2)
    assert kept.has_domains and held.has_domains
    assert mixture.with_rotations().has_domains
    sampler = episode_sampler(mixture, num_ways=2, num_shots=1, num_queries=1)
    assert sampler.identity()["kind"] == "domain"
