"""The process of one side: python side.py RUNTIME THREADS.

RUNTIME is "keras", "torch" or "jax"; steps come from the methods' folders.
"""

from __future__ import annotations

import importlib
import os
import sys
from importlib import metadata

from rows import rows
from sides.worker import Step, serve

PACKAGES = {
    "keras": ("metazoo", "tensorflow", "keras"),
    "torch": ("torch", "learn2learn", "easyfsl"),
    "jax": ("jax",),
}


def start_keras(threads: int) -> None:
    """Limits TensorFlow's threads."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def start_torch(threads: int) -> None:
    """Limits PyTorch's threads."""
    import torch

    torch.set_num_threads(threads)


def start_jax(threads: int) -> None:
    """Limits XLA's threads to one; it takes no other number."""
    if threads == 1:
        os.environ["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )


def versions(runtime: str) -> dict[str, str]:
    """Library to version; a row's peer may need only some of them.

    Args:
        runtime: a key of `PACKAGES`.
    """
    found = {}
    for name in PACKAGES[runtime]:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


START = {"keras": start_keras, "torch": start_torch, "jax": start_jax}


def make(work: str, module: str) -> Step:
    """Builds a step.

    Args:
        work: name of the row.
        module: file of the side in the method's folder.
    """
    row = rows()[work]
    return importlib.import_module(f"methods.{row.method}.{module}").make(row)


if __name__ == "__main__":
    START[sys.argv[1]](int(sys.argv[2]))
    serve(make, versions(sys.argv[1]))
