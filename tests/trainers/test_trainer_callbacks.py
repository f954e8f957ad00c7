from __future__ import annotations

import csv

import keras
import numpy as np
import pytest

import metazoo
from metazoo.data import EpisodeSampler
from metazoo.errors import TrainingError
from metazoo.trainers import EpisodeEvaluation, ResumableCSVLogger, Trainer


class InterruptError(Exception):
    """Stands for whatever ends a process."""


class FailAtEpoch(keras.callbacks.Callback):
    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise InterruptError


def run_trainer(learner, sampler, callbacks, epochs=3, **options):
    return Trainer(learner, **options).fit(
        sampler,
        num_tasks=4,
        steps=2 * epochs,
        steps_per_epoch=2,
        validation=sampler,
        validation_steps=1,
        callbacks=callbacks,
        verbose=0,
    )


def run_keras(learner, sampler, callbacks, epochs=3):
    return learner.fit(
        sampler.keras_dataset(4),
        steps_per_epoch=2,
        epochs=epochs,
        validation_data=sampler.keras_dataset(4, steps=1),
        callbacks=callbacks,
        verbose=0,
    )


RUNNERS = pytest.mark.parametrize("run", [run_trainer, run_keras])


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@RUNNERS
def test_standard_callbacks_work_unchanged(run, tmp_path, build, sampler):
    weights = tmp_path / "best.weights.h5"
    whole = tmp_path / "last.keras"
    log = tmp_path / "log.csv"
    learner = build()
    run(
        learner,
        sampler,
        [
            keras.callbacks.ModelCheckpoint(
                weights, monitor="val_accuracy", save_weights_only=True
            ),
            keras.callbacks.ModelCheckpoint(whole),
            keras.callbacks.CSVLogger(log),
            keras.callbacks.TensorBoard(tmp_path / "board"),
        ],
    )
    fresh = build(seed=1)
    fresh.load_weights(weights)
    assert_same(fresh.get_weights(), learner.get_weights())
    loaded = keras.saving.load_model(whole)
    assert isinstance(loaded, metazoo.ProtoNet)
    assert_same(loaded.get_weights(), learner.get_weights())
    assert int(loaded.optimizer.iterations) == 6
    with open(log) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(rows[0])
    events = list((tmp_path / "board").rglob("events.out.*"))
    assert len(events) == 2


@RUNNERS
def test_early_stopping_ends_training(run, build, sampler):
    stop = keras.callbacks.EarlyStopping("val_loss", min_delta=9, patience=1)
    history = run(build(), sampler, [stop], epochs=5)
    assert len(history.history["loss"]) == 2


@RUNNERS
def test_stop_training_within_an_epoch_ends_it(run, build, sampler):
    class Stop(keras.callbacks.Callback):
        batches = 0

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1
            self.model.stop_training = self.batches == 3

    stop = Stop()
    run(build(), sampler, [stop], epochs=4)
    assert stop.batches == 3


@RUNNERS
def test_learning_rate_callbacks_take_effect(run, build, sampler):
    learner = build()
    schedule = keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)
    before = learner.get_weights()
    run(learner, sampler, [schedule])
    assert_same(learner.get_weights(), before)


def test_hooks_come_in_keras_order(build, sampler):
    def recorded(run):
        calls = []
        names = [
            f"on_{what}_{when}"
            for what in ("train", "epoch", "train_batch", "test", "test_batch")
            for when in ("begin", "end")
        ]

        class Record(keras.callbacks.Callback):
            pass

        for name in names:
            setattr(
                Record,
                name,
                lambda self, *args, name=name, **kwargs: calls.append(
                    (name, *(a for a in args if isinstance(a, int)))
                ),
            )
        run(build(), sampler, [Record()], epochs=2)
        return calls

    assert recorded(run_trainer) == recorded(run_keras)


def test_backup_and_restore_goes_on_at_the_epoch(tmp_path, build, sampler):
    def backup():
        return keras.callbacks.BackupAndRestore(tmp_path / "backup")

    with pytest.raises(InterruptError):
        run_trainer(build(), sampler, [backup(), FailAtEpoch(2)])
    resumed = build(seed=1)
    history = run_trainer(resumed, sampler, [backup()])
    assert history.epoch == [2]
    whole = build()
    run_trainer(whole, sampler, [])
    for a, b in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_backup_beside_checkpoints_is_refused(tmp_path, build, sampler):
    def callbacks(*more):
        backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
        return [backup, *more]

    folder = {"checkpoint_dir": tmp_path / "run", "checkpoint_every": 1}
    with pytest.raises(InterruptError):
        run_trainer(build(), sampler, callbacks(FailAtEpoch(1)), **folder)
    with pytest.raises(TrainingError, match="BackupAndRestore"):
        run_trainer(build(), sampler, callbacks(), **folder)


def test_csv_of_a_resumed_run_is_that_of_a_whole_one(tmp_path, build, sampler):
    def run(name, *callbacks):
        log = ResumableCSVLogger(tmp_path / f"{name}.csv")
        run_trainer(
            build(),
            sampler,
            [*callbacks, log],
            epochs=4,
            checkpoint_dir=tmp_path / name,
            checkpoint_every=4,
        )

    def rows(name):
        with open(tmp_path / f"{name}.csv") as file:
            found = list(csv.DictReader(file))
        for row in found:
            for key in [k for k in row if "tasks_per_second" in k]:
                del row[key]
        return found

    with pytest.raises(InterruptError):
        run("cut", FailAtEpoch(3))
    assert [row["epoch"] for row in rows("cut")] == ["0", "1", "2"]
    run("cut")
    run("whole")
    cut, whole = rows("cut"), rows("whole")
    assert [row["epoch"] for row in cut] == ["0", "1", "2", "3"]
    for a, b in zip(cut, whole, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            assert float(a[key]) == pytest.approx(float(b[key]), abs=1e-5)
    run("cut")
    assert rows("cut") == cut


@RUNNERS
def test_episode_evaluation_logs_mean_and_interval(
    run, build, dataset, sampler
):
    source = EpisodeSampler(
        dataset, num_ways=(2, 3), num_shots=1, num_queries=2, seed=3
    )
    learner = build()
    learner.num_ways = None
    evaluation = EpisodeEvaluation(source.dataset(5, num_batches=4))
    history = run(learner, sampler, [evaluation], epochs=1).history
    scores = []
    for episode in source.dataset(5, num_batches=4):
        classes = learner(episode.to_keras()[0]).numpy().argmax(-1)
        right = (classes == episode.query_y.numpy()).astype(float)
        for row, mask in zip(right, episode.query_mask.numpy(), strict=True):
            scores.append(row[mask].mean())
    assert len(scores) == 20
    mean, error = np.mean(scores), np.std(scores, ddof=1) / np.sqrt(20)
    assert history["val_accuracy"] == [pytest.approx(mean)]
    assert history["val_ci95"] == [pytest.approx(1.96 * error, rel=1e-3)]


def test_endless_evaluation_is_refused(sampler):
    with pytest.raises(TrainingError, match="never ends"):
        EpisodeEvaluation(sampler.dataset(5))


def test_progress_in_a_log_is_a_line_an_epoch(build, sampler, capfd):
    Trainer(build()).fit(sampler, num_tasks=2, steps=4, steps_per_epoch=2)
    out = capfd.readouterr().out
    assert out.count("Epoch ") == 2
    assert out.count("2/2 - ") == 2
    assert "1/2 " not in out and "\b" not in out
