"""Predictions as rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from metazoo.cli.images import Queries, predictions
from metazoo.errors import DataError

QUERIES = Queries(np.zeros((1, 4, 4, 1)), (Path("a.png"),))


def test_predictions_name_the_likeliest_class():
    row = predictions(QUERIES, np.array([[0.25, 0.75]]), ("x", "y"))[0]
    assert (row["file"], row["class"], row["label"]) == ("a.png", "y", 1)
    assert row["probabilities"] == {"x": 0.25, "y": 0.75}


def test_predictions_refuse_the_nan_of_a_server():
    with pytest.raises(DataError, match="no answer for 2 classes"):
        predictions(QUERIES, np.array([[np.nan, np.nan]]), ("x", "y"))


def test_top_lists_the_likeliest_first():
    names = ("x", "y", "z")
    row = predictions(QUERIES, np.array([[0.2, 0.6, 0.2]]), names, 9)[0]
    assert [best["label"] for best in row["top"]] == [1, 0, 2]
    assert row["top"][0] == {"class": "y", "label": 1, "probability": 0.6}


def test_columns_without_a_name_are_never_predicted():
    row = predictions(QUERIES, np.array([[0.2, 0.3, 0.5]]), ("x", "y"))[0]
    assert (row["class"], row["probability"]) == ("y", 0.3)
    assert row["probabilities"] == {"x": 0.2, "y": 0.3}
