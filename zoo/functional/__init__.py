"""Call a Keras model with given weights; adapt them; sum over tasks."""

from __future__ import annotations

from metazoo.functional.calls import call, weights_of
from metazoo.functional.inner import (
    inner_sgd,
    inner_sgd_loop,
    inner_sgd_with_state,
    sgd_step,
    sgd_step_with_state,
)
from metazoo.functional.own_graph import own_graph
from metazoo.functional.seeds import advance_seeds, fold_task
from metazoo.functional.tasks import accumulate_over_tasks

__all__ = [
    "accumulate_over_tasks",
    "advance_seeds",
    "call",
    "fold_task",
    "inner_sgd",
    "inner_sgd_loop",
    "inner_sgd_with_state",
    "own_graph",
    "sgd_step",
    "sgd_step_with_state",
    "weights_of",
]
