"""metazoo's own learners, used as a user does: compile and train_on_batch."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from metazoo_steps import adapt_step, assign, train_step
from method_rows import METHOD_ROWS
from worker import Step, serve
from workloads import (
    ALPHA,
    CLIP_NORM,
    INNER_LEARNING_RATE,
    LATENT,
    LEO_OPTIONS,
    LEO_STEPS,
    OUTER_LEARNING_RATE,
    RMSPROP_DECAY,
    RMSPROP_EPSILON,
    WORKLOADS,
    Workload,
    drawings,
    episode,
    initial_weights,
    leo_weights,
)

import metazoo
from metazoo.layers import conv4, features


def make(work_name: str, side: str) -> Step:
    """Builds a step of metazoo."""
    if work_name in METHOD_ROWS:
        row = METHOD_ROWS[work_name]
        return importlib.import_module(f"metazoo_{row.method}").make(row)
    work = WORKLOADS[work_name]
    if work.features:
        return _leo_step(work)
    if work.kind.startswith("bande"):
        return _bande_step(work)
    learner = _learner(work)
    _assign(learner, initial_weights(work))
    data = episode(work)
    if work.kind == "adapt":
        return adapt_step(learner, data)
    learner.compile(optimizer=keras.optimizers.Adam(OUTER_LEARNING_RATE))
    return train_step(learner, data)


def _learner(work: Workload) -> Any:
    backbone = conv4((28, 28, 1), fold_input=True)
    if work.kind == "proto":
        return metazoo.ProtoNet(backbone, value_range=None)
    return metazoo.MAML(
        backbone,
        num_ways=work.ways,
        inner_steps=work.inner_steps,
        inner_learning_rate=INNER_LEARNING_RATE,
        value_range=None,
    )


def _leo_step(work: Workload) -> Step:
    options = dict(LEO_OPTIONS)
    if not work.sample:
        options["dropout"] = 0.0
    learner = metazoo.LEO(
        features(work.features),
        num_ways=work.ways,
        latent_size=LATENT,
        latent_steps=LEO_STEPS,
        weight_steps=LEO_STEPS,
        sample=work.sample,
        **options,
    )
    assign(learner.trainable_variables, leo_weights(work))
    data = episode(work)
    if work.kind == "leo_adapt":
        return adapt_step(learner, data)
    learner.compile(
        keras.optimizers.Adam(OUTER_LEARNING_RATE, clipnorm=0.1),
        clip_elements=0.1,
    )
    return train_step(learner, data)


def _bande_step(work: Workload) -> Step:
    backbone = conv4((28, 28, 1), filters=work.filters, fold_input=True)
    learner = metazoo.BANDE(
        backbone,
        alpha=ALPHA,
        sigma=work.sigma,
        sigma_unlabeled=work.sigma,
        value_range=None,
    )
    _assign(learner, initial_weights(work))
    data = drawings(work)
    if work.kind == "bande_adapt":
        return adapt_step(learner, data)
    if work.unlabelled:
        mask = np.ones((work.tasks, work.unlabelled), bool)
        data["unlabeled_mask"] = mask
    learner.compile(
        keras.optimizers.RMSprop(
            OUTER_LEARNING_RATE,
            rho=RMSPROP_DECAY,
            epsilon=RMSPROP_EPSILON,
            global_clipnorm=CLIP_NORM,
        )
    )
    return train_step(learner, data)


def _assign(learner: Any, weights: list[np.ndarray]) -> None:
    variables = learner.backbone.trainable_variables
    assign([*variables, *getattr(learner, "head_variables", [])], weights)


if __name__ == "__main__":
    threads = int(sys.argv[1])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    serve(
        make,
        {
            "metazoo": metazoo.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    )
