"""Prometheus metrics under the names of TensorFlow Serving."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import Metric

PATH = "/monitoring/prometheus/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = tuple(10 * 1.8**power for power in range(33))


class _RequestCount:
    """Counts by labels; the client library would rename it `..._total`."""

    name = ":tensorflow:serving:request_count"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, model: str, status: str) -> None:
        with self._lock:
            self._counts[model, status] += 1

    def collect(self) -> Iterator[Metric]:
        metric = Metric(self.name, "Requests by model and status.", "unknown")
        with self._lock:
            counts = dict(self._counts)
        for (model, status), count in sorted(counts.items()):
            labels = {"model_name": model, "status": status}
            metric.add_sample(self.name, labels, count)
        yield metric


class Metrics:
    """What the server counts; every time is in microseconds."""

    def __init__(self) -> None:
        """Makes a registry of its own."""
        self._registry = CollectorRegistry()
        self._requests = _RequestCount()
        self._registry.register(self._requests)
        self._latency = self._histogram(
            "request_latency", ["model_name", "API", "entrypoint"]
        )
        self._runtime = self._histogram(
            "runtime_latency", ["model_name", "API", "runtime"]
        )
        self._load = Histogram(
            ":tensorflow:cc:saved_model:load_latency",
            "Microseconds to load a version, with its warm-up.",
            ["model_path"],
            registry=self._registry,
            buckets=BUCKETS,
        )

    def _histogram(self, name: str, labels: list[str]) -> Histogram:
        return Histogram(
            f":tensorflow:serving:{name}",
            f"Distribution of {name} in microseconds.",
            labels,
            registry=self._registry,
            buckets=BUCKETS,
        )

    def answered(
        self, model: str, entrypoint: str, status: str, seconds: float
    ) -> None:
        """Counts a request that was answered.

        Args:
            model: Name of a model that exists; empty for none, so that
                clients can't make up label values.
            entrypoint: `GRPC` or `REST`.
            status: Name of the status code.
            seconds: Time from request to answer.
        """
        self._requests.add(model, status)
        if model:
            self._latency.labels(model, "Predict", entrypoint).observe(
                seconds * 1e6
            )

    def ran(self, model: str, seconds: float) -> None:
        """Counts the run of a graph."""
        self._runtime.labels(model, "Predict", "TF1").observe(seconds * 1e6)

    def loaded(self, directory: Path, seconds: float) -> None:
        """Counts the load of a version."""
        self._load.labels(str(directory)).observe(seconds * 1e6)

    def render(self) -> bytes:
        """Writes everything in the text format."""
        return generate_latest(self._registry)
