"""Writes kubernetes.yaml: replicas behind a service, on several machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metazoo.serving.config_protos import METRICS_PATH
from metazoo.serving.operations.flags import BINARY, CONFIG, server_flags
from metazoo.serving.operations.settings import (
    GRPC_PORT,
    REST_PORT,
    Settings,
)
from metazoo.serving.operations.yaml_text import yaml_text

Tree = dict[str, Any]
_HEADING = """\
kubectl apply --filename kubernetes.yaml
The volume claim {claim} must exist and hold the folder of each model."""
_TLS = """
So must the secret {secret}, made of config/ssl.config:
kubectl create secret generic {secret} --from-file=config/ssl.config"""


def kubernetes_text(
    models: Sequence[str],
    settings: Settings,
    files: Mapping[str, str],
    tls: bool = False,
) -> str:
    """Writes the file.

    Args:
        models: Names of the models.
        settings: How the servers run.
        files: Name -> text of the server's files, without the key.
        tls: Whether gRPC is encrypted; REST, which never is, is then not
            offered by the service.
    """
    documents = [
        _config_map(settings, files),
        _deployment(models, settings, tls),
        *_services(settings, tls),
        _disruption_budget(settings),
    ]
    if settings.max_replicas is not None:
        documents.append(_autoscaler(settings, settings.max_replicas))
    heading = _HEADING.format(claim=settings.volume_claim)
    if tls:
        heading += _TLS.format(secret=_secret(settings))
    return yaml_text(documents, heading)


def _secret(settings: Settings) -> str:
    return f"{settings.name}-tls"


def _labels(settings: Settings) -> Tree:
    return {"app.kubernetes.io/name": settings.name}


def _object(
    kind: str, version: str, name: str, settings: Settings, **content: Any
) -> Tree:
    return {
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name, "labels": _labels(settings)},
        **content,
    }


def _config_map(settings: Settings, files: Mapping[str, str]) -> Tree:
    name = f"{settings.name}-config"
    return _object("ConfigMap", "v1", name, settings, data=dict(files))


def _deployment(models: Sequence[str], settings: Settings, tls: bool) -> Tree:
    spec: Tree = {"replicas": settings.replicas}
    if settings.max_replicas is not None:
        # The autoscaler's number must survive the next `kubectl apply`.
        spec = {}
    spec |= {
        "selector": {"matchLabels": _labels(settings)},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0},
        },
        "template": {
            "metadata": {
                "labels": _labels(settings),
                "annotations": _scrape_annotations(),
            },
            "spec": _pod(models, settings, tls),
        },
    }
    return _object("Deployment", "apps/v1", settings.name, settings, spec=spec)


def _scrape_annotations() -> Tree:
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(REST_PORT),
        "prometheus.io/path": METRICS_PATH,
    }


def _pod(models: Sequence[str], settings: Settings, tls: bool) -> Tree:
    return {
        "automountServiceAccountToken": False,
        # How long requests may still take after a replica is to stop.
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": settings.user,
            "runAsGroup": settings.user,
            "fsGroup": settings.user,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _labels(settings)},
            }
        ],
        "containers": [_container(models, settings, tls)],
        "volumes": _volumes(settings, tls),
    }


def _container(models: Sequence[str], settings: Settings, tls: bool) -> Tree:
    amount = resources(settings)
    return {
        "name": "serving",
        "image": settings.image,
        "command": [BINARY],
        "args": server_flags(settings, tls),
        "ports": [
            {"name": "grpc", "containerPort": GRPC_PORT},
            {"name": "rest", "containerPort": REST_PORT},
        ],
        "resources": amount,
        **_probes(models[0], tls),
        # New requests still come while the service forgets the address.
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": _mounts(settings),
    }


def resources(settings: Settings) -> Tree:
    """What a replica asks for and is held to.

    Args:
        settings: How the servers run.
    """
    amount = {"cpu": str(settings.cpus), "memory": settings.memory}
    return {"requests": dict(amount), "limits": dict(amount)}


def _probes(model: str, tls: bool) -> Tree:
    # The ports open when every model has been loaded, so one is enough.
    status = {
        "httpGet": {"path": f"/v1/models/{model}", "port": "rest"},
        "periodSeconds": 5,
        "timeoutSeconds": 2,
    }
    # Kubernetes speaks gRPC to a probe in plain text only.
    alive: Tree = {"grpc": {"port": GRPC_PORT}}
    if tls:
        alive = {"tcpSocket": {"port": "grpc"}}
    return {
        "startupProbe": {**status, "failureThreshold": 120},
        "readinessProbe": {**status, "failureThreshold": 2},
        "livenessProbe": {
            **alive,
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
    }


def _mounts(settings: Settings) -> list[Tree]:
    return [
        {"name": "models", "mountPath": settings.root, "readOnly": True},
        # The whole folder, so that a changed ConfigMap reaches the server.
        {"name": "config", "mountPath": CONFIG, "readOnly": True},
        {"name": "scratch", "mountPath": "/tmp"},
    ]


def _volumes(settings: Settings, tls: bool) -> list[Tree]:
    sources: list[Tree] = [{"configMap": {"name": f"{settings.name}-config"}}]
    if tls:
        secret = {"name": _secret(settings)}
        sources.append({"secret": secret})
    claim = {"claimName": settings.volume_claim, "readOnly": True}
    return [
        {"name": "models", "persistentVolumeClaim": claim},
        {
            "name": "config",
            "projected": {"sources": sources, "defaultMode": 0o440},
        },
        {"name": "scratch", "emptyDir": {}},
    ]


def _services(settings: Settings, tls: bool) -> list[Tree]:
    grpc = {"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc"}
    rest = {"name": "rest", "port": REST_PORT, "targetPort": "rest"}
    selector = {"selector": _labels(settings)}
    one_address = _object(
        *("Service", "v1", settings.name, settings),
        spec={**selector, "ports": [grpc] if tls else [grpc, rest]},
    )
    # gRPC keeps one connection, so balancing is left to clients, which find
    # the address of every replica here.
    all_addresses = _object(
        *("Service", "v1", f"{settings.name}-grpc", settings),
        spec={"clusterIP": "None", **selector, "ports": [grpc]},
    )
    return [one_address, all_addresses]


def _disruption_budget(settings: Settings) -> Tree:
    return _object(
        *("PodDisruptionBudget", "policy/v1", settings.name, settings),
        spec={
            "maxUnavailable": 1,
            "selector": {"matchLabels": _labels(settings)},
        },
    )


def _autoscaler(settings: Settings, most: int) -> Tree:
    return _object(
        *("HorizontalPodAutoscaler", "autoscaling/v2", settings.name, settings),
        spec={
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": settings.name,
            },
            "minReplicas": settings.replicas,
            "maxReplicas": most,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {
                            "type": "Utilization",
                            "averageUtilization": 70,
                        },
                    },
                }
            ],
        },
    )
