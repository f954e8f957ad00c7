"""Trains on one and on two logical CPUs; prints how the results differ."""

from __future__ import annotations

import functools
import json
import os
import sys

import keras
import numpy as np
import tensorflow as tf

sys.path.insert(0, os.path.dirname(__file__))
from conftest import make_dataset, make_learner

from metazoo.data import EpisodeSampler
from metazoo.errors import TrainingError
from metazoo.trainers import Trainer


def run(
    method,
    strategy,
    source=None,
    clip=None,
    scaled=False,
    compile_options=None,
    **options,
):
    def build():
        optimizer = keras.optimizers.SGD(0.1, global_clipnorm=clip)
        if scaled:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        return make_learner(method, optimizer, **dict(compile_options or ()))

    trainer = Trainer(build, strategy=strategy, **options)
    history = trainer.fit(
        source or sampler,
        num_tasks=4,
        steps=3,
        steps_per_epoch=3,
        validation=sampler,
        validation_steps=2,
        verbose=0,
    ).history
    history.pop("tasks_per_second")
    return trainer.learner.get_weights(), history


@functools.cache
def run_alone(method, **options):
    return run(method, "default", **options)


def difference(one, two):
    return max(
        float(np.abs(a - b).max()) for a, b in zip(one, two, strict=True)
    )


def compare(method, source=None, **options):
    one = run_alone(method, **options)
    two = run(method, mirrored, source, **options)
    found = [list(h.values()) for _, h in (one, two)]
    return [difference(one[0], two[0]), difference(*map(np.array, found))]


def refusal():
    try:
        Trainer(lambda: make_learner("protonet"), strategy=mirrored).fit(
            sampler, num_tasks=3, steps=1, verbose=0
        )
    except TrainingError as error:
        return str(error)


def resumed(folder):
    whole, _ = run_alone("protonet")
    trainer = Trainer(
        lambda: make_learner("protonet", keras.optimizers.SGD(0.1)),
        strategy=mirrored,
        checkpoint_dir=folder,
    )
    for steps in (2, 3):
        trainer.fit(sampler, num_tasks=4, steps=steps, verbose=0)
    return difference(whole, trainer.learner.get_weights())


def skipped():
    """Weights and count after a step that is bad on one replica alone."""

    def build():
        return make_learner(
            "protonet", keras.optimizers.SGD(0.1), skip_bad_updates=True
        )

    def spoiled():
        task = sampler.tasks(0, 4)
        x = task.support_x.numpy()
        x[0] = np.nan
        bad = task._replace(support_x=tf.constant(x))
        return iter([bad])

    trainer = Trainer(build, strategy=mirrored)
    before = trainer.learner.get_weights()
    history = trainer.fit(spoiled, num_tasks=4, steps=1, verbose=0).history
    moved = difference(before, trainer.learner.get_weights())
    return [moved, history["skipped_steps"][0], history["loss"][0]]


if __name__ == "__main__":
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    sampler = EpisodeSampler(
        make_dataset(), num_ways=3, num_shots=2, num_queries=2, seed=7
    )
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    result = {
        "replicas": mirrored.num_replicas_in_sync,
        "protonet": compare("protonet"),
        "maml": compare("maml"),
        "reptile": compare("reptile"),
        "scaled": compare("protonet", scaled=True, clip=0.01),
        "guarded": compare(
            "protonet",
            clip=0.05,
            compile_options=(
                ("clip_elements", 0.01),
                ("skip_bad_updates", True),
            ),
        ),
        "skipped": skipped(),
        "stream": compare("protonet", lambda: sampler.dataset(4)),
        "refusal": refusal(),
        "resumed": resumed(sys.argv[1]),
    }
    print("RESULT" + json.dumps(result))
