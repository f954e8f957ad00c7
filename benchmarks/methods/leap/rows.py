"""What is timed of Leap.

Five numbers are tasks, ways, shots, queries a class and inner steps.
"""

from __future__ import annotations

from rows import Peer, Row

ROWS = (
    Row(
        "Leap_step",
        "train",
        *(2, 20, 20, 5, 20),
        peers=(Peer("torch_leap", 1.0, checked=False),),
        doc="a training step of Leap, 2 tasks, 20-way, paths of 20 steps on"
        " mini-batches of 20, 5 queries a class, the paper's network, "
        "gradient descent",
        method="leap",
    ),
    # More steps amplify the order of float32 sums beyond any bound.
    Row(
        "Leap_check",
        "train",
        *(2, 20, 20, 5, 2),
        peers=(Peer("torch_leap", 1.0, timed=False),),
        method="leap",
        check_steps=2,
    ),
    Row(
        "Leap_adapt",
        "adapt",
        *(1, 5, 5, 15, 100),
        peers=(Peer("torch_leap", 1.0, checked=False),),
        doc="Leap adapting to one 5-way 5-shot task in 100 steps on mini-"
        "batches of 20 and predicting 75 queries",
        method="leap",
        clock="wall",
    ),
    Row(
        "Leap_short",
        "adapt",
        *(1, 5, 5, 15, 20),
        peers=(Peer("torch_leap", 1.0, timed=False),),
        method="leap",
    ),
)
