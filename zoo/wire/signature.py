"""The contract between a learner and the outside: one named endpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import tensorflow as tf

from metazoo.errors import ExportError


@dataclass(frozen=True)
class Signature:
    """One endpoint of a learner: wire names in, wire names out.

    Attributes:
        name: Name of the endpoint on the wire, such as `adapt_predict`.
        inputs: Wire name -> spec. Every spec carries its wire name and has
            the tasks axis, of unknown size, first.
        fn: Takes the inputs as keyword arguments and returns a flat dict
            with exactly the keys of `outputs`, each with the tasks axis
            first. It must be pure and traceable in a `tf.function`.
        outputs: Wire names of what `fn` returns.
        doc: What the endpoint does, for people and for the metadata file.
        docs: Wire name -> what that tensor is, for as many as need it.
        masks_support: `fn` also takes `support_mask`, bool [tasks, support]:
            rows where it is False may hold anything, NaN included, and
            change nothing; a task without a True row is spoiled alone. The
            exporter derives a padded form from such a signature.
        padding: Output name -> the value that fills its second axis where a
            task beside it needs a longer one; a task alone does not carry
            that. All of these outputs have one length.
    """

    name: str
    inputs: dict[str, tf.TensorSpec]
    fn: Callable[..., dict[str, tf.Tensor]]
    outputs: tuple[str, ...]
    doc: str
    docs: Mapping[str, str] = field(default_factory=dict)
    masks_support: bool = False
    padding: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses what can't be served.

        Raises:
            ExportError: If a name or a shape breaks the contract.
        """
        self._check_name("the signature", self.name)
        if not self.inputs:
            raise ExportError(f"signature {self.name!r} has no inputs")
        for key, spec in self.inputs.items():
            self._check_name("input", key)
            self._check_spec(key, spec)
        if len(self.outputs) < 2:
            raise ExportError(
                f"signature {self.name!r} has the outputs "
                f"{list(self.outputs)}; expected two or more, because REST "
                "answers leave out the name of a single one"
            )
        for key in self.outputs:
            self._check_name("output", key)
        if len(set(self.outputs)) != len(self.outputs):
            raise ExportError(
                f"signature {self.name!r} names an output twice: "
                f"{list(self.outputs)}"
            )
        self._check_docs()

    def _check_docs(self) -> None:
        unknown = sorted(set(self.docs) - {*self.inputs, *self.outputs})
        if unknown:
            raise ExportError(
                f"signature {self.name!r}: docs name {unknown}, which are "
                "neither inputs nor outputs"
            )
        if self.masks_support and "support_y" not in self.inputs:
            raise ExportError(
                f"signature {self.name!r} masks its support set and has no "
                "input 'support_y'"
            )

    def _check_name(self, kind: str, name: str) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ExportError(
                f"signature {self.name!r}: {kind} has the name {name!r}; "
                "expected a Python identifier"
            )

    def _check_spec(self, key: str, spec: tf.TensorSpec) -> None:
        if spec.name != key:
            raise ExportError(
                f"signature {self.name!r}: the spec of input {key!r} is "
                f"named {spec.name!r}; give tf.TensorSpec(..., name={key!r})"
            )
        if not spec.shape.rank or spec.shape[0] is not None:
            raise ExportError(
                f"signature {self.name!r}: input {key!r} has shape "
                f"{spec.shape}; the first axis must be None (tasks)"
            )
