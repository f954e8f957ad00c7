"""What makes two runs the same run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras

from metazoo.trainers.plan import Plan

# Names are Keras's own count, and a backbone's variables are compared one
# by one when they are restored.
_LEFT_OUT = ("name", "backbone", "trainable")


def run_identity(
    learner: keras.Model, plan: Plan, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything a resumed run must have in common with the first.

    Args:
        learner: a compiled learner.
        plan: what the run is to do; its length may change.
        extra: more of it, such as a recipe.

    Returns:
        Nested names to JSON values.
    """
    return {
        "learner": _settings(learner),
        "optimizer": _settings(learner.optimizer),
        "source": {**plan.source.identity(), "num_tasks": plan.num_tasks},
        **extra,
    }


def _settings(thing: Any) -> dict[str, Any]:
    config = thing.get_config()
    # A plain learning rate is a variable of the optimizer, so callbacks may
    # have changed it.
    if not isinstance(config.get("learning_rate"), dict):
        config.pop("learning_rate", None)
    kept = {k: v for k, v in config.items() if k not in _LEFT_OUT}
    text = json.dumps(
        {"class": type(thing).__name__, **kept},
        default=keras.saving.serialize_keras_object,
    )
    return json.loads(text)
