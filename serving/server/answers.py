"""Metadata and status as messages, for both front ends."""

from __future__ import annotations

from typing import Any

from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
)

from metazoo.serving.server.core import ModelSelector, PredictCore
from metazoo.serving.status import CODES, StatusError


def signature_map(core: PredictCore, selector: ModelSelector) -> Any:
    """Collects the signatures of a model.

    Args:
        core: The prediction core.
        selector: Which model and version.

    Returns:
        (version, SignatureDefMap).

    Raises:
        StatusError: If the model or version is not there.
    """
    found = get_model_metadata_pb2.SignatureDefMap()
    with core.manager.use(
        selector.name, selector.version, selector.label
    ) as servable:
        for name, definition in servable.session.signature_defs.items():
            found.signature_def[name].CopyFrom(definition)
        return servable.version, found


def status_response(core: PredictCore, name: str, version: int | None) -> Any:
    """Describes where the versions of a model stand.

    Args:
        core: The prediction core.
        name: Name of the model.
        version: One version, or None for all.

    Returns:
        A GetModelStatusResponse, highest version first.

    Raises:
        StatusError: NOT_FOUND for an unknown model or version.
    """
    statuses = core.manager.statuses(name)
    if version is not None:
        if version not in statuses:
            raise StatusError(
                "NOT_FOUND", f"Could not find version {version} of {name}"
            )
        statuses = {version: statuses[version]}
    response = get_model_status_pb2.GetModelStatusResponse()
    states = get_model_status_pb2.ModelVersionStatus.State
    for number, status in statuses.items():
        entry = response.model_version_status.add()
        entry.version = number
        entry.state = states.Value(status.state)
        entry.status.error_code = CODES.index(status.code)
        entry.status.error_message = status.message
    return response
