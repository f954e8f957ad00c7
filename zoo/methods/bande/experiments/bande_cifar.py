"""CIFAR-10: support sets of training images, and a supervised net on all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.experiments import Measurement
from metazoo.methods.bande.experiments.bande_settings import at_shots

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.experiments import Bench

CIFAR_SHOTS = (2, 10, 50, 200, 1000, 5000)
# Images that are embedded or classified at a time.
CHUNK = 500


def measure_cifar(
    dataset: str, shots: Sequence[int], draws: int, seed: int
) -> Any:
    """Makes the measure of support sets drawn from the training images.

    Args:
        dataset: specification; its splits are "train" and "test".
        shots: numbers of support examples a class; more than there are
            means all.
        draws: support sets of each size; all images are one.
        seed: of the draws.
    """

    def measure(bench: Bench, learner: Any) -> list[Measurement]:
        train = bench.dataset(dataset, "train")
        test = bench.dataset(dataset, "test")
        support, queries = embedded(learner, train), embedded(learner, test)
        found = []
        for count in shots:
            whole = count >= train.min_examples
            sets = _draws(train, count, 1 if whole else draws, seed)
            scores = np.array(
                [
                    _score(learner, train, support, test, queries, rows)
                    for rows in sets
                ]
            )
            for name, values in zip(
                ("accuracy", "clusters_per_class"), scores.T, strict=True
            ):
                one = Measurement.of(name, values, test)
                found.append(at_shots(one, count))
        return found

    return measure


def embedded(learner: Any, data: ClassDataset) -> np.ndarray:
    """Embeds a whole data set, part by part.

    Args:
        learner: has `embed`.
        data: the examples.

    Returns:
        float32 [examples, embedding].
    """
    import tensorflow as tf

    examples = tf.TensorSpec([None, None, *data.image_shape])
    run = tf.function(learner.embed, input_signature=[examples])
    parts = [
        run(data.images[None, i : i + CHUNK].astype(np.float32))[0].numpy()
        for i in range(0, data.num_examples, CHUNK)
    ]
    return np.concatenate(parts)


def _draws(
    data: ClassDataset, shots: int, draws: int, seed: int
) -> list[np.ndarray]:
    """Row numbers of support sets, in random order."""
    found = []
    for number in range(draws):
        rng = np.random.default_rng([seed, shots, number])
        rows = [
            start + rng.permutation(size)[:shots]
            for start, size in zip(
                data.class_offsets[:-1], data.class_sizes, strict=True
            )
        ]
        found.append(rng.permutation(np.concatenate(rows)))
    return found


def _score(
    learner: Any,
    train: ClassDataset,
    support: np.ndarray,
    test: ClassDataset,
    queries: np.ndarray,
    rows: np.ndarray,
) -> tuple[float, float]:
    """Accuracy on all test images, and clusters a class."""
    import tensorflow as tf

    from metazoo.methods.bande.bande_model import clusters_of
    from metazoo.methods.bande.bande_scores import score

    ways = train.num_classes
    adapted = learner.adapt_embedded(support[rows], train.labels[rows], ways)
    state = {k: tf.constant(v) for k, v in adapted.state.items()}
    right = 0
    for i in range(0, len(queries), CHUNK):
        part = tf.constant(queries[None, i : i + CHUNK])
        logits = score(part, clusters_of(state), ways).logits[0, :, :ways]
        best = tf.argmax(logits, -1).numpy()
        right += int((best == test.labels[i : i + CHUNK]).sum())
    return right / len(queries), int(state["num_clusters"][0]) / ways


def measure_supervised(dataset: str) -> Any:
    """Makes the measure of a network with a linear layer.

    Args:
        dataset: specification; its split "test" is classified whole.
    """

    def measure(bench: Bench, learner: Any) -> list[Measurement]:
        test = bench.dataset(dataset, "test")
        features = []
        for i in range(0, test.num_examples, CHUNK):
            x = test.images[i : i + CHUNK].astype(np.float32)
            features.append(learner.head(learner.backbone(x, training=False)))
        classes = np.concatenate([np.argmax(f, -1) for f in features])
        right = float((classes == test.labels).mean())
        return [Measurement.of("accuracy_all_shot", [right], test)]

    return measure
