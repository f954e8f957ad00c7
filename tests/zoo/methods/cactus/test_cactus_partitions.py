"""Partitions: k-means, its controls, their file, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn.cluster import KMeans

from metazoo.data import from_arrays
from metazoo.data.unlabelled import unlabelled, unlabelled_order
from metazoo.errors import DataError, RecipeError
from metazoo.methods.cactus.cactus_controls import Hyperplanes, PlaneSettings
from metazoo.methods.cactus.cactus_embeddings import averaged, whitened_pixels
from metazoo.methods.cactus.cactus_kmeans import (
    KMeansSettings,
    kmeans_partition,
    scales_of,
)
from metazoo.methods.cactus.cactus_partition_recipe import PartitionRecipe
from metazoo.methods.cactus.cactus_partitions import (
    Partitions,
    load_partitions,
)

RECIPE = PartitionRecipe(
    num_clusters=5, num_partitions=3, min_size=3, num_ways=4
)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (6, 1, 12, 12))
    noisy = base + rng.integers(-20, 21, (6, 10, 12, 12))
    images = np.clip(noisy, 0, 255).astype(np.uint8).reshape(60, 12, 12)
    return from_arrays(images, np.repeat(np.arange(6), 10))


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(8, 1, 6)) * 3
    z = centres + rng.normal(size=(8, 20, 6))
    return z.reshape(160, 6).astype(np.float32)


@pytest.mark.parametrize("kind", ["kmeans", "random", "hyperplanes"])
def test_kept_clusters_are_disjoint_and_large_enough(data, kind):
    recipe = RECIPE.replace(kind=kind, through_origin=True, margin=1e-4)
    found = recipe.partitions_of(data)
    assert found.cluster_id.shape == (3, 60)
    for one in found.cluster_id:
        sizes = np.bincount(one[one >= 0])
        assert (sizes[sizes > 0] >= 3).all() and (sizes > 0).sum() >= 4
    again = recipe.partitions_of(data)
    np.testing.assert_array_equal(again.cluster_id, found.cluster_id)


def test_one_partition_is_k_means_of_the_embedding_itself(vectors):
    settings = KMeansSettings(6, 1, 2, seed=3)
    found, scales = kmeans_partition(vectors, 0, settings)
    expected = KMeans(6, n_init=10, random_state=3, max_iter=3000)
    np.testing.assert_array_equal(found, expected.fit_predict(vectors))
    assert (scales == 1).all()


def test_later_partitions_scale_every_dimension(vectors):
    settings = KMeansSettings(6, 3, 2, seed=3)
    found = [kmeans_partition(vectors, p, settings) for p in range(3)]
    for number, (_, scales) in enumerate(found):
        np.testing.assert_array_equal(scales, scales_of(number, 6, 3))
    assert (found[1][1] != found[2][1]).all()
    assert found[1][1].min() >= 0 and found[1][1].max() < 1


def test_small_clusters_are_dropped(vectors):
    outlier = np.concatenate([vectors, np.full((1, 6), 1e3, np.float32)])
    settings = KMeansSettings(6, 1, 2)
    found, _ = kmeans_partition(outlier, 0, settings)
    assert found[-1] == -1 and (found[:-1] >= 0).all()


def test_collapsed_embedding_is_refused_after_ten_starts():
    z = np.zeros((50, 4), np.float32)
    z[0] = 1.0
    with (
        pytest.warns(match="distinct clusters"),
        pytest.raises(DataError, match="collapsed"),
    ):
        kmeans_partition(z, 0, KMeansSettings(10, 2, 2))


def test_points_near_a_plane_are_left_out(vectors):
    z = (vectors - vectors.mean(0)) / vectors.std(0)
    settings = PlaneSettings(4, 2, margin=0.3)
    planes = Hyperplanes(z, settings)
    assert planes.planes_each == 2
    found = planes.partition(0)
    near = np.abs(planes._distances) < 0.3
    assert 0 < (found < 0).sum() < len(z)
    assert near[found < 0].any(1).sum() >= (found < 0).sum() - 4
    with pytest.raises(DataError, match="margin"):
        Hyperplanes(z, dataclasses.replace(settings, margin=5.0))


def test_file_holds_what_was_made(data, tmp_path):
    found = RECIPE.partitions_of(data)
    found.save(tmp_path)
    again = load_partitions(tmp_path)
    for name in ("cluster_id", "weights"):
        np.testing.assert_array_equal(
            getattr(again, name), getattr(found, name)
        )
    assert (again.seed, again.min_size) == (0, 3)
    assert len(again.z_hash) == 64 and again.z_hash == found.z_hash
    images = unlabelled(data)
    again.check_images(images)
    with pytest.raises(DataError, match="other examples"):
        again.check_images(data)
    with pytest.raises(DataError, match="No such file"):
        load_partitions(tmp_path / "nothing")


def test_embedding_from_a_file_follows_the_reader_s_order(data, tmp_path):
    z = whitened_pixels(unlabelled(data))
    back = np.empty_like(z)
    back[unlabelled_order(data)] = z
    np.save(tmp_path / "z.npy", back)
    given = RECIPE.replace(embeddings_file=str(tmp_path / "z.npy"))
    found = given.partitions_of(data)
    expected = RECIPE.partitions_of(data)
    np.testing.assert_array_equal(found.cluster_id, expected.cluster_id)
    assert found.z_hash == expected.z_hash


@pytest.mark.parametrize(
    ("z", "text"),
    [
        (np.zeros((59, 4), np.float32), "59 rows"),
        (np.zeros((60,), np.float32), "float"),
        (np.zeros((60, 4), np.int64), "float"),
        (np.full((60, 4), np.nan, np.float32), "NaN"),
    ],
)
def test_embedding_that_is_not_aligned_is_refused(data, tmp_path, z, text):
    np.save(tmp_path / "z.npy", z)
    recipe = RECIPE.replace(embeddings_file=str(tmp_path / "z.npy"))
    with pytest.raises(DataError, match=text):
        recipe.partitions_of(data)


def test_more_clusters_than_images_are_refused(data):
    with pytest.raises(DataError, match="num_clusters is 61"):
        RECIPE.replace(num_clusters=61).partitions_of(data)


def test_no_images_are_refused():
    with pytest.raises(DataError):
        unlabelled(from_arrays(np.zeros((0, 4, 4), np.uint8), np.zeros(0, int)))


def test_equal_images_are_refused():
    same = from_arrays(np.full((30, 8, 8), 7, np.uint8), np.arange(30) % 3)
    with pytest.raises(DataError, match="equal"):
        RECIPE.partitions_of(same)


def test_two_embeddings_at_once_are_refused():
    with pytest.raises(RecipeError, match="embeddings_file"):
        RECIPE.replace(embeddings_file="z.npy", representation_preset="acai")


def test_too_small_cluster_in_a_file_is_refused():
    ids = np.zeros((1, 4), np.int32)
    with pytest.raises(DataError, match="fewer than 5"):
        Partitions(ids, np.zeros((1, 0), np.float32), 5, 0, "", "")


def test_large_images_are_averaged_over_squares():
    images = np.arange(2 * 64 * 64 * 1).reshape(2, 64, 64, 1) % 251
    found = averaged(images.astype(np.uint8), 1024)
    assert found.shape == (2, 32, 32, 1)
    np.testing.assert_allclose(found[0, 0, 0], images[0, :2, :2].mean())
