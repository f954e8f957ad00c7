"""Requests over gRPC, with the stubs of TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from metazoo.serving.signature_defs import describe_all
from metazoo.serving.signatures import SignatureInfo
from metazoo.serving.status import CODES, StatusError
from metazoo.serving.tensors import from_proto, write_content
from metazoo.serving.transports.base import Target


class GrpcTransport:
    """One channel, shared by all threads."""

    def __init__(self, target: Target) -> None:
        """Opens the channel; nothing is sent yet."""
        self._target = target
        self._channel = grpc.insecure_channel(
            target.address,
            # A state is easily larger than the default of 4 MiB.
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
            ],
        )
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(
            self._channel
        )
        self._models = model_service_pb2_grpc.ModelServiceStub(self._channel)

    def predict(
        self,
        signature: SignatureInfo,
        inputs: Mapping[str, np.ndarray],
        timeout: float,
    ) -> dict[str, np.ndarray]:
        """Runs one signature."""
        request = predict_pb2.PredictRequest()
        self._fill(request.model_spec)
        request.model_spec.signature_name = signature.name
        for name, value in inputs.items():
            write_content(request.inputs[name], value)
        response = _call(self._prediction.Predict, request, timeout)
        return {k: from_proto(v) for k, v in response.outputs.items()}

    def metadata(self, timeout: float) -> dict[str, SignatureInfo]:
        """Describes the signatures of the model."""
        request = get_model_metadata_pb2.GetModelMetadataRequest()
        self._fill(request.model_spec)
        request.metadata_field.append("signature_def")
        response = _call(self._prediction.GetModelMetadata, request, timeout)
        found = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(found)
        return describe_all(found.signature_def)

    def status(self, timeout: float) -> list[dict[str, Any]]:
        """Lists the versions of the model, highest first."""
        request = get_model_status_pb2.GetModelStatusRequest()
        self._fill(request.model_spec)
        response = _call(self._models.GetModelStatus, request, timeout)
        states = get_model_status_pb2.ModelVersionStatus.State
        return [
            {
                "version": entry.version,
                "state": states.Name(entry.state),
                "code": CODES[entry.status.error_code],
                "message": entry.status.error_message,
            }
            for entry in response.model_version_status
        ]

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()

    def _fill(self, spec: Any) -> None:
        spec.name = self._target.model
        if self._target.version is not None:
            spec.version.value = self._target.version
        if self._target.label is not None:
            spec.version_label = self._target.label


def _call(method: Any, request: Any, timeout: float) -> Any:
    try:
        return method(request, timeout=timeout)
    except grpc.RpcError as error:
        raise StatusError(error.code().name, error.details() or "") from error
