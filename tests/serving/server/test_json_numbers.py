from __future__ import annotations

import json

import numpy as np
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metazoo.serving.server import json_numbers

NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(
    allow_nan=False, allow_infinity=False
)
# What tensors are written with, to be put together in any way.
SCRAPS = st.text(st.sampled_from('[]],,110.-e+ "{}:nt\n'), max_size=40)
SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@pytest.fixture(autouse=True)
def short_texts_too(monkeypatch):
    monkeypatch.setattr(json_numbers, "SHORTEST", 1)


def plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def loaded(load, body):
    try:
        return plain(load(body))
    except orjson.JSONDecodeError:
        return "no JSON"


def nested(numbers, shape):
    if len(shape) == 1:
        return [next(numbers) for _ in range(shape[0])]
    return [nested(numbers, shape[1:]) for _ in range(shape[0])]


@given(SCRAPS)
@example("[[1],[]2]")
@example("[[1],2[]]")
@example("[[1,2]3,[,4]]")
@example("[1 2]")
@example("[[]]")
@example("[[1],[2,3]]")
@example("[[1]],[2]]")
@example("[1]]")
@example("[01]")
@example("[1.]")
@example("[1]}, {[2]")
def test_any_text_means_what_it_means_to_a_parser(text):
    for form in ('{"inputs": %s}', '{"instances": [{"a": %s, "b": "%s"}]}'):
        body = form.replace("%s", text).encode()
        assert loaded(json_numbers.load, body) == loaded(orjson.loads, body)


@given(st.data(), SHAPES, st.booleans())
def test_tensor_is_read_as_an_array(data, shape, spaces):
    count = int(np.prod(shape))
    numbers = data.draw(st.lists(NUMBERS, min_size=count, max_size=count))
    lists = nested(iter(numbers), shape)
    separators = (", ", ": ") if spaces else (",", ":")
    body = json.dumps({"inputs": {"x": lists}}, separators=separators)
    value = json_numbers.load(body.encode())["inputs"]["x"]
    assert isinstance(value, np.ndarray)
    np.testing.assert_array_equal(
        value.astype(np.float64), np.array(lists, np.float64)
    )
    if value.dtype.kind in "iu":
        assert value.tolist() == lists


def test_tensors_of_rows_and_columns_are_arrays():
    for document in (
        {"inputs": [[1, 2]]},
        {"inputs": {"x": [[1, 2]], "y": [3]}},
        {"instances": [[1, 2]]},
        {"instances": [{"x": [1]}, {"x": [2]}]},
    ):
        value = json_numbers.load(json.dumps(document).encode())
        assert plain(value) == document
        assert {type(leaf) for leaf in leaves(value)} == {np.ndarray}


def leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


@pytest.mark.parametrize(
    "body",
    [
        b'{"inputs": "[[1, 2], [3, 4]]"}',
        b'{"a \\" [1, 2]": [1], "inputs": 1}',
        b'{"inputs": {"a": [1, 2]}, "inputs": {"a": [3, 4]}}',
        b'{"other": [1, 2], "inputs": [3, 4]}',
        b'{"inputs": {"a": [[1, 2], "b", [3, 4]]}}',
        b'[{"inputs": [1, 2]}]',
        b"[1, 2]",
    ],
)
def test_numbers_in_other_places_stay_as_they_are(body):
    assert loaded(json_numbers.load, body) == orjson.loads(body)


def test_irregular_text_makes_no_large_shape():
    inner = b"[" + b"0," * 999 + b"0]"
    text = b"[" + b",".join([inner] + [b"[0]"] * 1000) + b"]"
    assert json_numbers.parse(text) is None


def test_a_body_of_many_strings_is_read_once(monkeypatch):
    row = {"x": [[0.5] * 200], "texts": ["a"] * 30_000}
    body = json.dumps({"inputs": row}).encode()
    monkeypatch.setattr(json_numbers, "_cut_out", None)
    assert json_numbers.load(body) == {"inputs": row}
