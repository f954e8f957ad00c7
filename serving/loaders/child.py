"""Loads exports where this library and Keras can't be imported.

A script, run by path with `python -I`; `process.py` is at the other end of
its connection.
"""

from __future__ import annotations

import importlib.util
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

ABSENT = ("keras", "metazoo")
# The process holds some hundred megabytes: it goes when nothing comes.
IDLE_SECONDS = 60.0
# TensorFlow keeps a little of every model it ever loaded.
MOST_EXPORTS = 30
INVALID_ARGUMENT = 3
UNKNOWN = 2


def serve(connection: Connection) -> None:
    """Answers until the other end closes or says nothing, or to the last.

    Args:
        connection: Requests in; progress, results and failures out.
    """
    connection.send(("at", "importing TensorFlow"))
    loaders = {"saved_model": _saved_model, "cpp": _cpp_loader()}
    check_absent()
    connection.send(("ready",))
    for _ in range(MOST_EXPORTS):
        if not connection.poll(IDLE_SECONDS):
            return
        try:
            directory, names, calls, refusals = connection.recv()
        except EOFError:
            return
        try:
            for name in names:
                found = _try(
                    *(connection, name, loaders[name], directory),
                    *(calls, refusals),
                )
                connection.send(("result", name, found))
        except Exception as error:
            connection.send(("failed", f"{type(error).__name__}: {error}"))
        else:
            connection.send(("done",))


def check_absent() -> None:
    """Makes sure that nothing of what must not help was imported.

    Raises:
        ImportError: If it was.
    """
    found = [
        name
        for name, module in sys.modules.items()
        if name.partition(".")[0] in ABSENT and module is not None
    ]
    if found:
        raise ImportError(f"imported {found}; the export must not need it")


def _try(
    connection: Connection,
    name: str,
    load: Any,
    directory: str,
    calls: list[Any],
    refusals: list[Any],
) -> Any:
    connection.send(("at", f"loading by {name!r}"))
    run, close = load(directory)
    try:
        answers = []
        for signature, inputs, what in calls:
            connection.send(("at", f"{what} by {name!r}"))
            answers.append(run(signature, inputs))
        codes = []
        for signature, inputs, what in refusals:
            text = f"signature {signature!r}: {what} by {name!r}"
            connection.send(("at", text))
            codes.append(_code(run, signature, inputs))
    finally:
        close()
    return answers, codes


def _code(run: Any, signature: str, inputs: Any) -> tuple[int, str]:
    try:
        run(signature, inputs)
    except (TypeError, ValueError) as error:
        # `tf.saved_model.load` compares shapes before anything runs.
        return INVALID_ARGUMENT, str(error)
    except Exception as error:
        code = getattr(error, "error_code", getattr(error, "code", UNKNOWN))
        return code, str(error)
    return 0, "it was answered"


def _saved_model(directory: str) -> tuple[Any, Any]:
    import tensorflow as tf

    signatures = tf.saved_model.load(directory).signatures

    def run(signature: str, inputs: Any) -> Any:
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        found = signatures[signature](**tensors)
        return {name: value.numpy() for name, value in found.items()}

    return run, lambda: None


def _cpp_loader() -> Any:
    path = Path(__file__).with_name("c_api.py")
    spec = importlib.util.spec_from_file_location("c_api", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} can't be imported")
    import tensorflow  # noqa: F401  (the C libraries need it first)

    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def load(directory: str) -> tuple[Any, Any]:
        session = module.CSession(directory)
        return session.run, session.close

    return load


if __name__ == "__main__":
    for absent in ABSENT:
        # TensorFlow imports Keras if it finds it.
        sys.modules[absent] = None  # type: ignore[assignment]
    # Where TensorFlow is, if not among the packages of the interpreter.
    sys.path.append(sys.argv[2])
    serve(Connection(int(sys.argv[1])))
