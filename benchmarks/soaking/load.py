"""One process of clients, each a thread with its own connections."""

from __future__ import annotations

import multiprocessing as mp
import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from soaking.case import OUTAGES, Case, Outcome, problem_of, seen_of

PAUSE_IN_OUTAGE = 0.1
LONGEST_OUTAGE = 400.0
MOST_PROBLEMS = 100


@dataclass(frozen=True)
class LoadJob:
    """What one process does.

    Attributes:
        cases: The requests.
        weights: How often each is taken.
        num_requests: How many are answered; what an outage leaves
            unanswered is sent again.
        num_clients: By how many threads.
        seed: Of the choice of cases.
        grpc_address: `host:port`.
        rest_address: (host, port).
    """

    cases: list[Case]
    weights: list[float]
    num_requests: int
    num_clients: int
    seed: int
    grpc_address: str
    rest_address: tuple[str, int]


@dataclass
class LoadResult:
    """What one process saw; times are seconds since the epoch.

    Attributes:
        counts: (kind, status) -> requests.
        latencies: Transport -> seconds of good answers.
        outages: (start, end, kind, status) of requests that nobody
            answered.
        problems: (time, kind, what was wrong).
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    latencies: dict[str, list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    outages: list[tuple[float, float, str, str]] = field(default_factory=list)
    problems: list[tuple[float, str, str]] = field(default_factory=list)

    def add(self, case: Case, outcome: Outcome, start: float) -> None:
        """Counts one request."""
        end = time.time()
        self.counts[case.kind, outcome.status] += 1
        if outcome.status in OUTAGES and outcome.status != case.status:
            self.outages.append((start, end, case.kind, outcome.status))
            return
        problem = problem_of(case, outcome)
        if problem is not None:
            self.counts[case.kind, "WRONG"] += 1
            if len(self.problems) < MOST_PROBLEMS:
                self.problems.append((end, case.kind, problem))
        elif case.answers and case.mode == "plain":
            self.latencies[case.transport].append(end - start)

    def merge(self, other: LoadResult) -> None:
        """Adds what another process saw."""
        self.counts.update(other.counts)
        for transport, values in other.latencies.items():
            self.latencies[transport].extend(values)
        self.outages.extend(other.outages)
        self.problems.extend(other.problems)


_progress: Any = None


def share_progress(value: Any) -> None:
    """Sets the counter that all processes share."""
    global _progress
    _progress = value


def spawn_pool(num_processes: int) -> tuple[Any, Any]:
    """Starts processes for `run_load`.

    Returns:
        (pool, counter of all requests sent).
    """
    from concurrent.futures import ProcessPoolExecutor

    context = mp.get_context("spawn")
    progress = context.Value("q", 0)
    pool = ProcessPoolExecutor(
        num_processes, context, share_progress, (progress,)
    )
    return pool, progress


def run_load(job: LoadJob) -> LoadResult:
    """Sends a job's requests from as many threads as it has clients."""
    result, lock = LoadResult(), threading.Lock()
    share = [
        len(range(i, job.num_requests, job.num_clients))
        for i in range(job.num_clients)
    ]
    failures: list[BaseException] = []

    def client(index: int) -> None:
        try:
            own = _client(job, index, share[index])
        except BaseException as error:
            failures.append(error)
            raise
        with lock:
            result.merge(own)

    threads = [
        threading.Thread(target=client, args=(i,))
        for i in range(job.num_clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return result


def _client(job: LoadJob, index: int, num_requests: int) -> LoadResult:
    from soaking.senders import GrpcSender, RestSender

    rng = random.Random(f"{job.seed}/{index}")
    senders = {
        "grpc": GrpcSender(job.grpc_address),
        "rest": RestSender(*job.rest_address),
    }
    result = LoadResult()
    for case in rng.choices(job.cases, job.weights, k=num_requests):
        _send(case, senders[case.transport], result)
        with _progress.get_lock():
            _progress.value += 1
    for sender in senders.values():
        sender.close()
    return result


def _send(case: Case, sender: Any, result: LoadResult) -> None:
    """Sends a case until somebody answers."""
    limit = time.time() + LONGEST_OUTAGE
    while True:
        start = time.time()
        outcome = seen_of(case, sender.send(case))
        result.add(case, outcome, start)
        if outcome.status not in OUTAGES:
            return
        if start > limit:
            raise RuntimeError(f"no answer for {LONGEST_OUTAGE} s: {outcome}")
        time.sleep(PAUSE_IN_OUTAGE)
