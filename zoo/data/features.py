"""Data sets of feature vectors that a trained backbone gives."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

from metazoo.checks.backbones import check_vector_backbone
from metazoo.data.class_dataset import ClassDataset
from metazoo.errors import DataError

_EXAMPLES_AT_ONCE = 128


def extract_features(
    backbone: keras.Model, dataset: ClassDataset
) -> ClassDataset:
    """Runs a backbone over all examples once, in inference mode.

    Args:
        backbone: Keras model from one raw example to a feature vector.
        dataset: raw examples.

    Returns:
        float32 [examples, features] with the same classes, names and split.

    Raises:
        DataError: the backbone does not take examples of this shape.
    """
    check_vector_backbone(backbone)
    if tuple(backbone.input_shape[1:]) != dataset.image_shape:
        raise DataError(
            f"{dataset.name!r} has examples of shape {dataset.image_shape}; "
            f"the backbone takes {tuple(backbone.input_shape[1:])}."
        )
    parts = []
    for start in range(0, dataset.num_examples, _EXAMPLES_AT_ONCE):
        raw = dataset.images[start : start + _EXAMPLES_AT_ONCE]
        parts.append(
            np.asarray(backbone(raw.astype(np.float32), training=False))
        )
    features = np.concatenate(parts).astype(np.float32)
    return dataclasses.replace(dataset, images=features)
