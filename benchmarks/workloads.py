"""The workloads, their data and weights: the same for every side.

Needs NumPy alone, so that each side can import it in its own environment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FILTERS = 64
BLOCKS = 4
SIZE = 28
INNER_LEARNING_RATE = 0.1
OUTER_LEARNING_RATE = 1e-3
BN_EPSILON = 1e-3
# LEO: size of a code, steps of each inner loop, and what its loss weighs.
LATENT = 64
LEO_STEPS = 5
LEO_OPTIONS = {
    "dropout": 0.5,
    "kl_weight": 1e-3,
    "encoder_penalty": 1e-9,
    "orthogonality": 1e-3,
    "l2": 1e-8,
}
# BANDE: the official configuration for Omniglot.
ALPHA = 0.1
RMSPROP_DECAY = 0.9
RMSPROP_EPSILON = 1e-10
CLIP_NORM = 1000.0

# Floating-point operations of one image in the convolutions of Conv4-64,
# multiply-add counted as two: forward; forward and backward; and one inner
# step differentiated to second order.
FORWARD = 19.63e6
FIRST_ORDER = 58.0e6
SECOND_ORDER = 172.2e6


@dataclass(frozen=True)
class Workload:
    """One thing to time.

    Attributes:
        name: Its name in the results.
        kind: "maml", "proto", "leo" or "bande" (a training step), "adapt",
            "leo_adapt" or "bande_adapt" (adapt to one task and predict its
            queries).
        tasks: Number of tasks of a step.
        ways: Classes of a task.
        shots: Support examples of a class.
        queries: Query examples of a class.
        inner_steps: Inner gradient steps; 0 where there are none.
        clock: "cpu" or "wall": the seconds that the target is about.
        targets: Side to the largest ratio aimed at.
        features: Size of feature vectors; 0 where examples are images.
        sample: Whether LEO draws codes, weights and dropout masks.
        filters: Channels of Conv4.
        subclasses: Sub-classes of a class; `shots` and `queries` are of each.
        unlabelled: Unlabelled examples of a task, half of them distractors.
        sigma: Variance of BANDE's clusters, so small on these drawings that
            some, but not all, examples open one.
    """

    name: str
    kind: str
    tasks: int
    ways: int
    shots: int
    queries: int
    inner_steps: int
    clock: str = "cpu"
    targets: tuple[tuple[str, float], ...] = ()
    features: int = 0
    sample: bool = False
    filters: int = FILTERS
    subclasses: int = 1
    unlabelled: int = 0
    sigma: float = 5.0

    @property
    def flops(self) -> float:
        """Convolution FLOPs of one step."""
        support = self.tasks * self.ways * self.shots
        query = self.tasks * self.ways * self.queries
        if self.kind == "maml":
            inner = self.inner_steps * support * SECOND_ORDER
            return inner + query * FIRST_ORDER
        if self.kind == "proto":
            return (support + query) * FIRST_ORDER
        return self.inner_steps * support * FIRST_ORDER + query * FORWARD


_W1 = (("learn2learn", 0.55), ("torch_func", 0.5))
_W4 = (("learn2learn", 0.75), ("jax", 0.75))
_LEO = (("torch_leo", 1.0),)
_BANDE = (("torch_bande", 1.0),)

WORKLOADS = {
    work.name: work
    for work in (
        Workload("W1_T4", "maml", 4, 5, 1, 15, 5, "cpu", _W1),
        Workload("W1_T16", "maml", 16, 5, 1, 15, 5, "cpu", _W1),
        Workload("W1_T32", "maml", 32, 5, 1, 15, 5),
        Workload("W1_check", "maml", 4, 5, 1, 15, 1),
        Workload("W3", "proto", 1, 60, 5, 5, 0, "cpu", (("easyfsl", 0.35),)),
        Workload("W4", "adapt", 1, 5, 5, 15, 5, "wall", _W4),
        Workload("LEO_1", "leo", 12, 5, 1, 15, 10, "cpu", _LEO, 640, True),
        Workload("LEO_5", "leo", 12, 5, 5, 15, 10, "cpu", _LEO, 640, True),
        Workload("LEO_check", "leo", 12, 5, 5, 15, 10, features=640),
        Workload("LEO_adapt", "leo_adapt", 1, 5, 5, 15, 10, "wall", _LEO, 640),
        Workload(
            "BANDE_alphabets",
            "bande",
            tasks=1,
            ways=10,
            shots=1,
            queries=2,
            inner_steps=0,
            targets=_BANDE,
            filters=32,
            subclasses=10,
            sigma=2.0,
        ),
        Workload(
            "BANDE_semi",
            "bande",
            tasks=1,
            ways=5,
            shots=1,
            queries=5,
            inner_steps=0,
            targets=_BANDE,
            unlabelled=50,
            sigma=1.0,
        ),
        Workload(
            "BANDE_adapt",
            "bande_adapt",
            tasks=1,
            ways=5,
            shots=1,
            queries=3,
            inner_steps=0,
            clock="wall",
            targets=_BANDE,
            subclasses=5,
            sigma=0.15,
        ),
    )
}


def episode(work: Workload, seed: int = 0) -> dict[str, np.ndarray]:
    """Random images in 0..1 and class-ordered labels, tasks first.

    Returns:
        `support_x`, `query_x` float32 [tasks, examples, 28, 28, 1] (or
        [tasks, examples, features]) and
        `support_y`, `query_y` int64 [tasks, examples].
    """
    rng = np.random.default_rng(seed)

    def part(per_class: int) -> tuple[np.ndarray, np.ndarray]:
        labels = np.repeat(np.arange(work.ways), per_class)
        example = (work.features,) if work.features else (SIZE, SIZE, 1)
        shape = (work.tasks, len(labels), *example)
        images = rng.uniform(0.0, 1.0, shape).astype(np.float32)
        return images, np.tile(labels, (work.tasks, 1))

    support_x, support_y = part(work.shots)
    query_x, query_y = part(work.queries)
    return {
        "support_x": support_x,
        "support_y": support_y,
        "query_x": query_x,
        "query_y": query_y,
    }


def drawings(work: Workload, seed: int = 0) -> dict[str, np.ndarray]:
    """Images whose sub-classes look apart, so that they open clusters.

    Each sub-class is a coarse random pattern; noise is added to it.

    Returns:
        As `episode`, examples of a class one after the other; and
        `unlabeled_x` float32 [tasks, unlabelled, 28, 28, 1], in random
        order, where the workload has it.
    """
    rng = np.random.default_rng(seed)
    kinds = work.ways * work.subclasses
    coarse = rng.uniform(0.0, 1.0, (work.tasks, 2 * kinds, 7, 7))
    patterns = np.kron(coarse, np.ones((4, 4)))[..., None]

    def drawn(which: np.ndarray) -> np.ndarray:
        noise = rng.uniform(0.0, 1.0, (work.tasks, len(which), SIZE, SIZE, 1))
        return (0.7 * patterns[:, which] + 0.3 * noise).astype(np.float32)

    found = {}
    for name, count in (("support", work.shots), ("query", work.queries)):
        which = np.repeat(np.arange(kinds), count)
        found[f"{name}_x"] = drawn(which)
        labels = which // work.subclasses
        found[f"{name}_y"] = np.tile(labels, (work.tasks, 1))
    if work.unlabelled:
        which = rng.permutation(work.unlabelled) % (2 * kinds)
        found["unlabeled_x"] = drawn(which)
    return found


def leo_weights(work: Workload, seed: int = 0) -> list[np.ndarray]:
    """Weights of LEO.

    Returns:
        Encoder [features, 64], three relation layers [128, 128], decoder
        [64, 2 * features], and step sizes of codes and weights; float32.
    """
    rng = np.random.default_rng(seed + 1)
    wide = 2 * LATENT
    shapes = [
        (work.features, LATENT),
        *[(wide, wide)] * 3,
        (LATENT, 2 * work.features),
    ]
    weights = [
        rng.uniform(-1.0, 1.0, shape) * np.sqrt(6.0 / sum(shape))
        for shape in shapes
    ]
    weights += [np.ones(LATENT), np.full(work.features, 1e-3)]
    return [np.asarray(weight, np.float32) for weight in weights]


def initial_weights(work: Workload, seed: int = 0) -> list[np.ndarray]:
    """Weights of Conv4: kernel, gamma, beta a block, then the head.

    Returns:
        Kernels [3, 3, in, out], vectors [filters]; for the kinds with a head
        its kernel [filters, ways] and bias [ways]; float32.
    """
    rng = np.random.default_rng(seed + 1)
    weights: list[np.ndarray] = []
    channels = 1
    for _ in range(BLOCKS):
        scale = np.sqrt(2.0 / (9 * channels))
        kernel = rng.normal(0.0, scale, (3, 3, channels, work.filters))
        weights += [kernel, np.ones(work.filters), np.zeros(work.filters)]
        channels = work.filters
    if work.kind in ("maml", "adapt"):
        weights.append(rng.normal(0.0, 0.1, (work.filters, work.ways)))
        weights.append(np.zeros(work.ways))
    return [np.asarray(weight, np.float32) for weight in weights]
