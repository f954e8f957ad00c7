"""Requests as bytes, in the forms that clients send."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from metazoo.serving.tensors import write_content, write_values

PREDICT = "/tensorflow.serving.PredictionService/Predict"


def grpc_request(
    model: str,
    signature: str,
    inputs: Mapping[str, np.ndarray],
    typed: bool = False,
    version: int | None = None,
    label: str = "",
    output_filter: Sequence[str] = (),
) -> Any:
    """Makes a PredictRequest.

    Args:
        model: Name of the model.
        signature: Name of the signature.
        inputs: Wire name -> array.
        typed: Whether tensors are sent in typed fields.
        version: A version, or None.
        label: A label, or none if empty.
        output_filter: The outputs wanted.
    """
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    if label:
        request.model_spec.version_label = label
    for name, value in inputs.items():
        if value.dtype == object:
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        else:
            write = write_values if typed else write_content
            write(request.inputs[name], value)
    return request


def json_body(
    signature: str, inputs: Mapping[str, np.ndarray], rows: bool
) -> bytes:
    """Makes the body of a predict request, by rows or by columns."""
    columns = {name: _as_json(value) for name, value in inputs.items()}
    document: dict[str, Any] = {"signature_name": signature}
    if rows:
        size = len(next(iter(columns.values())))
        document["instances"] = [
            {name: value[row] for name, value in columns.items()}
            for row in range(size)
        ]
    else:
        document["inputs"] = columns
    return json.dumps(document).encode()


def _as_json(value: np.ndarray) -> Any:
    if value.dtype != object:
        return value.tolist()
    return [{"b64": base64.b64encode(item).decode()} for item in value]


def url(model: str, part: str = "") -> str:
    """The path of predict for a model, its version or label."""
    return f"/v1/models/{model}{part}:predict"
