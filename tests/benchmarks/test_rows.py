"""What is timed: every row has its files, and says what it is about."""

import dataclasses
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import rows as rows_module
from rows import METHODS, OURS, Peer, Row, rows

from metazoo.registry import methods


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder in the place of the methods."""
    monkeypatch.setattr(rows_module, "METHODS", tmp_path)
    rows.cache_clear()
    yield tmp_path
    rows.cache_clear()


def declare(folder, monkeypatch, *declared):
    """Makes rows the only ones there are."""
    (folder / "lone").mkdir()
    (folder / "lone" / "rows.py").touch()
    module = type(sys)("methods.lone.rows")
    module.ROWS = declared
    monkeypatch.setitem(sys.modules, "methods.lone.rows", module)


LONE = Row("lone_step", "train", 1, 5, 1, 15, 0, method="lone")


def test_every_row_has_a_method_and_the_files_of_its_sides():
    for name, row in rows().items():
        assert row.name == name and row.method in methods()
        for side in {*row.timed, *row.checked}:
            assert (METHODS / row.method / f"{side.file}.py").is_file(), name


def test_what_is_timed_says_what_a_step_is():
    for name, row in rows().items():
        assert bool(row.doc) == bool(row.timed), name


def test_what_is_timed_is_compared():
    compared = {row.method for row in rows().values() if row.checked}
    assert compared == {row.method for row in rows().values()}


def test_a_new_folder_is_found(folder, monkeypatch):
    declare(folder, monkeypatch, LONE)
    assert dict(rows()) == {"lone_step": LONE}


@pytest.mark.parametrize(
    ("change", "message"),
    [({"method": "other"}, "'other'"), ({"kind": "proto"}, "got kind 'proto'")],
)
def test_rows_that_do_not_fit_are_refused(folder, monkeypatch, change, message):
    declare(folder, monkeypatch, dataclasses.replace(LONE, **change))
    with pytest.raises(ValueError, match=message):
        rows()


def test_a_name_is_taken_once(folder, monkeypatch):
    declare(folder, monkeypatch, LONE, LONE)
    with pytest.raises(ValueError, match="its name is taken"):
        rows()


def test_metazoo_stands_first_where_there_is_a_peer():
    alone = LONE
    assert alone.timed == alone.checked == ()
    only_checked = dataclasses.replace(
        alone, peers=(Peer("torch_lone", timed=False),)
    )
    assert only_checked.timed == ()
    names = [side.name for side in only_checked.checked]
    assert names == [OURS, "torch_lone"]
