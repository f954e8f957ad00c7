import pytest

from metazoo.comparison import Contender, UnseenCheck
from metazoo.data import load_glyphs
from metazoo.errors import PresetError
from metazoo.presets import PresetMetadata


def trained_on(fingerprint="", **recipe):
    return Contender(
        "p",
        PresetMetadata(
            "protonet",
            "ProtoNet",
            "p",
            "glyphs",
            recipe=recipe,
            data_fingerprint=fingerprint,
        ),
    )


@pytest.fixture
def reads(monkeypatch):
    """Splits that were read, each of 5 classes."""
    calls = []

    def load(spec, data_dir, split, **options):
        calls.append((spec, data_dir, split, *options.items()))
        return load_glyphs(split, num_alphabets=1, num_characters=5)

    monkeypatch.setattr("metazoo.data.load_dataset", load)
    return calls


def test_classes_of_training_are_refused(reads):
    # Other pixels, and two classes that training had not.
    data = load_glyphs("train", num_alphabets=1, num_characters=7, seed=1)
    check = UnseenCheck("glyphs", data).check
    with pytest.raises(PresetError, match="trained on 5 of the 7 classes"):
        check(trained_on(dataset="glyphs", split="train"))


def test_classes_of_another_split_pass(drawings, reads):
    check = UnseenCheck("glyphs", drawings).check
    check(trained_on(dataset="glyphs", split="train"))
    check(trained_on())
    assert len(reads) == 1


def test_data_of_training_are_known_by_their_fingerprint(drawings):
    check = UnseenCheck("glyphs", drawings).check
    with pytest.raises(PresetError, match="trained on 12 of the 12"):
        check(trained_on(drawings.fingerprint))


def test_training_classes_are_read_once(drawings, reads):
    check = UnseenCheck("glyphs", drawings, "somewhere").check
    for _ in range(2):
        check(trained_on(dataset="glyphs", split="val"))
    assert reads == [("glyphs", "somewhere", "val")]


def test_validation_classes_and_protocol_of_training_count(drawings, reads):
    data = load_glyphs("val", num_alphabets=1, num_characters=5, seed=1)
    one = trained_on(
        dataset="glyphs",
        split="train",
        val_split="val",
        train_on_val=True,
        protocol="lake",
    )
    with pytest.raises(PresetError, match="trained on 5 of the 5 classes"):
        UnseenCheck("glyphs", data).check(one)
    assert reads == [
        ("glyphs", None, "train", ("protocol", "lake")),
        ("glyphs", None, "val", ("protocol", "lake")),
    ]
