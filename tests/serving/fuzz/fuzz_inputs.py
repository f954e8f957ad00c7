"""Mutated requests, from a seeded random number generator alone."""

from __future__ import annotations

import base64
import copy
import gzip
import json

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
)

TOKENS = [
    *(b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"\\u0000", b"\\ud800"),
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e400", b"-0", b"0.1e-400"),
    *(b"9223372036854775808", b"1" * 400, b"\x00", b"\xff", b"\xed\xa0\x80"),
    *(b"instances", b"inputs", b"signature_name", b'{"b64":"AA=="}', b" \n"),
    *(b"[[[", b"]]]", b"1.", b".5", b"+1", b"01", b"--1", b"1e", b"//", b"'"),
]
ODD_VALUES = [
    *(None, True, False, 0, -1, 1.5, 2**31, 2**63, -(2**63), 2**64, 1e300),
    *("", "a", "\u00e9", "\ud800", "NaN", [], {}, [[]], [{}], [None], [1, "a"]),
    *({"b64": "AA=="}, {"b64": "*"}, {"b64": 3}, {"b64": "AA==", "x": 1}),
    *(float("nan"), float("inf"), [float("nan")], [[1], [2, 3]], [True, 1]),
]
# A longer one would time the sender.
LONGEST = 2**20
ODD_SIZES = [0, 1, -1, -2, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63), 3]
DTYPES = [*range(24), 101, 102, 114, 120, 121, 2**31 - 1, -1]
TYPED_FIELDS = {
    "float_val": 1.5,
    "double_val": 1e300,
    "int_val": 2**31 - 1,
    "int64_val": -(2**63),
    "bool_val": True,
    "string_val": b"\xff\x00",
    "half_val": 70000,
    "uint32_val": 2**32 - 1,
    "uint64_val": 2**64 - 1,
    "scomplex_val": 0.5,
    "dcomplex_val": 0.5,
}

VALUES = {
    "double": {"x": [1.0, 2.5]},
    "same": {
        "double": [0.5],
        "int": [1],
        "long": [2],
        "byte": [3],
        "truth": [True],
    },
    "half": {"x": [1.0]},
    "text": {"text": ["a", {"b64": "AAE="}]},
    "length": {"x": ["abc"]},
    "total": {"x": [1.0, 2.0]},
    "totals": {"x": [1.0, 2.0]},
    "outer": {"a": [1.0], "b": [2.0, 3.0]},
    "wide": {"x": [[float(i % 7) for i in range(80)] for _ in range(3)]},
}


def mutated_bytes(rng, data):
    """Changes a few places of some bytes."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(data))
        to = min(len(data), at + rng.choice([0, 1, 1, 2, 8, 64]))
        choice = rng.randrange(5)
        if choice == 0:
            data[at:to] = rng.choice(TOKENS)
        elif choice == 1:
            data[at:to] = rng.randbytes(rng.choice([0, 1, 2, 4]))
        elif choice == 2:
            data[at:at] = data[at:to] * rng.choice([1, 3, 50])
        elif choice == 3:
            del data[at:to]
        else:
            del data[to:]
    return bytes(data)


def json_document(rng):
    """A request by rows or columns, with a few of its parts spoilt."""
    signature = rng.choice(list(VALUES))
    inputs = copy.deepcopy(VALUES[signature])
    document = {"signature_name": signature}
    if rng.random() < 0.5:
        document["inputs"] = inputs
    else:
        size = min(map(len, inputs.values()))
        document["instances"] = [
            {key: value[row] for key, value in inputs.items()}
            for row in range(size)
        ]
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        document = _spoil(rng, document)
    return document


def _spoil(rng, value):
    if rng.random() < 0.3 or not value or not isinstance(value, list | dict):
        if rng.random() < 0.2:
            return [value] * rng.choice([0, 1, 3, 300])
        return copy.deepcopy(rng.choice(ODD_VALUES))
    if isinstance(value, list):
        index = rng.randrange(len(value))
        return [*value[:index], _spoil(rng, value[index]), *value[index + 1 :]]
    key = rng.choice(list(value))
    changed = {k: v for k, v in value.items() if k != key}
    choice = rng.random()
    if choice < 0.1:
        return changed
    if choice < 0.2:
        return {**value, rng.choice(["more", "", "\ud800", "inputs"]): 1}
    return {**changed, key: _spoil(rng, value[key])}


def json_body(rng):
    body = json.dumps(json_document(rng)).encode()[:LONGEST]
    return mutated_bytes(rng, body) if rng.random() < 0.4 else body


def gzip_body(rng):
    body = gzip.compress(json_body(rng), rng.choice([0, 1, 9]))
    return mutated_bytes(rng, body) if rng.random() < 0.8 else body


def predict_request(rng):
    """A PredictRequest with spoilt tensors, names or model."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "typed"
    signature = rng.choice(list(VALUES))
    request.model_spec.signature_name = signature
    for name, value in VALUES[signature].items():
        if signature in ("text", "length"):
            value = np.array([b"ab", b""], object)
        proto = tf.make_tensor_proto(value, shape=np.shape(value))
        request.inputs[name].CopyFrom(proto)
    for _ in range(rng.choice([0, 1, 1, 2, 4])):
        name = rng.choice(list(request.inputs))
        _spoil_tensor(rng, request.inputs[name])
    if rng.random() < 0.15:
        _spoil_spec(rng, request.model_spec)
    if rng.random() < 0.1:
        request.output_filter.append(rng.choice(["y", "x", "", "\x00"]))
    if rng.random() < 0.1:
        request.inputs[rng.choice(["", "more", "\u00e9"])].dtype = 1
    return _sometimes_mutated(rng, request)


