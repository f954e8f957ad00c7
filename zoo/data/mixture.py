"""Several image data sets as one: the domains of a mixture."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from metazoo.data.class_dataset import ClassDataset
from metazoo.errors import DataError

DEFAULT_SIZE = 32
# Ten classes make three splits: animals and vehicles in each of them.
CIFAR10_CLASSES = {
    "train": ("airplane", "automobile", "cat", "deer"),
    "val": ("bird", "horse", "ship"),
    "test": ("dog", "frog", "truck"),
}
# CIFAR-10 has thousands of images a class, mini-ImageNet 600.
MAX_HELD_OUT_EXAMPLES = 600


def load_mixture(
    names: Sequence[str],
    data_dir: str | os.PathLike[str] | None,
    split: str = "train",
    *,
    image_size: int = DEFAULT_SIZE,
) -> ClassDataset:
    """Reads data sets and brings their images to one form.

    Grey images are tiled to three channels, and all are resized bilinearly.
    A split holds the classes that each data set has in its own split of that
    name; CIFAR-10, which has none, is split by `CIFAR10_CLASSES`. Of classes
    that are no training classes at most 600 examples are kept.

    Args:
        names: what `load_dataset` understands, all different.
        data_dir: folder of their files.
        split: "train", "val" or "test".
        image_size: height and width.

    Returns:
        uint8 [examples, image_size, image_size, 3]; class names are
        `DATASET/CLASS`.

    Raises:
        DataError: a name is repeated, or its reader says so.
    """
    if not names or len(set(names)) != len(names):
        raise DataError(
            f"A mixture needs data sets, all different; got {list(names)}."
        )
    if split not in CIFAR10_CLASSES:
        raise DataError(
            f"split must be one of {list(CIFAR10_CLASSES)}; got {split!r}."
        )
    parts = {
        name: colour_images(_domain(name, data_dir, split), image_size)
        for name in names
    }
    return joined_domains(parts, "mixture:" + ",".join(names), split)


def joined_domains(
    parts: Mapping[str, ClassDataset], name: str, split: str
) -> ClassDataset:
    """Puts data sets behind one another.

    Args:
        parts: domain to data set; all examples have one shape and dtype.
        name: of the whole.
        split: of the whole.

    Returns:
        A data set whose class names are `DOMAIN/CLASS`.

    Raises:
        DataError: the examples differ in shape or dtype.
    """
    shapes = {(p.image_shape, p.images.dtype.name) for p in parts.values()}
    if len(shapes) != 1:
        raise DataError(
            "the domains of a mixture must have examples of one shape and "
            f"dtype; got {sorted(shapes)}."
        )
    sizes = np.concatenate([part.class_sizes for part in parts.values()])
    return ClassDataset(
        images=np.concatenate([part.images for part in parts.values()]),
        class_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        class_names=tuple(
            f"{domain}/{one}"
            for domain, part in parts.items()
            for one in part.class_names
        ),
        name=name,
        split=split,
        has_domains=True,
    )


def domain_names(dataset: ClassDataset) -> tuple[str, ...]:
    """Domain of each class: what its name says before the first slash.

    Args:
        dataset: with class names such as `omniglot/Greek/character01`.

    Returns:
        One name a class.

    Raises:
        DataError: a class name has no slash.
    """
    without = [name for name in dataset.class_names if "/" not in name]
    if without:
        raise DataError(
            f"class {without[0]!r} of {dataset.name!r} names no domain; "
            "expected DOMAIN/CLASS."
        )
    return tuple(name.partition("/")[0] for name in dataset.class_names)


def one_domain(dataset: ClassDataset, domain: str) -> ClassDataset:
    """Keeps the classes of one domain.

    Args:
        dataset: a mixture.
        domain: its name.

    Raises:
        DataError: there is no such domain.
    """
    names = np.array(domain_names(dataset))
    found = np.flatnonzero(names == domain)
    if not len(found):
        raise DataError(
            f"{dataset.name!r} has no domain {domain!r}; it has "
            f"{sorted(set(names))}."
        )
    return dataset.select(found)


def colour_images(dataset: ClassDataset, image_size: int) -> ClassDataset:
    """Brings images to three channels and one size.

    Args:
        dataset: uint8 images of one or three channels.
        image_size: height and width to resize to, bilinearly.

    Returns:
        The data set of uint8 [examples, image_size, image_size, 3].
    """
    images = dataset.images
    if images.shape[1:3] != (image_size, image_size):
        images = np.stack([_resized(image, image_size) for image in images])
    if images.shape[-1] == 1:
        images = np.repeat(images, 3, axis=-1)
    return dataclasses.replace(dataset, images=images)


def _resized(image: np.ndarray, image_size: int) -> np.ndarray:
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    size = (image_size, image_size)
    found = np.asarray(picture.resize(size, Image.Resampling.BILINEAR))
    return found.reshape(image_size, image_size, image.shape[-1])


def _domain(
    name: str, data_dir: str | os.PathLike[str] | None, split: str
) -> ClassDataset:
    from metazoo.data.load import load_dataset

    if name == "cifar10":
        data = load_dataset(name, data_dir, "train")
        wanted = CIFAR10_CLASSES[split]
        chosen = [data.class_names.index(one) for one in wanted]
        data = data.select(chosen, split=split)
    else:
        data = load_dataset(name, data_dir, split)
    return data if split == "train" else _first_examples(data)


def _first_examples(dataset: ClassDataset) -> ClassDataset:
    """At most so many examples of each class, in their order."""
    if dataset.max_examples <= MAX_HELD_OUT_EXAMPLES:
        return dataset
    place = np.arange(dataset.num_examples)
    place -= np.repeat(dataset.class_offsets[:-1], dataset.class_sizes)
    sizes = np.minimum(dataset.class_sizes, MAX_HELD_OUT_EXAMPLES)
    return dataclasses.replace(
        dataset,
        images=dataset.images[place < MAX_HELD_OUT_EXAMPLES],
        class_offsets=np.concatenate([[0], np.cumsum(sizes)]),
    )
