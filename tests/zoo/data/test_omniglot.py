"""Omniglot readers, on small made-up copies of the files."""

from __future__ import annotations

import hashlib
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from metazoo.data import load_omniglot, omniglot, omniglot_zips
from metazoo.errors import DataError

ALPHABETS = ("Arcadian", "Greek", "Latin", "Tengwar")
IS_EVALUATION = (False, False, False, True)


def packed_fields(drawers=3):
    rng = np.random.default_rng(0)
    alphabet = np.repeat(np.arange(4), 2).astype(np.int16)
    return {
        "images": rng.integers(0, 256, (8, drawers, 28, 28), np.uint8),
        "alphabet_names": np.array(ALPHABETS),
        "alphabet": alphabet,
        "character_names": np.array(
            [
                f"{ALPHABETS[a]}/character{i % 2 + 1:02d}"
                for i, a in enumerate(alphabet)
            ]
        ),
        "is_evaluation": np.array(IS_EVALUATION)[alphabet],
        "vinyals_part": np.array([0, 0, 0, 1, 1, 0, 2, 2], np.int8),
    }


def write_packed(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    fields = packed_fields() | changes
    np.savez_compressed(folder / "omniglot_28x28.npz", **fields)
    return fields


@pytest.mark.parametrize(
    ("protocol", "split", "chosen"),
    [
        ("lake", "train", [2, 3]),
        ("lake", "val", [0, 1, 4, 5]),
        ("lake", "background", [0, 1, 2, 3, 4, 5]),
        ("lake", "test", [6, 7]),
        ("lake", "evaluation", [6, 7]),
        ("vinyals", "train", [0, 1, 2, 5]),
        ("vinyals", "val", [3, 4]),
        ("vinyals", "test", [6, 7]),
    ],
)
def test_packed_file_gives_each_split(tmp_path, protocol, split, chosen):
    fields = write_packed(tmp_path / "omniglot")
    data = load_omniglot(tmp_path, split, protocol=protocol)
    names = [str(fields["character_names"][i]) for i in chosen]
    assert list(data.class_names) == names
    np.testing.assert_array_equal(
        data.images[..., 0], fields["images"][chosen].reshape(-1, 28, 28)
    )
    assert (data.name, data.split) == (f"omniglot-{protocol}", split)


def test_packed_file_is_found_in_its_own_folder_too(tmp_path):
    write_packed(tmp_path / "omniglot")
    inside = load_omniglot(tmp_path / "omniglot", "test")
    assert inside.fingerprint == load_omniglot(tmp_path, "test").fingerprint


def test_rotations_make_four_times_the_classes(tmp_path):
    write_packed(tmp_path)
    data = load_omniglot(tmp_path, "test", rotations=True)
    assert data.num_classes == 8
    assert data.class_names[-1] == "Tengwar/character02@270"


def test_validation_alphabets_are_the_documented_draw():
    background = [
        "Alphabet_of_the_Magi",
        "Anglo-Saxon_Futhorc",
        "Arcadian",
        "Armenian",
        "Asomtavruli_(Georgian)",
        "Balinese",
        "Bengali",
        "Blackfoot_(Canadian_Aboriginal_Syllabics)",
        "Braille",
        "Burmese_(Myanmar)",
        "Cyrillic",
        "Early_Aramaic",
        "Futurama",
        "Grantha",
        "Greek",
        "Gujarati",
        "Hebrew",
        "Inuktitut_(Canadian_Aboriginal_Syllabics)",
        "Japanese_(hiragana)",
        "Japanese_(katakana)",
        "Korean",
        "Latin",
        "Malay_(Jawi_-_Arabic)",
        "Mkhedruli_(Georgian)",
        "N_Ko",
        "Ojibwe_(Canadian_Aboriginal_Syllabics)",
        "Sanskrit",
        "Syriac_(Estrangelo)",
        "Tagalog",
        "Tifinagh",
    ]
    order = np.random.default_rng(0).permutation(len(background))
    drawn = [background[i] for i in order[:5]]
    assert len(background) == 30
    assert drawn == list(omniglot.VALIDATION_ALPHABETS)


def test_missing_file_error_says_what_where_and_hash(tmp_path):
    with pytest.raises(DataError) as caught:
        load_omniglot(tmp_path, "test")
    text = str(caught.value)
    assert "images_evaluation.zip" in text
    assert "https://github.com/brendenlake/omniglot" in text
    assert "6b91aef0f799c5bb55b94e3f2daec811" in text
    assert str(tmp_path / "omniglot") in text
    assert "glyphs" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, "train.*background.*'dev'"),
        ({"protocol": "ravi"}, "lake.*vinyals.*'ravi'"),
        ({"split": "background", "protocol": "vinyals"}, "vinyals"),
        ({"protocol": "vinyals"}, "packed file"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, arguments, message):
    with pytest.raises(DataError, match=message):
        load_omniglot(tmp_path, **arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((8, 3, 28, 28), np.float32)}, "float32"),
        ({"images": np.zeros((8, 28, 28), np.uint8)}, "drawer"),
        ({"images": np.zeros((7, 3, 28, 28), np.uint8)}, r"\[7, 8\]"),
        ({"character_names": np.array(["a"] * 8)}, "repeat"),
    ],
)
def test_packed_file_of_another_layout_is_refused(tmp_path, changes, message):
    write_packed(tmp_path, **changes)
    with pytest.raises(DataError, match=message):
        load_omniglot(tmp_path, "background")


