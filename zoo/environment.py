"""What a number was measured with: hardware and library versions."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

PACKAGES = ("metazoo", "tensorflow", "keras", "numpy")
_CPUINFO = Path("/proc/cpuinfo")


def library_versions() -> dict[str, str]:
    """Versions of metazoo, what it computes with, and Python.

    Returns:
        Name to version.
    """
    versions = {name: metadata.version(name) for name in PACKAGES}
    return {**versions, "python": platform.python_version()}


def hardware() -> dict[str, object]:
    """The machine this process runs on.

    Returns:
        `cpu` (model), `cores` (that this process may use), `system`, and
        `gpus` (a list of models, as TensorFlow names them).
    """
    return {
        "cpu": cpu_model(),
        "cores": available_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "gpus": gpu_models(),
    }


def hardware_text() -> str:
    """The machine in one line, such as `AMD EPYC, 2 cores`."""
    found = hardware()
    text = f"{found['cpu']}, {found['cores']} cores"
    gpus = gpu_models()
    return f"{text}, {', '.join(gpus)}" if gpus else text


def cpu_model() -> str:
    """Model of the processor, or its architecture where that is unknown."""
    if _CPUINFO.is_file():
        for line in _CPUINFO.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def available_cores() -> int:
    """Number of cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def gpu_models() -> list[str]:
    """Models of the GPUs that TensorFlow sees."""
    import tensorflow as tf

    config = tf.config.experimental
    return [
        config.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]
