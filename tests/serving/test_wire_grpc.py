"""The gRPC wire, spoken with the stock stubs."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import wrappers_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as opened:
        yield opened


@pytest.fixture(scope="module")
def stub(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def models(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def make_request(inputs, name="linear", signature=""):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return request


def refused(call, request, timeout=60.0):
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=timeout)
    return caught.value.code().name, caught.value.details()


def test_predict_fills_model_spec_and_typed_fields(stub, request_inputs):
    response = stub.Predict(make_request(request_inputs), timeout=60)
    assert response.model_spec.name == "linear"
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "serving_default"
    probabilities = response.outputs["probabilities"]
    assert len(probabilities.float_val) == 2 * 5 * 3
    rows = tf.make_ndarray(probabilities).sum(-1)
    np.testing.assert_allclose(rows, 1.0, atol=1e-6)


def test_predict_reads_typed_fields(stub, request_inputs):
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


def test_output_filter_selects(stub, request_inputs):
    request = make_request(request_inputs)
    request.output_filter.append("classes")
    assert list(stub.Predict(request, timeout=60).outputs) == ["classes"]


@pytest.mark.parametrize("names", [["nope"], ["classes", "classes"]])
def test_bad_output_filter_is_invalid(stub, request_inputs, names):
    request = make_request(request_inputs)
    request.output_filter.extend(names)
    code, text = refused(stub.Predict, request)
    assert code == "INVALID_ARGUMENT"
    assert names[0] in text


def test_missing_input_lists_names(stub, request_inputs):
    del request_inputs["query_x"]
    code, text = refused(stub.Predict, make_request(request_inputs))
    assert code == "INVALID_ARGUMENT"
    assert "input size does not match signature: 2!=3" in text
    assert "Missing but required: {query_x}" in text


def test_extra_input_is_invalid(stub, request_inputs):
    request_inputs["more"] = np.zeros(2, np.float32)
    code, text = refused(stub.Predict, make_request(request_inputs))
    assert code == "INVALID_ARGUMENT"
    assert "Sent extra: {more}" in text


def test_wrong_name_is_invalid(stub, request_inputs):
    request_inputs["queries"] = request_inputs.pop("query_x")
    code, text = refused(stub.Predict, make_request(request_inputs))
    assert code == "INVALID_ARGUMENT"
    assert "queries" in text


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("support_x", lambda x: x.astype(np.float64)),
        ("support_y", lambda y: y.astype(np.int32)),
        ("support_x", lambda x: x[0]),
        ("query_x", lambda x: x[None]),
        ("query_x", lambda x: x[:, :, :3]),
        ("support_x", lambda x: x[:, :0]),
        ("query_x", lambda x: x[:, :0]),
        ("support_y", lambda y: np.array("text")),
    ],
)
def test_bad_tensor_is_named_and_server_lives(
    stub, request_inputs, name, change
):
    good = make_request(request_inputs)
    request_inputs[name] = change(request_inputs[name])
    code, text = refused(stub.Predict, make_request(request_inputs))
    assert code == "INVALID_ARGUMENT"
    assert repr(name) in text
    stub.Predict(good, timeout=60)


def test_bad_state_is_named(stub, request_inputs):
    inputs = {
        "query_x": request_inputs["query_x"],
        "prototypes": np.zeros((2, 3, 7), np.float32),
    }
    code, text = refused(
        stub.Predict, make_request(inputs, signature="predict")
    )
    assert code == "INVALID_ARGUMENT"
    assert "'prototypes'" in text


@pytest.mark.parametrize("name", ["support_x", "support_y", "query_x"])
def test_one_task_beside_several_is_not_broadcast(stub, request_inputs, name):
    request_inputs[name] = request_inputs[name][:1]
    code, text = refused(stub.Predict, make_request(request_inputs))
    assert code == "INVALID_ARGUMENT"
    assert "number of tasks" in text


def test_labels_that_do_not_fit_examples_are_invalid(stub, request_inputs):
    request_inputs["support_y"] = request_inputs["support_y"][:, :4]
    code, _ = refused(stub.Predict, make_request(request_inputs))
    assert code == "INVALID_ARGUMENT"


def broken_content(proto):
    proto.tensor_content = proto.tensor_content[:-4]


def negative_axis(proto):
    proto.tensor_shape.dim[0].size = -3


def unknown_rank(proto):
    proto.tensor_shape.unknown_rank = True


def one_value_for_all_memory(proto):
    proto.tensor_content = b""
    proto.float_val.append(1.0)
    proto.tensor_shape.dim[0].size = 10**12


def unknown_dtype(proto):
    proto.dtype = 99


@pytest.mark.parametrize(
    "spoil",
    [
        broken_content,
        negative_axis,
        unknown_rank,
        one_value_for_all_memory,
        unknown_dtype,
    ],
)
def test_malformed_proto_is_a_parsing_error(stub, request_inputs, spoil):
    request = make_request(request_inputs)
    spoil(request.inputs["support_x"])
    code, text = refused(stub.Predict, request)
    assert code == "INVALID_ARGUMENT"
    assert "tensor parsing error: support_x" in text


def test_unknown_model_is_not_found(stub, request_inputs):
    code, text = refused(stub.Predict, make_request(request_inputs, "nope"))
    assert code == "NOT_FOUND"
    assert text == "Servable not found for request: Latest(nope)"


def test_unknown_version_is_not_found(stub, request_inputs):
    request = make_request(request_inputs)
    request.model_spec.version.CopyFrom(wrappers_pb2.Int64Value(value=9))
    code, text = refused(stub.Predict, request)
    assert code == "NOT_FOUND"
    assert text == "Servable not found for request: Specific(linear, 9)"


def test_unknown_label_is_invalid(stub, request_inputs):
    request = make_request(request_inputs)
    request.model_spec.version_label = "canary"
    code, text = refused(stub.Predict, request)
    assert code == "INVALID_ARGUMENT"
    assert "canary" in text


def test_missing_model_name_is_invalid(stub, request_inputs):
    code, _ = refused(stub.Predict, make_request(request_inputs, ""))
    assert code == "INVALID_ARGUMENT"


def test_unknown_signature_is_failed_precondition(stub, request_inputs):
    request = make_request(request_inputs, signature="nope")
    code, text = refused(stub.Predict, request)
    assert code == "FAILED_PRECONDITION"
    assert '"nope"' in text


def test_passed_deadline_is_deadline_exceeded(stub, new_episode):
    big = new_episode(200, 0, support=60, query=600)
    inputs = {
        name: getattr(big, name)
        for name in ("support_x", "support_y", "query_x")
    }
    code, _ = refused(stub.Predict, make_request(inputs), timeout=0.001)
    assert code == "DEADLINE_EXCEEDED"


def test_metadata_packs_signature_defs(stub):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "linear"
    request.metadata_field.append("signature_def")
    response = stub.GetModelMetadata(request, timeout=60)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(found)
    definition = found.signature_def["serving_default"]
    assert sorted(definition.inputs) == ["query_x", "support_x", "support_y"]
    assert definition.method_name == "tensorflow/serving/predict"
    assert response.model_spec.version.value == 1


@pytest.mark.parametrize("fields", [[], ["signatures"]])
def test_metadata_wants_exactly_signature_def(stub, fields):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "linear"
    request.metadata_field.extend(fields)
    code, _ = refused(stub.GetModelMetadata, request)
    assert code == "INVALID_ARGUMENT"


def test_classify_regress_and_multi_inference_are_refused(stub, caplog):
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


def test_status_of_version_and_unknowns(models, caplog):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "linear"
    request.model_spec.version_label = "ignored"
    (entry,) = models.GetModelStatus(request, timeout=60).model_version_status
    assert (entry.version, entry.state) == (1, 30)
    request.model_spec.version.value = 7
    assert refused(models.GetModelStatus, request)[0] == "NOT_FOUND"
    request.model_spec.name = "nope"
    assert refused(models.GetModelStatus, request)[0] == "NOT_FOUND"
    assert "Exception serializing" not in caplog.text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([{"base_path": "relative"}], "INVALID_ARGUMENT"),
        ([{"model_platform": ""}], "INVALID_ARGUMENT"),
        ([{}, {}], "INVALID_ARGUMENT"),
        ([{"version_labels": {"new": 9}}], "FAILED_PRECONDITION"),
    ],
)
def test_bad_reload_changes_nothing(
    models, model_dir, stub, request_inputs, changes, expected
):
    request = model_management_pb2.ReloadConfigRequest()
    for change in changes:
        request.config.model_config_list.config.add(
            **{
                "name": "linear",
                "base_path": str(model_dir),
                "model_platform": "tensorflow",
                **change,
            }
        )
    assert refused(models.HandleReloadConfigRequest, request)[0] == expected
    stub.Predict(make_request(request_inputs), timeout=60)


@pytest.mark.parametrize("service", ["", "ModelService", "PredictionService"])
def test_health_is_serving(channel, service):
    stub = health_pb2_grpc.HealthStub(channel)
    answer = stub.Check(
        health_pb2.HealthCheckRequest(service=service), timeout=10
    )
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
