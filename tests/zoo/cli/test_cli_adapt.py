import csv

import numpy as np
import pytest
from PIL import Image

from metazoo.cli.images import image_shape, read_queries, read_support
from metazoo.contracts.adapted import read_adapted
from metazoo.errors import DataError
from metazoo.presets import from_preset


@pytest.fixture
def folders(characters):
    return (
        *("--support", characters / "support"),
        *("--queries", characters / "queries"),
    )


def test_support_labels_follow_the_class_folders(characters):
    found = read_support(characters / "support", (28, 28, 1))
    assert found.x.shape == (9, 28, 28, 1)
    assert found.x.dtype == np.float32
    assert found.x.max() > 200
    np.testing.assert_array_equal(found.y, np.repeat([0, 1, 2], 3))
    assert found.class_names == ("letter_a", "letter_b", "letter_c")


def test_queries_come_in_order_of_name(characters):
    found = read_queries(characters / "queries", (28, 28, 3))
    assert [file.name for file in found.files] == ["a.png", "b.png", "c.png"]
    assert found.x.shape == (3, 28, 28, 3)


def test_one_image_is_a_query_set(characters):
    one = read_queries(characters / "queries" / "b.png", (28, 28, 1))
    every = read_queries(characters / "queries", (28, 28, 1))
    np.testing.assert_array_equal(one.x[0], every.x[1])


def test_places_without_images_are_refused(tmp_path):
    with pytest.raises(DataError, match="holds no image"):
        read_queries(tmp_path, (28, 28, 1))
    with pytest.raises(DataError, match="No such"):
        read_queries(tmp_path / "missing", (28, 28, 1))


@pytest.mark.parametrize("shape", [(8,), (None, None, 3), (28, 28, 2)])
def test_learners_of_other_input_are_refused(shape):
    with pytest.raises(DataError, match="images"):
        image_shape(shape)


def test_adapt_predicts_what_the_python_api_does(
    run_json, preset, folders, characters
):
    found = run_json("adapt", "--preset", preset, *folders)
    support = read_support(characters / "support", (28, 28, 1))
    queries = read_queries(characters / "queries", (28, 28, 1))
    adapted = from_preset(preset).adapt(support.x, support.y)
    expected = adapted.predict(queries.x)
    assert found["classes"] == list(support.class_names)
    rows = found["predictions"]
    assert [row["file"] for row in rows] == [str(f) for f in queries.files]
    np.testing.assert_allclose(
        [list(row["probabilities"].values()) for row in rows],
        expected,
        rtol=1e-6,
    )
    assert [row["label"] for row in rows] == expected.argmax(-1).tolist()
    assert rows[0]["class"] == support.class_names[rows[0]["label"]]


def test_adapt_prints_a_table(run, preset, folders):
    code, out, err = run("adapt", "--preset", preset, *folders)
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["FILE", "CLASS", "PROBABILITY"]
    assert len(lines) == 4
    assert "learned 3 classes from 9 images" in err


def test_adapt_stores_a_state_that_reloads(run, preset, folders, tmp_path):
    path = tmp_path / "new" / "state.npz"
    code, out, _ = run(
        "adapt", "--preset", preset, *folders[:2], "--output", path
    )
    assert (code, out) == (0, "")
    with np.load(path) as state:
        assert state["prototypes"].shape[:2] == (1, 3)
    notes = read_adapted(path).notes
    assert notes["class_names"] == ["letter_a", "letter_b", "letter_c"]
    assert notes["preset"] == preset
    assert sorted(file.name for file in path.parent.iterdir()) == ["state.npz"]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--queries", "q"], "--preset or --server"),
        (["--preset", "p", "--server", "a:1", "--queries", "q"], "--server"),
        (["--preset", "p"], "--queries, --output"),
        (["--server", "localhost:1", "--queries", "q"], "--model"),
    ],
)
def test_adapt_names_the_missing_option(run, arguments, match):
    code, out, err = run("adapt", "--support", "s", *arguments)
    assert (code, out) == (1, "")
    assert match in err


def test_adapt_to_a_missing_folder_fails(run, preset):
    code, _, err = run(
        "adapt", "--preset", preset, "--support", "nowhere", "--queries", "q"
    )
    assert code == 1
    assert "nowhere" in err


def test_top_names_the_likeliest_classes_in_order(run_json, preset, folders):
    found = run_json("adapt", "--preset", preset, *folders, "--top", "2")
    for row in found["predictions"]:
        best = row["top"]
        assert len(best) == 2
        assert best[0]["probability"] >= best[1]["probability"]
        assert best[0]["class"] == row["class"]
        for entry in best:
            assert row["probabilities"][entry["class"]] == entry["probability"]
            assert found["classes"][entry["label"]] == entry["class"]


def test_csv_holds_what_json_does(run, run_json, preset, folders):
    arguments = ("adapt", "--preset", preset, *folders, "--top", "3")
    code, out, _ = run(*arguments, "--csv")
    rows = list(csv.DictReader(out.splitlines()))
    assert code == 0
    assert list(rows[0]) == ["file", "rank", "class", "label", "probability"]
    expected = [
        (row["file"], str(rank), best["class"], str(best["label"]))
        for row in run_json(*arguments)["predictions"]
        for rank, best in enumerate(row["top"], 1)
    ]
    found = [(r["file"], r["rank"], r["class"], r["label"]) for r in rows]
    assert found == expected


def test_the_table_ranks_several_classes(run, preset, folders):
    code, out, _ = run("adapt", "--preset", preset, *folders, "--top", "9")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["FILE", "RANK", "CLASS", "PROBABILITY"]
    assert len(lines) == 1 + 3 * 3


@pytest.mark.parametrize("bad", ["broken", "empty", "deep"])
def test_an_image_that_can_not_be_read_is_named(
    run, preset, characters, tmp_path, bad
):
    file = tmp_path / "x.png"
    good = (characters / "queries" / "a.png").read_bytes()
    file.write_bytes(good[: len(good) // 2] if bad == "broken" else b"")
    if bad == "deep":
        Image.fromarray(np.full((9, 9), 9000, np.uint16)).save(file)
    code, out, err = run(
        *("adapt", "--preset", preset, "--queries", tmp_path),
        *("--support", characters / "support"),
    )
    assert (code, out) == (1, "")
    assert str(file) in err


def test_an_empty_class_folder_is_named(run, preset, tmp_path):
    (tmp_path / "nothing").mkdir()
    code, _, err = run(
        *("adapt", "--preset", preset, "--support", tmp_path),
        *("--output", tmp_path / "state.npz"),
    )
    assert code == 1
    assert f"{tmp_path / 'nothing'} holds no image" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "--csv"],
        ["--top", "0"],
        ["--chunk", "none"],
        ["--transport", "pigeon"],
        ["--version", "1", "--label", "stable"],
    ],
)
def test_a_wrong_use_exits_with_2(run, arguments):
    with pytest.raises(SystemExit) as stop:
        run("adapt", "--support", "s", *arguments)
    assert stop.value.code == 2
