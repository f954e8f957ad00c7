"""An export whose inputs and outputs are strings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.serving import export
from metazoo.serving.exporting.cases import right_calls, wrong_calls
from metazoo.serving.exporting.examples import as_example
from metazoo.serving.exporting.variants import endpoints
from metazoo.serving.info import read_info
from metazoo.serving.warmup import read_warmup


@pytest.fixture(scope="module")
def signatures(text_learner):
    return {s.name: s for s in text_learner.signatures()}


@pytest.fixture(scope="module")
def chosen(signatures):
    return endpoints(signatures, None)


def test_texts_have_a_padded_form_and_none_in_bytes(chosen):
    assert set(chosen) == {
        "adapt_predict",
        "adapt",
        "predict",
        "shout",
        "adapt_predict_padded",
        "adapt_padded",
    }


def test_padding_of_texts_is_what_no_learner_may_look_at(
    chosen, text_learner, signatures
):
    cases = right_calls(text_learner, signatures, chosen)
    (padded, *_) = [c for c in cases if c.signature == "adapt_padded"]
    texts = padded.inputs["support_x"]
    assert texts.dtype == object
    with pytest.raises(UnicodeDecodeError):
        texts[0, -1].decode()


def test_no_text_is_refused_for_its_length(chosen, text_learner, signatures):
    cases = right_calls(text_learner, signatures, chosen)
    refusals = list(wrong_calls(chosen, cases))
    assert any("'support_x'" in refusal.what for refusal in refusals)
    assert not any("a byte too many" in refusal.what for refusal in refusals)


def test_examples_of_texts_are_bytes_as_on_the_wire():
    for value in (["é", "b\0"], ["é".encode(), b"b\0"], np.array(["é", "b\0"])):
        array = as_example(value)
        assert array.dtype == object
        assert array[0] == "é".encode()
    assert as_example([b"b\0", b""]).tolist() == [b"b\0", b""]
    assert as_example(tf.constant([["a"]])).tolist() == [[b"a"]]


def test_gate_compares_the_strings_that_come_out(text_learner, tmp_path):
    class Wrong(type(text_learner)):
        def shout(self, text):
            found = super().shout(text)
            if not tf.executing_eagerly():
                found["upper"] = tf.strings.join([found["upper"], "!"])
            return found

    for check in ("saved_model", "cpp", "session"):
        with pytest.raises(ExportError, match="'upper' differs"):
            export(Wrong(), tmp_path / check, checks=(check,))


def test_learner_that_reads_padding_is_not_exported(text_learner, tmp_path):
    class Reads(type(text_learner)):
        def signatures(self):
            def adapt(support_x, support_y, support_mask=None):
                return self.adapt(support_x, support_y)

            (found,) = [s for s in super().signatures() if s.name == "adapt"]
            return (dataclasses.replace(found, fn=adapt),)

    # Labels out of range are nobody's; the texts beside them count.
    class Counts(Reads):
        def features(self, texts):
            return super().features(texts) + tf.cast(
                tf.shape(texts)[1], tf.float32
            )

    with pytest.raises(ExportError, match="adapt_padded"):
        export(Counts(), tmp_path / "m", checks=("session",))


def test_warm_up_and_description_hold_strings(kind_dirs):
    version = kind_dirs["texts"] / "1"
    records = {r.model_spec.signature_name: r for r in read_warmup(version)}
    assert set(records) == {
        "serving_default",
        *("adapt_predict", "adapt", "predict", "shout"),
        *("adapt_predict_padded", "adapt_padded"),
    }
    assert records["shout"].inputs["text"].string_val == [b"ab"]
    described = {s["name"]: s for s in read_info(version)["signatures"]}
    assert described["adapt"]["inputs"]["support_x"]["dtype"] == "string"
    assert described["adapt"]["inputs"]["support_x"]["shape"] == [None, None]
    assert described["shout"]["outputs"]["upper"]["dtype"] == "string"
