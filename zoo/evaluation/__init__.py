"""Evaluation of episodic learners: accuracy with its 95 % interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metazoo._lazy import lazy as _lazy

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


__getattr__, __dir__ = _lazy(
    __name__,
    {
        "curve": "CurvePoint accuracy_curve",
        "evaluator": "evaluate",
        "records": "QueryRecords",
        "result": "EvaluationResult",
        "rows": "RowSampler",
        "tables": "append_csv",
    },
)
