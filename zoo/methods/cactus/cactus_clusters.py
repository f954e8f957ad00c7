"""Groups embeddings: scikit-learn's k-means, whitening, one library check."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from metazoo.errors import DataError

CLUSTERERS = ("kmeans", "minibatch")
MAX_ITERATIONS = 3000
_MINIBATCH = 2048
_MINIBATCH_ITERATIONS = 100


class Whitening(NamedTuple):
    """An affine map: `(z - mean) @ matrix`."""

    mean: np.ndarray
    matrix: np.ndarray


def check_sklearn() -> None:
    """Refuses to go on without scikit-learn.

    Raises:
        ImportError: it is not installed; the text names the extra.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "clustering and the comparisons on embeddings need scikit-learn: "
            "pip install 'metazoo[clustering]'"
        ) from error


def k_means(
    z: np.ndarray,
    num_clusters: int,
    seed: int,
    kind: str = "kmeans",
    starts: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Groups vectors, from a k-means++ start.

    Args:
        z: float32 [examples, size].
        num_clusters: k.
        seed: of the start.
        kind: "kmeans" or "minibatch", which is faster and less exact.
        starts: the best of so many.

    Returns:
        Cluster of each vector int32 [examples], and the centres
        [num_clusters, size].

    Raises:
        ImportError: scikit-learn is not installed.
        DataError: there are fewer vectors than clusters.
    """
    check_sklearn()
    from sklearn.cluster import KMeans, MiniBatchKMeans

    if num_clusters > len(z):
        raise DataError(
            f"num_clusters is {num_clusters}, and there are {len(z)} examples."
        )
    options: dict[str, Any] = {
        "n_clusters": num_clusters,
        "n_init": starts,
        "random_state": seed,
    }
    if kind == "minibatch":
        found = MiniBatchKMeans(
            batch_size=_MINIBATCH, max_iter=_MINIBATCH_ITERATIONS, **options
        )
    else:
        found = KMeans(max_iter=MAX_ITERATIONS, **options)
    labels = found.fit_predict(z)
    return labels.astype(np.int32), found.cluster_centers_


def pca_whitening(z: np.ndarray, size: int) -> Whitening:
    """Uncorrelated directions of most variance, each of variance one.

    Args:
        z: float [examples, features].
        size: directions to keep; all, if there are fewer.
    """
    mean, values, vectors = _spectrum(z)
    kept = np.argsort(values)[::-1][:size]
    matrix = vectors[:, kept] / np.sqrt(values[kept])
    return Whitening(mean, matrix.astype(np.float32))


def zca_whitening(z: np.ndarray, share: float = 0.1) -> Whitening:
    """Whitens with the least change of every vector.

    Args:
        z: float [examples, features].
        share: of the mean variance, added to all: directions of next to no
            variance are noise.
    """
    mean, values, vectors = _spectrum(z)
    values = values + share * values.mean()
    matrix = (vectors / np.sqrt(values)) @ vectors.T
    return Whitening(mean, matrix.astype(np.float32))


def unit_rows(z: np.ndarray) -> np.ndarray:
    """Vectors of length one.

    Args:
        z: float [examples, size].
    """
    return z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)


def _spectrum(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, and variances along principal directions, none of them zero."""
    mean = z.mean(0)
    centred = (z - mean).astype(np.float64)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(z))
    if values[-1] <= 0:
        raise DataError("all embeddings are equal; nothing can be told apart.")
    return mean, np.maximum(values, 1e-6 * values[-1]), vectors
