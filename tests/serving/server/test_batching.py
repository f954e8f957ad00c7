"""The queue of the batcher: real threads, and runs that wait for a word."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from metazoo.serving.server.batching import Batcher, BatchingOptions
from metazoo.serving.server.metrics import Metrics
from metazoo.serving.status import StatusError, invalid

PATIENCE = 20


class Doubler:
    """Doubles x; the runs wait until the test lets them go."""

    def __init__(self, gated=False):
        self.runs = []
        self.timeouts = []
        self.users = 0
        self.lock = threading.Lock()
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(0) if gated else None

    def run(self, signature, inputs, outputs, timeout_ms):
        x = inputs["x"]
        self.runs.append(x[:, 0].tolist())
        self.timeouts.append(timeout_ms)
        self.entered.release()
        if self.gate is not None:
            assert self.gate.acquire(timeout=PATIENCE)
        if (x < 0).any():
            raise invalid("'x' has a negative value")
        return {"y": 2 * x}

    def hold(self):
        with self.lock:
            self.users += 1

    def release(self):
        with self.lock:
            self.users -= 1

    def wait_entered(self):
        assert self.entered.acquire(timeout=PATIENCE)


def values(*numbers, width=1):
    column = np.array(numbers, np.float64)[:, None]
    return {"x": np.repeat(column, width, axis=1)}


class Bench:
    """A batcher, a gated model and threads that ask."""

    def __init__(self, pool, gated=True, **options):
        options = {"num_batch_threads": 1, "max_batch_size": 8, **options}
        self.metrics = Metrics()
        self.batcher = Batcher(BatchingOptions(**options), self.metrics)
        self.model = Doubler(gated)
        self.pool = pool

    def ask(self, *numbers, width=1, signature="s", timeout_ms=0, model=None):
        answer = self.batcher.run(
            model or self.model,
            signature,
            values(*numbers, width=width),
            ["y"],
            timeout_ms,
        )
        return answer["y"][:, 0].tolist()

    def send(self, *numbers, **options):
        """Asks in a thread; returns once the request is in the queue."""
        before = self.waiting()
        future = self.pool.submit(self.ask, *numbers, **options)
        self.until(lambda: self.waiting() > before or future.done())
        return future

    def occupy(self):
        """Fills the one slot, so that what follows has to queue."""
        future = self.pool.submit(self.ask, 100)
        self.model.wait_entered()
        return future

    def waiting(self):
        return sum(len(batch.units) for batch in self.batcher._queue)

    def until(self, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end
            time.sleep(0.001)

    def open_gate(self, runs=100):
        self.model.gate.release(runs)


@pytest.fixture
def bench():
    with ThreadPoolExecutor(40) as pool:
        yield lambda **options: Bench(pool, **options)


def code_of(future):
    with pytest.raises(StatusError) as caught:
        future.result(PATIENCE)
    return caught.value.code


def test_idle_server_runs_in_the_thread_that_asks(bench):
    here = bench(gated=False)
    threads = threading.active_count()
    assert here.ask(1) == [2]
    assert here.model.runs == [[1]]
    assert threading.active_count() == threads


def test_requests_that_came_during_a_run_are_merged(bench):
    here = bench()
    first = here.occupy()
    futures = [here.send(n) for n in range(5)]
    here.open_gate()
    assert first.result(PATIENCE) == [200]
    assert [f.result(PATIENCE) for f in futures] == [[2 * n] for n in range(5)]
    assert here.model.runs == [[100], [0, 1, 2, 3, 4]]
    assert here.model.users == 0


def test_requests_of_several_tasks_get_their_own_back(bench):
    here = bench()
    here.occupy()
    futures = [here.send(*range(n, n + 2)) for n in (10, 20, 30)]
    here.open_gate()
    assert [f.result(PATIENCE) for f in futures] == [
        [20, 22],
        [40, 42],
        [60, 62],
    ]
    assert here.model.runs[1:] == [[10, 11, 20, 21, 30, 31]]


def test_batch_is_never_larger_than_allowed(bench):
    here = bench(max_batch_size=3)
    here.occupy()
    futures = [here.send(n) for n in range(7)]
    here.open_gate()
    for n, future in enumerate(futures):
        assert future.result(PATIENCE) == [2 * n]
    assert here.model.runs[1:] == [[0, 1, 2], [3, 4, 5], [6]]


@pytest.mark.parametrize("option", ["width", "signature", "model"])
def test_requests_that_do_not_fit_are_not_merged(bench, option):
    here = bench()
    other = {"width": 2, "signature": "t", "model": Doubler()}[option]
    here.occupy()
    futures = [here.send(1), here.send(2, **{option: other}), here.send(3)]
    here.open_gate()
    assert [f.result(PATIENCE) for f in futures] == [[2], [4], [6]]
    runs = here.model.runs[1:]
    assert [1, 3] in runs
    assert [2] in (other.runs if option == "model" else runs)


def test_bad_request_fails_alone(bench):
    here = bench()
    here.occupy()
    good = [here.send(n) for n in (1, 2)]
    bad = here.send(-1)
    good += [here.send(3)]
    here.open_gate()
    assert [f.result(PATIENCE) for f in good] == [[2], [4], [6]]
    assert code_of(bad) == "INVALID_ARGUMENT"
    assert here.model.runs[1:] == [[1, 2, -1, 3], [1], [2], [-1], [3]]


def test_error_that_is_no_status_fails_alone_and_frees_the_slot(bench):
    here = bench(gated=False)

    def run(signature, inputs, outputs, timeout_ms):
        raise MemoryError("no room")

    here.model.run, run = run, here.model.run
    for _ in range(3):
        with pytest.raises(MemoryError, match="no room"):
            here.ask(1)
    here.model.run = run
    assert here.ask(1) == [2]
    assert here.model.users == 0


def test_full_queue_is_unavailable_at_once(bench):
    here = bench(max_batch_size=2, max_enqueued_batches=2)
    here.occupy()
    waiting = [here.send(n) for n in range(4)]
    with pytest.raises(StatusError, match="queue .* is full") as caught:
        here.ask(4)
    assert caught.value.code == "UNAVAILABLE"
    here.open_gate()
    for n, future in enumerate(waiting):
        assert future.result(PATIENCE) == [2 * n]
    assert here.ask(5) == [10]


def test_queues_of_other_signatures_have_room_of_their_own(bench):
    here = bench(max_batch_size=1, max_enqueued_batches=1)
    here.occupy()
    waiting = [here.send(1), here.send(2, signature="t")]
    with pytest.raises(StatusError):
        here.ask(3)
    here.open_gate()
    assert [f.result(PATIENCE) for f in waiting] == [[2], [4]]


def test_too_many_tasks_are_invalid(bench):
    here = bench(gated=False, max_batch_size=4)
    with pytest.raises(
        StatusError,
        match="Task size 5 is larger than maximum input batch size 4",
    ) as caught:
        here.ask(*range(5))
    assert caught.value.code == "INVALID_ARGUMENT"
    assert here.ask(*range(4)) == [0, 2, 4, 6]


def test_large_request_is_split_if_asked_for(bench):
    here = bench(
        gated=False,
        max_batch_size=8,
        enable_large_batch_splitting=True,
        max_execution_batch_size=3,
    )
    assert here.ask(*range(8)) == [2 * n for n in range(8)]
    assert sorted(here.model.runs) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    with pytest.raises(StatusError, match="Task size 9"):
        here.ask(*range(9))


def test_parts_of_two_large_requests_wait_for_each_other(bench):
    here = bench(
        max_batch_size=8,
        enable_large_batch_splitting=True,
        max_execution_batch_size=2,
        num_batch_threads=2,
    )
    blocks = [here.occupy(), here.occupy()]
    large = [here.send(*range(n, n + 5)) for n in (0, 10, 20)]
    here.open_gate()
    for n, future in zip((0, 10, 20), large, strict=True):
        expected = [2 * k for k in range(n, n + 5)]
        assert future.result(PATIENCE) == expected
    assert all(len(run) <= 2 for run in here.model.runs)
    assert [b.result(PATIENCE) for b in blocks] == [[200], [200]]


@pytest.fixture
def splitting(bench):
    return bench(
        max_batch_size=8,
        enable_large_batch_splitting=True,
        max_execution_batch_size=1,
        num_batch_threads=3,
        max_enqueued_batches=1000,
    )


def test_parts_of_a_large_request_run_side_by_side(splitting):
    large = splitting.pool.submit(splitting.ask, 1, 2, 3, 4, 5)
    for _ in range(3):
        splitting.model.wait_entered()
    # As many as there are slots; no thread has left its run yet.
    assert sorted(splitting.model.runs) == [[1], [2], [3]]
    splitting.open_gate()
    assert large.result(PATIENCE) == [2, 4, 6, 8, 10]
    splitting.until(lambda: not splitting.model.users)


def test_part_that_fails_fails_its_request_and_frees_its_slot(splitting):
    large = splitting.pool.submit(splitting.ask, 1, -2, 3, 4)
    splitting.open_gate()
    assert code_of(large) == "INVALID_ARGUMENT"
    splitting.until(lambda: splitting.batcher._free_slots == 3)
    assert not splitting.model.users


def test_slots_full_of_large_requests_come_free_again(splitting):
    numbers = list(range(8))
    futures = [
        splitting.pool.submit(splitting.ask, *numbers) for _ in range(30)
    ]
    splitting.open_gate(runs=30 * 8)
    for future in futures:
        assert future.result(PATIENCE) == [2 * n for n in numbers]


def test_parts_wait_for_their_own_thread_where_no_other_is_to_be_had(
    splitting, monkeypatch
):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    splitting.open_gate()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert splitting.ask(1, 2, 3) == [2, 4, 6]
    assert splitting.model.runs == [[1], [2], [3]]
    assert not splitting.model.users


def test_time_up_in_the_queue_is_resource_exhausted(bench):
    here = bench()
    first = here.occupy()
    late = here.send(1, timeout_ms=50)
    patient = here.send(2, timeout_ms=1000 * PATIENCE)
    assert code_of(late) == "RESOURCE_EXHAUSTED"
    assert here.waiting() == 1
    here.open_gate()
    assert first.result(PATIENCE) == [200]
    assert patient.result(PATIENCE) == [4]
    assert here.model.runs == [[100], [2]]


def test_time_up_during_a_run_costs_the_neighbours_nothing(bench):
    here = bench()
    here.occupy()
    patient = here.send(1, timeout_ms=1000 * PATIENCE)
    late = here.send(2, timeout_ms=300)
    here.open_gate(1)
    here.model.wait_entered()
    # Both are in the run by now, which nobody has let go.
    assert code_of(late) == "DEADLINE_EXCEEDED"
    assert here.model.users == 1
    here.open_gate()
    assert patient.result(PATIENCE) == [2]
    assert here.model.runs == [[100], [1, 2]]
    here.until(lambda: here.model.users == 0)


def test_merged_run_gets_the_longest_deadline(bench):
    here = bench()
    here.occupy()
    futures = [here.send(n, timeout_ms=t) for n, t in ((1, 40000), (2, 90000))]
    here.open_gate()
    assert [f.result(PATIENCE) for f in futures] == [[2], [4]]
    assert 40000 < here.model.timeouts[1] <= 90000


def test_run_for_who_waits_for_ever_has_no_deadline(bench):
    here = bench()
    here.occupy()
    futures = [here.send(1, timeout_ms=60000), here.send(2)]
    here.open_gate()
    assert [f.result(PATIENCE) for f in futures] == [[2], [4]]
    assert here.model.timeouts[1] == 0


def test_timeout_lets_an_idle_server_wait_for_more(bench):
    here = bench(gated=False, max_batch_size=3, batch_timeout_micros=10**8)
    futures = [here.send(n) for n in range(2)]
    assert here.model.runs == []
    futures.append(here.send(2))
    assert [f.result(PATIENCE) for f in futures] == [[0], [2], [4]]
    assert here.model.runs == [[0, 1, 2]]


def test_timeout_runs_what_is_there(bench):
    here = bench(gated=False, batch_timeout_micros=50_000)
    started = time.monotonic()
    assert here.ask(1) == [2]
    assert time.monotonic() - started >= 0.05


def test_batch_starts_in_time_when_its_first_request_gives_up(bench):
    here = bench(gated=False, batch_timeout_micros=400_000)
    hasty = here.send(1, timeout_ms=100)
    patient = here.send(2)
    assert code_of(hasty) == "RESOURCE_EXHAUSTED"
    assert patient.result(PATIENCE) == [4]
    assert here.model.runs == [[2]]


def test_slots_bound_the_runs_at_one_time(bench):
    here = bench(num_batch_threads=2, max_batch_size=1)
    futures = [here.pool.submit(here.ask, n) for n in range(6)]
    here.model.wait_entered()
    here.model.wait_entered()
    here.until(lambda: here.waiting() == 4)
    assert len(here.model.runs) == 2
    here.open_gate()
    assert sorted(f.result(PATIENCE)[0] for f in futures) == [
        2 * n for n in range(6)
    ]


def test_padding_repeats_a_row_and_is_cut_off(bench):
    here = bench(gated=False, max_batch_size=4, allowed_batch_sizes=(2, 4))
    assert here.ask(7) == [14]
    assert here.ask(1, 2, 3) == [2, 4, 6]
    assert here.model.runs == [[7, 7], [1, 2, 3, 1]]


def test_request_that_is_not_finite_runs_alone(bench):
    here = bench()
    here.occupy()
    futures = [here.send(1), here.send(np.inf), here.send(np.inf)]
    here.open_gate()
    assert [f.result(PATIENCE) for f in futures] == [[2], [np.inf], [np.inf]]
    assert sorted(here.model.runs[1:]) == [[1], [np.inf], [np.inf]]


def test_many_threads_get_their_own_answers(bench):
    here = bench(gated=False, num_batch_threads=2, max_enqueued_batches=100)

    def client(seed):
        rng = np.random.default_rng(seed)
        for _ in range(50):
            numbers = rng.integers(1, 1000, rng.integers(1, 4)).tolist()
            width = int(rng.integers(1, 3))
            if rng.random() < 0.2:
                with pytest.raises(StatusError):
                    here.ask(-1, width=width)
            assert here.ask(*numbers, width=width) == [2 * n for n in numbers]

    for future in [here.pool.submit(client, seed) for seed in range(16)]:
        future.result(PATIENCE)
    assert here.model.users == 0
    assert here.batcher._free_slots == 2


def test_metrics_count_requests_runs_and_padding(bench):
    here = bench(max_batch_size=4, allowed_batch_sizes=(4,))
    first = here.occupy()
    futures = [here.send(1), here.send(2)]
    here.open_gate()
    for future in (first, *futures):
        future.result(PATIENCE)
    prefix = ":tensorflow:serving:batching_session:"
    found = {}
    for line in here.metrics.render().decode().splitlines():
        if line.startswith(prefix):
            name, value = line.removeprefix(prefix).rsplit(" ", 1)
            found[name] = float(value)
    assert found["input_batch_size_count"] == 3
    assert found["processed_batch_size_sum"] == 8
    assert found['padding_size_sum{execution_batch_size="4"}'] == 5
    pool = '{thread_pool_name="batch_threads"}'
    assert found[f"queuing_latency_count{pool}"] == 3
    assert found[f"wrapped_run_count{pool}"] == 2
