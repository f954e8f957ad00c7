"""MAML: what all sides share beside images and weights."""

from __future__ import annotations

INNER_LEARNING_RATE = 0.1
