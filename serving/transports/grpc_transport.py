"""Requests over gRPC, with the stubs of TensorFlow Serving."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
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

from metazoo.errors import ServingError
from metazoo.serving.signature_defs import describe_all
from metazoo.serving.signatures import SignatureInfo
from metazoo.serving.status import CODES, StatusError
from metazoo.serving.tensors import from_proto, write_content
from metazoo.serving.transports import diagnosis
from metazoo.serving.transports.base import (
    ConnectionSetupError,
    ModelDescription,
    Target,
)
from metazoo.serving.transports.tls import ClientTls

OPTIONS = (
    # A state is easily larger than the default of 4 MiB.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # A server that restarts is found again within one call's retries.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
)

Write = Callable[[Any, np.ndarray], None]


class GrpcTransport:
    """One channel, shared by all threads."""

    def __init__(self, target: Target, write: Write = write_content) -> None:
        """Opens the channel; nothing is sent yet.

        Args:
            target: Which model.
            write: Encodes an array into a TensorProto.

        Raises:
            ServingError: If the address or a certificate can't be used.
        """
        self._target = target
        self._write = write
        self._channel = open_channel(target.address, target.tls)
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
            self._write(request.inputs[name], value)
        response = self._call(self._prediction.Predict, request, timeout)
        return {k: _decoded(k, v) for k, v in response.outputs.items()}

    def metadata(self, timeout: float) -> ModelDescription:
        """Describes the model."""
        request = get_model_metadata_pb2.GetModelMetadataRequest()
        self._fill(request.model_spec)
        request.metadata_field.append("signature_def")
        response = self._call(
            self._prediction.GetModelMetadata, request, timeout
        )
        found = get_model_metadata_pb2.SignatureDefMap()
        if not response.metadata["signature_def"].Unpack(found):
            raise StatusError(
                "INTERNAL",
                f"{self._target.address}: the answer does not describe a model",
            )
        return ModelDescription(
            response.model_spec.version.value, describe_all(found.signature_def)
        )

    def status(self, timeout: float) -> list[dict[str, Any]]:
        """Lists the versions of the model, highest first."""
        request = get_model_status_pb2.GetModelStatusRequest()
        self._fill(request.model_spec)
        response = self._call(self._models.GetModelStatus, request, timeout)
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

    def _call(self, method: Any, request: Any, timeout: float) -> Any:
        end = time.monotonic() + timeout
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            raise self._failure(error, end - time.monotonic()) from error
        except ValueError as error:
            # What grpc raises on a closed channel.
            raise ServingError(f"the request can't be sent: {error}") from error

    def _failure(self, error: Any, left: float) -> StatusError:
        code, details = error.code().name, error.details() or ""
        text = f"{self._target.address}: {details}"
        if code == "DEADLINE_EXCEEDED":
            return StatusError(code, text)
        if code != "UNAVAILABLE":
            return StatusError(code, details)
        problem = diagnosis.grpc_problem(details)
        if problem is None and diagnosis.closed_at_once(details):
            if self._target.tls is not None:
                text += f"; {diagnosis.CLOSED_TLS}"
            elif self._speaks_tls(left):
                problem = diagnosis.TLS_WANTED
        if problem:
            return ConnectionSetupError(f"{problem} ({text})")
        return StatusError(code, text)

    def _speaks_tls(self, left: float) -> bool:
        host, _, port = self._target.address.rpartition(":")
        if not port.isdigit() or left <= 0:
            return False
        host = host.rpartition("/")[2].strip("[]")
        return diagnosis.speaks_tls(host, int(port), left)


def _check_address(address: str) -> None:
    if address.startswith(("http://", "https://")):
        raise ServingError(
            f"address {address!r} is a URL; gRPC takes host:port (for TLS "
            "give `tls`)"
        )
    host, _, port = address.rpartition(":")
    if not (host and port) or port == "0":
        raise ServingError(f"address {address!r} is not host:port")


def open_channel(address: str, tls: ClientTls | None) -> grpc.Channel:
    """Makes a channel; nothing is sent yet.

    Args:
        address: `host:port`.
        tls: Certificates; None for a connection that is not encrypted.

    Raises:
        ServingError: If the address or a certificate can't be used.
    """
    _check_address(address)
    if tls is None:
        return grpc.insecure_channel(address, options=OPTIONS)
    # gRPC finds fault with the files only when it connects, and mutely.
    tls.context()
    credentials = grpc.ssl_channel_credentials(
        root_certificates=tls.pem("ca"),
        private_key=tls.pem("key"),
        certificate_chain=tls.pem("certificate"),
    )
    options: list[tuple[str, Any]] = list(OPTIONS)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return grpc.secure_channel(address, credentials, options=options)


def _decoded(name: str, proto: Any) -> np.ndarray:
    try:
        return from_proto(proto)
    except (ValueError, TypeError) as error:
        raise StatusError(
            "INTERNAL", f"the answer's output tensor {name!r}: {error}"
        ) from error
