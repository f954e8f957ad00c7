"""A client's calls as requests of one signature, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from metazoo.errors import EpisodeError, ServingError
from metazoo.serving.client.examples import checked_examples
from metazoo.serving.client.inputs import (
    Arrays,
    SupportSet,
    as_inputs,
    check_inputs,
    pack_bytes,
    support_set,
)
from metazoo.serving.signatures import (
    BYTES,
    PADDED,
    PREDICT,
    SUPPORT_SIZE,
    SignatureInfo,
    TensorInfo,
)
from metazoo.serving.transports.base import ModelDescription


@dataclass(frozen=True)
class Request:
    """Arrays that fit a signature.

    Attributes:
        signature: What is called.
        inputs: Wire name -> array.
        single: Whether one task came without a tasks axis.
        ways: Number of classes in the support sets; None where there are
            none.
    """

    signature: SignatureInfo
    inputs: Arrays
    single: bool = False
    ways: int | None = None


def adapt(
    model: ModelDescription,
    name: str,
    support_x: Any,
    support_y: Any,
    support_mask: Any,
    query_x: Any = None,
) -> Request:
    """Makes a request with a support set, and maybe queries.

    Args:
        model: What the server says of the model.
        name: The signature; its padded form is taken where the tasks
            differ in their number of examples.
        support_x: As `Client.adapt` takes it.
        support_y: Likewise.
        support_mask: Likewise.
        query_x: Queries, None for none.

    Returns:
        The request.

    Raises:
        EpisodeError: An argument is malformed.
        ServingError: The model has no such signature.
    """
    example = example_info(model)
    support = support_set(support_x, support_y, support_mask, example)
    inputs = dict(support.inputs)
    if query_x is not None:
        inputs["query_x"], _ = checked_examples("query_x", query_x, example)
    signature = find(model, _fitting(model, name, support))
    check_inputs(signature, inputs)
    return Request(signature, inputs, support.single, support.ways)


def predict(
    model: ModelDescription, query_x: Any, state: Mapping[str, Any]
) -> Request:
    """Makes a request for predictions from a state.

    Args:
        model: What the server says of the model.
        query_x: As `Client.predict_state` takes it.
        state: Name to array with a leading tasks axis.

    Returns:
        The request.

    Raises:
        EpisodeError: An argument is malformed.
        ServingError: The model has no such signature.
    """
    signature = find(model, PREDICT)
    queries, _ = checked_examples("query_x", query_x, example_info(model))
    arrays = {name: np.asarray(value) for name, value in state.items()}
    inputs = {**arrays, "query_x": queries}
    check_inputs(signature, inputs)
    return Request(signature, inputs)


def call(
    model: ModelDescription, name: str, values: Mapping[str, Any]
) -> Request:
    """Makes a request of any signature.

    Args:
        model: What the server says of the model.
        name: The signature.
        values: Wire name -> array-like.

    Returns:
        The request.

    Raises:
        EpisodeError: An argument is malformed.
        ServingError: The model has no such signature.
    """
    signature = find(model, name)
    inputs = as_inputs(signature, values)
    check_inputs(signature, inputs)
    return Request(signature, inputs)


def wire_form(
    model: ModelDescription, request: Request, encoding: str
) -> Request:
    """Brings a request to the signature that its encoding goes to.

    Args:
        model: What the server says of the model.
        request: The request.
        encoding: `base64` for the signature NAME_bytes, `auto` for that if
            the model has it, anything else for the request as it is.

    Returns:
        The request to send.

    Raises:
        ServingError: The model has no such signature.
    """
    name = request.signature.name + BYTES
    known = name in model.signatures
    if encoding == "base64" and not known and not _holds_bytes(request):
        raise ServingError(
            f"encoding 'base64' needs the signature {name!r}, which the "
            f"model does not have; it has {sorted(model.signatures)}"
        )
    if not known or encoding not in ("auto", "base64"):
        return request
    packed = model.signatures[name]
    inputs = pack_bytes(request.signature, packed, request.inputs)
    return Request(packed, inputs)


def find(model: ModelDescription, name: str) -> SignatureInfo:
    """Looks up a signature.

    Args:
        model: What the server says of the model.
        name: The signature.

    Raises:
        ServingError: The model has no such signature.
    """
    if name not in model.signatures:
        raise ServingError(
            f"version {model.version} of the model has no signature "
            f"{name!r}; it has {sorted(model.signatures)}"
        )
    return model.signatures[name]


def example_info(model: ModelDescription) -> TensorInfo:
    """The input that takes raw examples, [tasks, examples, *features].

    Args:
        model: What the server says of the model.

    Raises:
        ServingError: No signature takes examples.
    """
    for signature in model.signatures.values():
        for name in ("support_x", "query_x"):
            info = signature.inputs.get(name)
            # Packed examples have no axis of their own.
            if info is not None and len(info.shape or ()) > 1:
                return info
    raise ServingError(
        "no signature of the model takes an episode; see signatures() and "
        "call()"
    )


def _fitting(model: ModelDescription, name: str, support: SupportSet) -> str:
    if not support.padded:
        return name
    if name + PADDED not in model.signatures:
        sizes = support.inputs[SUPPORT_SIZE].tolist()
        raise EpisodeError(
            f"support_x holds {sizes} examples in its tasks and the model "
            f"has no signature {name + PADDED!r}; send tasks of one size in "
            "each call"
        )
    return name + PADDED


def _holds_bytes(request: Request) -> bool:
    tensors = request.signature.inputs.values()
    return any(info.dtype == "string" for info in tensors)
