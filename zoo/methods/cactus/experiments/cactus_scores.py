"""Accuracy of trained learners, and of a net that was not trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.methods.cactus.experiments.cactus_tasks import QUERIES

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.methods.cactus.cactus_model import CACTUs

SCRATCH_STEPS = 200
_IMAGES_AT_ONCE = 100


def prototype_accuracy(
    learner: Any,
    data: ClassDataset,
    ways: int,
    shots: int,
    episodes: int,
    seed: int,
) -> np.ndarray:
    """Accuracy of each task, of a learner without inner steps.

    Args:
        learner: the learner.
        data: test classes.
        ways: classes of a task.
        shots: support examples of a class.
        episodes: how many.
        seed: of the tasks.
    """
    from metazoo.evaluation import evaluate

    return evaluate(
        learner,
        data,
        num_ways=ways,
        num_shots=shots,
        num_queries=QUERIES,
        episodes=episodes,
        seed=seed,
    ).records.accuracy


def both_accuracies(
    learner: CACTUs,
    data: ClassDataset,
    ways: int,
    shots: int,
    episodes: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Accuracy of each task in both ways to normalise queries.

    Args:
        learner: answers each query for itself by default.
        data: test classes.
        ways: classes of a task.
        shots: support examples of a class.
        episodes: how many.
        seed: of the tasks.

    Returns:
        `accuracy` (each query for itself) and `accuracy_transductive` (all
        queries of a task together), float [tasks].
    """
    import tensorflow as tf

    from metazoo.data import EpisodeSampler

    sampler = EpisodeSampler(
        data,
        num_ways=ways,
        num_shots=shots,
        num_queries=QUERIES,
        seed=seed,
    )

    @tf.function
    def right(episode: Any) -> list[tf.Tensor]:
        state = learner.adapt_state(
            episode.support_x,
            episode.support_y,
            episode.support_mask,
            learner.num_ways,
        )
        logits = (
            learner.logits_from_state(episode.query_x, state),
            learner.logits_together(episode.query_x, state),
        )
        return [tf.equal(tf.argmax(one, -1), episode.query_y) for one in logits]

    chunk = max(1, _IMAGES_AT_ONCE // (ways * shots))
    found: list[list[np.ndarray]] = []
    for start in range(0, episodes, chunk):
        pair = right(sampler.tasks(start, chunk))
        found.append([one.numpy().mean(-1) for one in pair])
    alone, together = (
        np.concatenate(part)[:episodes] for part in zip(*found, strict=True)
    )
    return {"accuracy": alone, "accuracy_transductive": together}


def scratch_learner(recipe: Any, example_shape: tuple[int, ...]) -> CACTUs:
    """The net of CACTUs-MAML with random weights and long adaptation.

    Args:
        recipe: of CACTUs-MAML.
        example_shape: of raw images.
    """
    import keras

    keras.utils.set_random_seed(recipe.seed)
    changed = recipe.replace(
        head_initializer="glorot", predict_steps=SCRATCH_STEPS
    )
    return changed.build_learner(example_shape)
