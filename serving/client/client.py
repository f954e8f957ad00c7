"""A client with the verbs of a learner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from metazoo.contracts.adapted import StoredState, read_adapted
from metazoo.errors import EpisodeError, ServingError
from metazoo.serving.client import options, requests
from metazoo.serving.client.adapted import (
    RemoteAdapted,
    check_origin,
    state_layout,
    stored_ways,
)
from metazoo.serving.client.answers import (
    check_outputs,
    refuse_spoiled,
    trim_ways,
)
from metazoo.serving.client.inputs import Arrays
from metazoo.serving.client.requests import Request, example_info, find
from metazoo.serving.signatures import (
    ADAPT,
    ADAPT_PREDICT,
    PREDICT,
    SignatureInfo,
)
from metazoo.serving.status import StatusError
from metazoo.serving.transports.base import (
    RETRIES,
    Deadline,
    ModelDescription,
    Result,
    Target,
    with_retries,
)
from metazoo.serving.transports.tls import ClientTls

UNLISTED = (
    "the wire can't list models: the server's configuration or log names them"
)

# Codes that a version of another signature answers with.
STALE_CODES = ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "INTERNAL")


Build = Callable[[ModelDescription], Request]


class Client:
    """Adapts and predicts on a server, TensorFlow Serving or embedded.

    Safe to use from many threads. Arguments are checked against what the
    server says of the model before they are sent. The REST form needs
    neither TensorFlow nor the serving stubs.
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
        tls: ClientTls | None = None,
        encoding: str = "auto",
        retries: int = RETRIES,
    ) -> None:
        """Opens nothing yet: the first call connects.

        Args:
            address: `host:port` of the server's gRPC or REST port; for REST
                also a URL, which may hold a path.
            model: Name of the model.
            transport: `grpc` or `rest`.
            signature_name: The signature behind `adapt_predict`.
            timeout: Seconds for each call of a method, connecting, retries
                and slow answers included.
            version: Version of the model; None for the highest one.
            label: A version label instead.
            tls: Certificates; None for a connection that is not encrypted
                (an https:// address trusts what the system trusts).
            encoding: How arrays are sent. Over gRPC `content` (raw bytes,
                also what `auto` is) or `values` (typed fields); over REST
                `json` (numbers), `base64` (raw bytes, to the signature
                NAME_bytes) or `auto`: base64 where the model has that
                signature, numbers where not. Answers are the same.
            retries: Further tries where the server is UNAVAILABLE, after
                pauses of about 0.1, 0.2, 0.4 ... s.

        Raises:
            ServingError: If an argument can't be used.
            ImportError: If gRPC is asked for without the `serving` extra.
        """
        target = Target(address, model, version, label, tls)
        options.check(transport, encoding, timeout, retries, target)
        self._transport = options.open_transport(transport, encoding, target)
        # gRPC has its own raw bytes; only JSON gains from another signature.
        self._encoding = encoding if transport == "rest" else "content"
        self._target = target
        self._signature_name = signature_name
        self._timeout, self._retries = timeout, retries
        self._known: ModelDescription | None = None

    @property
    def example_shape(self) -> tuple[int | None, ...]:
        """Shape of one example, such as (28, 28, 1); () of a text."""
        return (example_info(self._description()).shape or ())[2:]

    @property
    def query_rank(self) -> int:
        """Rank of one task's queries, without the tasks axis."""
        return len(self.example_shape) + 1

    def adapt(
        self, support_x: Any, support_y: Any, support_mask: Any = None
    ) -> RemoteAdapted:
        """Learns a task (or several) from labelled examples.

        Args:
            support_x: raw examples (numbers, or texts as str or bytes,
                whatever the model takes) [support, *features] of one task,
                [tasks, support, *features], or a list of arrays [support,
                *features] that differ in `support`, for a model that has
                the signature `adapt_padded`.
            support_y: integer labels [support] or [tasks, support], or a
                list of arrays.
            support_mask: booleans [support] or [tasks, support], False for
                examples to leave out.

        Returns:
            The adapted model, with its state.

        Raises:
            EpisodeError: An argument is malformed.
            StatusError: The server refused or could not be reached.
        """
        request, state = self._ask(
            lambda model: requests.adapt(
                model, ADAPT, support_x, support_y, support_mask
            )
        )
        refuse_spoiled("support_x or support_y", state)
        return RemoteAdapted(self, state, request.single, request.ways)

    def adapt_predict(
        self,
        support_x: Any,
        support_y: Any,
        query_x: Any,
        support_mask: Any = None,
    ) -> dict[str, np.ndarray]:
        """Learns and predicts in one call.

        Args:
            support_x: As for `adapt`.
            support_y: As for `adapt`.
            query_x: raw examples [query, *features], or [tasks, query,
                *features].
            support_mask: As for `adapt`.

        Returns:
            What the signature returns, such as `probabilities` float32
            [tasks, query, ways]; no tasks axis where none was given. `ways`
            is the largest label plus one, unless the model's is fixed.

        Raises:
            EpisodeError: An argument is malformed.
            StatusError: The server refused or could not be reached.
        """
        name = self._signature_name
        request, outputs = self._ask(
            lambda model: requests.adapt(
                model, name, support_x, support_y, support_mask, query_x
            )
        )
        refuse_spoiled("support_x, support_y or query_x", outputs)
        outputs = trim_ways(request.signature, outputs, request.ways)
        return {k: v[0] if request.single else v for k, v in outputs.items()}

    def adapted(
        self,
        state: Mapping[str, Any],
        single: bool = True,
        num_ways: int | None = None,
    ) -> RemoteAdapted:
        """Rebuilds an adapted model from a stored or received state.

        Args:
            state: Name to array with a leading tasks axis.
            single: Whether predictions of one task drop the tasks axis.
            num_ways: Number of classes; None for as many as come back.
        """
        return RemoteAdapted(self, state, single, num_ways)

    def load_adapted(self, path: str | Path) -> RemoteAdapted:
        """Reads what `save` of an adapted model stored, here or elsewhere.

        Args:
            path: The `.npz` file.

        Returns:
            The adapted model.

        Raises:
            EpisodeError: The file is no state, or one of another model or
                of a version whose state has other tensors.
            StatusError: The server refused or could not be reached.
        """
        return self.adapted_from(read_adapted(path), path)

    def adapted_from(
        self, stored: StoredState, path: str | Path
    ) -> RemoteAdapted:
        """Rebuilds an adapted model from a file that has been read.

        Args:
            stored: What `metazoo.contracts.adapted.read_adapted` returned.
            path: The file, for messages.

        Returns:
            The adapted model.

        Raises:
            EpisodeError: The state is of another model, or of a version
                whose state has other tensors.
            StatusError: The server refused or could not be reached.
        """
        check_origin(stored, self.origin(), path)
        ways = stored_ways(stored, path)
        return RemoteAdapted(self, stored.state, stored.single, ways)

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
        _, outputs = self._ask(
            lambda model: requests.predict(model, query_x, state)
        )
        refuse_spoiled("query_x or state", outputs)
        return outputs

    def call(self, signature_name: str, /, **arrays: Any) -> Arrays:
        """Calls any signature of the model, such as `update` or `propose`.

        Args:
            signature_name: One of `signatures()`.
            **arrays: One array-like for each input, all with the axis of
                tasks first. Numbers are converted to the dtype wanted where
                that loses nothing but a float's digits.

        Returns:
            Wire name -> array, as the server sent it: a task that the
            model could make no sense of holds NaN.

        Raises:
            EpisodeError: An argument is malformed.
            ServingError: The model has no such signature.
            StatusError: The server refused or could not be reached.
        """
        return self._ask(
            lambda model: requests.call(model, signature_name, arrays)
        )[1]

    def signatures(self) -> dict[str, SignatureInfo]:
        """Describes what can be called, as far as this client knows.

        It asks the server the first time, and whenever a call does not fit
        what it knows; `metadata` asks every time.

        Raises:
            StatusError: The server refused or could not be reached.
        """
        return dict(self._description().signatures)

    def signature(self, name: str) -> SignatureInfo:
        """Describes one signature.

        Args:
            name: Such as `predict`.

        Raises:
            ServingError: The model has no such signature.
            StatusError: The server refused or could not be reached.
        """
        return find(self._description(), name)

    def metadata(self) -> dict[str, SignatureInfo]:
        """Describes the model's signatures, as the server has them now.

        Raises:
            StatusError: The server refused or could not be reached.
        """
        found = self._refresh(Deadline(self._timeout))
        return dict(found.signatures)

    def origin(self) -> dict[str, Any]:
        """What a state of this model is stored with.

        Returns:
            `model`, the `version` that the signatures are of, and
            `layout`, a digest of the tensors of its state.

        Raises:
            ServingError: The model has no state.
            StatusError: The server refused or could not be reached.
        """
        model = self._refresh(Deadline(self._timeout))
        names = find(model, ADAPT).outputs
        return {
            "model": self._target.model,
            "version": model.version,
            "layout": state_layout(find(model, PREDICT), names),
        }

    def status(self) -> list[dict[str, Any]]:
        """Lists the model's versions, highest first.

        Returns:
            Dicts with `version`, `state`, `code` and `message`.

        Raises:
            StatusError: The server refused or could not be reached.
        """
        return self._try(self._transport.status, Deadline(self._timeout))

    def close(self) -> None:
        """Closes the connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    def _description(self) -> ModelDescription:
        return self._known or self._refresh(Deadline(self._timeout))

    def _refresh(self, deadline: Deadline) -> ModelDescription:
        self._known = self._try(self._transport.metadata, deadline)
        return self._known

    def _try(
        self, call: Callable[[float], Result], deadline: Deadline
    ) -> Result:
        try:
            return with_retries(call, deadline, self._retries)
        except StatusError as error:
            if error.code != "NOT_FOUND":
                raise
            raise StatusError(
                error.code, f"{error.message} ({self._target}; {UNLISTED})"
            ) from error

    def _ask(self, build: Build) -> tuple[Request, Arrays]:
        """Sends a request, rebuilt once if the model has been replaced."""
        deadline = Deadline(self._timeout)
        known = self._known or self._refresh(deadline)
        try:
            return self._send(known, build(known), deadline)
        except (EpisodeError, ServingError) as error:
            if not _may_be_stale(error):
                raise
            fresh = self._replacement(known, deadline)
            if fresh is None:
                raise
        return self._send(fresh, build(fresh), deadline)

    def _replacement(
        self, known: ModelDescription, deadline: Deadline
    ) -> ModelDescription | None:
        try:
            fresh = self._refresh(deadline)
        except StatusError:
            # What was found wrong before is the better news.
            return None
        return None if fresh.signatures == known.signatures else fresh

    def _send(
        self, model: ModelDescription, request: Request, deadline: Deadline
    ) -> tuple[Request, Arrays]:
        wire = requests.wire_form(model, request, self._encoding)
        outputs = self._try(
            lambda left: self._transport.predict(
                wire.signature, wire.inputs, left
            ),
            deadline,
        )
        num_tasks = len(next(iter(wire.inputs.values())))
        check_outputs(wire.signature, outputs, num_tasks)
        return request, outputs


def _may_be_stale(error: Exception) -> bool:
    return not isinstance(error, StatusError) or error.code in STALE_CODES
