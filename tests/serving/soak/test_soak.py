"""The soak in small, and that it sees what it must see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from soaking.case import Case, Outcome, problem_of, seen_of  # noqa: E402
from soaking.load import LoadResult  # noqa: E402
from soaking.outages import Window, unexplained  # noqa: E402
from soaking.server import ServerProcess  # noqa: E402
from soaking.watch import Sample, growth  # noqa: E402


@pytest.mark.slow
def test_small_soak_finds_nothing(tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, BENCHMARKS / "soak.py", "--requests=1500"]
    command += ["--clients=16", "--processes=1", "--churn=0.4", "--seed=3"]
    command += [f"--report={report}", f"--folder={tmp_path}"]
    # Restarts have tests of their own; here they would take too long.
    command += ["--restarts"]
    run = subprocess.run(
        command,
        env={**os.environ, "TF_NUM_INTRAOP_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout[-5000:]
    found = json.loads(report.read_text())
    assert found["faults"] == []
    assert found["wrong"] == 0
    counts = found["counts"].values()
    assert sum(sum(kind.values()) for kind in counts) == 1500
    assert found["unanswered"] == 0
    assert len(found["counts"]) > 30
    assert found["churn"]["published"] >= 2
    assert found["churn"]["half-written"] >= 1


ANSWER = {"classes": np.array([[1, 2]])}
CASE = Case("good", "grpc", "/p", b"x", "OK", answers={"odd": ANSWER})
REFUSAL = Case("bad", "rest", "/p", b"x", "400", part="query_x")


@pytest.mark.parametrize(
    ("case", "outcome", "part"),
    [
        (CASE, Outcome("INTERNAL", "boom"), "status INTERNAL, expected OK"),
        (CASE, Outcome("OK", outputs=ANSWER, version=2), "version 2 answered"),
        (
            CASE,
            Outcome("OK", outputs={"classes": np.array([[1, 3]])}, version=1),
            "wrong answer of version 1",
        ),
        (
            CASE,
            Outcome("OK", outputs={"classes": np.array([1, 2])}, version=1),
            "wrong answer",
        ),
        (CASE, Outcome("OK", outputs={}, version=1), "wrong answer"),
        (REFUSAL, Outcome("500", "query_x"), "status 500, expected 400"),
        (REFUSAL, Outcome("400", "support_x"), "no 'query_x'"),
        (CASE, Outcome("OK", outputs=ANSWER, version=3), None),
        (REFUSAL, Outcome("400", "input query_x is wrong"), None),
    ],
)
def test_problem_is_seen(case, outcome, part):
    problem = problem_of(case, outcome)
    assert (problem is None) if part is None else (part in problem)


def test_result_keeps_problems_and_outages_apart():
    result = LoadResult()
    result.add(CASE, Outcome("INTERNAL"), 1.0)
    result.add(CASE, Outcome("UNAVAILABLE"), 2.0)
    missing = seen_of(CASE, Outcome("NOT_FOUND"))
    result.add(CASE, missing, 3.0)
    assert [kind for _, kind, _ in result.problems] == ["good"]
    assert [status for *_, status in result.outages] == [
        "UNAVAILABLE",
        "not loaded",
    ]
    assert result.counts["good", "WRONG"] == 1


def test_outage_is_explained_by_its_window_alone():
    kill, drain = Window("SIGKILL", 10, 20), Window("SIGTERM", 30, 40)
    lost = [
        (11.0, 12.0, "good", "cut"),
        (9.0, 10.5, "good", "cut"),
        (35.0, 36.0, "good", "refused"),
        (35.0, 36.0, "good", "cut"),
        (25.0, 26.0, "good", "UNAVAILABLE"),
    ]
    found = unexplained(lost, [kill, drain])
    assert [time for time, *_ in found] == [35.0, 25.0]


def test_growth_measures_the_slope():
    samples = [
        Sample(t, 7, 1000 * t, 500 + 0.25 * t + 0.5 * (t % 2), 20, 30 + t)
        for t in range(100)
    ]
    found = growth(samples, 7, skip=0.3)
    assert found["rss_slope_mb_per_100k"] == pytest.approx(25.0, abs=1.0)
    assert found["rss_slope_error"] < 2.0
    assert found["files_last"] == 129
    assert growth(samples, 8, skip=0.3) == {}


def test_log_of_the_server_is_searched(tmp_path):
    server = ServerProcess(tmp_path, "")
    server.log.write_text(
        "2026 INFO x: draining\n"
        "2026 ERROR x: model 'churn' version 3 does not load; given up: x\n"
        "2026 ERROR x: a request failed inside the server\n"
        "Traceback (most recent call last):\n"
    )
    assert [line[:14] for line in server.bad_lines()] == [
        "2026 ERROR x: ",
        "Traceback (mos",
    ]
