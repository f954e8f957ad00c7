"""A SavedModel through TensorFlow's C interface, as TF Serving loads it.

Runs in a process without this library: it may import TensorFlow, NumPy and
the standard library only. TensorFlow must have been imported before: loading
its libraries first crashes the interpreter.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

TAG = b"serve"
STRING = 7
STRING_BYTES = 24


class Output(ctypes.Structure):
    """`TF_Output`: one output of an operation."""

    _fields_ = [("operation", c_void_p), ("index", c_int)]


class Buffer(ctypes.Structure):
    """`TF_Buffer`: bytes that TensorFlow owns."""

    _fields_ = [
        ("data", c_void_p),
        ("length", c_size_t),
        ("deallocator", c_void_p),
    ]


# Function -> (result, arguments); pointers to TensorFlow's objects are void.
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "TF_NewStatus": (c_void_p, []),
    "TF_DeleteStatus": (None, [c_void_p]),
    "TF_GetCode": (c_int, [c_void_p]),
    "TF_Message": (c_char_p, [c_void_p]),
    "TF_NewSessionOptions": (c_void_p, []),
    "TF_DeleteSessionOptions": (None, [c_void_p]),
    "TF_NewGraph": (c_void_p, []),
    "TF_DeleteGraph": (None, [c_void_p]),
    "TF_NewBuffer": (POINTER(Buffer), []),
    "TF_DeleteBuffer": (None, [POINTER(Buffer)]),
    "TF_LoadSessionFromSavedModel": (
        c_void_p,
        [c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int, c_void_p]
        + [POINTER(Buffer), c_void_p],
    ),
    "TF_CloseSession": (None, [c_void_p, c_void_p]),
    "TF_DeleteSession": (None, [c_void_p, c_void_p]),
    "TF_GraphOperationByName": (c_void_p, [c_void_p, c_char_p]),
    "TF_SessionRun": (
        None,
        [c_void_p, c_void_p]
        + [POINTER(Output), POINTER(c_void_p), c_int] * 2
        + [c_void_p, c_int, c_void_p, c_void_p],
    ),
    "TF_AllocateTensor": (c_void_p, [c_int, POINTER(c_int64), c_int, c_size_t]),
    "TF_DeleteTensor": (None, [c_void_p]),
    "TF_TensorType": (c_int, [c_void_p]),
    "TF_NumDims": (c_int, [c_void_p]),
    "TF_Dim": (c_int64, [c_void_p, c_int]),
    "TF_TensorByteSize": (c_size_t, [c_void_p]),
    "TF_TensorData": (c_void_p, [c_void_p]),
    "TF_StringInit": (None, [c_void_p]),
    "TF_StringCopy": (None, [c_void_p, c_char_p, c_size_t]),
    "TF_StringDealloc": (None, [c_void_p]),
    "TF_StringGetDataPointer": (c_void_p, [c_void_p]),
    "TF_StringGetSize": (c_size_t, [c_void_p]),
}


class StatusError(Exception):
    """What TensorFlow answered: a status code and a message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"code {code}: {message}")
        self.code = code
        self.message = message


