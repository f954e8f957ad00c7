"""What is timed of GMM-VAE.

Five numbers are tasks, ways, shots, queries a class and inner steps.
"""

from __future__ import annotations

from rows import Peer, Row

ROWS = (
    Row(
        "GMM_VAE_step",
        "train",
        *(1, 0, 0, 0, 0),
        peers=(Peer("torch_gmm_vae", 1.0, checked=False),),
        doc="a training step of GMM-VAE, 128 examples of 964 classes, "
        "Conv4-64 and the light decoder, codes of 64, draws, Adam",
        method="gmm_vae",
        sample=True,
        repeats=4,
    ),
    Row(
        "GMM_VAE_check",
        "train",
        *(1, 0, 0, 0, 0),
        peers=(Peer("torch_gmm_vae", 1.0, timed=False),),
        method="gmm_vae",
        check_steps=3,
    ),
    Row(
        "GMM_VAE_adapt",
        "adapt",
        *(1, 5, 5, 15, 0),
        peers=(Peer("torch_gmm_vae", 1.0),),
        doc="GMM-VAE inferring the components of one 5-way 5-shot task in "
        "closed form and predicting 75 queries",
        method="gmm_vae",
        clock="wall",
        repeats=10,
    ),
)
