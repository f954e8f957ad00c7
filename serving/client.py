"""A client with the verbs of a learner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

import numpy as np

from metazoo.adapted import AdaptedModel
from metazoo.checks import check_examples, check_labels
from metazoo.errors import EpisodeError, ServingError
from metazoo.serving.extras import require
from metazoo.serving.signatures import (
    ADAPT,
    ADAPT_PREDICT,
    PREDICT,
    SignatureInfo,
    shape_text,
)
from metazoo.serving.transports.base import Target, Transport, with_retries

TRANSPORTS = {
    "grpc": ("metazoo.serving.transports.grpc_transport", "GrpcTransport"),
    "rest": ("metazoo.serving.transports.rest_transport", "RestTransport"),
}


class RemoteAdapted(AdaptedModel):
    """A model adapted on a server; its state lives here, not there.

    It predicts, stores and reloads as any adapted model does; `learner` is
    the client.
    """

    def __init__(
        self, client: Client, state: Mapping[str, Any], single: bool
    ) -> None:
        """Keeps the state.

        Args:
            client: Where predictions are asked for.
            state: Name to array with a leading tasks axis.
            single: Whether predictions of one task drop the tasks axis.
        """
        super().__init__(cast(Any, client), dict(state), single)


class Client:
    """Adapts and predicts on a server, TensorFlow Serving or embedded.

    Safe to use from several threads. The REST form needs neither TensorFlow
    nor the serving stubs.
    """

    def __init__(
        self,
        address: str,
        model: str,
        transport: Literal["grpc", "rest"] = "grpc",
        signature_name: str = ADAPT_PREDICT,
        timeout: float = 30.0,
        version: int | None = None,
        label: str | None = None,
    ) -> None:
        """Opens nothing yet: the first call connects.

        Args:
            address: `host:port` of the server's gRPC or REST port.
            model: Name of the model.
            transport: `grpc` or `rest`.
            signature_name: The signature behind `adapt_predict`.
            timeout: Seconds for each call, retries included.
            version: Version of the model; None for the highest one.
            label: A version label instead.

        Raises:
            ServingError: If an argument can't be used.
            ImportError: If gRPC is asked for without the `serving` extra.
        """
        if transport not in TRANSPORTS:
            raise ServingError(
                f"transport must be one of {sorted(TRANSPORTS)}; "
                f"got {transport!r}"
            )
        if version is not None and label is not None:
            raise ServingError("give version or label, not both")
        if timeout <= 0:
            raise ServingError(f"timeout must be above 0 s; got {timeout}")
        module, name = TRANSPORTS[transport]
        target = Target(address, model, version, label)
        self._transport: Transport = getattr(require(module), name)(target)
        self._signature_name = signature_name
        self._timeout = timeout
        self._signatures: dict[str, SignatureInfo] | None = None

    @property
    def query_rank(self) -> int:
        """Rank of one task's queries, without the tasks axis."""
        return len(self._example_shape()) + 1

    def adapt(self, support_x: Any, support_y: Any) -> RemoteAdapted:
        """Learns a task (or several) from labelled examples.

        Args:
            support_x: raw examples [support, *features] of one task, or
                [tasks, support, *features].
            support_y: integer labels [support] or [tasks, support].

        Returns:
            The adapted model, with its state.

        Raises:
            EpisodeError: An argument is malformed.
            StatusError: The server refused or could not be reached.
        """
        inputs, single = self._support(support_x, support_y)
        state = self._call(ADAPT, inputs)
        _refuse_spoiled("support_y", state)
        return RemoteAdapted(self, state, single)

    def adapt_predict(
        self, support_x: Any, support_y: Any, query_x: Any
    ) -> dict[str, np.ndarray]:
        """Learns and predicts in one call.

        Args:
            support_x: As for `adapt`.
            support_y: As for `adapt`.
            query_x: raw examples [query, *features], or [tasks, query,
                *features].

        Returns:
            What the signature returns, such as `probabilities` float32
            [tasks, query, ways]; no tasks axis where none was given.

        Raises:
            EpisodeError: An argument is malformed.
            StatusError: The server refused or could not be reached.
        """
        inputs, single = self._support(support_x, support_y)
        inputs["query_x"], _ = check_examples(
            "query_x", query_x, self._example_shape()
        )
        outputs = self._call(self._signature_name, inputs)
        _refuse_spoiled("support_y", outputs)
        return {k: v[0] if single else v for k, v in outputs.items()}

    def adapted(
        self, state: Mapping[str, Any], single: bool = True
    ) -> RemoteAdapted:
        """Rebuilds an adapted model from a stored or received state.

        Args:
            state: Name to array with a leading tasks axis.
            single: Whether predictions of one task drop the tasks axis.
        """
        return RemoteAdapted(self, state, single)

    def predict_state(
        self, query_x: Any, state: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Predicts queries from a state.

        Args:
            query_x: raw examples [query, *features] or [tasks, query,
                *features].
            state: Name to array with a leading tasks axis.

        Returns:
            What the signature `predict` returns, tasks axis first.

        Raises:
            EpisodeError: An argument is malformed.
            StatusError: The server refused or could not be reached.
        """
        examples, _ = check_examples("query_x", query_x, self._example_shape())
        arrays = {name: np.asarray(value) for name, value in state.items()}
        outputs = self._call(PREDICT, {"query_x": examples, **arrays})
        _refuse_spoiled("state", outputs)
        return outputs

    def metadata(self) -> dict[str, SignatureInfo]:
        """Describes the model's signatures, as the server has them now.

        Raises:
            StatusError: The server refused or could not be reached.
        """
        self._signatures = with_retries(self._transport.metadata, self._timeout)
        return dict(self._signatures)

    def status(self) -> list[dict[str, Any]]:
        """Lists the model's versions, highest first.

        Returns:
            Dicts with `version`, `state`, `code` and `message`.

        Raises:
            StatusError: The server refused or could not be reached.
        """
        return with_retries(self._transport.status, self._timeout)

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def _support(
        self, support_x: Any, support_y: Any
    ) -> tuple[dict[str, np.ndarray], bool]:
        x, single = check_examples(
            "support_x", support_x, self._example_shape()
        )
        y = check_labels("support_y", support_y, x.shape[:2], None)
        return {"support_x": x, "support_y": y}, single

    def _example_shape(self) -> tuple[Any, ...]:
        known = self._signatures or self.metadata()
        for signature in known.values():
            for name in ("support_x", "query_x"):
                info = signature.inputs.get(name)
                if info is not None and info.shape is not None:
                    return info.shape[2:]
        raise ServingError("no signature of the model takes an episode")

    def _call(
        self, name: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        signature = self._signature(name)
        if _problem(signature, inputs):
            # The model may have been replaced since it was asked.
            self.metadata()
            signature = self._signature(name)
        problem = _problem(signature, inputs)
        if problem:
            raise EpisodeError(problem)
        return with_retries(
            lambda left: self._transport.predict(signature, inputs, left),
            self._timeout,
        )

    def _signature(self, name: str) -> SignatureInfo:
        known = self._signatures or self.metadata()
        if name not in known:
            known = self.metadata()
        if name not in known:
            raise ServingError(
                f"the model has no signature {name!r}; it has {sorted(known)}"
            )
        return known[name]


def _refuse_spoiled(cause: str, outputs: Mapping[str, np.ndarray]) -> None:
    """A server answers a task it can't make sense of with NaN."""
    for value in outputs.values():
        if value.dtype.kind == "f" and np.isnan(value).any():
            tasks = np.isnan(value.reshape(len(value), -1)).any(1)
            raise EpisodeError(
                f"{cause} does not fit the served model in tasks "
                f"{np.flatnonzero(tasks).tolist()}: a label is beyond its "
                "classes, or a state holds NaN."
            )


def _problem(
    signature: SignatureInfo, inputs: Mapping[str, np.ndarray]
) -> str | None:
    if set(inputs) != set(signature.inputs):
        return (
            f"signature {signature.name!r} takes {sorted(signature.inputs)}; "
            f"got {sorted(inputs)}"
        )
    for name, value in inputs.items():
        problem = signature.inputs[name].problem(value)
        if problem:
            return problem
    shapes = {name: value.shape for name, value in inputs.items()}
    if len({shape[0] for shape in shapes.values()}) > 1:
        listed = ", ".join(
            f"{name} {shape_text(shape)}" for name, shape in shapes.items()
        )
        return f"the inputs differ in their number of tasks: {listed}"
    return None
