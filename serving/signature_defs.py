"""SignatureDef messages to plain descriptions."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from metazoo.serving.signatures import (
    INIT_OP,
    SignatureInfo,
    WireTensors,
    signature_info,
)


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
