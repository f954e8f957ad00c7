"""Prediction, whatever the transport: checks, runs and counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metazoo.serving.server.batching import Batcher, BatchingOptions
from metazoo.serving.server.batching_tasks import Arrays
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.server.servable import Servable
from metazoo.serving.server.versions import VersionManager
from metazoo.serving.signatures import SERVING_DEFAULT, SignatureInfo
from metazoo.serving.status import StatusError, invalid

LONGEST_TIMEOUT_MS = 2**31 - 1


@dataclass(frozen=True)
class ModelSelector:
    """Which model, version and signature a request is for."""

    name: str
    version: int | None = None
    label: str | None = None
    signature: str = ""


@dataclass(frozen=True)
class Prediction:
    """An answer and who gave it."""

    model: str
    version: int
    signature: str
    outputs: Arrays


class PredictCore:
    """What both front ends call.

    Attributes:
        manager: The loaded versions.
        metrics: The counters.
    """

    def __init__(
        self,
        manager: VersionManager,
        metrics: Metrics,
        batching: BatchingOptions | None = None,
    ) -> None:
        """Stores what it works with.

        Args:
            manager: The loaded versions.
            metrics: The counters.
            batching: How concurrent requests are merged; None runs each of
                them alone.
        """
        self.manager = manager
        self.metrics = metrics
        self._batcher = None if batching is None else Batcher(batching, metrics)

    def predict(
        self,
        selector: ModelSelector,
        decode: Callable[[SignatureInfo], Arrays],
        output_filter: Sequence[str] = (),
        timeout_ms: int = 0,
        unknown_signature: str = "FAILED_PRECONDITION",
    ) -> Prediction:
        """Answers one request.

        Args:
            selector: Model, version and signature.
            decode: Makes the arrays from the request, given the signature.
            output_filter: The outputs wanted; empty for all.
            timeout_ms: Longest run in milliseconds; 0 for no limit.
            unknown_signature: Status code for a signature that is not there;
                the transports differ.

        Returns:
            The answer.

        Raises:
            StatusError: As TensorFlow Serving answers.
        """
        with self.manager.use(
            selector.name, selector.version, selector.label
        ) as servable:
            signature = find_signature(
                servable, selector.signature, unknown_signature
            )
            inputs = decode(signature)
            check_arrays(signature, inputs)
            outputs = wanted_outputs(signature, output_filter)
            timeout_ms = min(timeout_ms, LONGEST_TIMEOUT_MS)
            values = self._run(
                servable, signature.name, inputs, outputs, timeout_ms
            )
            return Prediction(
                servable.model, servable.version, signature.name, values
            )

    def _run(
        self,
        servable: Servable,
        signature: str,
        inputs: Arrays,
        outputs: Sequence[str],
        timeout_ms: int,
    ) -> Arrays:
        started = time.perf_counter()
        if self._batcher is None:
            values = servable.run(signature, inputs, outputs, timeout_ms)
        else:
            values = self._batcher.run(
                servable, signature, inputs, outputs, timeout_ms
            )
        self.metrics.ran(servable.model, time.perf_counter() - started)
        return values

    def known_model(self, name: str) -> str:
        """Returns the name of a model for metrics, empty if unknown."""
        return name if self.manager.is_configured(name) else ""


def find_signature(
    servable: Servable, name: str, unknown_code: str
) -> SignatureInfo:
    """Looks up a signature; an empty name means the default one."""
    key = name or SERVING_DEFAULT
    signature = servable.signatures.get(key)
    if signature is None:
        raise StatusError(
            unknown_code, f'Serving signature key "{key}" not found.'
        )
    return signature


def check_names(signature: SignatureInfo, sent: Iterable[str]) -> None:
    """Checks that the inputs sent are exactly those of the signature.

    Raises:
        StatusError: INVALID_ARGUMENT that lists what is wrong.
    """
    got, expected = set(sent), set(signature.inputs)
    if len(got) != len(expected):
        raise invalid(
            "input size does not match signature: "
            f"{len(got)}!={len(expected)} "
            f"len({_braces(got)}) != len({_braces(expected)}). "
            f"Sent extra: {_braces(got - expected)}. "
            f"Missing but required: {_braces(expected - got)}."
        )
    for name in sorted(got - expected):
        raise invalid(
            f"input tensor alias not found in signature: {name}. "
            f"Inputs expected to be in the set {_braces(expected)}."
        )


def check_arrays(
    signature: SignatureInfo, inputs: Mapping[str, np.ndarray]
) -> None:
    """Checks dtypes and shapes, which TensorFlow Serving leaves out.

    Raises:
        StatusError: INVALID_ARGUMENT that names the tensor.
    """
    for name, value in inputs.items():
        problem = signature.inputs[name].problem(value)
        if problem:
            raise invalid(problem)


def wanted_outputs(
    signature: SignatureInfo, output_filter: Sequence[str]
) -> list[str]:
    """Resolves an output filter.

    Raises:
        StatusError: INVALID_ARGUMENT for an unknown or repeated name.
    """
    for index, name in enumerate(output_filter):
        if name not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} "
                "Outputs expected to be in the set "
                f"{_braces(signature.outputs)}."
            )
        if name in output_filter[:index]:
            raise invalid(f"duplicate output tensor alias: {name}")
    return list(output_filter) or list(signature.outputs)


def _braces(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
