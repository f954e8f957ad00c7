"""Endpoints of BANDE: their tensors, and which tasks are at fault."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from metazoo.methods.bande.bande_clusters import EMPTY
from metazoo.wire.signature import Signature

MAX_PASSES = 100
# A task beside others carries as many slots as the fullest of them.
PADDING = {"label": EMPTY, "mu": 0.0, "log_sigma": 0.0, "mass": 0.0}

WIRE_DOCS = {
    "mu": "means of clusters; [tasks, slots, embedding]",
    "label": "class of each cluster, -1 for none, -2 for an empty slot; "
    "[tasks, slots]",
    "log_sigma": "log variance of each cluster; [tasks, slots]",
    "mass": "sum of responsibilities of each cluster; [tasks, slots]",
    "num_clusters": "clusters that are not empty; [tasks]",
    "lam": "squared distance beyond which a point opens a cluster; [tasks]",
    "n_way": "number of classes; [tasks]; logits have the largest",
    "alpha": "concentration, above 0; [tasks]",
    "num_passes": f"passes over the examples, 1 to {MAX_PASSES}; [tasks]",
    "probabilities": "of each class; [tasks, query, ways]; they sum to 1 "
    "less distractor_probability; NaN in a faulty task",
    "classes": "the most probable class; [tasks, query]; -1 for a distractor "
    "and in a faulty task",
    "distractor_logit": "-1e9 without clusters of no class; [tasks, query]",
    "distractor_probability": "of belonging to no class; [tasks, query]",
    "cluster": "slot of the closest cluster; [tasks, query]",
    "unlabeled_x": "raw examples; [tasks, unlabeled, *features]",
    "unlabeled_mask": "False for padding; [tasks, unlabeled]",
    "assignment": "cluster of each example, -1 for padding; [tasks, unlabeled]",
    "x": "raw examples; [tasks, examples, *features]",
    "h": "embeddings; [tasks, examples, embedding]",
    "squared_norm": "of each embedding; [tasks, examples]",
    "support_h": "embeddings of labelled examples; [tasks, support, embedding]",
}


def signatures_of(
    learner: Any, standard: Sequence[Signature]
) -> tuple[Signature, ...]:
    """All endpoints of a learner.

    Args:
        learner: a `BANDE`.
        standard: those of the contract.

    Returns:
        The contract's first; those that take unlabelled examples only if
        the learner does.
    """
    state = tuple(learner.state_spec())
    found = [_with_padding(signature) for signature in standard]
    specs = _specs(learner)

    def make(
        name: str, inputs: Sequence[str], outputs: Sequence[str], doc: str
    ) -> Signature:
        chosen = {key: specs[key] for key in inputs}
        made = learner._signature(name, chosen, tuple(outputs), doc)
        return _with_padding(made)

    embedded = ("support_h", "support_y", "n_way", "alpha")
    found += [
        make(
            "adapt_embedded",
            embedded,
            state,
            "Adapts to embeddings that embed gave; label -1 is padding.",
        ),
        make("embed", ("x",), ("h", "squared_norm"), "Embeds examples."),
    ]
    if not learner.uses_unlabelled:
        return tuple(found)
    semi = (
        "support_x",
        "support_y",
        "unlabeled_x",
        "unlabeled_mask",
        "n_way",
        "alpha",
    )
    clusters = ("assignment", "mu", "mass", "num_clusters")
    found += [
        make(
            "adapt_semi",
            semi,
            state,
            "Adapts to labelled and unlabelled examples; label -1 is padding.",
        ),
        make(
            "adapt_predict_semi",
            (*semi, "query_x"),
            learner.predictions,
            "Adapts to labelled and unlabelled examples and predicts queries.",
        ),
        make(
            "cluster",
            ("unlabeled_x", "unlabeled_mask", "lam", "num_passes"),
            clusters,
            "Groups examples without any label.",
        ),
    ]
    return tuple(found)


def faulty_support(
    labels: tf.Tensor, mask: tf.Tensor, n_way: tf.Tensor, limit: Any
) -> tf.Tensor:
    """Finds tasks whose labels or number of classes can't be used.

    Args:
        labels: int64 [tasks, support].
        mask: bool [tasks, support], False for padding.
        n_way: int32 [tasks].
        limit: the most classes a task may have.

    Returns:
        bool [tasks].
    """
    ways = tf.cast(n_way, tf.int64)
    outside = mask & ((labels < 0) | (labels >= ways[:, None]))
    wrong = tf.reduce_any(outside, 1) | ~tf.reduce_any(mask, 1)
    return wrong | (ways < 1) | (ways > tf.cast(limit, tf.int64))


def without_faults(
    labels: tf.Tensor, mask: tf.Tensor, n_way: tf.Tensor, wrong: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gives faulty tasks one class, so that they widen no answer.

    Args:
        labels: int64 [tasks, support].
        mask: bool [tasks, support].
        n_way: int32 [tasks].
        wrong: bool [tasks].

    Returns:
        Labels, mask and number of classes; a faulty task's mask is True.
    """
    mask |= wrong[:, None]
    usable = mask & ~wrong[:, None]
    labels = tf.where(usable, labels, tf.zeros_like(labels))
    return labels, mask, tf.where(wrong, 1, n_way)


def only_real(x: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Zeroes padding: NaN times nothing would still be NaN."""
    wide = mask[(..., *([tf.newaxis] * (x.shape.rank - 2)))]
    return tf.where(wide, x, tf.zeros([], x.dtype))


def _with_padding(signature: Signature) -> Signature:
    padding = {k: v for k, v in PADDING.items() if k in signature.outputs}
    return dataclasses.replace(signature, padding=padding)


def _specs(learner: Any) -> dict[str, tf.TensorSpec]:
    examples = [None, None, *learner.example_shape]
    shapes: dict[str, tuple[list[Any], tf.DType]] = {
        "support_x": (examples, tf.float32),
        "query_x": (examples, tf.float32),
        "unlabeled_x": (examples, tf.float32),
        "x": (examples, tf.float32),
        "support_h": ([None, None, learner.embedding_size], tf.float32),
        "support_y": ([None, None], tf.int64),
        "unlabeled_mask": ([None, None], tf.bool),
        "n_way": ([None], tf.int32),
        "num_passes": ([None], tf.int32),
        "alpha": ([None], tf.float32),
        "lam": ([None], tf.float32),
    }
    return {
        name: tf.TensorSpec(shape, dtype, name)
        for name, (shape, dtype) in shapes.items()
    }
