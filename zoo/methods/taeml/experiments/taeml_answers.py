"""What an ensemble, its members and simpler weightings make of test tasks."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from metazoo.data import episode_sampler
from metazoo.data.features import extract_features
from metazoo.data.mixture import domain_names, one_domain
from metazoo.layers import features
from metazoo.methods.taeml.taeml_data import load_domains
from metazoo.methods.taeml.taeml_ensemble import (
    differences,
    left_out,
    member_logits,
)
from metazoo.methods.taeml.taeml_model import MODES, TAEML

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.data.episode import Episode
    from metazoo.experiments import Bench

TEST_SEED = 20_000
_TASKS = 20
_EPSILON = 1e-30


@dataclass(frozen=True)
class Answers:
    """Accuracy of every weighting on the test tasks of each domain.

    Attributes:
        accuracy: weighting to domain to accuracies [episodes].
        trust: mode to domain to weights [episodes, learners].
        data: raw test classes.
    """

    accuracy: Mapping[str, Mapping[str, np.ndarray]]
    trust: Mapping[str, Mapping[str, np.ndarray]]
    data: ClassDataset


@functools.lru_cache(maxsize=3)
def answers_of(
    bench: Bench, learner: Any, recipe: Any, split: str, dataset: str
) -> Answers:
    """Tests a learner, and everything its embeddings allow.

    Args:
        bench: the place of the experiment.
        learner: a `TAEML` on images, or a `ProtoNet`, which is an ensemble
            of one.
        recipe: tells the setting of tasks; a `TAEMLRecipe`.
        split: of the data.
        dataset: as for `load_domains`.

    Returns:
        Weightings "member_0" and so on, "uniform", "product",
        "left_out" (the learners that are best on the support set, each
        example left out), and the modes of `TAEML` where the learner is one.
    """
    raw = _raw(bench, dataset, split, recipe.image_size)
    data = extract_features(learner.backbone, raw)
    tested = _on_features(learner)
    accuracy: dict[str, dict[str, np.ndarray]] = {}
    trust: dict[str, dict[str, np.ndarray]] = {}
    for domain in dict.fromkeys(domain_names(raw)):
        sampler = episode_sampler(
            one_domain(data, domain),
            num_ways=recipe.num_ways,
            num_shots=recipe.fixed_shots,
            num_queries=recipe.num_queries,
            seed=TEST_SEED,
        )
        own = _run(tested, sampler, bench.scale.episodes)
        for name, values in own.items():
            kind, _, mode = name.partition(":")
            found = trust if kind == "trust" else accuracy
            found.setdefault(mode or kind, {})[domain] = values
    if not isinstance(learner, TAEML):
        trust = {}
        accuracy = {"member_0": accuracy["member_0"]}
    return Answers(accuracy, trust, raw)


@functools.lru_cache(maxsize=2)
def _raw(
    bench: Bench, dataset: str, split: str, image_size: int
) -> ClassDataset:
    return load_domains(dataset, bench.data_dir, split, image_size)


def _on_features(learner: Any) -> TAEML:
    """The learner on features; a new ensemble of one for any other."""
    size = learner.backbone.output_shape[-1]
    if isinstance(learner, TAEML):
        return learner.with_backbone(features(size), value_range=None)
    return TAEML(features(size), 1, value_range=None)


def _run(learner: TAEML, sampler: Any, episodes: int) -> dict[str, np.ndarray]:
    """Values of each of some episodes."""
    step = tf.function(functools.partial(_step, learner, sampler.num_ways))
    batches = [
        step(episode)
        for episode in sampler.dataset(
            _TASKS, num_batches=-(-episodes // _TASKS)
        )
    ]
    return {
        name: np.concatenate([one[name].numpy() for one in batches])[:episodes]
        for name in batches[0]
    }


def _step(
    learner: TAEML, num_ways: int, episode: Episode
) -> dict[str, tf.Tensor]:
    """Accuracy [tasks] of each weighting, trust [tasks, learners]."""
    state = learner.adapt_state(
        episode.support_x, episode.support_y, episode.support_mask, num_ways
    )
    found: dict[str, tf.Tensor] = {}
    scores: dict[str, tf.Tensor] = {}
    for mode in MODES:
        outputs = learner.outputs_from_state(episode.query_x, state, mode)
        scores[mode] = outputs["logits"]
        found[f"trust:{mode}"] = outputs["trust"]
    own = outputs["learner_probabilities"]
    scores |= {f"member_{i}": own[:, i] for i in range(own.shape[1])}
    scores["uniform"] = tf.reduce_mean(own, 1)
    scores["product"] = tf.reduce_mean(tf.math.log(own + _EPSILON), 1)
    best = best_left_out(learner, episode, state["prototypes"], num_ways)
    scores["left_out"] = tf.reduce_sum(best[..., None, None] * own, 1)
    real = tf.cast(episode.query_mask, tf.float32)
    for name, values in scores.items():
        right = tf.cast(tf.argmax(values, -1) == episode.query_y, tf.float32)
        found[name] = tf.reduce_sum(right * real, -1) / tf.reduce_sum(real, -1)
    return found


def best_left_out(
    learner: TAEML, episode: Episode, prototypes: tf.Tensor, num_ways: int
) -> tf.Tensor:
    """Learners with the best leave-one-out accuracy on the support set.

    Args:
        learner: of the ensemble.
        episode: tasks.
        prototypes: [tasks, learners, ways, features].
        num_ways: classes of a task.

    Returns:
        float32 [tasks, learners]: equal shares of the best ones.
    """
    zeta = differences(learner.embed(episode.support_x), prototypes)
    labels, real = episode.support_y, episode.support_mask
    zeta, mask = left_out(zeta, labels, real, num_ways)
    # The class mask differs by example here.
    logits = member_logits(zeta, tf.ones_like(mask[:, 0]))
    logits = tf.where(mask[:, None] > 0, logits, logits.dtype.min)
    right = tf.argmax(logits, -1) == labels[:, None]
    counted = tf.cast(right & real[:, None], tf.float32)
    total = tf.reduce_sum(counted, -1)
    best = total == tf.reduce_max(total, -1, keepdims=True)
    best = tf.cast(best, tf.float32)
    return best / tf.reduce_sum(best, -1, keepdims=True)
