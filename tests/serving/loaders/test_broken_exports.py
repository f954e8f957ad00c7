"""Exports that load here and nowhere else are refused by the real loaders."""

from __future__ import annotations

import platform

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.serving import export
from metazoo.serving.exporting.cases import Case, Refusal
from metazoo.serving.exporting.gate import CHECKS, check_export
from metazoo.wire.signature import Signature

X = np.arange(12, dtype=np.float32).reshape(2, 3, 2)


class Squares:
    """`run` on `x` [T,?,2], by a function that is given."""

    def __init__(self, fn):
        self.fn = fn

    def signatures(self):
        spec = tf.TensorSpec([None, None, 2], tf.float32, "x")
        outputs = ("y", "same")
        return (Signature("run", {"x": spec}, self.run, outputs, "Squares."),)

    def run(self, x):
        return {"y": self.fn(x), "same": x}

    def example_inputs(self, signature_name, num_tasks):
        return {"x": X[:1].repeat(num_tasks, 0)}


class Holder(tf.Module):
    """The way that a server can't load: a module with a Keras model."""

    def __init__(self):
        super().__init__()
        self.model = keras.Sequential(
            [keras.Input((2,)), keras.layers.Dense(2)]
        )

    @tf.function(input_signature=[tf.TensorSpec([None, None, 2], name="x")])
    def run(self, x):
        return {"y": self.model(tf.reshape(x, [-1, 2])), "same": x}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """An export whose variables a session never restores, and a call."""
    directory = tmp_path_factory.mktemp("broken") / "model"
    module = Holder()
    tf.saved_model.save(module, str(directory), {"run": module.run})
    answer = {name: value.numpy() for name, value in module.run(X).items()}
    return directory, Case("run", {"x": X}, answer, "signature 'run'")


@pytest.mark.parametrize("check", ["cpp", "session"])
def test_variables_that_a_server_does_not_restore_are_found(broken, check):
    directory, case = broken
    with pytest.raises(ExportError, match="variable.*(dense|kernel|Dense)"):
        check_export(directory, [case], [], [check])


def test_loading_in_python_does_not_find_them(broken):
    directory, case = broken
    check_export(directory, [case], [], ["saved_model"])


@pytest.mark.parametrize("check", ["saved_model", "cpp"])
def test_python_inside_the_graph_is_refused(tmp_path, check):
    def square(x):
        return tf.ensure_shape(
            tf.py_function(np.square, [x], tf.float32), x.shape
        )

    with pytest.raises(ExportError, match=r"(?s)run.*by .*pyfunc"):
        export(Squares(square), tmp_path, warmup=False, checks=[check])
    assert list(tmp_path.iterdir()) == []


def test_this_process_alone_does_not_find_it(tmp_path):
    def square(x):
        return tf.ensure_shape(
            tf.py_function(np.square, [x], tf.float32), x.shape
        )

    export(Squares(square), tmp_path, warmup=False, checks=["session"])


@pytest.mark.parametrize("check", CHECKS)
def test_a_wrong_number_is_found_by_every_loader(tmp_path, check):
    class Wrong(Squares):
        """Answers 0.001 more in Python than in the graph."""

        def run(self, x):
            answers = super().run(x)
            if not tf.inside_function():
                answers["y"] += 0.001
            return answers

    with pytest.raises(ExportError, match="'y' differs by 0.001"):
        export(Wrong(tf.square), tmp_path, warmup=False, checks=[check])


@pytest.mark.parametrize("check", CHECKS)
def test_what_is_not_refused_is_found_by_every_loader(
    tmp_path, monkeypatch, check
):
    from metazoo.serving.exporting import guards

    monkeypatch.setattr(guards, "require_filled", lambda inputs: tf.no_op())
    with pytest.raises(ExportError, match="no tasks is not refused"):
        export(Squares(tf.square), tmp_path, warmup=False, checks=[check])


@pytest.mark.skipif(
    platform.machine() != "x86_64", reason="only oneDNN's kernels abort"
)
def test_an_abort_of_the_real_loader_is_an_error_here(tmp_path):
    """Without a guard, a wrong rank brings down who runs the graph."""
    convolution = keras.layers.Conv2D(2, 3, activation="relu")
    model = keras.Sequential([keras.Input((8, 8, 1)), convolution])

    def unguarded(inputs):
        return {"y": model(inputs["x"]), "same": inputs["x"]}

    archive = keras.export.ExportArchive()
    spec = tf.TensorSpec([None, 8, 8, 1], tf.float32, "x")
    archive.add_endpoint("run", unguarded, [{"x": spec}])
    archive.write_out(str(tmp_path / "model"), verbose=False)
    image = {"x": np.ones((8, 8, 1), np.float32)}
    refusal = Refusal("run", image, "wrong rank of 'x'")
    with pytest.raises(
        ExportError, match="died .SIGABRT., at: .*wrong rank of 'x' by 'cpp'"
    ):
        check_export(tmp_path / "model", [], [refusal], ["cpp"])
    # And the next export starts another process.
    export(Squares(tf.square), tmp_path / "next", checks=["cpp"])


def test_names_of_checks_are_checked(tmp_path):
    for wrong in ([], ["none"], "cpp", ["cpp", "x"]):
        with pytest.raises(ExportError, match="checks must be one or more"):
            export(Squares(tf.square), tmp_path, checks=wrong)
