"""DeepCluster: rounds of clustering features and learning the clusters."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from metazoo.data.class_dataset import ClassDataset
from metazoo.data.features import extract_features
from metazoo.layers import SobelEdges
from metazoo.methods.cactus.cactus_balanced import BalancedSampler
from metazoo.methods.cactus.cactus_clusters import (
    Whitening,
    k_means,
    pca_whitening,
    unit_rows,
)
from metazoo.methods.cactus.cactus_input import prepared_input
from metazoo.methods.cactus.cactus_representation import Representation
from metazoo.presets import save_to_preset
from metazoo.registry import get_method
from metazoo.whole_files import replacing

if TYPE_CHECKING:
    from metazoo.methods.cactus.cactus_deepcluster_recipe import (
        DeepClusterRecipe,
    )
    from metazoo.recipes.computed import Report

ROUNDS = "rounds"


def edge_net(
    example_shape: tuple[int, int, int],
    size: int,
    rescaling: tuple[float, float],
    widths: Sequence[int],
) -> keras.Model:
    """Blocks of convolution, normalisation, pool and ReLU on edges.

    Args:
        example_shape: (height, width, channels) of raw images.
        size: height and width that the network sees.
        rescaling: (scale, offset) from raw pixels to 0..1.
        widths: channels of the blocks.

    Returns:
        A model from raw images to flat features.
    """
    prepare = prepared_input(example_shape, size, rescaling)
    inputs = keras.Input(example_shape, name="images")
    x = SobelEdges(name="edges")(prepare(inputs))
    for block, width in enumerate(widths, 1):
        x = keras.layers.Conv2D(
            width,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"block{block}_conv",
        )(x)
        x = keras.layers.BatchNormalization(
            momentum=0.9, name=f"block{block}_norm"
        )(x)
        x = keras.layers.MaxPooling2D(2, name=f"block{block}_pool")(x)
        x = keras.layers.ReLU(name=f"block{block}_relu")(x)
    x = keras.layers.Flatten(name="features")(x)
    return keras.Model(inputs, x, name="edge_net")


def train_rounds(
    recipe: DeepClusterRecipe, folder: Path, data: ClassDataset, report: Report
) -> None:
    """Trains what is missing of all rounds, and writes the preset.

    Caron, Bojanowski, Joulin, Douze: Deep Clustering for Unsupervised
    Learning of Visual Features, ECCV 2018, https://arxiv.org/abs/1807.05520

    Args:
        recipe: how.
        folder: of the run.
        data: unlabelled images.
        report: takes a line for each round.
    """
    keras.utils.set_random_seed(recipe.seed)
    backbone = recipe.build_backbone(data.image_shape)
    (folder / ROUNDS).mkdir(exist_ok=True)
    before: np.ndarray | None = None
    for number in range(recipe.rounds):
        path = folder / ROUNDS / f"{number:04d}.npz"
        if path.exists():
            before = _restore(backbone, path)
            continue
        groups = _groups(recipe, backbone, data, number)
        report(_progress(recipe, number, groups, before))
        _learn(recipe, backbone, data, groups, folder, number)
        _store(backbone, groups, path)
        before = groups
    _publish(recipe, backbone, data, folder)


def whitened(backbone: keras.Model, whitening: Whitening) -> keras.Model:
    """A backbone whose features are whitened and of length one.

    Args:
        backbone: gives features.
        whitening: of those features.
    """
    layer = keras.layers.Dense(whitening.matrix.shape[1], name="whitening")
    x = layer(backbone.output)
    x = keras.layers.UnitNormalization(name="unit")(x)
    bias = -whitening.mean @ whitening.matrix
    layer.set_weights([whitening.matrix, bias])
    return keras.Model(backbone.input, x, name="deepcluster")


def _groups(
    recipe: DeepClusterRecipe,
    backbone: keras.Model,
    data: ClassDataset,
    number: int,
) -> np.ndarray:
    z = extract_features(backbone, data).images
    found = pca_whitening(z, recipe.embedding_size)
    z = unit_rows((z - found.mean) @ found.matrix)
    seed = recipe.seed + number
    groups, _ = k_means(z, recipe.num_clusters, seed, recipe.clusterer)
    return groups


def _learn(
    recipe: DeepClusterRecipe,
    backbone: keras.Model,
    data: ClassDataset,
    groups: np.ndarray,
    folder: Path,
    number: int,
) -> None:
    """One pass over the images, with a linear layer of its own."""
    from metazoo.trainers import Trainer

    keras.utils.set_random_seed(recipe.seed + number)
    learner = get_method("simpleshot").load_model_class()(
        backbone, num_classes=recipe.num_clusters
    )
    learner.compile(
        optimizer=keras.optimizers.SGD(
            recipe.outer_learning_rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )
    )
    source = BalancedSampler(
        data,
        groups,
        num_examples=min(recipe.num_examples, data.num_examples),
        augmentation=recipe.augmentation,
        seed=recipe.seed + number,
    )
    steps = max(1, data.num_examples // recipe.num_examples)
    checkpoints = folder / ROUNDS / f"{number:04d}_checkpoints"
    trainer = Trainer(
        learner, checkpoint_dir=checkpoints, identity={"round": number}
    )
    trainer.fit(
        source, num_tasks=1, steps=steps, steps_per_epoch=steps, verbose=0
    )
    shutil.rmtree(checkpoints, ignore_errors=True)


def _progress(
    recipe: DeepClusterRecipe,
    number: int,
    groups: np.ndarray,
    before: np.ndarray | None,
) -> str:
    from sklearn.metrics import normalized_mutual_info_score

    used = len(np.unique(groups))
    line = f"round {number + 1} of {recipe.rounds}, {used} clusters"
    if before is None:
        return line
    agreement = normalized_mutual_info_score(before, groups)
    return f"{line}, agreement with the round before {agreement:.3f}"


def _store(backbone: keras.Model, groups: np.ndarray, path: Path) -> None:
    values = {f"w{i}": v for i, v in enumerate(backbone.get_weights())}
    with replacing(path) as temporary:
        np.savez(temporary, groups=groups, **values)


def _restore(backbone: keras.Model, path: Path) -> np.ndarray:
    with np.load(path) as stored:
        count = len(backbone.weights)
        backbone.set_weights([stored[f"w{i}"] for i in range(count)])
        return stored["groups"]


def _publish(
    recipe: DeepClusterRecipe,
    backbone: keras.Model,
    data: ClassDataset,
    folder: Path,
) -> None:
    from metazoo.trainers.checkpoint import as_json
    from metazoo.trainers.recipe_run import PRESET_NAME, metadata_of

    z = extract_features(backbone, data).images
    found = pca_whitening(z, recipe.embedding_size)
    learner = Representation(whitened(backbone, found), name="deepcluster")
    settings = as_json(dataclasses.asdict(recipe))
    known = metadata_of(recipe, settings, data, learner)
    save_to_preset(learner, folder / PRESET_NAME, known, overwrite=True)
