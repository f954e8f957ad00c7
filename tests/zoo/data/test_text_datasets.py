"""Data sets of texts: in memory, from files, made up, and as episodes."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from metazoo.data import (
    ClassDataset,
    EpisodeSampler,
    from_arrays,
    from_text_folder,
    load_dataset,
    load_phrases,
)
from metazoo.data.few_shot_text_names import HUFFPOST, REUTERS
from metazoo.data.licences import licence_of
from metazoo.data.text_folder import read_lines
from metazoo.errors import DataError


def small() -> ClassDataset:
    return from_arrays(
        np.array(["b one", "a one", "b two", "a two longer"], object),
        [1, 0, 1, 0],
        ["a", "b"],
    )


def test_texts_are_sorted_by_class_as_bytes():
    data = small()
    assert data.images.tolist() == [
        b"a one",
        b"a two longer",
        b"b one",
        b"b two",
    ]
    assert (data.image_shape, data.holds_texts) == ((), True)
    assert data.select([1]).images.tolist() == [b"b one", b"b two"]


def test_fingerprint_tells_texts_apart():
    data = small()
    again = from_arrays(data.images, data.labels, data.class_names)
    assert again.fingerprint == data.fingerprint
    moved = from_arrays(
        np.array([b"a onea", b" two longer", b"b one", b"b two"], object),
        data.labels,
        data.class_names,
    )
    assert moved.fingerprint != data.fingerprint


@pytest.mark.parametrize("bad", ["", "  ", b"\xff", "a" * 70000, 3])
def test_what_is_no_text_is_refused(bad):
    with pytest.raises(DataError, match="text number 1"):
        from_arrays(np.array(["fine", bad], object), [0, 0])


def test_episodes_hold_texts():
    sampler = EpisodeSampler(
        load_phrases("val"), num_ways=3, num_shots=(1, 2), num_queries=2
    )
    episode = sampler.tasks(0, 4)
    assert episode.support_x.shape == (4, 6)
    texts, mask = episode.support_x.numpy(), episode.support_mask.numpy()
    assert (texts[~mask] == b"").all()
    assert all(texts[mask])
    again = sampler.tasks(2, 1)
    np.testing.assert_array_equal(again.query_x[0], episode.query_x[2])


def test_phrases_splits_share_words_and_no_class():
    parts = {split: load_phrases(split) for split in ("train", "val", "test")}
    names = [set(data.class_names) for data in parts.values()]
    assert [len(own) for own in names] == [80, 15, 25]
    assert len(set.union(*names)) == 120
    words = [
        {w for text in data.images for w in text.split()}
        for data in parts.values()
    ]
    assert words[2] <= words[0]
    few = load_phrases("train", num_classes=2, num_examples=4)
    assert few.images[:4].tolist() == parts["train"].images[:4].tolist()
    with pytest.raises(DataError, match="split"):
        load_phrases("all")
    with pytest.raises(DataError, match="num_classes"):
        load_phrases("val", num_classes=16)


def write_numbered(path, num_classes, each):
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for label in range(num_classes):
            for number in range(each):
                row = {"label": label, "raw": f"text {number} of {label}"}
                file.write(json.dumps(row) + "\n")


@pytest.mark.parametrize(
    ("name", "names", "sizes"),
    [("huffpost", HUFFPOST, (20, 5, 16)), ("reuters", REUTERS, (15, 5, 11))],
)
def test_numbered_sets_split_by_class(tmp_path, name, names, sizes):
    folder = tmp_path / "few_shot_text"
    folder.mkdir()
    write_numbered(folder / f"{name}.jsonl.gz", len(names), 2)
    parts = [load_dataset(name, tmp_path, s) for s in ("train", "val", "test")]
    assert tuple(data.num_classes for data in parts) == sizes
    assert tuple(n for data in parts for n in data.class_names) == names
    assert parts[1].images[0] == f"text 0 of {sizes[0]}".encode()
    assert parts[0].class_sizes.tolist() == [2] * sizes[0]


def test_clinc150_joins_its_parts_and_leaves_out_what_is_out_of_scope(tmp_path):
    parts = {
        part: [[f"{part} text of {c}", f"intent_{c}"] for c in range(150)]
        for part in ("train", "val", "test")
    }
    parts["oos_train"] = [["something else", "oos"]]
    with gzip.open(tmp_path / "clinc150_full.json.gz", "wt") as file:
        json.dump(parts, file)
    data = [
        load_dataset("clinc150", tmp_path, s) for s in ("train", "val", "test")
    ]
    assert [d.num_classes for d in data] == [100, 15, 35]
    assert set().union(*(d.class_names for d in data)) == {
        f"intent_{c}" for c in range(150)
    }
    assert data[0].min_examples == 3
    # The split must never move: results depend on it.
    assert data[2].class_names[:2] == ("intent_133", "intent_98")


def test_missing_and_damaged_files_are_told(tmp_path):
    with pytest.raises(DataError, match="clinc150_full"):
        load_dataset("clinc150", tmp_path)
    with pytest.raises(DataError, match="data_dir"):
        load_dataset("reuters")
    (tmp_path / "reuters.jsonl.gz").write_bytes(b"nothing packed")
    with pytest.raises(DataError, match="can't be read"):
        load_dataset("reuters", tmp_path)
    write_numbered(tmp_path / "reuters.jsonl.gz", 40, 1)
    with pytest.raises(DataError, match="can't be read"):
        load_dataset("reuters", tmp_path)
    write_numbered(tmp_path / "reuters.jsonl.gz", 31, 1)
    with pytest.raises(DataError, match="split must be"):
        load_dataset("reuters", tmp_path, "all")


def test_folder_of_files_and_of_folders(tmp_path):
    (tmp_path / "weather.txt").write_text("rain\n\n  snow \r\n")
    (tmp_path / ".hidden.txt").write_text("no")
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "1.txt").write_text("a song")
    (tmp_path / "music" / "2.txt").write_text("un été\n")
    data = load_dataset(f"texts:{tmp_path}")
    assert data.class_names == ("music", "weather")
    assert [t.decode() for t in data.images] == [
        "a song",
        "un été",
        "rain",
        "snow",
    ]


def test_bad_folders_are_told_by_line(tmp_path):
    with pytest.raises(DataError, match="no class"):
        from_text_folder(tmp_path)
    file = tmp_path / "a.txt"
    file.write_bytes(b"fine\n\xff\xfe bad\n")
    with pytest.raises(DataError, match="line 2 is not valid UTF-8"):
        from_text_folder(tmp_path)
    file.write_text("b" * 70000)
    with pytest.raises(DataError, match="line 1 is 70000 bytes long"):
        from_text_folder(tmp_path)
    file.write_text("\n \n")
    with pytest.raises(DataError, match=r"classes \['a'\] have no text"):
        from_text_folder(tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.txt").write_text("x")
    with pytest.raises(DataError, match="both a folder and a file"):
        from_text_folder(tmp_path)
    with pytest.raises(DataError, match="can't be read"):
        read_lines(tmp_path / "nothing.txt")
    with pytest.raises(DataError, match="No such folder"):
        from_text_folder(tmp_path / "nothing")


def test_licences_are_known():
    for name in ("phrases", "clinc150", "huffpost", "reuters"):
        assert licence_of(name)
