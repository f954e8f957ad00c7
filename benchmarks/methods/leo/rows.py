"""What is timed of LEO.

Five numbers are tasks, ways, shots, queries a class and inner steps.
"""

from __future__ import annotations

from rows import Peer, Row

ROWS = (
    Row(
        "LEO_1",
        "train",
        *(12, 5, 1, 15, 10),
        peers=(Peer("torch_leo", 1.0, checked=False),),
        doc="a training step of LEO, 12 tasks, 5-way 1-shot, 15 queries a "
        "class, 640 features, 5 and 5 inner steps, draws and dropout, "
        "Adam",
        method="leo",
        features=640,
        sample=True,
        repeats=20,
    ),
    Row(
        "LEO_5",
        "train",
        *(12, 5, 5, 15, 10),
        peers=(Peer("torch_leo", 1.0, checked=False),),
        doc="the same of 5 shots",
        method="leo",
        features=640,
        sample=True,
        repeats=10,
    ),
    Row(
        "LEO_check",
        "train",
        *(12, 5, 5, 15, 10),
        peers=(Peer("torch_leo", 1.0, timed=False),),
        method="leo",
        features=640,
    ),
    Row(
        "LEO_adapt",
        "adapt",
        *(1, 5, 5, 15, 10),
        peers=(Peer("torch_leo", 1.0),),
        doc="LEO on means, adapting to one 5-way 5-shot task and predicting"
        " 75 queries",
        method="leo",
        clock="wall",
        features=640,
        repeats=20,
    ),
)
