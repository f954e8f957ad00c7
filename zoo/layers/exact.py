"""Find and replace layers whose second derivative is wrong."""

from __future__ import annotations

from typing import Any

import keras

from metazoo.errors import SecondOrderError
from metazoo.layers.exact_batch_normalization import ExactBatchNormalization
from metazoo.layers.exact_group_normalization import ExactGroupNormalization
from metazoo.layers.exact_layer_normalization import ExactLayerNormalization
from metazoo.layers.nested import layers_of

_STOCK = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
)
_EXACT = {
    exact.__bases__[0].__name__: exact
    for exact in (
        ExactBatchNormalization,
        ExactGroupNormalization,
        ExactLayerNormalization,
    )
}
# Keras does not export the classes of its symbolic operations.
_STOCK_OPERATIONS = ("LayerNorm", "Moments")
_SEED_NAME = "seed_generator_state"


def stock_normalisation_layers(model: keras.Layer) -> list[keras.Operation]:
    """Layers of a model that would make its second derivative wrong.

    These are Keras's batch, layer and group normalisation and their
    subclasses, at any depth. A subclass that is exact says so by a class
    attribute `exact_second_order = True`. A batch normalisation with
    `trainable=False` always uses its moving statistics, so it is none of
    them. `keras.ops.moments` and `keras.ops.layer_normalization` used in
    the graph of a functional model count too.

    Args:
        model: A model or layer.

    Returns:
        The layers and operations.
    """
    layers = layers_of(model)
    wrong: list[keras.Operation] = [
        layer
        for layer in layers
        if isinstance(layer, _STOCK)
        and not getattr(layer, "exact_second_order", False)
        and not _is_frozen_batch_normalisation(layer)
    ]
    for layer in layers:
        wrong += [
            operation
            for operation in getattr(layer, "operations", ())
            if type(operation).__name__ in _STOCK_OPERATIONS
        ]
    return wrong


def require_exact(model: keras.Layer) -> None:
    """Refuses a model whose second derivative would be wrong.

    Call it before a gradient through a gradient step; first-order methods
    don't need it. It knows Keras's own layers and the operations in the
    graph of a functional model; a custom layer whose code calls
    `tf.nn.moments` or `keras.ops.moments` goes unnoticed.

    Spectral normalisation and batch renormalisation pass: they hold a
    correction constant by definition, so their gradient is not that of
    their value, here or in the stock layers.

    Args:
        model: A model or layer.

    Raises:
        SecondOrderError: If it holds a stock normalisation layer.
    """
    layers = stock_normalisation_layers(model)
    if layers:
        raise SecondOrderError(
            f"model {model.name!r}: the second derivative through "
            f"{_names(layers)} is wrong on TensorFlow. Convert the model "
            "with metazoo.layers.to_exact(model), or use a first-order "
            "method."
        )


def to_exact(model: keras.Layer) -> keras.Layer:
    """Copies a model with exact normalisation in place of Keras's own.

    The copy is rebuilt from the model's configuration, so nested models and
    wrapped layers are converted too. It has the same names, the same values
    of all weights and seed states, and the same `trainable` flags. It is
    not compiled.

    Args:
        model: A built model (or layer): functional, sequential, or a
            subclass that can be rebuilt from its `get_config`.

    Returns:
        The copy. It shares nothing with `model`.

    Raises:
        SecondOrderError: If the model can't be rebuilt from its
            configuration, or builds stock normalisation layers in its own
            code.
    """
    try:
        config = keras.saving.serialize_keras_object(model)
        clone = keras.saving.deserialize_keras_object(
            _with_exact_layers(config), custom_objects=_classes(model)
        )
    except (TypeError, ValueError, NotImplementedError) as error:
        raise SecondOrderError(
            f"model {model.name!r} of class {type(model).__name__} can't be "
            f"rebuilt from its get_config(). Mend that, or build it with "
            "metazoo.layers.ExactBatchNormalization and its kin instead."
        ) from error
    _check_converted(model, clone)
    _copy_values(model, clone)
    _copy_trainable(model, clone)
    return clone


def _is_frozen_batch_normalisation(layer: keras.Layer) -> bool:
    is_batch = isinstance(layer, keras.layers.BatchNormalization)
    return is_batch and not layer.trainable


def _names(layers: list[keras.Operation]) -> str:
    return ", ".join(
        f"{layer.name} ({type(layer).__name__})" for layer in layers
    )


def _classes(model: keras.Layer) -> dict[str, type]:
    classes = {type(layer) for layer in layers_of(model)}
    return {
        cls.__name__: cls
        for cls in classes
        if not cls.__module__.startswith("keras.")
    }


def _with_exact_layers(config: Any) -> Any:
    """Renames stock layers in a configuration; drops compilation."""
    if isinstance(config, (list, tuple)):
        return type(config)(_with_exact_layers(item) for item in config)
    if not isinstance(config, dict):
        return config
    config = {
        key: _with_exact_layers(value)
        for key, value in config.items()
        if key != "compile_config"
    }
    exact = _EXACT.get(config.get("class_name"))
    if exact is not None and config.get("module") == "keras.layers":
        config["module"] = exact.__module__
        config["class_name"] = exact.__name__
        config["registered_name"] = f"metazoo>{exact.__name__}"
    return config


def _check_converted(model: keras.Layer, clone: keras.Layer) -> None:
    clone.trainable = True
    layers = stock_normalisation_layers(clone)
    if layers:
        raise SecondOrderError(
            f"model {model.name!r} of class {type(model).__name__} uses "
            f"{_names(layers)} in its own code or graph, where they can't "
            "be replaced. Use metazoo.layers.ExactBatchNormalization and "
            "its kin there."
        )


def _copy_values(model: keras.Layer, clone: keras.Layer) -> None:
    source, target = _values(model), _values(clone)
    if [v.shape for v in source] != [v.shape for v in target]:
        raise SecondOrderError(
            f"model {model.name!r}: its copy has {len(target)} variables of "
            f"other shapes than the {len(source)} of the original. Build the "
            "model (call it on data) before you convert it."
        )
    for new, old in zip(target, source, strict=True):
        new.assign(old)


def _values(model: keras.Layer) -> list[keras.Variable]:
    seeds = [v for v in model.variables if v.path.endswith(_SEED_NAME)]
    return [*model.weights, *seeds]


def _copy_trainable(model: keras.Layer, clone: keras.Layer) -> None:
    # Setting a model's flag sets its layers', so parents come first.
    pairs = zip(layers_of(model), layers_of(clone), strict=True)
    for old, new in pairs:
        new.trainable = old.trainable
