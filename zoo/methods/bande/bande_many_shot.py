"""Many shots: mini-ImageNet from 1 to 50, CIFAR-10 from 2 to 5,000.

The workshop's claim is that as many clusters as the data ask for come near a
supervised network where examples abound. CIFAR-10's ten classes are those of
training and test alike; support comes from the training images.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.experiments import Measurement
from metazoo.methods.simpleshot.simpleshot_recipe import SimpleShotRecipe

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.experiments import Bench
    from metazoo.methods.simpleshot.simpleshot_model import SimpleShot

MINI_SHOTS = (1, 5, 10, 20, 50)
CIFAR_SHOTS = (2, 10, 50, 200, 1000, 5000)
_CHUNK = 500


@dataclass(frozen=True)
class SupervisedRecipe(SimpleShotRecipe):
    """The same Conv4 with a linear layer, trained to tell classes apart.

    Attributes:
        conv_filters: channels of the Conv4 backbone.
    """

    conv_filters: int = 64

    def build_learner(self, example_shape: tuple[int, ...]) -> SimpleShot:
        """Builds an untrained `SimpleShot` on a Conv4 backbone.

        Args:
            example_shape: (height, width, channels).
        """
        from metazoo.layers import conv4
        from metazoo.methods.simpleshot.simpleshot_model import SimpleShot

        height, width, channels = example_shape
        backbone = conv4(
            (height, width, channels),
            filters=self.conv_filters,
            rescaling=self.rescaling,
        )
        return SimpleShot(backbone, num_classes=self.num_classes)


def measure_mini(
    dataset: tuple[str, str], ways: int, shots: Sequence[int], seed: int
) -> Any:
    """Makes the measure of few-way episodes of more and more shots.

    Args:
        dataset: specification and split.
        ways: classes an episode.
        shots: numbers of support examples a class.
        seed: of the episodes.
    """

    def measure(bench: Bench, learner: Any) -> list[Measurement]:
        from metazoo.data import EpisodeSampler
        from metazoo.methods.bande.bande_measures import accuracy_and_clusters

        data = bench.dataset(*dataset)
        found = []
        for count in shots:
            sampler = EpisodeSampler(
                data,
                num_ways=ways,
                num_shots=count,
                num_queries=5,
                seed=seed,
            )
            scores = accuracy_and_clusters(
                learner, sampler, ways, bench.scale.episodes
            )
            found += [_renamed(score, count) for score in scores[:2]]
        return found

    return measure


def _renamed(score: Measurement, shots: int) -> Measurement:
    return dataclasses.replace(score, metric=f"{score.metric}_{shots}_shot")


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
                found.append(_renamed(one, count))
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
        run(data.images[None, i : i + _CHUNK].astype(np.float32))[0].numpy()
        for i in range(0, data.num_examples, _CHUNK)
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
    for i in range(0, len(queries), _CHUNK):
        part = tf.constant(queries[None, i : i + _CHUNK])
        logits = score(part, clusters_of(state), ways).logits[0, :, :ways]
        best = tf.argmax(logits, -1).numpy()
        right += int((best == test.labels[i : i + _CHUNK]).sum())
    return right / len(queries), int(state["num_clusters"][0]) / ways


def measure_supervised(dataset: str) -> Any:
    """Makes the measure of a network with a linear layer.

    Args:
        dataset: specification; its split "test" is classified whole.
    """

    def measure(bench: Bench, learner: Any) -> list[Measurement]:
        test = bench.dataset(dataset, "test")
        features = []
        for i in range(0, test.num_examples, _CHUNK):
            x = test.images[i : i + _CHUNK].astype(np.float32)
            features.append(learner.head(learner.backbone(x, training=False)))
        classes = np.concatenate([np.argmax(f, -1) for f in features])
        right = float((classes == test.labels).mean())
        return [Measurement.of("accuracy_all_shot", [right], test)]

    return measure
