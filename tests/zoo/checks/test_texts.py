"""Texts at the Python boundary."""

from __future__ import annotations

import numpy as np
import pytest

from metazoo.checks.texts import MAX_TEXT_BYTES, check_texts
from metazoo.errors import EpisodeError


def test_texts_become_bytes_with_a_tasks_axis():
    found, single = check_texts("support_x", ["été", b"winter"])
    assert single
    assert found.tolist() == [["été".encode(), b"winter"]]
    found, single = check_texts("support_x", np.array([["a", "bc"]]))
    assert (single, found.tolist()) == (False, [[b"a", b"bc"]])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["fine", ""], r"support_x\[1\] is empty"),
        (["fine", " \n"], r"support_x\[1\] is empty"),
        ([["fine"], [b"\xff\xfe"]], r"support_x\[1, 0\] is not valid UTF-8"),
        (["\ud800"], r"support_x\[0\] is not valid UTF-8"),
        (["a" * (MAX_TEXT_BYTES + 1)], "at most 65536 are taken"),
        ([1, 2], "is a int, not a text"),
        ([None], "is a NoneType, not a text"),
        (np.zeros(3), "must hold texts; got dtype float64"),
        ("one text", "a list of texts"),
        ([], "holds no text"),
        ([["a"], ["b", "c"]], "rows differ"),
        ([[["a"]]], "has shape"),
    ],
)
def test_what_is_no_text_is_refused_by_place(value, message):
    with pytest.raises(EpisodeError, match=message):
        check_texts("support_x", value)


def test_longest_text_is_taken():
    found, _ = check_texts("query_x", ["a" * MAX_TEXT_BYTES])
    assert len(found[0, 0]) == MAX_TEXT_BYTES
