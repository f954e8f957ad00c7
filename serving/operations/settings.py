"""How the models are run: batching, resources, image, addresses, TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metazoo.errors import ServingError
from metazoo.serving.operations import checks

# The newest server known at the time of writing.
IMAGE = "tensorflow/serving:2.20.0"
GRPC_PORT = 8500
REST_PORT = 8501
_LARGEST_BATCH = 2**20


@dataclass(frozen=True)
class TlsFiles:
    """PEM files for gRPC. REST has no TLS in TensorFlow Serving.

    Attributes:
        key: Private key of the server.
        certificate: Its certificate, followed by the chain.
        client_ca: Certificates that clients' certificates must lead to;
            None to let every client in.
    """

    key: Path
    certificate: Path
    client_ca: Path | None = None


@dataclass(frozen=True)
class Settings:
    """Everything about the servers but the models.

    Attributes:
        name: Of the compose project and the Kubernetes objects.
        image: Container image of TensorFlow Serving.
        root: Where the containers see the models.
        user: User and group id of the server's process.
        batching: Whether requests are merged over the tasks axis.
        max_batch_size: Most tasks of a merged batch.
        batch_timeout_micros: Longest wait for others, in microseconds; with
            0, requests merge only while all threads are busy.
        max_enqueued_batches: Most batches that wait; more are refused with
            UNAVAILABLE.
        allowed_batch_sizes: Sizes to fill up to, ascending; empty for any.
        config_poll_seconds: Seconds between looks at models.config.
        cpus: Cores of a replica.
        memory: Memory of a replica, such as `4Gi`; two versions must fit.
        replicas: Replicas in Kubernetes.
        max_replicas: Most replicas of the autoscaler; None for no autoscaler.
        claim: Volume claim that holds the models; None for `NAME-models`.
        storage_uri: Where KServe finds a folder for each model; None for the
            claim.
        scrape: HOST:PORT that Prometheus asks for metrics.
    """

    name: str = "metazoo"
    image: str = IMAGE
    root: str = "/models"
    user: int = 10001
    batching: bool = True
    max_batch_size: int = 32
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 64
    allowed_batch_sizes: tuple[int, ...] = ()
    config_poll_seconds: int = 30
    cpus: int = 2
    memory: str = "4Gi"
    replicas: int = 2
    max_replicas: int | None = None
    claim: str | None = None
    storage_uri: str | None = None
    scrape: tuple[str, ...] = (f"serving:{REST_PORT}",)

    def __post_init__(self) -> None:
        """Checks every value.

        Raises:
            ServingError: Names the first value that is wrong.
        """
        checks.name("name", self.name)
        checks.image("image", self.image)
        checks.path("root", self.root)
        checks.integer("user", self.user, 1)
        checks.integer("config_poll_seconds", self.config_poll_seconds, 1)
        self._check_batching()
        self._check_resources()
        if self.claim is not None:
            checks.name("claim", self.claim)
        if self.storage_uri is not None:
            checks.uri("storage_uri", self.storage_uri)
        if not self.scrape:
            raise ServingError("scrape is empty; expected HOST:PORT")
        for address in self.scrape:
            checks.address("scrape", address)

    def _check_batching(self) -> None:
        largest = checks.integer(
            "max_batch_size", self.max_batch_size, 1, _LARGEST_BATCH
        )
        checks.integer("batch_timeout_micros", self.batch_timeout_micros, 0)
        checks.integer("max_enqueued_batches", self.max_enqueued_batches, 1)
        sizes = self.allowed_batch_sizes
        for size in sizes:
            checks.integer("allowed_batch_sizes", size, 1, _LARGEST_BATCH)
        rising = list(sizes) == sorted(set(sizes))
        if sizes and not (rising and sizes[-1] == largest):
            raise ServingError(
                f"allowed_batch_sizes is {list(sizes)}; expected rising "
                f"sizes that end with max_batch_size, {largest}"
            )

    def _check_resources(self) -> None:
        checks.integer("cpus", self.cpus, 1, 1024)
        checks.memory("memory", self.memory)
        checks.integer("replicas", self.replicas, 1, 1000)
        if self.max_replicas is not None:
            checks.integer(
                "max_replicas", self.max_replicas, self.replicas, 1000
            )

    @property
    def volume_claim(self) -> str:
        """Name of the volume claim that holds the models."""
        return self.claim or f"{self.name}-models"

    @property
    def storage(self) -> str:
        """Address of the folder that holds a folder for each model."""
        return (self.storage_uri or f"pvc://{self.volume_claim}").rstrip("/")
