"""Predict over gRPC, spoken with the stock stubs."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    regression_pb2,
)


def test_predict_fills_model_spec_and_typed_fields(
    stub, make_request, request_inputs
):
    response = stub.Predict(make_request(request_inputs), timeout=60)
    assert response.model_spec.name == "linear"
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "serving_default"
    probabilities = response.outputs["probabilities"]
    assert len(probabilities.float_val) == 2 * 5 * 3
    rows = tf.make_ndarray(probabilities).sum(-1)
    np.testing.assert_allclose(rows, 1.0, atol=1e-6)


def test_predict_equals_the_learner(
    stub, make_request, request_inputs, learner, local_answer
):
    response = stub.Predict(make_request(request_inputs), timeout=60)
    expected = local_answer(learner, request_inputs)
    assert set(response.outputs) == set(expected)
    for name, value in expected.items():
        got = tf.make_ndarray(response.outputs[name])
        assert got.dtype == value.dtype
        np.testing.assert_allclose(got, value, atol=1e-5)


def test_two_calls_equal_one(stub, make_request, request_inputs):
    once = stub.Predict(make_request(request_inputs), timeout=60)
    query_x = request_inputs.pop("query_x")
    state = stub.Predict(
        make_request(request_inputs, signature="adapt"), timeout=60
    )
    assert sorted(state.outputs) == ["class_mask", "prototypes"]
    request = make_request({"query_x": query_x}, signature="predict")
    # The answer of one call goes into the next as it came.
    for name, value in state.outputs.items():
        request.inputs[name].CopyFrom(value)
    twice = stub.Predict(request, timeout=60)
    for name in ("probabilities", "logits", "classes"):
        np.testing.assert_allclose(
            tf.make_ndarray(twice.outputs[name]),
            tf.make_ndarray(once.outputs[name]),
            atol=1e-5,
        )


def test_predict_reads_typed_fields(stub, make_request, request_inputs):
    request = make_request(request_inputs)
    expected = stub.Predict(request, timeout=60)
    for name, field in (
        ("support_x", "float_val"),
        ("support_y", "int64_val"),
        ("query_x", "float_val"),
    ):
        proto = request.inputs[name]
        proto.tensor_content = b""
        getattr(proto, field).extend(request_inputs[name].ravel().tolist())
    assert stub.Predict(request, timeout=60).outputs == expected.outputs


def test_one_typed_value_fills_the_shape(stub, make_request):
    request = make_request({"x": np.zeros(4, np.float32)}, "typed", "double")
    request.inputs["x"].tensor_content = b""
    request.inputs["x"].float_val.append(3.0)
    answer = stub.Predict(request, timeout=60).outputs["y"]
    assert tf.make_ndarray(answer).tolist() == [6.0] * 4


@pytest.mark.parametrize(
    "value",
    [
        np.array([b"a", b"\xff\x00"], object),
        np.array(["\u00e9"], object),
    ],
)
def test_strings_pass_unchanged(stub, make_request, value):
    request = make_request({"text": value}, "typed", "text")
    outputs = stub.Predict(request, timeout=60).outputs
    expected = list(request.inputs["text"].string_val)
    for name in ("same", "same_bytes"):
        assert list(outputs[name].string_val) == expected


def test_every_number_passes_unchanged(stub, make_request):
    values = {
        "double": np.array([1e300, -0.5]),
        "int": np.array([-(2**31), 7], np.int32),
        "long": np.array([-(2**63), 2**53 + 1]),
        "byte": np.array([0, 255], np.uint8),
        "truth": np.array([True, False]),
    }
    request = make_request(values, "typed", "same")
    outputs = stub.Predict(request, timeout=60).outputs
    for name, value in values.items():
        got = tf.make_ndarray(outputs[name])
        assert got.dtype == value.dtype
        np.testing.assert_array_equal(got, value)


def test_half_is_read(stub, make_request):
    request = make_request(
        {"x": np.array([0.5, -2], np.float16)}, "typed", "half"
    )
    answer = stub.Predict(request, timeout=60).outputs["y"]
    assert tf.make_ndarray(answer).tolist() == [0.5, -2.0]


def test_output_filter_selects(stub, make_request, request_inputs):
    request = make_request(request_inputs)
    request.output_filter.append("classes")
    assert list(stub.Predict(request, timeout=60).outputs) == ["classes"]


@pytest.mark.parametrize("names", [["nope"], ["classes", "classes"]])
def test_bad_output_filter_is_invalid(
    stub, make_request, refused, request_inputs, names
):
    request = make_request(request_inputs)
    request.output_filter.extend(names)
    code, text = refused(stub.Predict, request)
    assert code == "INVALID_ARGUMENT"
    assert names[0] in text


def test_missing_input_lists_names(stub, make_request, refused, request_inputs):
    del request_inputs["query_x"]
    code, text = refused(stub.Predict, make_request(request_inputs))
    assert code == "INVALID_ARGUMENT"
    assert "input size does not match signature: 2!=3" in text
    assert "Missing but required: {query_x}" in text


def test_extra_input_is_invalid(stub, make_request, refused, request_inputs):
    request_inputs["more"] = np.zeros(2, np.float32)
    code, text = refused(stub.Predict, make_request(request_inputs))
    assert code == "INVALID_ARGUMENT"
    assert "Sent extra: {more}" in text


def test_wrong_name_is_invalid(stub, make_request, refused, request_inputs):
    request_inputs["queries"] = request_inputs.pop("query_x")
    code, text = refused(stub.Predict, make_request(request_inputs))
    assert code == "INVALID_ARGUMENT"
    assert "queries" in text


@pytest.mark.parametrize(
    ("case", "name", "change"),
    [
        ("dtype", "support_x", lambda x: x.astype(np.float64)),
        ("dtype", "support_y", lambda y: y.astype(np.int32)),
        ("dtype", "support_y", lambda y: np.array("text")),
        ("dtype", "query_x", lambda x: x.astype(np.complex64)),
        ("shape", "support_x", lambda x: x[0]),
        ("shape", "query_x", lambda x: x[None]),
        ("shape", "query_x", lambda x: x[:, :, :3]),
        ("shape", "query_x", lambda x: np.repeat(x, 3, -1)),
        ("shape", "support_y", lambda y: y[0, 0]),
        ("empty", "support_x", lambda x: x[:, :0]),
        ("empty", "query_x", lambda x: x[:, :0]),
    ],
)
def test_bad_tensor_is_named_and_server_lives(
    stub, make_request, refused, expect, request_inputs, case, name, change
):
    good = make_request(request_inputs)
    request_inputs[name] = change(request_inputs[name])
    code, text = refused(stub.Predict, make_request(request_inputs))
    expect(case, code, text, name)
    stub.Predict(good, timeout=60)


@pytest.mark.parametrize("name", ["support_x", "support_y", "query_x"])
def test_one_task_beside_several_is_not_broadcast(
    wire, stub, make_request, refused, request_inputs, name
):
    request_inputs[name] = request_inputs[name][:1]
    code, text = refused(stub.Predict, make_request(request_inputs))
    assert code == "INVALID_ARGUMENT"
    # The graph's own guard, unless the queue of batching is before it.
    part = "0th-dimension size" if wire.batching else "number of tasks"
    assert part in text


def test_bad_state_is_named(
    stub, make_request, refused, expect, request_inputs
):
    inputs = {
        "query_x": request_inputs["query_x"],
        "prototypes": np.zeros((2, 3, 7), np.float32),
        "class_mask": np.ones((2, 3), np.float32),
    }
    code, text = refused(
        stub.Predict, make_request(inputs, signature="predict")
    )
    expect("shape", code, text, "prototypes")


def test_labels_that_do_not_fit_examples_are_invalid(
    stub, make_request, refused, request_inputs
):
    request_inputs["support_y"] = request_inputs["support_y"][:, :4]
    code, _ = refused(stub.Predict, make_request(request_inputs))
    assert code == "INVALID_ARGUMENT"


def broken_content(proto):
    proto.tensor_content = proto.tensor_content[:-4]


def uneven_content(proto):
    proto.tensor_content = proto.tensor_content[:-1]


def negative_axis(proto):
    proto.tensor_shape.dim[0].size = -3


def unknown_rank(proto):
    proto.tensor_shape.unknown_rank = True


def one_value_for_all_memory(proto):
    proto.tensor_content = b""
    proto.float_val.append(1.0)
    proto.tensor_shape.dim[0].size = 10**12


def more_than_any_memory(proto):
    for dim in proto.tensor_shape.dim:
        dim.size = 2**40


def unknown_dtype(proto):
    proto.dtype = 99


def no_dtype(proto):
    proto.dtype = 0


def too_many_values(proto):
    proto.tensor_content = b""
    proto.float_val.extend([0.5] * 10_000)


@pytest.mark.parametrize(
    ("case", "spoil"),
    [
        ("proto", broken_content),
        ("proto", uneven_content),
        ("proto", negative_axis),
        ("proto", unknown_rank),
        ("proto", more_than_any_memory),
        ("proto", unknown_dtype),
        ("proto", no_dtype),
        ("proto", too_many_values),
        ("repeated value", one_value_for_all_memory),
    ],
)
def test_malformed_proto_is_a_parsing_error(
    wire, stub, make_request, refused, expect, request_inputs, case, spoil
):
    if case == "repeated value" and wire.kind == "real":
        pytest.skip("it would allocate the terabytes")
    request = make_request(request_inputs)
    spoil(request.inputs["support_x"])
    code, text = refused(stub.Predict, request)
    expect(case, code, text, "support_x")


@pytest.mark.parametrize("value", [-1, 3, 2**62])
def test_labels_outside_the_ways_spoil_nothing_else(
    stub, make_request, request_inputs, learner, local_answer, value
):
    expected = local_answer(learner, request_inputs)["probabilities"][1]
    request_inputs["support_y"][0, 0] = value
    outputs = stub.Predict(make_request(request_inputs), timeout=60).outputs
    got = tf.make_ndarray(outputs["probabilities"])
    np.testing.assert_allclose(got[1], expected, atol=1e-5)


def test_nan_reaches_its_own_task_only(
    stub, make_request, request_inputs, learner, local_answer
):
    expected = local_answer(learner, request_inputs)["probabilities"][1]
    request_inputs["query_x"][0] = np.nan
    outputs = stub.Predict(make_request(request_inputs), timeout=60).outputs
    got = tf.make_ndarray(outputs["probabilities"])
    assert np.isnan(got[0]).all()
    np.testing.assert_allclose(got[1], expected, atol=1e-5)


def test_unknown_model_is_not_found(
    stub, make_request, refused, request_inputs
):
    code, text = refused(stub.Predict, make_request(request_inputs, "nope"))
    assert code == "NOT_FOUND"
    assert text == "Servable not found for request: Latest(nope)"


@pytest.mark.parametrize("version", [9, 0, -1, 2**63 - 1])
def test_unknown_version_is_not_found(
    stub, make_request, refused, request_inputs, version
):
    request = make_request(request_inputs)
    request.model_spec.version.CopyFrom(wrappers_pb2.Int64Value(value=version))
    code, text = refused(stub.Predict, request)
    assert code == "NOT_FOUND"
    expected = f"Servable not found for request: Specific(linear, {version})"
    assert text == expected


def test_missing_model_name_is_invalid(
    stub, make_request, refused, request_inputs
):
    code, _ = refused(stub.Predict, make_request(request_inputs, ""))
    assert code == "INVALID_ARGUMENT"


def test_unknown_signature_is_failed_precondition(
    stub, make_request, refused, request_inputs
):
    request = make_request(request_inputs, signature="nope")
    code, text = refused(stub.Predict, request)
    assert code == "FAILED_PRECONDITION"
    assert '"nope"' in text


def test_long_error_text_is_cut(stub, make_request, refused, request_inputs):
    request = make_request(request_inputs, signature="n" * 5000)
    code, text = refused(stub.Predict, request)
    assert code == "FAILED_PRECONDITION"
    assert len(text) == 1024


def test_classify_regress_and_multi_inference_are_refused(
    stub, refused, caplog
):
    classify = classification_pb2.ClassificationRequest()
    regress = regression_pb2.RegressionRequest()
    multi = inference_pb2.MultiInferenceRequest()
    classify.model_spec.name = regress.model_spec.name = "linear"
    multi.tasks.add().model_spec.name = "linear"
    for call, request in (
        (stub.Classify, classify),
        (stub.Regress, regress),
        (stub.MultiInference, multi),
    ):
        answer = refused(call, request)
        assert answer == ("INVALID_ARGUMENT", "Expected one input Tensor.")
    assert "Exception serializing" not in caplog.text
