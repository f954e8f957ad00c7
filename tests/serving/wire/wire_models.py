"""The models that every server under test serves."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import keras
import tensorflow as tf


@dataclass(frozen=True)
class WireModel:
    """One entry of a models.config, its folder below the server's root."""

    name: str
    every_version: bool = False
    labels: dict[str, int] = field(default_factory=dict)


MODELS = (
    WireModel("linear"),
    WireModel("pair", every_version=True, labels={"stable": 1, "canary": 2}),
    WireModel("typed"),
    WireModel("slow"),
)


def vector(name, dtype):
    return tf.TensorSpec([None], dtype, name=name)


MATRIX = tf.TensorSpec([None, None], tf.float32, name="x")


def write_typed(directory):
    """Exports a graph of small signatures, one for each rule of dtypes."""
    archive = keras.export.ExportArchive()

    def add(name, function, **dtypes):
        specs = {key: vector(key, dtype) for key, dtype in dtypes.items()}
        archive.add_endpoint(name, function, [specs])

    add("double", lambda x: {"y": 2 * x["x"]}, x=tf.float32)
    add("same", lambda x: dict(x), **NUMBERS)
    add("half", lambda x: {"y": tf.cast(x["x"], tf.float32)}, x=tf.float16)
    add("text", both_texts, text=tf.string)
    add("length", lambda x: {"y": tf.strings.length(x["x"])}, x=tf.string)
    add("total", lambda x: {"y": tf.reduce_sum(x["x"])}, x=tf.float32)
    add(
        "totals",
        lambda x: {"y": tf.reduce_sum(x["x"]), "x": x["x"] + 1},
        x=tf.float32,
    )
    add("outer", outer, a=tf.float32, b=tf.float32)
    archive.add_endpoint("wide", lambda x: {"y": 2 * x["x"]}, [{"x": MATRIX}])
    archive.write_out(str(directory), verbose=False)


NUMBERS = {
    "double": tf.float64,
    "int": tf.int32,
    "long": tf.int64,
    "byte": tf.uint8,
    "truth": tf.bool,
}


def both_texts(inputs):
    text = inputs["text"]
    return {"same": tf.identity(text), "same_bytes": tf.identity(text)}


def outer(inputs):
    product = inputs["a"][:, None] * inputs["b"]
    return {"rows": product, "columns": tf.transpose(product)}


def copy_version(source, root, name, version=1):
    """Publishes a copy of a version folder in one step."""
    base = Path(root, name)
    base.mkdir(parents=True, exist_ok=True)
    staging = base / f".copy-{version}"
    shutil.copytree(source, staging)
    staging.rename(base / str(version))
