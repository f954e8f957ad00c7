"""Requests that must be refused, spoilt, or left unanswered."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
)

from soaking.case import Arrays, Case
from soaking.good import CHURN, PINNED, Teacher, make_episode
from soaking.wire import PREDICT, grpc_request, json_body, url

SERVICES = "/tensorflow.serving"
SIZE = (2, 3, 2, 4)
Change = Callable[[np.ndarray], np.ndarray]

# (kind, tensor, change): refused over both transports with its name.
BAD_TENSORS: tuple[tuple[str, str, Change], ...] = (
    ("wrong rank", "support_x", lambda x: x[0]),
    ("wrong rank", "query_x", lambda x: x[None]),
    ("wrong rank", "support_y", lambda y: y[..., None]),
    ("wrong size", "query_x", lambda x: x[:, :, 1:]),
    ("wrong channels", "support_x", lambda x: np.repeat(x, 3, -1)),
    ("empty support", "support_x", lambda x: x[:, :0]),
    ("empty query", "query_x", lambda x: x[:, :0]),
)


def bad_cases(teacher: Teacher, rng: np.random.Generator) -> Iterator[Case]:
    """Makes every kind of malformed request."""
    episode = make_episode(rng, teacher.shape, SIZE)
    yield from _bad_tensors(episode)
    yield from _bad_names(episode)
    yield from _bad_types(episode)
    yield from _bad_targets(episode)
    yield from _bad_bodies(episode)
    yield from _spoilt(teacher, episode)
    yield from _odd_connections(teacher, episode)


def _both(kind: str, inputs: Arrays, part: str) -> Iterator[Case]:
    request = grpc_request(CHURN, "adapt_predict", inputs)
    payload = request.SerializeToString()
    yield Case(kind, "grpc", PREDICT, payload, "INVALID_ARGUMENT", part)
    for rows in (False, True):
        if rows and len({len(v) for v in inputs.values()}) > 1:
            continue
        body = json_body("adapt_predict", inputs, rows)
        yield Case(kind, "rest", url(CHURN), body, "400", part)


def _bad_tensors(episode: Arrays) -> Iterator[Case]:
    for kind, name, change in BAD_TENSORS:
        inputs = {**episode, name: change(episode[name])}
        yield from _both(kind, inputs, name)


def _bad_names(episode: Arrays) -> Iterator[Case]:
    fewer = {k: v for k, v in episode.items() if k != "query_x"}
    yield from _both("missing input", fewer, "query_x")
    wrong = {**fewer, "queries": episode["query_x"]}
    request = grpc_request(CHURN, "adapt_predict", wrong)
    payload = request.SerializeToString()
    yield Case("wrong name", "grpc", PREDICT, payload, INVALID, "queries")
    more = {**episode, "more": np.zeros(2, np.float32)}
    request = grpc_request(CHURN, "adapt_predict", more)
    payload = request.SerializeToString()
    yield Case("extra input", "grpc", PREDICT, payload, INVALID, "more")
    body = json_body("adapt_predict", more, rows=True)
    yield Case("extra input", "rest", url(CHURN), body, "400", "more")


INVALID = "INVALID_ARGUMENT"


def _bad_types(episode: Arrays) -> Iterator[Case]:
    for name, dtype in (("support_x", np.float64), ("support_y", np.int32)):
        inputs = {**episode, name: episode[name].astype(dtype)}
        request = grpc_request(CHURN, "adapt_predict", inputs)
        payload = request.SerializeToString()
        yield Case("wrong dtype", "grpc", PREDICT, payload, INVALID, name)
    inputs = {**episode, "support_y": episode["support_y"] + 0.5}
    body = json_body("adapt_predict", inputs, rows=False)
    yield Case("wrong dtype", "rest", url(CHURN), body, "400", "support_y")
    request = grpc_request(CHURN, "adapt_predict", episode)
    proto = request.inputs["query_x"]
    proto.tensor_content = proto.tensor_content[:-3]
    payload = request.SerializeToString()
    part = "tensor parsing error: query_x"
    yield Case("broken content", "grpc", PREDICT, payload, INVALID, part)


def _bad_targets(episode: Arrays) -> Iterator[Case]:
    signature = "adapt_predict"
    targets = (
        ("model", grpc_request("nope", signature, episode), "NOT_FOUND"),
        (
            "version",
            grpc_request(PINNED, signature, episode, version=77),
            "NOT_FOUND",
        ),
        (
            "label",
            grpc_request(PINNED, signature, episode, label="nope"),
            INVALID,
        ),
        (
            "signature",
            grpc_request(CHURN, "nope", episode),
            "FAILED_PRECONDITION",
        ),
    )
    for what, request, status in targets:
        payload = request.SerializeToString()
        kind, part = f"unknown {what}", "77" if what == "version" else "nope"
        yield Case(kind, "grpc", PREDICT, payload, status, part)
    body = json_body("", episode, rows=False)
    for what, path, status, part in (
        ("model", url("nope"), "404", "nope"),
        ("version", url(PINNED, "/versions/77"), "404", "77"),
        ("label", url(PINNED, "/labels/nope"), "400", "nope"),
    ):
        yield Case(f"unknown {what}", "rest", path, body, status, part)
    body = json_body("nope", episode, rows=True)
    yield Case("unknown signature", "rest", url(CHURN), body, "400", "nope")


def _bad_bodies(episode: Arrays) -> Iterator[Case]:
    whole = json_body("", episode, rows=False)
    ragged = whole.replace(b"]]], [[[", b"]], [[[", 1)
    gzipped = {"Content-Encoding": "gzip"}
    for kind, body, part, headers in (
        ("bad JSON", whole[:-10], "JSON", {}),
        ("bad JSON", b"\xff\xfe\x00", "JSON", {}),
        ("bad JSON", b"[" * 5000, "JSON", {}),
        ("bad JSON", ragged, "", {}),
        ("no object", b"[1, 2]", "object", {}),
        ("no form", b'{"signature_name": ""}', "instances", {}),
        ("no gzip", whole, "gzip", gzipped),
    ):
        yield Case(kind, "rest", url(CHURN), body, "400", part, {}, headers)
    path = "/v1/models/churn/nothing"
    yield Case("bad path", "rest", path, whole, "400", "Malformed request")
    yield Case("bad path", "rest", "/elsewhere", whole, "404")


def _spoilt(teacher: Teacher, episode: Arrays) -> Iterator[Case]:
    """Faults of the data: NaN in the task at fault, the other one right."""
    label, far, query, support = (
        {k: v.copy() for k, v in episode.items()} for _ in range(4)
    )
    label["support_y"][0, 0] = -1
    far["support_y"][0, 0] = 2**40
    query["query_x"][0, 0] = np.nan
    support["support_x"][0, 0] = np.inf
    for kind, inputs in (
        ("label out of range", label),
        ("label out of range", far),
        ("NaN query", query),
        ("infinite support", support),
    ):
        right = teacher.answers("adapt_predict", episode)
        answers = {w: _first_spoilt(a) for w, a in right.items()}
        request = grpc_request(CHURN, "adapt_predict", inputs)
        payload = request.SerializeToString()
        yield Case(kind, "grpc", PREDICT, payload, "OK", answers=answers)
        body = json_body("adapt_predict", inputs, rows=False)
        yield Case(kind, "rest", url(CHURN), body, "200", answers=answers)


def _first_spoilt(answer: Arrays) -> Arrays:
    spoilt = {name: value.copy() for name, value in answer.items()}
    for value in spoilt.values():
        value[0] = np.nan if value.dtype.kind == "f" else -1
    return spoilt


def _odd_connections(teacher: Teacher, episode: Arrays) -> Iterator[Case]:
    answers = teacher.answers("adapt_predict", episode)
    request = grpc_request(CHURN, "adapt_predict", episode)
    payload = request.SerializeToString()
    body = json_body("adapt_predict", episode, rows=True)
    cut = Case("cut", "grpc", PREDICT, payload, "left", mode="cut")
    yield cut
    yield dataclasses.replace(
        cut, transport="rest", path=url(CHURN), payload=body
    )
    yield Case(
        "slow sender",
        "rest",
        url(CHURN),
        body,
        "200",
        answers=answers,
        mode="slow",
    )
    spaces, brackets = b" " * 2**20, b"[" * 2**20
    for payload in (spaces, brackets):
        yield Case("huge", "rest", url(CHURN), payload, "400", mode="huge")


def other_cases() -> Iterator[Case]:
    """Status and metadata, over both transports."""
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = PINNED
    metadata = get_model_metadata_pb2.GetModelMetadataRequest()
    metadata.model_spec.name = CHURN
    metadata.metadata_field.append("signature_def")
    for kind, path, request in (
        ("status", f"{SERVICES}.ModelService/GetModelStatus", status),
        (
            "metadata",
            f"{SERVICES}.PredictionService/GetModelMetadata",
            metadata,
        ),
    ):
        yield Case(kind, "grpc", path, request.SerializeToString(), "OK")
    yield Case("status", "rest", f"/v1/models/{PINNED}", b"", "200")
    yield Case("metadata", "rest", f"/v1/models/{CHURN}/metadata", b"", "200")
