"""The command line of TensorFlow Serving in a container."""

from __future__ import annotations

from metazoo.serving.operations.settings import (
    GRPC_PORT,
    REST_PORT,
    Settings,
)

BINARY = "/usr/bin/tensorflow_model_server"
CONFIG = "/config"


def server_flags(settings: Settings, tls: bool) -> list[str]:
    """Lists the flags of a server of all models.

    Args:
        settings: How the servers run.
        tls: Whether gRPC is encrypted.
    """
    return [
        f"--port={GRPC_PORT}",
        f"--rest_api_port={REST_PORT}",
        f"--model_config_file={CONFIG}/models.config",
        f"--model_config_file_poll_wait_seconds={settings.config_poll_seconds}",
        # A label of a version that is still loading must not end the start.
        "--allow_version_labels_for_unavailable_models=true",
        "--enable_grpc_healthcheck_service=true",
        *shared_flags(settings),
        *([f"--ssl_config_file={CONFIG}/ssl.config"] if tls else []),
    ]


def shared_flags(settings: Settings) -> list[str]:
    """Lists the flags that a server of one model, as KServe's, takes too.

    Args:
        settings: How the servers run.
    """
    batching = [
        "--enable_batching=true",
        f"--batching_parameters_file={CONFIG}/batching.txt",
    ]
    return [
        f"--monitoring_config_file={CONFIG}/monitoring.config",
        # Loads versions beside the manager's loop, not in it.
        "--num_load_threads=1",
        # By default these are the cores of the machine, not of the container.
        f"--tensorflow_intra_op_parallelism={settings.cpus}",
        f"--tensorflow_inter_op_parallelism={settings.cpus}",
        *(batching if settings.batching else []),
    ]
