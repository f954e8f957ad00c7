"""Versions, labels, status, metadata and the reload of the list."""

from __future__ import annotations

import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
)
from wire_models import MODELS, WireModel

VERSIONS = {1: "stable", 2: "canary"}


@pytest.fixture
def answer_of(learner, second_learner, local_answer, request_inputs):
    def expected(version):
        chosen = learner if version == 1 else second_learner
        return local_answer(chosen, request_inputs)["probabilities"]

    return expected


@pytest.mark.parametrize("version", VERSIONS)
def test_version_and_label_choose_the_model(
    stub, make_request, request_inputs, answer_of, version
):
    by_version = make_request(request_inputs, "pair")
    by_version.model_spec.version.value = version
    by_label = make_request(request_inputs, "pair")
    by_label.model_spec.version_label = VERSIONS[version]
    for request in (by_version, by_label):
        response = stub.Predict(request, timeout=60)
        assert response.model_spec.version.value == version
        np.testing.assert_allclose(
            tf.make_ndarray(response.outputs["probabilities"]),
            answer_of(version),
            atol=1e-5,
        )


@pytest.mark.parametrize(
    ("part", "version"),
    [
        ("", 2),
        ("/versions/1", 1),
        ("/versions/2", 2),
        ("/labels/stable", 1),
        ("/labels/canary", 2),
    ],
)
def test_rest_path_chooses_the_model(ask, columns, answer_of, part, version):
    path = f"/v1/models/pair{part}:predict"
    _, answer = ask("POST", path, {"inputs": columns})
    np.testing.assert_allclose(
        answer["outputs"]["probabilities"], answer_of(version), atol=1e-5
    )


def test_highest_version_answers_by_default(stub, make_request, request_inputs):
    response = stub.Predict(make_request(request_inputs, "pair"), timeout=60)
    assert response.model_spec.version.value == 2


def test_unknown_label_is_invalid(stub, make_request, refused, request_inputs):
    request = make_request(request_inputs, "pair")
    request.model_spec.version_label = "nope"
    code, text = refused(stub.Predict, request)
    assert code == "INVALID_ARGUMENT"
    assert "nope" in text


def metadata_request(name, *fields):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = name
    request.metadata_field.extend(fields)
    return request


def test_metadata_packs_signature_defs(stub):
    request = metadata_request("pair", "signature_def")
    request.model_spec.version.value = 1
    response = stub.GetModelMetadata(request, timeout=60)
    assert response.model_spec.name == "pair"
    assert response.model_spec.version.value == 1
    found = get_model_metadata_pb2.SignatureDefMap()
    assert list(response.metadata) == ["signature_def"]
    assert response.metadata["signature_def"].Unpack(found)
    assert {"adapt_predict", "adapt", "predict"} < set(found.signature_def)
    definition = found.signature_def["serving_default"]
    assert sorted(definition.inputs) == ["query_x", "support_x", "support_y"]
    assert definition.method_name == "tensorflow/serving/predict"


@pytest.mark.parametrize(
    "fields", [[], ["signatures"], ["signature_def", "more"]]
)
def test_metadata_wants_exactly_signature_def(stub, refused, fields):
    request = metadata_request("linear", *fields)
    assert refused(stub.GetModelMetadata, request)[0] == "INVALID_ARGUMENT"


def test_metadata_of_unknowns(stub, refused):
    request = metadata_request("nope", "signature_def")
    assert refused(stub.GetModelMetadata, request)[0] == "NOT_FOUND"
    request = metadata_request("linear", "signature_def")
    request.model_spec.version.value = 9
    assert refused(stub.GetModelMetadata, request)[0] == "NOT_FOUND"
    request = metadata_request("", "signature_def")
    assert refused(stub.GetModelMetadata, request)[0] == "INVALID_ARGUMENT"


def test_metadata_json(ask):
    _, answer = ask("GET", "/v1/models/linear/metadata")
    assert answer["model_spec"] == {
        "name": "linear",
        "signature_name": "",
        "version": "1",
    }
    found = answer["metadata"]["signature_def"]["signature_def"]
    signature = found["adapt_predict"]
    assert set(signature) == {"inputs", "outputs", "method_name", "defaults"}
    assert signature["method_name"] == "tensorflow/serving/predict"
    support_y = signature["inputs"]["support_y"]
    assert support_y["dtype"] == "DT_INT64"
    dims = support_y["tensor_shape"]["dim"]
    assert dims == [{"size": "-1", "name": ""}] * 2


def status_request(name, version=None):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = name
    if version is not None:
        value = wrappers_pb2.Int64Value(value=version)
        request.model_spec.version.CopyFrom(value)
    return request


def test_status_lists_versions(models):
    response = models.GetModelStatus(status_request("pair"), timeout=60)
    found = [
        (e.version, e.state, e.status.error_code)
        for e in response.model_version_status
    ]
    assert sorted(found) == [(1, 30, 0), (2, 30, 0)]
    response = models.GetModelStatus(status_request("pair", 1), timeout=60)
    assert [e.version for e in response.model_version_status] == [1]


