"""Writes kserve.yaml: one InferenceService for each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metazoo.serving.operations.flags import CONFIG, shared_flags
from metazoo.serving.operations.kubernetes import resources
from metazoo.serving.operations.settings import Settings
from metazoo.serving.operations.yaml_text import yaml_text

# What KServe's runtime for TensorFlow Serving does by itself: gRPC on 9000,
# REST on 8080, the service's name as that of the model.
_REST_PORT = 8080
_SERVER_ONLY = "models.config"
_HEADING = """\
kubectl apply --filename kserve.yaml
Each model is one service of its name, without labels. It serves the highest
version that the folder NAME holds when a replica starts, in
{storage}"""


def kserve_text(
    models: Sequence[str], settings: Settings, files: Mapping[str, str]
) -> str:
    """Writes the file.

    Args:
        models: Names of the models.
        settings: How the servers run.
        files: Name -> text of the server's files, without the key.
    """
    shared = {n: text for n, text in files.items() if n != _SERVER_ONLY}
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _config_name(settings)},
        "data": shared,
    }
    services = [_service(name, settings) for name in models]
    return yaml_text(
        [config, *services], _HEADING.format(storage=settings.storage)
    )


def _config_name(settings: Settings) -> str:
    return f"{settings.name}-kserve"


def _service(name: str, settings: Settings) -> dict[str, Any]:
    most = settings.max_replicas or settings.replicas
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name},
        "spec": {
            "predictor": {
                "minReplicas": settings.replicas,
                "maxReplicas": most,
                "model": _model(name, settings),
                "volumes": [
                    {
                        "name": "config",
                        "configMap": {"name": _config_name(settings)},
                    }
                ],
            }
        },
    }


def _model(name: str, settings: Settings) -> dict[str, Any]:
    probe = {
        "httpGet": {"path": f"/v1/models/{name}", "port": _REST_PORT},
        "periodSeconds": 5,
        "timeoutSeconds": 2,
    }
    return {
        "modelFormat": {"name": "tensorflow", "version": "2"},
        "protocolVersion": "v1",
        "storageUri": f"{settings.storage}/{name}",
        "image": settings.image,
        "args": shared_flags(settings),
        "resources": resources(settings),
        "readinessProbe": {**probe, "failureThreshold": 2},
        "livenessProbe": {
            "tcpSocket": {"port": _REST_PORT},
            "initialDelaySeconds": 60,
            "periodSeconds": 10,
            "failureThreshold": 6,
        },
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG, "readOnly": True}
        ],
    }
