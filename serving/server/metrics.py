"""Prometheus metrics, under TensorFlow Serving's names where it has them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = tuple(10 * 1.8**power for power in range(33))
SIZES = tuple(float(2**power) for power in range(14))

# The label by which the real server tells pools of batching threads apart.
THREAD_POOL = "batch_threads"


class _Count:
    """Sums by labels; the client library would rename it `..._total`."""

    def __init__(self, name: str, doc: str, labels: tuple[str, ...]) -> None:
        self.name = name
        self._doc = doc
        self._labels = labels
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, ...]] = Counter()

    def add(self, *values: str, amount: int = 1) -> None:
        with self._lock:
            self._counts[values] += amount

    def collect(self) -> Iterator[Metric]:
        metric = Metric(self.name, self._doc, "unknown")
        with self._lock:
            counts = dict(self._counts)
        for values, count in sorted(counts.items()):
            labels = dict(zip(self._labels, values, strict=True))
            metric.add_sample(self.name, labels, count)
        yield metric


class BatchingMetrics:
    """What batching counts, whatever the model, as the real server does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Adds the metrics to a registry."""

        def histogram(
            name: str, doc: str, labels: list[str], buckets: tuple[float, ...]
        ) -> Histogram:
            return Histogram(
                f":tensorflow:serving:batching_session:{name}",
                doc,
                labels,
                registry=registry,
                buckets=buckets,
            )

        self._came = histogram(
            "input_batch_size", "Tasks of a request.", [], SIZES
        )
        self._processed = histogram(
            "processed_batch_size", "Tasks of a run, padded.", [], SIZES
        )
        self._padding = histogram(
            "padding_size",
            "Tasks that only pad a run.",
            ["execution_batch_size"],
            SIZES,
        )
        self._queued = histogram(
            "queuing_latency",
            "Microseconds from arrival to run.",
            ["thread_pool_name"],
            BUCKETS,
        ).labels(THREAD_POOL)
        self._runs = _Count(
            ":tensorflow:serving:batching_session:wrapped_run_count",
            "Runs of a graph by batching.",
            ("thread_pool_name",),
        )
        registry.register(self._runs)

    def came(self, size: int) -> None:
        """Counts a request of `size` tasks."""
        self._came.observe(size)

    def queued(self, seconds: float) -> None:
        """Counts how long a request waited for its run."""
        self._queued.observe(seconds * 1e6)

    def processed(self, size: int, padding: int) -> None:
        """Counts a run of `size` tasks, `padding` of them for nobody."""
        self._runs.add(THREAD_POOL)
        self._processed.observe(size)
        self._padding.labels(str(size)).observe(padding)


class Metrics:
    """What the server counts; every time is in microseconds.

    Attributes:
        batching: What batching counts.
    """

    def __init__(self) -> None:
        """Makes a registry of its own."""
        self._registry = CollectorRegistry()
        self.batching = BatchingMetrics(self._registry)
        self._requests = _Count(
            ":tensorflow:serving:request_count",
            "Requests by model and status.",
            ("model_name", "status"),
        )
        self._registry.register(self._requests)
        self._latency = self._histogram(
            "request_latency", ["model_name", "API", "entrypoint"]
        )
        self._runtime = self._histogram(
            "runtime_latency", ["model_name", "API", "runtime"]
        )
        # A sum, not a distribution, in the real server.
        self._load = _Count(
            ":tensorflow:cc:saved_model:load_latency",
            "Microseconds to load a version, with its warm-up.",
            ("model_path",),
        )
        self._registry.register(self._load)
        self._in_flight = Gauge(
            ":metazoo:serving:bytes_in_flight",
            "Bytes of requests held, small ones left out.",
            registry=self._registry,
        )
        self._refused = _Count(
            ":metazoo:serving:bytes_in_flight_refused_count",
            "Requests for which there was no room.",
            ("entrypoint",),
        )
        for entrypoint in ("GRPC", "REST"):
            # A rate needs a zero to rise from.
            self._refused.add(entrypoint, amount=0)
        self._registry.register(self._refused)

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
        self._load.add(str(directory), amount=round(seconds * 1e6))

    def in_flight(self, size: int) -> None:
        """Notes how many bytes of requests are held."""
        self._in_flight.set(size)

    def refused(self, entrypoint: str) -> None:
        """Counts a request for which there was no room.

        Args:
            entrypoint: `GRPC` or `REST`.
        """
        self._refused.add(entrypoint)

    def render(self) -> bytes:
        """Writes everything in the text format."""
        return generate_latest(self._registry)
