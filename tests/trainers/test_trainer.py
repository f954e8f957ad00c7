from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.data import Episode
from metazoo.errors import CheckpointError, TrainingError
from metazoo.trainers import Trainer


def weights_after(learner, source, **options):
    options = {"num_tasks": 4, "steps": 4, "verbose": 0, **options}
    history = Trainer(learner).fit(source, **options)
    return learner.get_weights(), history


def assert_close(found, expected, atol=1e-6):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


@pytest.mark.parametrize("method", ["protonet", "maml", "reptile"])
def test_fit_gives_the_weights_of_keras_fit(method, build, sampler):
    found, history = weights_after(
        build(method), sampler, steps=6, steps_per_epoch=3
    )
    learner = build(method)
    plain = learner.fit(
        sampler.keras_dataset(4), steps_per_epoch=3, epochs=2, verbose=0
    )
    assert_close(found, learner.get_weights())
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(
            history.history[name], plain.history[name], atol=1e-5
        )


def test_fit_lowers_the_loss(build, sampler):
    _, history = weights_after(build(), sampler, steps=60, steps_per_epoch=20)
    losses = history.history["loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("method", ["protonet", "maml"])
def test_tasks_per_chunk_changes_no_update(method, build, sampler):
    results = [
        weights_after(
            build(method, keras.optimizers.SGD(0.1), tasks_per_chunk=chunk),
            sampler,
            steps=2,
        )[0]
        for chunk in (1, 2, 4)
    ]
    start = build(method).get_weights()
    moved = max(
        np.abs(a - b).max() for a, b in zip(start, results[0], strict=True)
    )
    assert moved > 1e-3
    assert_close(results[1], results[0])
    assert_close(results[2], results[0])


@pytest.mark.parametrize("kind", ["dataset", "keras", "iterable", "stream"])
def test_other_sources_give_the_weights_of_the_sampler(kind, build, sampler):
    sources = {
        "dataset": sampler.dataset(4),
        "keras": sampler.keras_dataset(4),
        "iterable": lambda: (sampler.tasks(4 * s, 4) for s in range(9)),
        "stream": lambda: sampler.dataset(4),
    }
    found, _ = weights_after(build(), sources[kind])
    expected, _ = weights_after(build(), sampler)
    assert_close(found, expected)


def test_source_that_ends_early_is_named(build, sampler):
    with pytest.raises(TrainingError, match="source ended"):
        weights_after(build(), sampler.dataset(4, num_batches=2))


def test_source_with_other_number_of_tasks_is_refused(build, sampler):
    with pytest.raises(TrainingError, match="num_tasks is 4.* 3 tasks"):
        weights_after(build(), sampler.dataset(3))


@pytest.mark.parametrize("source", [3, "glyphs", [1, 2]])
def test_source_of_unknown_type_is_refused(source, build):
    with pytest.raises(TrainingError, match="source must be"):
        weights_after(build(), source)


@pytest.mark.parametrize(
    "options",
    [
        {"num_tasks": 0},
        {"steps": 2.5},
        {"steps_per_epoch": -1},
        {"validation_steps": 0},
    ],
)
def test_bad_numbers_are_named(options, build, sampler):
    with pytest.raises(TrainingError, match=next(iter(options))):
        weights_after(build(), sampler, **options)


def test_validation_every_must_fit_epochs(build, sampler):
    with pytest.raises(TrainingError, match="validation_every is 3"):
        weights_after(build(), sampler, steps_per_epoch=2, validation_every=3)


def test_uncompiled_learner_is_refused(build, sampler):
    learner = build()
    fresh = type(learner).from_config(learner.get_config())
    with pytest.raises(TrainingError, match="compile"):
        weights_after(fresh, sampler)


def test_validation_logs_what_evaluate_gives(build, sampler, dataset):
    learner = build()
    _, history = weights_after(
        learner,
        sampler,
        steps_per_epoch=2,
        validation=sampler,
        validation_steps=3,
        validation_every=4,
    )
    expected = learner.evaluate(
        sampler.keras_dataset(4, steps=3), verbose=0, return_dict=True
    )
    assert len(history.history["loss"]) == 2
    for name in ("loss", "accuracy"):
        values = history.history[f"val_{name}"]
        np.testing.assert_allclose(values, [expected[name]], atol=1e-5)
    found = Trainer(learner).evaluate(sampler, num_tasks=4, steps=3)
    assert found["accuracy"] == pytest.approx(expected["accuracy"])


def test_progress_bar_shows_loss_accuracy_and_rate(build, sampler, capsys):
    weights_after(build(), sampler, verbose=2)
    shown = capsys.readouterr().out
    for name in ("loss:", "accuracy:", "tasks_per_second:"):
        assert name in shown


def test_jit_compile_gives_the_same_weights(build, sampler):
    def learner():
        return build(optimizer=keras.optimizers.SGD(0.1))

    compiled = learner()
    Trainer(compiled, jit_compile=True).fit(
        sampler, num_tasks=4, steps=2, verbose=0
    )
    expected, _ = weights_after(learner(), sampler, steps=2)
    assert_close(compiled.get_weights(), expected, 1e-5)


def test_resume_reads_no_task_again(tmp_path, build, sampler):
    seen = []

    class Recording(type(sampler)):
        def tasks(self, start, count):
            def note(number):
                seen.append(int(number))
                return number

            start = tf.numpy_function(note, [start], tf.int64, stateful=True)
            return super().tasks(tf.ensure_shape(start, []), count)

    source = Recording(
        sampler.data, num_ways=3, num_shots=2, num_queries=2, seed=7
    )
    for steps in (2, 4):
        Trainer(build(), checkpoint_dir=tmp_path).fit(
            source, num_tasks=4, steps=steps, verbose=0
        )
    assert sorted(seen) == [0, 4, 8, 12]


def test_resume_false_refuses_old_checkpoints(tmp_path, build, sampler):
    trainer = Trainer(build(), checkpoint_dir=tmp_path)
    trainer.fit(sampler, num_tasks=4, steps=1, verbose=0)
    with pytest.raises(TrainingError, match="holds checkpoints"):
        trainer.fit(sampler, num_tasks=4, steps=2, verbose=0, resume=False)


def test_fewer_steps_than_done_are_refused(tmp_path, build, sampler):
    trainer = Trainer(build(), checkpoint_dir=tmp_path)
    trainer.fit(sampler, num_tasks=4, steps=3, verbose=0)
    with pytest.raises(CheckpointError, match="steps is 2"):
        trainer.fit(sampler, num_tasks=4, steps=2, verbose=0)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("source.seed", {"seed": 8}),
        ("source.num_shots", {"num_shots": 1}),
        ("source.fingerprint", {"dataset": True}),
        ("source.num_tasks", {"num_tasks": 2}),
        ("recipe.filters", {"identity": {"recipe": {"filters": 8}}}),
        ("optimizer.class", {"optimizer": "sgd"}),
        ("learner.class", {"method": "maml"}),
    ],
)
def test_resume_of_another_run_names_the_field(
    field, change, tmp_path, build, sampler
):
    from metazoo.data import ClassDataset, EpisodeSampler

    def run(**options):
        data = sampler.data
        if options.get("dataset"):
            data = ClassDataset(
                255 - data.images,
                data.class_offsets,
                data.class_names,
                data.name,
                data.split,
            )
        source = EpisodeSampler(
            data,
            num_ways=3,
            num_shots=options.get("num_shots", 2),
            num_queries=2,
            seed=options.get("seed", 7),
        )
        learner = build(
            options.get("method", "protonet"), options.get("optimizer")
        )
        Trainer(
            learner,
            checkpoint_dir=tmp_path,
            identity=options.get("identity", {"recipe": {"filters": 4}}),
        ).fit(
            source,
            num_tasks=options.get("num_tasks", 4),
            steps=1,
            verbose=0,
        )

    run()
    with pytest.raises(CheckpointError, match=field.replace(".", r"\.")):
        run(**change)


