"""What is timed of prototypical networks.

Five numbers are tasks, ways, shots, queries a class and inner steps.
"""

from __future__ import annotations

from rows import Peer, Row

ROWS = (
    Row(
        "W3",
        "train",
        *(1, 60, 5, 5, 0),
        peers=(
            # Its distances are not squared, and it normalises support and
            # queries apart.
            Peer("easyfsl", 0.35, module="easyfsl_side", checked=False),
            Peer("jax", runtime="jax", timed=False),
        ),
        doc="a training step of a prototypical network, Conv4-64, 60-way "
        "5-shot 5-query, Adam",
        method="protonet",
        tolerance=1e-3,
    ),
)
