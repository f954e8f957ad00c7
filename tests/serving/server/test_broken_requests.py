"""Requests that break the rules of their protocol."""

from __future__ import annotations

import logging

import grpc
import pytest
from server_requests import (
    channel_of,
    connected,
    head,
    predict,
    read_all,
    status_of,
)
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET /v1/models HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\n\r\n",
        head(5, "Transfer-Encoding: chunked"),
        head(-1),
        head("5x"),
        head(None, "Transfer-Encoding: chunked") + b"zz\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_one_line(
    limited, body, caplog, request_bytes
):
    caplog.set_level(logging.WARNING)
    with connected(limited) as broken:
        broken.sendall(request_bytes)
        answer = read_all(broken)
    assert not answer or 400 <= status_of(answer) < 500
    assert "Traceback" not in caplog.text
    assert predict(limited, body)[0] == 200


def test_head_alone_gets_the_status_of_the_request(limited):
    with connected(limited) as opened:
        opened.sendall(b"HEAD /v1/models/linear HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status_of(opened.recv(1000)) == 400


@pytest.mark.parametrize("make", ["status", "metadata", "predict"])
def test_request_without_model_spec_is_invalid(limited, make):
    with channel_of(limited) as channel:
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        metadata = get_model_metadata_pb2.GetModelMetadataRequest()
        metadata.metadata_field.append("signature_def")
        call, request = {
            "status": (
                models.GetModelStatus,
                get_model_status_pb2.GetModelStatusRequest(),
            ),
            "metadata": (stub.GetModelMetadata, metadata),
            "predict": (stub.Predict, predict_pb2.PredictRequest()),
        }[make]
        with pytest.raises(grpc.RpcError, match="Missing ModelSpec") as caught:
            call(request, timeout=20)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