def test_variables_in_another_shape_are_refused(tmp_path, build, sampler):
    from metazoo import ProtoNet

    Trainer(build(), checkpoint_dir=tmp_path).fit(
        sampler, num_tasks=4, steps=1, verbose=0
    )
    wide = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(9),
        ]
    )
    learner = ProtoNet(wide, num_ways=3)
    learner.compile(keras.optimizers.Adam(0.01))
    with pytest.raises(CheckpointError, match="variables|shape"):
        Trainer(learner, checkpoint_dir=tmp_path).fit(
            sampler, num_tasks=4, steps=2, verbose=0
        )


def test_factory_is_built_in_the_scope(build, sampler):
    trainer = Trainer(build, strategy="default")
    trainer.fit(sampler, num_tasks=2, steps=1, verbose=0)
    assert trainer.step == 1


def test_strategy_other_than_the_learners_is_refused(build):
    with pytest.raises(TrainingError, match="scope"):
        Trainer(build(), strategy="mirrored")
    with pytest.raises(TrainingError, match="scope"):
        Trainer(build(), strategy=tf.distribute.OneDeviceStrategy("CPU:0"))


def test_unknown_strategy_is_refused(build):
    with pytest.raises(TrainingError, match="one of"):
        Trainer(build(), strategy="sharded")
    with pytest.raises(TrainingError, match="one of"):
        Trainer(build, strategy="sharded")


def test_missing_tpu_is_reported(build):
    with pytest.raises(TrainingError, match="TPU"):
        Trainer(build, strategy="tpu")


def test_episode_in_keras_form_may_lack_the_mask(build, sampler):
    def without_mask(inputs, query_y, query_mask):
        kept = {k: v for k, v in inputs.items() if k != "support_mask"}
        return kept, query_y

    source = sampler.keras_dataset(4).map(without_mask)
    found, _ = weights_after(build(), source)
    expected, _ = weights_after(build(), sampler)
    assert_close(found, expected)
    assert isinstance(sampler.tasks(0, 1), Episode)
