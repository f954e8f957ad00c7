"""A model of a few lines of NumPy behind both wires, which fails to order."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from metazoo.serving import Client
from metazoo.serving.status import HTTP_STATUS, StatusError
from metazoo.serving.tensors import from_proto, write_values
from metazoo.serving.transports.json_body import to_array

TYPES = {"float32": "DT_FLOAT", "int64": "DT_INT64", "int32": "DT_INT32"}
TYPES |= {"string": "DT_STRING"}
X = ("float32", (-1, -1, 2, 2, 1))
Y = ("int64", (-1, -1))
RAW = ("string", (-1,))
SUPPORT = {"support_x": X, "support_y": Y}
STATE = {
    "prototypes": ("float32", (-1, -1, 4)),
    "class_mask": ("float32", (-1, -1)),
}
ANSWERS = {
    "probabilities": ("float32", (-1, -1, -1)),
    "logits": ("float32", (-1, -1, -1)),
    "classes": ("int64", (-1, -1)),
}
PLAIN = {
    "adapt_predict": ({**SUPPORT, "query_x": X}, ANSWERS),
    "adapt": (SUPPORT, STATE),
    "predict": ({"query_x": X, **STATE}, ANSWERS),
}
SIZED = {**SUPPORT, "support_size": ("int32", (-1,))}
PADDED = {
    "adapt_predict_padded": ({**SIZED, "query_x": X}, ANSWERS),
    "adapt_padded": (SIZED, STATE),
}
BYTES = {
    "adapt_predict_bytes": (
        {"support_x": RAW, "support_y": Y, "query_x": RAW},
        ANSWERS,
    ),
}
OTHERS = {
    "embed": ({"words": RAW}, {"labels": RAW, "lengths": ("int32", (-1,))}),
}


class StubModel:
    """Class means of raw pixels; any number of ways.

    Attributes:
        version: What the wire says it is.
        signatures: Name -> (inputs, outputs) -> (dtype, dims).
        extra_ways: Masked classes that other requests brought along.
        failures: Codes to answer the next requests with.
        spoil: Changes an answer before it is sent.
        calls: Signature and inputs of each request.
        metadata_calls: How often it was described.
    """

    def __init__(self):
        self.version = 1
        self.signatures = {**PLAIN, **PADDED, **BYTES, **OTHERS}
        self.extra_ways = 0
        self.failures = deque()
        self.spoil = lambda outputs: outputs
        self.calls = []
        self.metadata_calls = 0

    def fail_if_told(self):
        if self.failures:
            raise StatusError(self.failures.popleft(), "told to fail")

    def run(self, name, inputs):
        self.fail_if_told()
        self.calls.append((name, inputs))
        if name not in self.signatures:
            raise StatusError("FAILED_PRECONDITION", f"no {name}")
        if set(inputs) != set(self.signatures[name][0]):
            raise StatusError("INVALID_ARGUMENT", f"inputs {sorted(inputs)}")
        for key, value in inputs.items():
            dims = self.signatures[name][0][key][1]
            if any(
                d not in (-1, n) for d, n in zip(dims, value.shape, strict=True)
            ):
                raise StatusError("INVALID_ARGUMENT", f"{key} {value.shape}")
        return self.spoil(getattr(self, name.split("_bytes")[0])(**inputs))

    def adapt(self, support_x, support_y):
        sizes = np.full(len(support_y), support_y.shape[1])
        return self.adapt_padded(support_x, support_y, sizes)

    def adapt_padded(self, support_x, support_y, support_size):
        real = np.arange(support_y.shape[1]) < support_size[:, None]
        ways = int(support_y[real].max()) + 1 + self.extra_ways
        one_hot = (support_y[..., None] == np.arange(ways)) & real[..., None]
        flat = support_x.reshape(*support_y.shape, 4)
        count = one_hot.sum(1)
        total = np.einsum("tsn,tsd->tnd", one_hot.astype(np.float32), flat)
        return {
            "prototypes": total / np.maximum(count, 1)[..., None],
            "class_mask": (count > 0).astype(np.float32),
        }

    def predict(self, query_x, prototypes, class_mask):
        flat = query_x.reshape(*query_x.shape[:2], 1, 4)
        logits = -((flat - prototypes[:, None]) ** 2).sum(-1)
        logits = np.where(class_mask[:, None] > 0, logits, -1e9)
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        return {
            "probabilities": odds / odds.sum(-1, keepdims=True),
            "logits": logits,
            "classes": logits.argmax(-1),
        }

    def adapt_predict(self, support_x, support_y, query_x):
        if support_x.dtype == object:
            support_x, query_x = _images(support_x), _images(query_x)
        return self.predict(query_x, **self.adapt(support_x, support_y))

    def adapt_predict_padded(self, query_x, **support):
        return self.predict(query_x, **self.adapt_padded(**support))

    def embed(self, words):
        return {
            "labels": np.array([w.upper() for w in words], object),
            "lengths": np.array([len(w) for w in words], np.int32),
        }

    def cast(self, name, outputs):
        """Gives outputs the dtypes of the signature, unless spoiled."""
        kinds = self.signatures[name][1]
        return {
            k: v.astype(kinds[k][0])
            if k in kinds and kinds[k][0] != "string" and v.dtype != np.int16
            else v
            for k, v in outputs.items()
        }


def _images(raw):
    tasks = [np.frombuffer(task, "<f4").reshape(-1, 2, 2, 1) for task in raw]
    return np.stack(tasks)


class GrpcStub(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    def __init__(self, model, credentials=None, port=0):
        self.model = model
        self.server = grpc.server(
            ThreadPoolExecutor(16),
            options=[("grpc.max_receive_message_length", -1)],
        )
        add = prediction_service_pb2_grpc
        add.add_PredictionServiceServicer_to_server(self, self.server)
        add = model_service_pb2_grpc
        add.add_ModelServiceServicer_to_server(self, self.server)
        if credentials is None:
            self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        else:
            self.port = self.server.add_secure_port("127.0.0.1:0", credentials)
        self.server.start()

    def Predict(self, request, context):  # noqa: N802
        name = request.model_spec.signature_name
        inputs = {k: from_proto(v) for k, v in request.inputs.items()}
        try:
            outputs = self.model.run(name, inputs)
        except StatusError as error:
            context.abort(getattr(grpc.StatusCode, error.code), error.message)
        response = predict_pb2.PredictResponse()
        for key, value in self.model.cast(name, outputs).items():
            if value.dtype.name in ("object", "int16"):
                response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
            else:
                write_values(response.outputs[key], value)
        return response

    def GetModelMetadata(self, request, context):  # noqa: N802
        self.model.metadata_calls += 1
        found = get_model_metadata_pb2.SignatureDefMap()
        for name, sides in self.model.signatures.items():
            definition = found.signature_def[name]
            for side, tensors in zip(
                (definition.inputs, definition.outputs), sides, strict=True
            ):
                for key, (dtype, dims) in tensors.items():
                    dtype = tf.as_dtype(dtype).as_datatype_enum
                    side[key].dtype = dtype
                    for size in dims:
                        side[key].tensor_shape.dim.add().size = size
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.version.value = self.model.version
        response.metadata["signature_def"].Pack(found)
        return response

    def GetModelStatus(self, request, context):  # noqa: N802
        try:
            self.model.fail_if_told()
        except StatusError as error:
            context.abort(getattr(grpc.StatusCode, error.code), error.message)
        response = get_model_status_pb2.GetModelStatusResponse()
        entry = response.model_version_status.add()
        entry.version, entry.state = self.model.version, 30
        return response

    def stop(self):
        self.server.stop(None).wait()


class RestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.server.faults:
            return self.server.faults.popleft()(self)
        if self.path.endswith("/metadata"):
            return self.reply(200, self.metadata())
        return self.guarded(self.status)

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        if self.server.faults:
            return self.server.faults.popleft()(self)
        body = json.loads(self.rfile.read(size))
        return self.guarded(lambda: self.predict(body))

    def guarded(self, work):
        self.server.connections.add(self.client_address)
        try:
            return self.reply(200, work())
        except StatusError as error:
            document = {"error": error.message}
            return self.reply(HTTP_STATUS[error.code], document)

    def predict(self, body):
        model, name = self.server.model, body["signature_name"]
        self.server.bodies.append(body)
        if name not in model.signatures:
            raise StatusError("INVALID_ARGUMENT", f"no {name}")
        tensors = _infos(model.signatures[name][0])
        inputs = {k: to_array(v, tensors[k]) for k, v in body["inputs"].items()}
        outputs = model.cast(name, model.run(name, inputs))
        outputs = {k: _lists(v) for k, v in outputs.items()}
        return {"outputs": outputs}

    def status(self):
        self.server.model.fail_if_told()
        entry = {"version": str(self.server.model.version)}
        entry["state"] = "AVAILABLE"
        entry["status"] = {"error_code": "OK", "error_message": ""}
        return {"model_version_status": [entry]}

    def metadata(self):
        model = self.server.model
        model.metadata_calls += 1
        spec = {"name": "stub", "version": str(model.version)}
        definitions = {
            name: {"inputs": _tensors(inputs), "outputs": _tensors(outputs)}
            for name, (inputs, outputs) in model.signatures.items()
        }
        definitions = {"signature_def": definitions}
        return {"model_spec": spec, "metadata": {"signature_def": definitions}}

    def reply(self, status, document, content_type="application/json"):
        data = document
        if not isinstance(data, bytes):
            data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *unused):
        pass


def _infos(tensors):
    from metazoo.serving.signatures import TensorInfo

    return {k: TensorInfo(k, dtype, None) for k, (dtype, _) in tensors.items()}


def _lists(value):
    if value.dtype == object:
        return [word.decode() for word in value]
    if value.dtype == np.int16:
        return [[0.5] * value.shape[1]] * value.shape[0]
    return value.tolist()


def _tensors(tensors):
    return {
        name: {
            "dtype": TYPES[dtype],
            "tensor_shape": {
                "dim": [{"size": str(size), "name": ""} for size in dims],
                "unknown_rank": False,
            },
            "name": name,
        }
        for name, (dtype, dims) in tensors.items()
    }


class RestStub(ThreadingHTTPServer):
    """Attributes: `faults`, handlers for the next requests; `bodies`."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, model, context=None, port=0):
        super().__init__(("127.0.0.1", port), RestHandler)
        self.model, self.faults, self.bodies = model, deque(), []
        self.connections = set()
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(
            target=self.serve_forever, args=(0.02,), daemon=True
        ).start()

    @property
    def port(self):
        return self.server_port

    def handle_error(self, *unused):
        """Clients cut connections on purpose here."""

    def stop(self):
        self.shutdown()
        self.server_close()


