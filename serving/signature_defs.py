"""SignatureDef messages to plain descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from metazoo.errors import ServingError
from metazoo.serving.signatures import (
    INIT_OP,
    SignatureInfo,
    WireTensors,
    signature_info,
)


def read_signature_defs(directory: Path) -> dict[str, Any]:
    """Reads the signatures of a stored version.

    Args:
        directory: The version folder.

    Returns:
        Signature name -> SignatureDef, with the entry of the
        initialisation.

    Raises:
        ServingError: If the folder holds no readable SavedModel.
    """
    path = directory / "saved_model.pb"
    try:
        saved_model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    except OSError as error:
        raise ServingError(f"{path} can't be read: {error}") from error
    except Exception as error:
        raise ServingError(f"{path} is no SavedModel: {error}") from error
    for meta_graph in saved_model.meta_graphs:
        if "serve" in meta_graph.meta_info_def.tags:
            return dict(meta_graph.signature_def)
    raise ServingError(f"{path} holds no graph with the tag 'serve'")


def describe_all(definitions: Any) -> dict[str, SignatureInfo]:
    """Describes the signatures that can be called.

    Args:
        definitions: Signature name -> SignatureDef.
    """
    return {
        name: signature_info(
            name, _tensors(definition.inputs), _tensors(definition.outputs)
        )
        for name, definition in definitions.items()
        if name != INIT_OP
    }


def _tensors(tensors: Any) -> WireTensors:
    found: WireTensors = {}
    for name in sorted(tensors):
        tensor = tensors[name]
        shape = tensor.tensor_shape
        dims = None if shape.unknown_rank else [d.size for d in shape.dim]
        enum_name = f"DT_{tf.as_dtype(tensor.dtype).name.upper()}"
        found[name] = (enum_name, dims)
    return found
