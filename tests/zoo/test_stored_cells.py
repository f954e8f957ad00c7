import json

import pytest

from metazoo.errors import MetazooError
from metazoo.stored_cells import stored_cell


def test_a_result_is_measured_once(tmp_path):
    calls = []

    def measure():
        calls.append(1)
        return {"value": len(calls)}

    path = tmp_path / "cell.json"
    first = stored_cell(path, {"seeds": [0]}, measure)
    second = stored_cell(path, {"seeds": [0]}, measure)
    assert calls == [1]
    assert first == second == {"value": 1, "identity": {"seeds": [0]}}
    assert json.loads(path.read_text()) == first


def test_a_result_of_another_identity_is_refused(tmp_path):
    path = tmp_path / "cell.json"
    stored_cell(path, {"seeds": [0], "ways": 5}, lambda: {"value": 1})
    with pytest.raises(MetazooError, match=r"\['seeds'\] differ"):
        stored_cell(path, {"seeds": [1], "ways": 5}, lambda: {"value": 2})
    assert json.loads(path.read_text())["value"] == 1


def test_a_measurement_that_fails_leaves_no_file(tmp_path):
    def measure():
        raise MetazooError("no")

    with pytest.raises(MetazooError, match="no"):
        stored_cell(tmp_path / "cell.json", {}, measure)
    assert list(tmp_path.iterdir()) == []