def test_status_ignores_labels(models):
    request = status_request("pair")
    request.model_spec.version_label = "never-heard-of"
    response = models.GetModelStatus(request, timeout=60)
    assert len(response.model_version_status) == 2


def test_status_of_unknowns_is_not_found(models, refused, caplog):
    for request in (status_request("nope"), status_request("linear", 7)):
        assert refused(models.GetModelStatus, request)[0] == "NOT_FOUND"
    assert "Exception serializing" not in caplog.text


def status_entry(version):
    return {
        "version": str(version),
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }


@pytest.mark.parametrize(
    ("path", "versions"),
    [
        ("/v1/models/pair", [2, 1]),
        ("/v1/models/pair/versions/1", [1]),
        ("/v1/models/pair/labels/stable", [1]),
    ],
)
def test_status_json(ask, wire, path, versions):
    status, answer = ask("GET", path)
    assert status == 200
    found = answer["model_version_status"]
    if "labels" in path:
        # The label is resolved over REST or ignored; both name the version.
        assert status_entry(1) in found
        return
    assert found == [status_entry(version) for version in versions]


def wait_for_states(models, name, expected, seconds=20.0):
    limit = time.monotonic() + seconds
    found = None
    while found != expected and time.monotonic() < limit:
        response = models.GetModelStatus(status_request(name), timeout=60)
        found = {e.state for e in response.model_version_status}
        time.sleep(0.05)
    assert found == expected


def test_reload_replaces_the_whole_list(
    restored, models, stub, make_request, refused, request_inputs
):
    restored.reload(restored.config([WireModel("linear")]))
    code, text = refused(stub.Predict, make_request(request_inputs, "pair"))
    assert code == "NOT_FOUND"
    assert text == "Servable not found for request: Latest(pair)"
    wait_for_states(models, "pair", {50})
    stub.Predict(make_request(request_inputs), timeout=60)
    restored.serve_all()
    # It returns only when what is new can be asked.
    stub.Predict(make_request(request_inputs, "pair"), timeout=60)


def test_reload_moves_labels_forth_and_back(
    restored, stub, make_request, request_inputs
):
    request = make_request(request_inputs, "pair")
    request.model_spec.version_label = "stable"
    for version in (2, 1):
        labels = {"stable": version}
        restored.reload(restored.config([WireModel("pair", True, labels)]))
        response = stub.Predict(request, timeout=60)
        assert response.model_spec.version.value == version


def test_specific_versions_are_served(
    restored, stub, make_request, request_inputs
):
    config = restored.config([WireModel("pair")])
    entry = config.model_config_list.config[0]
    entry.model_version_policy.specific.versions.append(1)
    restored.reload(config)
    response = stub.Predict(make_request(request_inputs, "pair"), timeout=60)
    assert response.model_spec.version.value == 1


BAD_RELOADS = {
    "relative path": (
        lambda entry: setattr(entry, "base_path", "relative"),
        "INVALID_ARGUMENT",
    ),
    "no platform": (
        lambda entry: entry.ClearField("model_platform"),
        "INVALID_ARGUMENT",
    ),
    "label on nothing": (
        lambda entry: entry.version_labels.update({"new": 9}),
        "FAILED_PRECONDITION",
    ),
}


@pytest.mark.parametrize("case", BAD_RELOADS)
def test_bad_reload_changes_nothing(
    wire, models, refused, stub, make_request, request_inputs, case
):
    spoil, expected = BAD_RELOADS[case]
    request = model_management_pb2.ReloadConfigRequest(config=wire.config())
    spoil(request.config.model_config_list.config[0])
    code, text = refused(models.HandleReloadConfigRequest, request)
    assert code == expected, text
    for model in ("linear", "pair"):
        stub.Predict(make_request(request_inputs, model), timeout=60)


def test_reload_of_one_name_twice_is_invalid(wire, models, refused):
    config = wire.config(MODELS + MODELS[:1])
    request = model_management_pb2.ReloadConfigRequest(config=config)
    code, _ = refused(models.HandleReloadConfigRequest, request)
    assert code == "INVALID_ARGUMENT"


def test_reload_without_list_is_invalid(models, refused):
    request = model_management_pb2.ReloadConfigRequest()
    code, _ = refused(models.HandleReloadConfigRequest, request)
    assert code == "INVALID_ARGUMENT"


def test_reload_on_missing_path_ends_with_the_deadline(
    restored, models, stub, make_request, request_inputs
):
    config = restored.config((*MODELS, WireModel("missing")))
    request = model_management_pb2.ReloadConfigRequest(config=config)
    with pytest.raises(grpc.RpcError) as caught:
        models.HandleReloadConfigRequest(request, timeout=1)
    assert caught.value.code() != grpc.StatusCode.UNKNOWN
    stub.Predict(make_request(request_inputs), timeout=60)
