"""A model adapted on a server, and its state in a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from metazoo.contracts.adapted import AdaptedModel, StoredState
from metazoo.errors import EpisodeError
from metazoo.serving.client.answers import trim_ways
from metazoo.serving.signatures import SignatureInfo

if TYPE_CHECKING:
    from metazoo.serving.client.client import Client


class RemoteAdapted(AdaptedModel):
    """A model adapted on a server; its state lives here, not there.

    It predicts, stores and reloads as any adapted model does; `learner` is
    the client.

    Attributes:
        num_ways: Number of classes it was adapted to; None if that is not
            known.
    """

    def __init__(
        self,
        client: Client,
        state: Mapping[str, Any],
        single: bool,
        num_ways: int | None = None,
    ) -> None:
        """Keeps the state.

        Args:
            client: Where predictions are asked for.
            state: Name to array with a leading tasks axis.
            single: Whether predictions of one task drop the tasks axis.
            num_ways: Number of classes.
        """
        super().__init__(cast(Any, client), dict(state), single)
        self.num_ways = num_ways
        self._client = client

    def save(
        self, path: str | Path, notes: Mapping[str, Any] | None = None
    ) -> Path:
        """Stores the state as an `.npz` file, whole or not at all.

        Args:
            path: File to write.
            notes: Further JSON values to keep beside the name and version
                of the model, the layout of its state and the number of
                ways.

        Returns:
            The path.

        Raises:
            StatusError: The server could not be asked for the layout.
        """
        origin = {**self._client.origin(), "num_ways": self.num_ways}
        return super().save(path, {**(notes or {}), **origin})

    def _run(self, query_x: Any) -> dict[str, np.ndarray]:
        outputs = super()._run(query_x)
        return trim_ways(
            self._client.signature("predict"), outputs, self.num_ways
        )


def state_layout(signature: SignatureInfo, names: Mapping[str, Any]) -> str:
    """Digests names, dtypes and shapes of the state that `predict` takes.

    Args:
        signature: The signature `predict`.
        names: The state's wire names.

    Returns:
        A hexadecimal digest of 16 characters.
    """
    tensors = [
        (name, info.dtype, info.shape)
        for name, info in signature.inputs.items()
        if name in names
    ]
    return layout_digest(tensors)


def layout_digest(
    tensors: list[tuple[str, str, tuple[int | None, ...] | None]],
) -> str:
    """Digests names, dtypes and shapes.

    Args:
        tensors: A name, a dtype's NumPy name, and a shape (None where any
            size will do) each.

    Returns:
        A hexadecimal digest of 16 characters.
    """
    text = json.dumps(sorted(tensors, key=lambda tensor: tensor[0]))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stored_ways(stored: StoredState, path: str | Path) -> int | None:
    """Reads the number of classes that a state was stored with.

    Args:
        stored: What the file holds.
        path: The file, for messages.

    Returns:
        The number; None if it is not known.

    Raises:
        EpisodeError: If it is no number of classes.
    """
    ways = stored.notes.get("num_ways")
    if ways is None:
        return None
    if type(ways) is not int or ways < 1:
        raise EpisodeError(
            f"{path}: num_ways must be a whole number from 1 on; got {ways!r}"
        )
    return ways


def check_origin(
    stored: StoredState, origin: Mapping[str, Any], path: str | Path
) -> None:
    """Refuses the state of another model, or of another layout.

    A state that no server's client stored has neither name nor layout and
    passes; its tensors are checked when it is used.

    Args:
        stored: What the file holds.
        origin: `model`, `version` and `layout` of the model served.
        path: The file, for messages.

    Raises:
        EpisodeError: The state is not of this model.
    """
    model = stored.notes.get("model")
    if model is not None and model != origin["model"]:
        raise EpisodeError(
            f"{path} is a state of model {model!r}; the server was asked "
            f"for {origin['model']!r}. Adapt again with that model."
        )
    layout = stored.notes.get("layout")
    if layout is not None and layout != origin["layout"]:
        raise EpisodeError(
            f"{path} is a state of version {stored.notes.get('version')}; "
            f"version {origin['version']} of {origin['model']!r} takes a "
            "state of other tensors. Adapt again."
        )