@pytest.fixture
def model():
    return StubModel()


@pytest.fixture(scope="session")
def stub_kinds():
    return {"grpc": GrpcStub, "rest": RestStub}


@pytest.fixture
def rest_stub(model):
    server = RestStub(model)
    yield server
    server.stop()


@pytest.fixture
def grpc_stub(model):
    server = GrpcStub(model)
    yield server
    server.stop()


@pytest.fixture(params=["grpc", "rest"])
def stub(request):
    return request.getfixturevalue(f"{request.param}_stub")


@pytest.fixture
def connect(stub):
    """Makes clients of the stub; closes them at the end."""
    made = []
    transport = "rest" if isinstance(stub, RestStub) else "grpc"

    def make(**options):
        client = Client(f"127.0.0.1:{stub.port}", "stub", transport, **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def tasks():
    """Draws (support_x, support_y, query_x) of one task."""

    def draw(ways=3, shots=2, queries=4, seed=0):
        rng = np.random.default_rng(seed)
        shape = (ways * shots, 2, 2, 1)
        return (
            rng.uniform(0, 1, shape).astype(np.float32),
            np.repeat(np.arange(ways), shots),
            rng.uniform(0, 1, (queries, 2, 2, 1)).astype(np.float32),
        )

    return draw


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Folder of ca.pem, other.pem, and NAME.pem, NAME.key by either."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments):
        subprocess.run(
            ["openssl", *arguments], cwd=folder, check=True, capture_output=True
        )

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    days = ("-days", "30")
    names = "subjectAltName=DNS:models.example,IP:127.0.0.1"
    (folder / "names").write_text(f"{names}\n")
    for ca in ("ca", "other"):
        openssl(
            *("req", "-x509", *key, "-keyout", f"{ca}.key"),
            *("-out", f"{ca}.pem", "-subj", f"/CN={ca}", *days),
        )
    for name, ca in (("server", "ca"), ("client", "ca"), ("bad", "other")):
        openssl(
            *("req", *key, "-keyout", f"{name}.key"),
            *("-out", f"{name}.csr", "-subj", f"/CN={name}"),
        )
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem"),
            *("-CAkey", f"{ca}.key", "-CAcreateserial", *days),
            *("-extfile", "names", "-out", f"{name}.pem"),
        )
    return folder


@pytest.fixture(params=["grpc", "rest"])
def tls_stub(request, model, certificates):
    """Starts a stub with TLS: `tls_stub(client_certificates=False)`."""
    started = []
    read = {n: (certificates / n).read_bytes() for n in _SERVER_FILES}

    def start(client_certificates=False):
        if request.param == "grpc":
            pair = (read["server.key"], read["server.pem"])
            credentials = grpc.ssl_server_credentials(
                [pair],
                read["ca.pem"] if client_certificates else None,
                client_certificates,
            )
            server = GrpcStub(model, credentials)
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(
                certificates / "server.pem", certificates / "server.key"
            )
            if client_certificates:
                context.load_verify_locations(certificates / "ca.pem")
                context.verify_mode = ssl.CERT_REQUIRED
            server = RestStub(model, context)
        started.append(server)
        return request.param, f"127.0.0.1:{server.port}"

    yield start
    for server in started:
        server.stop()


_SERVER_FILES = ("server.key", "server.pem", "ca.pem")
