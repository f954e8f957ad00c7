"""What is timed of TAEML.

Five numbers are tasks, ways, shots, queries a class and inner steps.
"""

from __future__ import annotations

from rows import Peer, Row

ROWS = (
    Row(
        "TAEML_step",
        "train",
        *(1, 5, 5, 3, 0),
        peers=(Peer("torch_taeml", 1.0),),
        doc="a training step of TAEML's trust network, one 5-way 5-shot "
        "task, 3 queries a class, four frozen Conv4-32 on 32x32x3, Adam",
        method="taeml",
        filters=32,
        check_steps=3,
        repeats=10,
    ),
    Row(
        "TAEML_adapt",
        "adapt",
        *(1, 5, 5, 15, 0),
        peers=(Peer("torch_taeml", 1.0),),
        doc="TAEML adapting to one 5-way 5-shot task and predicting 75 queries",
        method="taeml",
        clock="wall",
        filters=32,
        repeats=10,
    ),
)
