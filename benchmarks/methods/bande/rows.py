"""What is timed of BANDE.

Five numbers are tasks, ways, shots, queries a class and inner steps.
"""

from __future__ import annotations

from rows import Peer, Row

ROWS = (
    Row(
        "BANDE_alphabets",
        "train",
        *(1, 10, 1, 2, 0),
        peers=(Peer("torch_bande", 1.0),),
        doc="a training step of BANDE, 10 classes of 10 sub-classes, 1 shot"
        " and 2 queries of each, Conv4-32, RMSprop",
        method="bande",
        filters=32,
        subclasses=10,
        repeats=5,
    ),
    Row(
        "BANDE_semi",
        "train",
        *(1, 5, 1, 5, 0),
        peers=(Peer("torch_bande", 1.0),),
        doc="a training step of BANDE, 5-way 1-shot, 5 queries a class, 50 "
        "unlabelled examples, half of them distractors, Conv4-64, "
        "RMSprop",
        method="bande",
        unlabelled=50,
        repeats=5,
    ),
    Row(
        "BANDE_adapt",
        "adapt",
        *(1, 5, 1, 3, 0),
        peers=(Peer("torch_bande", 1.0),),
        doc="BANDE adapting to one 5-way 5-shot task whose classes have 5 "
        "sub-classes, and predicting 75 queries, Conv4-64",
        method="bande",
        clock="wall",
        subclasses=5,
        repeats=20,
    ),
)
