"""Warm-up records: requests that a server runs before it takes traffic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from metazoo.errors import ServingError
from metazoo.serving.exporting.cases import Case
from metazoo.serving.extras import require
from metazoo.serving.signatures import SERVING_DEFAULT, WARMUP_FILE

# The limit of TensorFlow Serving.
MOST_RECORDS = 1000


def warmup_inputs(cases: Iterable[Case], default: str) -> dict[str, Any]:
    """Chooses what to warm up with: one task for each signature.

    Args:
        cases: Right calls.
        default: Name of the signature that `serving_default` is.

    Returns:
        Signature name -> wire name -> array, `serving_default` first: a
        runtime prepares it apart from the signature it is another name of.
    """
    inputs: dict[str, Any] = {}
    for case in cases:
        inputs.setdefault(case.signature, case.inputs)
    return {SERVING_DEFAULT: inputs[default], **inputs}


def write_warmup(
    directory: Path,
    model: str,
    examples: Mapping[str, Mapping[str, np.ndarray]],
) -> None:
    """Writes one record for each signature.

    Args:
        directory: The version folder.
        model: Name of the model in the records; servers replay them under
            whatever name they serve it.
        examples: Signature name -> wire name -> array.

    Raises:
        ImportError: If the `serving` extra is not installed.
    """
    logs = require("tensorflow_serving.apis.prediction_log_pb2")
    path = directory / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in examples.items():
            log = logs.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = model
            request.model_spec.signature_name = signature
            for name, value in inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())


def read_warmup(directory: Path) -> Iterator[Any]:
    """Yields the PredictRequests stored with a version, none if no file.

    Args:
        directory: The version folder.

    Raises:
        ServingError: If there are more than TensorFlow Serving takes.
    """
    path = directory / WARMUP_FILE
    if not path.exists():
        return
    logs = require("tensorflow_serving.apis.prediction_log_pb2")
    for index, record in enumerate(tf.data.TFRecordDataset(str(path))):
        if index == MOST_RECORDS:
            raise ServingError(
                f"{path} holds more than {MOST_RECORDS} warm-up records"
            )
        yield logs.PredictionLog.FromString(record.numpy()).predict_log.request
