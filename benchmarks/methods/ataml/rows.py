"""What is timed of ATAML.

Five numbers are tasks, ways, shots, queries a class and inner steps.
"""

from __future__ import annotations

from rows import Peer, Row

ROWS = (
    Row(
        "ATAML_step",
        "train",
        *(4, 5, 5, 5, 5),
        peers=(Peer("torch_ataml", 1.0, checked=False),),
        doc="a training step of ATAML, second order, 4 tasks, 5-way 5-shot,"
        " 5 queries a class, texts of 8 to 32 words, vectors of 100, "
        "two dilated convolutions of 128 channels, 5 inner steps, "
        "dropout, Adam",
        method="ataml",
        filters=128,
        sample=True,
        repeats=5,
    ),
    Row(
        "ATAML_check",
        "train",
        *(4, 5, 5, 5, 5),
        peers=(Peer("torch_ataml", 1.0, timed=False),),
        method="ataml",
        filters=128,
        check_steps=3,
    ),
    Row(
        "ATAML_adapt",
        "adapt",
        *(1, 5, 5, 15, 10),
        peers=(Peer("torch_ataml", 1.0),),
        doc="ATAML numbering the words of 25 texts, adapting in 10 steps "
        "and predicting 75 texts; the other side numbers them in Python",
        method="ataml",
        clock="wall",
        filters=128,
        repeats=10,
    ),
)
