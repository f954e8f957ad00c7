"""A picture of what clusters an alphabet falls into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.data import ClassDataset
from metazoo.data.superclass_sampler import superclass_names
from metazoo.errors import DataError
from metazoo.methods.bande.bande_clusters import Clusters, log_densities

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_alphabet(
    learner: Any,
    data: ClassDataset,
    alphabet: str,
    num_shots: int = 2,
    num_characters: int = 20,
) -> Figure:
    """Adapts to alphabets and draws the clusters of one of them.

    The other alphabets of the data set are in the task too, one drawing of
    each of as many characters: they set the threshold.

    Args:
        learner: a `BANDE`.
        data: characters with names such as `Greek/character01`.
        alphabet: the one to draw.
        num_shots: drawings of each of its characters.
        num_characters: characters of each alphabet, at most.

    Returns:
        The figure.

    Raises:
        DataError: the data set has no such alphabet.
    """
    from metazoo.plots.cluster_picture import plot_clusters

    names = superclass_names(data)
    alphabets = list(dict.fromkeys(names))
    if alphabet not in alphabets:
        raise DataError(
            f"alphabet must be one of {sorted(alphabets)}; got {alphabet!r}."
        )
    images, labels = [], []
    for label, name in enumerate(alphabets):
        rows = _rows(
            data,
            names,
            name,
            num_characters,
            num_shots if name == alphabet else 1,
        )
        images.append(data.images[rows])
        labels += [label] * len(rows)
    x = np.concatenate(images)
    state = learner.adapt(x, labels).state
    own = alphabets.index(alphabet)
    mine = np.flatnonzero(np.array(labels) == own)
    h = np.asarray(learner.embed(x[mine][None].astype(np.float32)))
    kept = np.flatnonzero(state["label"][0] == own)
    clusters = Clusters(
        state["mu"][:, kept],
        state["label"][:, kept],
        state["log_sigma"][:, kept],
        state["mass"][:, kept],
    )
    assignment = np.asarray(log_densities(h, clusters))[0].argmax(-1)
    return plot_clusters(
        x[mine],
        h[0],
        clusters.mu[0],
        assignment,
        f"{alphabet}: {len(mine)} drawings in "
        f"{_counted(len(np.unique(assignment)), 'cluster')}",
        learner.value_range or (0, 1),
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _rows(
    data: ClassDataset,
    names: tuple[str, ...],
    name: str,
    num_characters: int,
    num_shots: int,
) -> np.ndarray:
    classes = [c for c, other in enumerate(names) if other == name]
    starts = data.class_offsets[classes[:num_characters]]
    return (starts[:, None] + np.arange(num_shots)).ravel()
