"""What is timed of MAML.

Five numbers are tasks, ways, shots, queries a class and inner steps.
"""

from __future__ import annotations

from rows import Peer, Row

_TRAIN = (
    Peer("learn2learn", 0.55, module="learn2learn_side", checked=False),
    Peer("torch_func", 0.5, module="torch_loop_side", checked=False),
)
# Five inner steps amplify the order of float32 sums to some 2e-4.
_CHECK = {"tolerance": 1e-3}

ROWS = (
    Row(
        "W1_T4",
        "train",
        *(4, 5, 1, 15, 5),
        peers=(
            *_TRAIN,
            Peer("torch_func_vmap", module="torch_vmap_side", checked=False),
        ),
        doc="a training step of second-order MAML, Conv4-64 with max-pool, "
        "28x28x1, 5-way 1-shot, 15 queries a class, 5 inner steps, 4 tasks, "
        "Adam",
        method="maml",
    ),
    Row(
        "W1_T16",
        "train",
        *(16, 5, 1, 15, 5),
        peers=_TRAIN,
        doc="the same of 16 tasks",
        method="maml",
        repeats=1,
    ),
    Row("W1_T32", "train", *(32, 5, 1, 15, 5), method="maml"),
    Row(
        "W1_check",
        "train",
        *(4, 5, 1, 15, 1),
        peers=(
            Peer("learn2learn", module="learn2learn_side", timed=False),
            Peer("torch_func", module="torch_loop_side", timed=False),
            Peer("torch_func_vmap", module="torch_vmap_side", timed=False),
            Peer("jax", runtime="jax", timed=False),
        ),
        method="maml",
        **_CHECK,
    ),
    Row(
        "W4",
        "adapt",
        *(1, 5, 5, 15, 5),
        peers=(
            Peer("learn2learn", 0.75, module="learn2learn_side"),
            Peer("jax", 0.75, runtime="jax"),
        ),
        doc="MAML adapting to one 5-way 5-shot task in 5 steps and "
        "predicting 75 queries",
        method="maml",
        clock="wall",
        repeats=10,
        **_CHECK,
    ),
)
