"""Further forms of a learner's signatures, made from the signatures alone.

`padded` takes support sets of unequal sizes in one request: padded to one
length, with `support_size` beside them. `bytes` takes the examples as raw
bytes, which JSON carries in a fifth of the time of nested lists.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.serving.signatures import BYTES, PADDED, SUPPORT_SIZE
from metazoo.wire.guards import require
from metazoo.wire.signature import Signature

Arrays = dict[str, np.ndarray]

PADDING = 2
OUT_OF_RANGE = -(2**40)
# Not UTF-8, and of a length that no text beside it has.
NO_TEXT = b"\xff" * 1001


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """A signature to export, and how to call it in place of another.

    Attributes:
        signature: What is exported.
        base: Name of the learner's own signature it answers like.
        to_wire: From inputs of `base` to inputs of `signature` that must be
            answered alike.
    """

    signature: Signature
    base: str
    to_wire: Callable[[Arrays], Arrays]


def endpoints(
    signatures: Mapping[str, Signature], variants: Sequence[str] | None
) -> dict[str, Endpoint]:
    """Lists what to export: the learner's own signatures, then variants.

    A runtime prepares every signature by itself, at some tenths of a second
    for a learner with a long inner loop; so by default there is but one
    form that takes bytes, that of the first signature.

    Args:
        signatures: The learner's own, by name; the first stays first.
        variants: "padded" or "bytes" for all signatures they apply to, or
            names such as "predict_bytes"; None for "padded" and the form in
            bytes of the first signature, as far as they apply.

    Returns:
        Name -> endpoint.

    Raises:
        ExportError: If a variant is unknown or applies to no signature, or
            a name is taken.
    """
    own = {name: _shared(signature) for name, signature in signatures.items()}
    made = {
        variant: [e for s in own.values() if (e := make(s)) is not None]
        for variant, make in VARIANTS.items()
    }
    found = {
        name: Endpoint(signature, name, dict) for name, signature in own.items()
    }
    default = ("padded", f"{next(iter(own))}{BYTES}")
    for variant, endpoint in _chosen(made, variants, default):
        name = endpoint.signature.name
        if name in found:
            raise ExportError(
                f"the learner has a signature {name!r} of its own; export "
                f"it without the variant {variant!r}"
            )
        found[name] = endpoint
    return found


def padded(signature: Signature) -> Endpoint | None:
    """The form with `support_size`; None if support can't be masked.

    Args:
        signature: One of the learner's own.
    """
    if not signature.masks_support:
        return None

    def fn(support_size: tf.Tensor, **inputs: tf.Tensor) -> dict:
        length = tf.shape(inputs["support_y"])[1]
        size = support_size[:, None]
        # A size beyond the rows leaves none: the task is faulty, alone.
        mask = (tf.range(length) < size) & (size <= length)
        return signature.fn(**inputs, support_mask=mask)

    spec = tf.TensorSpec([None], tf.int32, SUPPORT_SIZE)
    made = Signature(
        f"{signature.name}{PADDED}",
        {**signature.inputs, SUPPORT_SIZE: spec},
        fn,
        signature.outputs,
        f"{signature.doc} Of each task's support set, only the first "
        "support_size rows count; the rest may hold anything.",
        {**signature.docs, SUPPORT_SIZE: "real support examples; [tasks]"},
        padding=signature.padding,
    )
    return Endpoint(made, signature.name, _pad)


def as_bytes(signature: Signature) -> Endpoint | None:
    """The form with examples as bytes; None if it takes no examples.

    Args:
        signature: One of the learner's own.
    """
    examples = {
        name: spec
        for name, spec in signature.inputs.items()
        if _holds_examples(name, spec)
    }
    if not examples:
        return None

    def fn(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        decoded = {
            name: decode_examples(name, inputs[name], spec.shape[2:])
            for name, spec in examples.items()
        }
        return signature.fn(**{**inputs, **decoded})

    docs = {
        name: f"{signature.docs.get(name, 'examples')}, each task's as one "
        "string of little-endian float32, last axis fastest; [tasks]"
        for name in examples
    }
    made = Signature(
        f"{signature.name}{BYTES}",
        {
            name: tf.TensorSpec([None], tf.string, name)
            if name in examples
            else spec
            for name, spec in signature.inputs.items()
        },
        fn,
        signature.outputs,
        f"{signature.doc} Examples come as bytes.",
        {**signature.docs, **docs},
        padding=signature.padding,
    )
    return Endpoint(made, signature.name, lambda a: _encode(a, examples))


def decode_examples(
    name: str, value: tf.Tensor, features: tf.TensorShape
) -> tf.Tensor:
    """Decodes examples from bytes.

    Args:
        name: Name of the input, for the error.
        value: string [tasks].
        features: Shape of one example.

    Returns:
        float32 [tasks, examples, *features]. The graph answers
        INVALID_ARGUMENT if a task's bytes are not whole examples, or not as
        many as those of the tasks beside it.
    """
    size = 4 * math.prod(features)
    lengths = tf.strings.length(value)
    fits = (lengths > 0) & (lengths % size == 0) & (lengths == lengths[0])
    check = require(
        tf.reduce_all(fits),
        f"input tensor {name!r}: each task's bytes must be whole examples "
        f"of {size} bytes, little-endian float32 of shape "
        f"{list(features)}, and as many in every task; got bytes:",
        lengths,
    )
    with tf.control_dependencies([check]):
        flat = tf.io.decode_raw(value, tf.float32)
    return tf.reshape(flat, [tf.shape(value)[0], lengths[0] // size, *features])


def encode_examples(value: np.ndarray) -> np.ndarray:
    """Encodes examples as the `bytes` signatures take them.

    Args:
        value: [tasks, examples, *features].

    Returns:
        object [tasks] of bytes.
    """
    rows = [np.asarray(row).astype("<f4").tobytes() for row in value]
    return np.array(rows, object)


def _shared(signature: Signature) -> Signature:
    """Makes all uses of a signature one function in the exported graph."""
    specs = dict(signature.inputs)

    def core(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return signature.fn(**inputs)

    function = tf.function(core, input_signature=[specs], autograph=False)

    def fn(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        # With a mask beside them it is another function.
        known = set(inputs) == set(specs)
        return function(inputs) if known else signature.fn(**inputs)

    return dataclasses.replace(signature, fn=fn)


VARIANTS: dict[str, Callable[[Signature], Endpoint | None]] = {
    "padded": padded,
    "bytes": as_bytes,
}


def _chosen(
    made: Mapping[str, Sequence[Endpoint]],
    variants: Sequence[str] | None,
    default: Sequence[str],
) -> Iterator[tuple[str, Endpoint]]:
    names = {e.signature.name for group in made.values() for e in group}
    known = {variant for variant, group in made.items() if group} | names
    wanted = default if variants is None else variants
    unknown = sorted(set(wanted) - known)
    if isinstance(variants, str) or (unknown and variants is not None):
        raise ExportError(
            f"variants must be out of {sorted(known)} for these signatures; "
            f"got {variants!r}"
        )
    for variant, group in made.items():
        for endpoint in group:
            if variant in wanted or endpoint.signature.name in wanted:
                yield variant, endpoint


def _holds_examples(name: str, spec: tf.TensorSpec) -> bool:
    features = spec.shape[2:]
    return (
        name.endswith("_x")
        and spec.dtype == tf.float32
        and spec.shape.rank > 2
        and spec.shape[1] is None
        and features.is_fully_defined()
    )


def _encode(inputs: Arrays, examples: Iterable[str]) -> Arrays:
    return {
        **inputs,
        **{name: encode_examples(inputs[name]) for name in examples},
    }


def _pad(inputs: Arrays) -> Arrays:
    """Adds rows that would spoil every answer if they were looked at."""
    x, y = inputs["support_x"], inputs["support_y"]

    def pad(value: np.ndarray, content: object) -> np.ndarray:
        shape = (len(value), PADDING, *value.shape[2:])
        rows = np.full(shape, content, value.dtype)
        return np.concatenate([value, rows], axis=1)

    return {
        **inputs,
        "support_x": pad(x, NO_TEXT if x.dtype == object else np.nan),
        "support_y": pad(y, OUT_OF_RANGE),
        SUPPORT_SIZE: np.full(len(y), y.shape[1], np.int32),
    }