class CSession:
    """A loaded SavedModel; runs its signatures."""

    def __init__(self, directory: str) -> None:
        """Loads the graph with the tag `serve` and restores its variables.

        Args:
            directory: The version folder.

        Raises:
            StatusError: If TensorFlow refuses it.
        """
        self._c = _library()
        self._status = self._c.TF_NewStatus()
        self._graph = self._c.TF_NewGraph()
        self._session = None
        try:
            self._signatures = self._load(directory)
        except BaseException:
            self.close()
            raise

    def _load(self, directory: str) -> Any:
        options = self._c.TF_NewSessionOptions()
        buffer = self._c.TF_NewBuffer()
        tags = (c_char_p * 1)(TAG)
        try:
            self._session = self._c.TF_LoadSessionFromSavedModel(
                *(options, None, directory.encode(), tags, 1),
                *(self._graph, buffer, self._status),
            )
            self._check()
            content = ctypes.string_at(
                buffer.contents.data, buffer.contents.length
            )
        finally:
            self._c.TF_DeleteBuffer(buffer)
            self._c.TF_DeleteSessionOptions(options)
        return meta_graph_pb2.MetaGraphDef.FromString(content).signature_def

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature: Its name.
            inputs: Wire name -> array, exactly those of the signature.

        Returns:
            Wire name -> array.

        Raises:
            StatusError: Whatever the runtime answers.
        """
        definition = self._signatures[signature]
        names = list(definition.outputs)
        feeds = [self._place(definition.inputs[name].name) for name in inputs]
        fetches = [self._place(definition.outputs[n].name) for n in names]
        given = [self._tensor(value) for value in inputs.values()]
        results = (c_void_p * len(names))()
        try:
            self._c.TF_SessionRun(
                *(self._session, None),
                *(
                    (Output * len(feeds))(*feeds),
                    (c_void_p * len(feeds))(*given),
                ),
                *(len(feeds), (Output * len(names))(*fetches), results),
                *(len(names), None, 0, None, self._status),
            )
            self._check()
            return {
                name: self._array(tensor)
                for name, tensor in zip(names, results, strict=True)
            }
        finally:
            for tensor, value in zip(given, inputs.values(), strict=True):
                self._delete(tensor, value)
            for tensor in filter(None, results):
                self._c.TF_DeleteTensor(tensor)

    def close(self) -> None:
        """Frees the variables and the graph."""
        if self._session:
            self._c.TF_CloseSession(self._session, self._status)
            self._c.TF_DeleteSession(self._session, self._status)
        self._c.TF_DeleteGraph(self._graph)
        self._c.TF_DeleteStatus(self._status)

    def _check(self) -> None:
        code = self._c.TF_GetCode(self._status)
        if code:
            message = self._c.TF_Message(self._status)
            raise StatusError(code, message.decode(errors="replace"))

    def _place(self, name: str) -> Output:
        operation, _, index = name.partition(":")
        found = self._c.TF_GraphOperationByName(self._graph, operation.encode())
        if not found:
            raise StatusError(5, f"the graph has no operation {operation!r}")
        return Output(found, int(index))

    def _tensor(self, value: np.ndarray) -> int:
        shape = (c_int64 * value.ndim)(*value.shape)
        if value.dtype == object:
            return self._string_tensor(value, shape)
        content = np.ascontiguousarray(value)
        tensor = self._c.TF_AllocateTensor(
            tf.as_dtype(value.dtype).as_datatype_enum,
            *(shape, value.ndim, content.nbytes),
        )
        data = self._c.TF_TensorData(tensor)
        ctypes.memmove(data, content.ctypes.data, content.nbytes)
        return tensor

    def _string_tensor(self, value: np.ndarray, shape: Any) -> int:
        tensor = self._c.TF_AllocateTensor(
            STRING, shape, value.ndim, value.size * STRING_BYTES
        )
        for place, text in zip(
            self._strings(tensor, value.size), value.ravel(), strict=True
        ):
            self._c.TF_StringInit(place)
            self._c.TF_StringCopy(place, text, len(text))
        return tensor

    def _strings(self, tensor: int, count: int) -> list[int]:
        start = self._c.TF_TensorData(tensor)
        return [start + index * STRING_BYTES for index in range(count)]

    def _delete(self, tensor: int, value: np.ndarray) -> None:
        if value.dtype == object:
            for place in self._strings(tensor, value.size):
                self._c.TF_StringDealloc(place)
        self._c.TF_DeleteTensor(tensor)

    def _array(self, tensor: int) -> np.ndarray:
        kind = self._c.TF_TensorType(tensor)
        rank = self._c.TF_NumDims(tensor)
        shape = [self._c.TF_Dim(tensor, axis) for axis in range(rank)]
        if kind == STRING:
            return self._string_array(tensor, shape)
        size = self._c.TF_TensorByteSize(tensor)
        content = ctypes.string_at(self._c.TF_TensorData(tensor), size)
        dtype = tf.as_dtype(kind).as_numpy_dtype
        return np.frombuffer(content, dtype).reshape(shape)

    def _string_array(self, tensor: int, shape: list[int]) -> np.ndarray:
        found = np.empty(math.prod(shape), object)
        places = self._strings(tensor, len(found))
        found[:] = [
            ctypes.string_at(
                self._c.TF_StringGetDataPointer(place),
                self._c.TF_StringGetSize(place),
            )
            for place in places
        ]
        return found.reshape(shape)


def _library() -> ctypes.CDLL:
    """Opens the two libraries of the installed TensorFlow."""
    folder = Path(tf.__file__).parent
    libraries = []
    for name in ("libtensorflow_framework", "libtensorflow_cc"):
        files = sorted(folder.glob(f"{name}.*"))
        if not files:
            raise StatusError(5, f"{folder} holds no {name}")
        libraries.append(ctypes.CDLL(str(files[0]), ctypes.RTLD_GLOBAL))
    found = libraries[-1]
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(found, name)
        function.restype = result
        function.argtypes = arguments
    return found
