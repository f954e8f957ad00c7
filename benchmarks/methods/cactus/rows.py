"""What is timed of CACTUs.

Five numbers are tasks, ways, shots, queries a class and inner steps.
"""

from __future__ import annotations

from rows import Peer, Row

ROWS = (
    Row(
        "CACTUs_step",
        "train",
        *(4, 20, 1, 5, 5),
        peers=(Peer("torch_cactus", 1.0, checked=False),),
        doc="a training step of CACTUs-MAML, second order, 4 tasks, 20-way "
        "1-shot, 5 queries a class, Conv4-32 with strides, 5 inner "
        "steps, Adam",
        method="cactus",
        filters=32,
    ),
    # Adam turns what differs in the smallest gradients into whole steps.
    Row(
        "CACTUs_check",
        "train",
        *(4, 20, 1, 5, 2),
        peers=(Peer("torch_cactus", 1.0, timed=False),),
        method="cactus",
        filters=32,
        check_steps=2,
        later_tolerance=0.01,
    ),
    Row(
        "CACTUs_adapt",
        "adapt",
        *(1, 5, 5, 15, 50),
        peers=(Peer("torch_cactus", 1.0, checked=False),),
        doc="CACTUs-MAML adapting to one 5-way 5-shot task in 50 steps and "
        "predicting 75 queries",
        method="cactus",
        clock="wall",
        filters=32,
        repeats=5,
    ),
    Row(
        "CACTUs_short",
        "adapt",
        *(1, 5, 5, 15, 3),
        peers=(Peer("torch_cactus", 1.0, timed=False),),
        method="cactus",
        filters=32,
    ),
)
