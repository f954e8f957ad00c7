"""Endpoints of a GMM-VAE: their tensors, and which tasks are at fault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from metazoo.wire.signature import Signature

# A request of more would hold a server for minutes.
MAX_SAMPLES = 64

IMAGES = ("images", "ink_probability")
RANKED = ("class_id", "log_prob", "is_new")
WIRE_DOCS = {
    "new_mean": "means of the centres of new classes; [tasks, ways, latent]",
    "new_log_std": "their log deviations; [tasks, ways, latent]",
    "shots": "examples of each new class; [tasks, ways]",
    "elbo": "the bound reached, in nats, without log p(x|z); [tasks]",
    "seed": "of the task's draws; [tasks, 2]",
    "top_k": "classes to name, equal in all tasks; [tasks]",
    "class_id": "most probable classes, best first: base classes from 0, "
    "then new ones; -1 in a faulty task; [tasks, query, top_k]",
    "log_prob": "their log probability among all classes; [tasks, query, "
    "top_k], or all classes of integrate_full in order",
    "is_new": "whether the most probable class is new; [tasks, query]",
    "class_index": "which new class to draw; [tasks]",
    "base_class": "which base class to draw; [tasks]",
    "num_samples": f"images, 1 to {MAX_SAMPLES}, equal in all tasks; [tasks]",
    "num_classes": f"classes to imagine, 1 to {MAX_SAMPLES}, equal in all "
    "tasks; [tasks]",
    "sample_centre": "whether the centre is drawn too; [tasks]",
    "images": "raw pixels, 0 ink and 255 paper; [tasks, samples, height, "
    "width, 1]; imagine has an axis of classes before that of samples",
    "ink_probability": "of each pixel, given the earlier ones; shaped as "
    "images",
    "x": "raw examples; [tasks, examples, height, width, 1]",
    "m": "means of codes; [tasks, examples, latent]",
    "s": "deviations of codes; [tasks, examples, latent]",
    "class_elbo": "estimate of log p(x) under each new class, -1e9 for a "
    "class without support; [tasks, query, ways]",
    "reconstruction": "log p(x|z) at the code's mean; [tasks, query]",
}


class _Endpoint(NamedTuple):
    """One endpoint: names of its tensors, and what it does.

    Attributes:
        name: of the endpoint.
        inputs: names; a state's are written `STATE`.
        outputs: names; a state's are written `STATE`.
        doc: what it does, in a sentence.
        masks: whether a form that takes padding is exported too.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    doc: str
    masks: bool = False


# Stands for the tensors of a state.
STATE = "state"
_SUPPORT = ("support_x", "support_y")
_INTEGRATING = (
    _Endpoint(
        "integrate",
        ("query_x", STATE, "top_k"),
        RANKED,
        "Classifies queries among all base and new classes.",
    ),
    _Endpoint(
        "integrate_full",
        ("query_x", STATE),
        ("log_prob", "is_new"),
        "As integrate, with every class in order.",
    ),
    _Endpoint(
        "adapt_integrate",
        (*_SUPPORT, "query_x", "top_k"),
        RANKED,
        "Adapts, then classifies queries among all classes.",
        True,
    ),
)
_GENERATING = (
    _Endpoint(
        "generate",
        (STATE, "class_index", "num_samples", "seed", "sample_centre"),
        IMAGES,
        "Draws images of a new class.",
    ),
    _Endpoint(
        "generate_base",
        ("base_class", "num_samples", "seed", "sample_centre"),
        IMAGES,
        "Draws images of a base class.",
    ),
    _Endpoint(
        "imagine",
        ("num_classes", "num_samples", "seed"),
        IMAGES,
        "Draws images of classes that nobody has seen.",
    ),
)
_LOOKING = (
    _Endpoint("embed", ("x",), ("m", "s"), "Encodes examples."),
    _Endpoint(
        "score",
        ("query_x", STATE),
        ("class_elbo", "reconstruction"),
        "Estimates log p(x) of queries under each new class, with log "
        "p(x|z) at the mean code.",
    ),
)
ENDPOINTS = (*_INTEGRATING, *_GENERATING, *_LOOKING)


def signatures_of(
    learner: Any, standard: Sequence[Signature]
) -> tuple[Signature, ...]:
    """All endpoints of a learner.

    Args:
        learner: a `GMMVAE`.
        standard: those of the contract.
    """
    specs = _specs(learner)
    state = tuple(learner.state_spec())
    found = [
        learner._signature(
            endpoint.name,
            {key: specs[key] for key in _spelt_out(endpoint.inputs, state)},
            _spelt_out(endpoint.outputs, state),
            endpoint.doc,
            endpoint.masks,
        )
        for endpoint in ENDPOINTS
    ]
    return (*standard, *found)


def _spelt_out(
    names: tuple[str, ...], state: tuple[str, ...]
) -> tuple[str, ...]:
    parts = (state if name == STATE else (name,) for name in names)
    return tuple(name for part in parts for name in part)


def _specs(learner: Any) -> dict[str, tf.TensorSpec]:
    examples = [None, None, *learner.example_shape]
    shapes: dict[str, tuple[list[Any], tf.DType]] = {
        "support_x": (examples, tf.float32),
        "query_x": (examples, tf.float32),
        "x": (examples, tf.float32),
        "support_y": ([None, None], tf.int64),
        "seed": ([None, 2], tf.int32),
        "sample_centre": ([None], tf.bool),
    }
    for name in (
        "top_k",
        "class_index",
        "base_class",
        "num_samples",
        "num_classes",
    ):
        shapes[name] = ([None], tf.int32)
    own = {
        name: tf.TensorSpec(shape, dtype, name)
        for name, (shape, dtype) in shapes.items()
    }
    return {**own, **learner.state_spec()}
