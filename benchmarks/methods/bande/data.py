"""BANDE: the official configuration for Omniglot, the same for both sides."""

from __future__ import annotations

ALPHA = 0.1
RMSPROP_DECAY = 0.9
RMSPROP_EPSILON = 1e-10
CLIP_NORM = 1000.0
# Variance of clusters, by row: so small on these drawings that some, but not
# all, examples open one.
SIGMAS = {"BANDE_alphabets": 2.0, "BANDE_semi": 1.0, "BANDE_adapt": 0.15}
