"""Changes what is served while it is asked."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
from tensorflow_serving.apis import (
    model_management_pb2,
    model_service_pb2_grpc,
)
from tensorflow_serving.config import model_server_config_pb2

from soaking.case import WEIGHTS
from soaking.good import CHURN, FIXED, MOVING, PINNED

RELOAD_TIMEOUT = 60.0


def models_config(root: str, moving: int = 1) -> Any:
    """What is served, as a ModelServerConfig.

    Args:
        root: The folder of all models, as the server reads it.
        moving: The version that the label `moving` points to.
    """
    config = model_server_config_pb2.ModelServerConfig()
    for name in (CHURN, PINNED):
        config.model_config_list.config.add(
            name=name,
            base_path=f"{root}/{name}",
            model_platform="tensorflow",
        )
    pinned = config.model_config_list.config[-1]
    pinned.model_version_policy.all.SetInParent()
    pinned.version_labels.update({MOVING: moving, FIXED: 2})
    return config


class Churn:
    """Publishes, rolls back, half-writes, and moves a label, in turn.

    Attributes:
        counts: How often each was done.
        problems: What failed, with its time.
        half_written: Versions that must never be served.
    """

    def __init__(
        self, root: Path, exports: dict[str, Path], address: str, seen: str
    ) -> None:
        """Publishes the first versions.

        Args:
            root: The folder of all models.
            exports: Weights -> an exported version.
            address: The server's gRPC address.
            seen: The same folder, as the server reads it.
        """
        self.counts: Counter[str] = Counter()
        self.problems: list[tuple[float, str, str]] = []
        self.half_written: list[int] = []
        self._root, self._exports, self._seen = root, exports, seen
        self._address = address
        self._next = 1
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        for version in (1, 2):
            self._copy(PINNED, version)
        self._publish()

    def _copy(self, model: str, version: int) -> None:
        base = self._root / model
        base.mkdir(parents=True, exist_ok=True)
        staging = base / f".soak-{version}"
        shutil.copytree(self._exports[WEIGHTS[version % 2]], staging)
        staging.rename(base / str(version))

    def start(self, interval: float) -> None:
        """Begins to change something every so many seconds."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(interval,))
        self._thread.start()

    def halt(self) -> None:
        """Begins nothing more; what was begun goes on."""
        self._stop.set()

    def stop(self) -> None:
        """Waits for what was begun; leaves only whole versions."""
        self.halt()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._clear_half_written()

    def _run(self, interval: float) -> None:
        steps = itertools.cycle(
            (
                self._publish,
                self._half_write,
                self._move_label,
                self._fill,
                self._publish,
                self._clear_half_written,
                self._roll_back,
                self._move_label,
            )
        )
        for step in steps:
            if self._stop.wait(interval):
                return
            try:
                step()
            except Exception as error:
                what = step.__name__.strip("_")
                self.problems.append((time.time(), what, repr(error)))

    def _publish(self) -> None:
        self._copy(CHURN, self._next)
        self._next += 1
        self.counts["published"] += 1
        whole = sorted(v for v in self._versions() if not self._is_half(v))
        for version in whole[:-3]:
            shutil.rmtree(self._root / CHURN / str(version))

    def _versions(self) -> list[int]:
        names = (path.name for path in (self._root / CHURN).iterdir())
        return [int(name) for name in names if name.isdigit()]

    def _is_half(self, version: int) -> bool:
        return version in self.half_written

    def _half_write(self) -> None:
        version, self._next = self._next, self._next + 1
        self.half_written.append(version)
        folder = self._root / CHURN / str(version)
        folder.mkdir()
        source = self._exports[WEIGHTS[version % 2]] / "saved_model.pb"
        if self.counts["half-written"] % 2:
            shutil.copy(source, folder)
        else:
            data = source.read_bytes()
            (folder / source.name).write_bytes(data[: len(data) // 2])
        self.counts["half-written"] += 1

    def _fill(self) -> None:
        """Completes a half-written version, too late to be served."""
        for version in set(self._versions()) & set(self.half_written):
            folder = self._root / CHURN / str(version)
            source = self._exports[WEIGHTS[version % 2]]
            shutil.copytree(source, folder, dirs_exist_ok=True)
            self.counts["filled too late"] += 1

    def _clear_half_written(self) -> None:
        for version in set(self._versions()) & set(self.half_written):
            shutil.rmtree(self._root / CHURN / str(version))

    def _roll_back(self) -> None:
        versions = sorted(self._versions())
        if len(versions) > 1:
            shutil.rmtree(self._root / CHURN / str(versions[-1]))
            self.counts["rolled back"] += 1

    def _move_label(self) -> None:
        moving = 1 + self.counts["label moved"] % 2
        request = model_management_pb2.ReloadConfigRequest(
            config=models_config(self._seen, moving)
        )
        with grpc.insecure_channel(self._address) as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            stub.HandleReloadConfigRequest(request, timeout=RELOAD_TIMEOUT)
        self.counts["label moved"] += 1
