import csv
import json

import pytest

from metazoo.comparison import Comparison, write_comparison
from metazoo.comparison.pairs import paired_differences
from metazoo.comparison.tables import (
    check_reference,
    flat_rows,
    markdown,
    notes,
    tables,
)
from metazoo.errors import MetazooError


def record(system, shots, accuracies, transductive=False):
    return {
        "system": system,
        "method": system,
        "preset": f"{system}_{shots}shot",
        "trained_on": "glyphs",
        "ways": 5,
        "shots": shots,
        "accuracy": sum(accuracies) / len(accuracies),
        "ci95": 0.0123,
        "accuracies": accuracies,
        "transductive": transductive,
        "dataset": "glyphs",
        "split": "test",
        "num_classes": 12,
        "fingerprint": "f" * 64,
        "episodes": 2,
        "queries": 15,
        "seeds": [0, 1],
        "per_seed": [],
        "parameters": 112192,
        "adaptation_ms": 3.21,
        "hardware": {"cpu": "CPU", "cores": 2, "gpus": []},
        "versions": {"metazoo": "1", "python": "3"},
    }


@pytest.fixture
def found():
    records = (
        record("a", 1, [0.5, 0.7]),
        record("a", 5, [0.8, 0.9]),
        record("b", 1, [0.6, 0.9], transductive=True),
    )
    gap = {"system": "b", "ways": 5, "shots": 5, "reason": "it can't"}
    return Comparison(
        ("a", "b"),
        {"a": "a", "b": "b"},
        ((5, 1), (5, 5)),
        records,
        tuple(paired_differences(records)),
        (gap,),
        {"c": "c has no preset yet."},
    )


def test_tables_hold_accuracy_difference_and_origin(found):
    accuracy, difference, origin = tables(found, "a")
    assert accuracy.rows == (
        ("a", "no", "60.00 ± 1.23", "85.00 ± 1.23"),
        ("b", "yes", "75.00 ± 1.23", "–"),
    )
    ((name, one_shot, five_shot),) = difference.rows
    assert (name, five_shot) == ("b", "–")
    # Gaps 0.1 and 0.2: 1.96 * 0.0707 / sqrt(2).
    assert one_shot == "+15.00 ± 9.80"
    assert origin.rows[2] == (
        *("b", "b_1shot", "5-way 1-shot", "glyphs", "112,192", "3.2"),
    )
    assert all(
        len(row) == len(table.head)
        for table in tables(found, "b")
        for row in table.rows
    )


def test_flat_rows_are_numbers_and_texts(found):
    rows = flat_rows(found, "a")
    assert [row["difference"] for row in rows][:2] == [None, None]
    assert rows[2]["difference"] == pytest.approx(0.15)
    assert rows[0]["seeds"] == "0 1"
    assert rows[0]["cpu"] == "CPU"
    assert rows[0]["metazoo"] == "1"
    for row in rows:
        for value in row.values():
            assert value is None or isinstance(value, (str, int, float))


def test_notes_say_what_has_no_number(found):
    assert notes(found) == [
        "b: 5-way 5-shot not measured, it can't.",
        "Left out: c has no preset yet.",
    ]


def test_markdown_says_what_was_measured(found):
    text = markdown(found, "a", "plot.png")
    assert "fingerprint ffffffffffff" in text
    assert "seed 0, 1" in text
    assert "| b | yes | 75.00 ± 1.23 | – |" in text
    assert "![accuracy of every line](plot.png)" in text
    assert "![" not in markdown(found, "a", None)


def test_a_reference_that_is_no_line_is_refused(found):
    check_reference(found.systems, "b")
    with pytest.raises(MetazooError, match="reference: got 'x'"):
        check_reference(found.systems, "x")


def test_files_hold_what_was_found(found, tmp_path):
    pytest.importorskip("matplotlib")
    files = write_comparison(tmp_path, found, "a")
    assert {path.name for path in files} == {
        *("comparison.json", "comparison.csv"),
        *("comparison.md", "comparison.png"),
    }
    assert set(tmp_path.iterdir()) == set(files)
    stored = json.loads((tmp_path / "comparison.json").read_text())
    assert stored["reference"] == "a"
    assert stored["records"][2]["accuracies"] == [0.6, 0.9]
    rows = list(csv.DictReader((tmp_path / "comparison.csv").open()))
    assert float(rows[2]["difference"]) == pytest.approx(0.15)
    assert files[3].read_bytes().startswith(b"\x89PNG")


def test_without_a_plot_none_is_named(found, tmp_path):
    files = write_comparison(tmp_path, found, "a", plot=False)
    assert not (tmp_path / "comparison.png").exists()
    assert len(files) == 3
    assert "png" not in (tmp_path / "comparison.md").read_text()