def drawing(seed):
    pixels = np.random.default_rng(seed).random((105, 105)) < 0.5
    stream = io.BytesIO()
    Image.fromarray(pixels).convert("1").save(stream, "PNG")
    return pixels, stream.getvalue()


def write_zip(path, alphabets, drawers=2):
    seed = 0
    with zipfile.ZipFile(path, "w") as target:
        for alphabet in alphabets:
            target.writestr(f"images/{alphabet}/", "")
            for drawer in range(drawers, 0, -1):
                name = f"images/{alphabet}/character01/0001_{drawer:02d}.png"
                target.writestr(name, drawing(seed)[1])
                seed += 1
        target.writestr("__MACOSX/a/b/c.png", b"resource fork")
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture
def zip_folder(tmp_path, monkeypatch):
    for attribute, alphabets in (
        ("BACKGROUND", ["Greek", "Latin"]),
        ("EVALUATION", ["Tengwar"]),
    ):
        filename = getattr(omniglot, attribute).filename
        md5 = write_zip(tmp_path / filename, alphabets)
        archive = omniglot_zips.Archive(filename, md5)
        monkeypatch.setattr(omniglot, attribute, archive)
    return tmp_path


def test_zips_give_the_lake_splits(zip_folder):
    train = load_omniglot(zip_folder, "train")
    assert train.class_names == ("Greek/character01",)
    assert load_omniglot(zip_folder, "val").class_names == (
        "Latin/character01",
    )
    assert load_omniglot(zip_folder, "background").num_classes == 2
    test = load_omniglot(zip_folder, "test")
    assert test.class_names == ("Tengwar/character01",)
    assert test.images.shape == (2, 28, 28, 1)


def test_zip_drawings_are_box_filtered_in_drawer_order(zip_folder):
    data = load_omniglot(zip_folder, "train", image_size=35)
    pixels, _ = drawing(1)  # Greek, drawer 1, was written second
    means = pixels.reshape(35, 3, 35, 3).mean((1, 3)) * 255
    np.testing.assert_allclose(data.images[0, :, :, 0], means, atol=1.0)


def test_zip_with_another_md5_is_refused(zip_folder):
    path = zip_folder / "images_background.zip"
    raw = bytearray(path.read_bytes())
    raw[100] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match="md5.*Fetch images_background.zip"):
        load_omniglot(zip_folder, "train")


def test_zip_sha256_is_noted_and_checked_afterwards(zip_folder):
    load_omniglot(zip_folder, "test")
    path = zip_folder / "images_evaluation.zip"
    note = zip_folder / "images_evaluation.zip.sha256.json"
    assert hashlib.sha256(path.read_bytes()).hexdigest() in note.read_text()
    load_omniglot(zip_folder, "test")
    note.write_text('{"sha256": "00"}')
    with pytest.raises(DataError, match="changed since its first use"):
        load_omniglot(zip_folder, "test")
    note.write_text("[]")
    with pytest.raises(DataError, match="remove it"):
        load_omniglot(zip_folder, "test")


def test_zip_without_characters_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "images_background.zip"
    md5 = write_zip(path, [])
    archive = omniglot_zips.Archive(path.name, md5)
    monkeypatch.setattr(omniglot, "BACKGROUND", archive)
    with pytest.raises(DataError, match="found 0 characters"):
        load_omniglot(tmp_path, "train")
