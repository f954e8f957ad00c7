"""Which further signatures follow from a learner's own."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.serving.exporting.variants import encode_examples, endpoints
from metazoo.wire.signature import Signature

SPECS = {
    "support_x": tf.TensorSpec([None, None, 2, 3], tf.float32, "support_x"),
    "support_y": tf.TensorSpec([None, None], tf.int64, "support_y"),
    "query_x": tf.TensorSpec([None, None, 2, 3], tf.float32, "query_x"),
    "scores": tf.TensorSpec([None, None, 3], tf.float32, "scores"),
    "any_x": tf.TensorSpec([None, None, None], tf.float32, "any_x"),
}


def make(name, inputs, masks_support=False):
    """A signature that returns its inputs, and the mask as `real`."""

    def fn(support_mask=None, **given):
        first = next(iter(given.values()))
        real = tf.ones(tf.shape(first)[:1], tf.bool)
        return {**given, "real": real if support_mask is None else support_mask}

    return Signature(
        name,
        {key: SPECS[key] for key in inputs},
        fn,
        (*inputs, "real"),
        "Echoes.",
        masks_support=masks_support,
    )


def own(*signatures):
    return {signature.name: signature for signature in signatures}


@pytest.fixture
def learned():
    support = ("support_x", "support_y")
    return own(
        make("adapt_predict", (*support, "query_x"), masks_support=True),
        make("adapt", support, masks_support=True),
        make("predict", ("query_x", "scores")),
    )


def test_default_is_padded_and_the_first_in_bytes(learned):
    assert list(endpoints(learned, None)) == [
        *("adapt_predict", "adapt", "predict"),
        *("adapt_predict_padded", "adapt_padded", "adapt_predict_bytes"),
    ]


@pytest.mark.parametrize(
    ("variants", "expected"),
    [
        ((), []),
        (["predict_bytes"], ["predict_bytes"]),
        (["padded"], ["adapt_predict_padded", "adapt_padded"]),
        (
            ["bytes", "adapt_padded"],
            ["adapt_padded"]
            + ["adapt_predict_bytes", "adapt_bytes", "predict_bytes"],
        ),
    ],
)
def test_variants_are_chosen_by_kind_or_name(learned, variants, expected):
    assert list(endpoints(learned, variants))[3:] == expected


@pytest.mark.parametrize("wrong", [["nix"], "padded", ["predict_padded"]])
def test_unknown_variants_are_refused(learned, wrong):
    with pytest.raises(ExportError, match=r"variants must be out of.*bytes"):
        endpoints(learned, wrong)


def test_signatures_without_examples_have_no_variants():
    plain = own(make("run", ("scores", "any_x")))
    assert list(endpoints(plain, None)) == ["run"]
    with pytest.raises(ExportError, match=r"out of \[\]"):
        endpoints(plain, ["bytes"])


def test_taken_name_is_refused(learned):
    learned["predict_bytes"] = make("predict_bytes", ("scores",))
    with pytest.raises(ExportError, match="'predict_bytes' of its own"):
        endpoints(learned, ["bytes"])
    assert "predict_bytes" in endpoints(learned, None)


def test_only_examples_become_bytes(learned):
    signature = endpoints(learned, ["bytes"])["predict_bytes"].signature
    query, scores = signature.inputs["query_x"], signature.inputs["scores"]
    assert (query.dtype, query.shape.as_list()) == (tf.string, [None])
    assert scores == SPECS["scores"]
    assert "little-endian" in signature.docs["query_x"]


def test_bytes_are_decoded_as_they_were_encoded(learned):
    endpoint = endpoints(learned, ["bytes"])["predict_bytes"]
    x = np.random.default_rng(0).normal(size=(2, 5, 2, 3)).astype(np.float32)
    x[0, 0, 0] = [np.nan, -0.0, np.inf]
    found = endpoint.signature.fn(
        query_x=tf.constant(encode_examples(x)), scores=tf.zeros([2, 1, 3])
    )
    assert found["query_x"].numpy().tobytes() == x.tobytes()
    assert found["query_x"].shape == x.shape


def test_sizes_become_a_mask(learned):
    endpoint = endpoints(learned, ["padded"])["adapt_padded"]
    assert endpoint.signature.inputs["support_size"].dtype == tf.int32
    found = endpoint.signature.fn(
        support_x=tf.zeros([4, 3, 2, 3]),
        support_y=tf.zeros([4, 3], tf.int64),
        support_size=tf.constant([2, 3, 0, 4]),
    )
    assert found["real"].numpy().tolist() == [
        [True, True, False],
        [True, True, True],
        # No rows, or more than there are: nothing is real.
        [False, False, False],
        [False, False, False],
    ]


def test_variants_share_one_function_of_the_learner(learned):
    calls = []
    first = learned["adapt_predict"]

    def counted(**inputs):
        calls.append(set(inputs))
        return first.fn(**inputs)

    counting = Signature(
        *(first.name, first.inputs, counted, first.outputs, "", {}, True)
    )
    made = endpoints(own(counting), ["bytes"])
    for endpoint in made.values():
        tf.function(endpoint.signature.fn).get_concrete_function(
            **endpoint.signature.inputs
        )
    assert len(calls) == 1
