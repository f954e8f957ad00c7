"""Whether what an export answers is what its learner says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from metazoo.errors import ExportError

TOLERANCE = 1e-5
# Between a GPU and a CPU, or with TF32 on one side, and after inner steps.
TOLERANCE_BETWEEN_DEVICES = 1e-2


def compare(
    what: str,
    got: Mapping[str, np.ndarray],
    expected: Mapping[str, np.ndarray],
    other_device: bool = False,
) -> None:
    """Compares two answers.

    Args:
        what: What was run, for the error.
        got: Wire name -> array, from the export; further names don't matter.
        expected: The same, from the learner.
        other_device: The two may have been computed on different devices.

    Raises:
        ExportError: Names the tensor and what differs.
    """
    missing = sorted(set(expected) - set(got))
    if missing:
        raise ExportError(f"{what}: {missing} are missing")
    for name, wanted in expected.items():
        value = got[name]
        if value.shape != wanted.shape or value.dtype != wanted.dtype:
            raise ExportError(
                f"{what}: {name!r} is {value.dtype}{list(value.shape)}; "
                f"expected {wanted.dtype}{list(wanted.shape)}"
            )
        if value.dtype.kind == "f":
            _compare_floats(f"{what}: {name!r}", value, wanted, other_device)
        # Another device may tip the balance between two classes.
        elif not other_device and not np.array_equal(value, wanted):
            raise ExportError(f"{what}: {name!r} differs")


def computes_on_gpu() -> bool:
    """Whether this process computes on a GPU; the loading process won't."""
    return bool(tf.config.get_visible_devices("GPU"))


def _compare_floats(
    what: str, value: np.ndarray, wanted: np.ndarray, other_device: bool
) -> None:
    if np.isnan(value).any():
        raise ExportError(f"{what} has NaN on example inputs")
    finite = np.abs(wanted[np.isfinite(wanted)])
    relative = TOLERANCE_BETWEEN_DEVICES if other_device else TOLERANCE
    limit = relative * max(1.0, float(finite.max(initial=0.0)))
    if not np.allclose(value, wanted, rtol=0.0, atol=limit):
        worst = float(np.max(np.abs(value - wanted)))
        raise ExportError(
            f"{what} differs by {worst:.3g}; at most {limit:.3g} is allowed"
        )