def _sometimes_mutated(rng, message):
    data = message.SerializeToString()
    return mutated_bytes(rng, data) if rng.random() < 0.3 else data


def _spoil_tensor(rng, proto):
    choice = rng.randrange(7)
    if choice == 0:
        proto.dtype = rng.choice(DTYPES)
    elif choice == 1:
        proto.tensor_shape.dim.add().size = rng.choice(ODD_SIZES)
    elif choice == 2 and proto.tensor_shape.dim:
        dim = rng.choice(list(proto.tensor_shape.dim))
        dim.size = rng.choice(ODD_SIZES)
    elif choice == 3:
        size = rng.choice([0, 1, 3, 4, 8, 9, 64, 1000])
        proto.tensor_content = rng.randbytes(size)
    elif choice == 4:
        field = rng.choice(list(TYPED_FIELDS))
        values = [TYPED_FIELDS[field]] * rng.choice([1, 2, 5])
        getattr(proto, field).extend(values)
    elif choice == 5:
        proto.tensor_shape.unknown_rank = True
    else:
        proto.variant_val.add().type_name = "tensorflow::Nothing"
        proto.resource_handle_val.add().container = "c"
        proto.dtype = rng.choice([20, 21])


def _spoil_spec(rng, spec):
    choice = rng.randrange(4)
    if choice == 0:
        spec.name = rng.choice(["", "nope", "typed\x00", "\u00e9" * 2000])
    elif choice == 1:
        spec.version.value = rng.choice(ODD_SIZES)
    elif choice == 2:
        spec.version_label = rng.choice(["", "x", "/", "\x00"])
    else:
        spec.signature_name = rng.choice(["nope", "__saved_model_init_op"])


def metadata_request(rng):
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "typed"
    request.metadata_field.append("signature_def")
    _spoil_spec(rng, request.model_spec)
    if rng.random() < 0.3:
        request.metadata_field.append(rng.choice(["", "signature_def", "x"]))
    return _sometimes_mutated(rng, request)


def status_request(rng):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "typed"
    _spoil_spec(rng, request.model_spec)
    return _sometimes_mutated(rng, request)


PATHS = [
    *("/v1/models/typed:predict", "/v1/models/typed/versions/1:predict"),
    *("/v1/models/typed/labels/a:predict", "/v1/models/typed/metadata"),
    *("/v1/models", "/v1/models/typed", "/monitoring/prometheus/metrics", "/"),
]
PARTS = [
    *("%", "%00", "%2F", "%ff", "%zz", "..", "//", ":", "?", "#", "\u00e9"),
    *("versions/", "labels/", "1" * 30, "-1", ":predict", ":x", ";", "\\"),
    *("١", "²", " ", "\t", "v1/models/", "*"),
]


def http_head(rng):
    """The first bytes of a connection; a path above all."""
    path = rng.choice(PATHS)
    for _ in range(rng.choice([0, 1, 2, 3])):
        at = rng.randint(0, len(path))
        path = path[:at] + rng.choice(PARTS) + path[at:]
    method = rng.choice(["GET", "POST", "OPTIONS", "DELETE", "HEAD", "X"])
    length = rng.choice(["0", "2", "-1", "x", "9" * 30, "2, 2"])
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n"
        f"Connection: close\r\n\r\n{{}}"
    ).encode()
    return mutated_bytes(rng, head) if rng.random() < 0.3 else head


def base64_body(rng):
    """Bytes inputs whose base64 is nearly right."""
    text = base64.b64encode(rng.randbytes(rng.randint(0, 9))).decode()
    text = mutated_bytes(rng, text.encode()).decode("latin-1")
    document = {"signature_name": "length", "inputs": [{"b64": text}]}
    return json.dumps(document).encode()
