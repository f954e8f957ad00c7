"""Gives a running server a new list of models."""

from __future__ import annotations

from pathlib import Path

from metazoo.errors import ServingError
from metazoo.serving.config_protos import read_text
from metazoo.serving.extras import require
from metazoo.serving.status import CODES, StatusError
from metazoo.serving.transports.tls import ClientTls


def reload_models(
    address: str,
    models_config: str | Path,
    timeout: float = 300.0,
    tls: ClientTls | None = None,
) -> None:
    """Replaces a server's models, labels and policies, and waits for them.

    The list is replaced whole: a model that it leaves out is unloaded. The
    new models are loaded before the old ones go. TensorFlow Serving lets
    every client do this.

    Args:
        address: HOST:PORT of gRPC.
        models_config: The file, as the server sees its paths.
        timeout: Longest wait for the new models, in seconds.
        tls: Certificates; None for a connection that is not encrypted.

    Raises:
        StatusError: What the server answers; FAILED_PRECONDITION for a label
            on a version that it has not loaded.
        ServingError: If the file, the address or a certificate can't be
            used.
    """
    grpc = require("grpc")
    transport = require("metazoo.serving.transports.grpc_transport")
    messages = require("tensorflow_serving.apis.model_management_pb2")
    services = require("tensorflow_serving.apis.model_service_pb2_grpc")
    configs = require("tensorflow_serving.config.model_server_config_pb2")
    config = read_text(models_config, configs.ModelServerConfig)
    if not config.model_config_list.config:
        raise ServingError(f"{models_config} lists no model")
    request = messages.ReloadConfigRequest(config=config)
    with transport.open_channel(address, tls) as channel:
        stub = services.ModelServiceStub(channel)
        try:
            answer = stub.HandleReloadConfigRequest(request, timeout=timeout)
        except grpc.RpcError as error:
            message = f"{address}: {error.details() or 'no details'}"
            raise StatusError(error.code().name, message) from error
    status = answer.status
    if status.error_code:
        raise StatusError(CODES[status.error_code], status.error_message)
