"""Synthetic feature vectors whose classes differ in a hidden subspace."""

from __future__ import annotations

import numpy as np

from metazoo.data.class_dataset import ClassDataset
from metazoo.errors import DataError

NUM_FEATURES = 64
NUM_FACTORS = 8
NOISE = 0.5
NUM_EXAMPLES = 20
NUM_CLASSES = {"train": 2000, "val": 300, "test": 1000}
_FRAME_SEED = 7


def load_subspace(
    split: str = "train",
    *,
    num_classes: int | None = None,
    num_examples: int = NUM_EXAMPLES,
    seed: int = 0,
) -> ClassDataset:
    """Draws a family of Gaussian classes; all splits share the subspace.

    The mean of a class is A u with u standard normal in 8 dimensions and A a
    fixed orthonormal 64 x 8 frame; examples add isotropic noise of deviation
    0.5 and are scaled to length one. Seven eighths of the noise lie outside
    the subspace, along no axis: a step size for each coordinate can't filter
    it, a learned low-rank code can.

    Args:
        split: "train", "val" or "test"; they share no class.
        num_classes: None is 2000, 300 and 1000 by split.
        num_examples: examples of a class.
        seed: of classes and examples; the frame is always the same.

    Returns:
        float32 features [examples, 64].

    Raises:
        DataError: the split is unknown, or a number not positive.
    """
    if split not in NUM_CLASSES:
        raise DataError(
            f"split must be one of {list(NUM_CLASSES)}; got {split!r}."
        )
    count = NUM_CLASSES[split] if num_classes is None else num_classes
    if count < 1 or num_examples < 1:
        raise DataError(
            "num_classes and num_examples must be 1 or more; got "
            f"{count} and {num_examples}."
        )
    rng = np.random.default_rng((seed, list(NUM_CLASSES).index(split)))
    means = rng.standard_normal((count, NUM_FACTORS)) @ subspace_frame().T
    noise = rng.standard_normal((count, num_examples, NUM_FEATURES))
    drawn = means[:, None] + NOISE * noise
    drawn /= np.linalg.norm(drawn, axis=-1, keepdims=True)
    return ClassDataset(
        images=drawn.reshape(-1, NUM_FEATURES).astype(np.float32),
        class_offsets=np.arange(count + 1) * num_examples,
        class_names=tuple(f"{split}-{i}" for i in range(count)),
        name="subspace",
        split=split,
    )


def subspace_frame() -> np.ndarray:
    """The orthonormal frame [64, 8] that class means lie in."""
    rng = np.random.default_rng(_FRAME_SEED)
    drawn = rng.standard_normal((NUM_FEATURES, NUM_FACTORS))
    return np.linalg.qr(drawn)[0]
