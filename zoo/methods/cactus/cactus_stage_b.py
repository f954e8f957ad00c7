"""Makes partitions by a recipe, keeping each one that is finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.unlabelled import (
    is_unlabelled,
    unlabelled,
    unlabelled_order,
)
from metazoo.errors import DataError
from metazoo.methods.cactus.cactus_controls import (
    Hyperplanes,
    PlaneSettings,
    random_partition,
)
from metazoo.methods.cactus.cactus_embeddings import (
    check_aligned,
    standardised,
    stored_embeddings,
    whitened_pixels,
)
from metazoo.methods.cactus.cactus_kmeans import (
    KMeansSettings,
    kmeans_partition,
)
from metazoo.methods.cactus.cactus_partitions import Partitions, hash_of
from metazoo.whole_files import replacing

if TYPE_CHECKING:
    from metazoo.methods.cactus.cactus_partition_recipe import (
        PartitionRecipe,
    )
    from metazoo.recipes.computed import Report

Pair = tuple[np.ndarray, np.ndarray]
_NO_SCALES = np.zeros(0, np.float32)


def make_partitions(
    recipe: PartitionRecipe,
    data: ClassDataset,
    parts: Path | None,
    report: Report,
) -> Partitions:
    """See `PartitionRecipe.partitions_of`.

    Args:
        recipe: how.
        data: examples; their classes are not looked at.
        parts: folder that keeps finished partitions, or None.
        report: takes lines of progress.
    """
    images = unlabelled(data)
    if recipe.kind == "random":
        z, make = None, _random_maker(recipe, images.num_examples)
    else:
        z = embeddings(recipe, data, images)
        check_aligned(z, images.num_examples, "the embedding")
        make = _maker(recipe, z)
    if parts is not None:
        parts.mkdir(exist_ok=True)
    found = []
    every = max(1, recipe.num_partitions // 10)
    for number in range(recipe.num_partitions):
        found.append(_kept(make, number, parts))
        if (number + 1) % every == 0:
            kept = len(np.unique(found[-1][0]))
            report(
                f"partition {number + 1} of {recipe.num_partitions}, "
                f"{kept} clusters in the last one"
            )
    return Partitions(
        cluster_id=np.stack([one for one, _ in found]),
        weights=np.stack([scales for _, scales in found]),
        min_size=recipe.min_size,
        seed=recipe.seed,
        z_hash="" if z is None else hash_of(z),
        images_hash=images.fingerprint,
    )


def embeddings(
    recipe: PartitionRecipe, data: ClassDataset, images: ClassDataset
) -> np.ndarray:
    """Vectors of the unlabelled images, as the recipe wants them.

    Args:
        recipe: says which.
        data: from the reader, where the vectors come from a file.
        images: the same examples, unlabelled.

    Returns:
        float32 [examples, size].
    """
    if recipe.embeddings_file is not None:
        if is_unlabelled(data):
            raise DataError(
                "embeddings_file is aligned with the order of the data set's "
                "reader; unlabelled data are in another one."
            )
        order = unlabelled_order(data)
        z = stored_embeddings(recipe.embeddings_file, order)
    elif recipe.representation_preset is not None:
        from metazoo.data.features import extract_features
        from metazoo.presets import from_preset

        backbone = from_preset(recipe.representation_preset).backbone
        z = extract_features(backbone, images).images
    elif recipe.representation is not None:
        raise DataError(
            "the embedding is not trained yet: train the recipe, or give "
            "representation_preset."
        )
    else:
        z = whitened_pixels(images)
    return standardised(z) if recipe.standardize else z


def _random_maker(
    recipe: PartitionRecipe, num_examples: int
) -> Callable[[int], Pair]:
    def make(number: int) -> Pair:
        found = random_partition(
            num_examples,
            recipe.num_clusters,
            recipe.min_size,
            number,
            recipe.seed,
        )
        return found, _NO_SCALES

    return make


def _maker(recipe: PartitionRecipe, z: np.ndarray) -> Callable[[int], Pair]:
    if recipe.kind == "hyperplanes":
        planes = Hyperplanes(
            z,
            PlaneSettings(
                num_ways=recipe.num_ways,
                min_size=recipe.min_size,
                margin=recipe.margin,
                through_origin=recipe.through_origin,
                seed=recipe.seed,
            ),
        )
        return lambda number: (planes.partition(number), _NO_SCALES)
    settings = KMeansSettings(
        num_clusters=recipe.num_clusters,
        num_partitions=recipe.num_partitions,
        min_size=recipe.min_size,
        clusterer=recipe.clusterer,
        seed=recipe.seed,
    )
    return lambda number: kmeans_partition(z, number, settings)


def _kept(make: Callable[[int], Pair], number: int, parts: Path | None) -> Pair:
    """A finished partition from its file, or a new one."""
    if parts is None:
        return make(number)
    path = parts / f"{number:05d}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as stored:
            return stored["groups"], stored["scales"]
    groups, scales = make(number)
    with replacing(path) as temporary:
        np.savez(temporary, groups=groups, scales=scales)
    return groups, scales
