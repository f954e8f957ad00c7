"""Evaluation of episodic learners: accuracy with its 95 % interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metazoo._lazy import resolve as _resolve

if TYPE_CHECKING:
    from metazoo.evaluation.curve import CurvePoint, accuracy_curve
    from metazoo.evaluation.evaluator import evaluate
    from metazoo.evaluation.records import QueryRecords
    from metazoo.evaluation.result import EvaluationResult
    from metazoo.evaluation.rows import RowSampler
    from metazoo.evaluation.tables import append_csv

__all__ = [
    "CurvePoint",
    "EvaluationResult",
    "QueryRecords",
    "RowSampler",
    "accuracy_curve",
    "append_csv",
    "evaluate",
]

_NAMES = {
    "CurvePoint": "metazoo.evaluation.curve",
    "EvaluationResult": "metazoo.evaluation.result",
    "QueryRecords": "metazoo.evaluation.records",
    "RowSampler": "metazoo.evaluation.rows",
    "accuracy_curve": "metazoo.evaluation.curve",
    "append_csv": "metazoo.evaluation.tables",
    "evaluate": "metazoo.evaluation.evaluator",
}


def __getattr__(name: str) -> Any:
    found = _resolve(__name__, name, _NAMES)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
