"""What is timed of CAML.

Five numbers are tasks, ways, shots, queries a class and inner steps.
"""

from __future__ import annotations

from rows import Peer, Row

ROWS = (
    Row(
        "CAML_step",
        "train",
        *(4, 5, 1, 5, 3),
        peers=(Peer("torch_caml", 1.0),),
        doc="a training step of CAML, second order, 4 tasks, 5-way 1-shot, "
        "5 queries a class, Conv4-32 modulated by a frozen Conv4-64, 3 "
        "inner steps, queries normalised by the support set, Adam",
        method="caml",
        filters=32,
        check_steps=3,
    ),
    Row(
        "CAML_adapt",
        "adapt",
        *(1, 5, 5, 15, 5),
        peers=(Peer("torch_caml", 1.0),),
        doc="CAML adapting to one 5-way 5-shot task in 5 steps and "
        "predicting 75 queries",
        method="caml",
        clock="wall",
        filters=32,
        repeats=5,
    ),
)
