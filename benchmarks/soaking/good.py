"""Requests that must be answered as the learners of this process answer."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from metazoo.serving.exporting.examples import run_eager
from metazoo.serving.exporting.variants import endpoints
from soaking.case import WEIGHTS, Arrays, Case
from soaking.wire import PREDICT, grpc_request, json_body, url

# Versions of it come and go while it is asked.
CHURN = "churn"
# Versions 1 and 2 stay; the label `moving` moves between them.
PINNED = "pinned"
MOVING, FIXED = "moving", "fixed"

# (tasks, ways, shots, queries); not one of them fits another in a batch,
# and the same one often does.
SIZES = ((1, 3, 2, 4), (2, 5, 1, 5), (3, 2, 3, 2), (1, 5, 5, 10))


def make_episode(
    rng: np.random.Generator, shape: tuple[int, ...], size: tuple[int, ...]
) -> Arrays:
    """Draws one request of `adapt_predict`."""
    tasks, ways, shots, queries = size
    labels = np.repeat(np.arange(ways), shots)
    support_y = np.stack([rng.permutation(labels) for _ in range(tasks)])

    def images(count: int) -> np.ndarray:
        values = rng.integers(0, 256, (tasks, count, *shape))
        return values.astype(np.float32)

    return {
        "support_x": images(ways * shots),
        "support_y": support_y,
        "query_x": images(queries),
    }


class Teacher:
    """Knows what every endpoint must answer, by weights."""

    def __init__(self, learners: Mapping[str, Any]) -> None:
        """Keeps the learners.

        Args:
            learners: Weights (of `WEIGHTS`) -> learner.
        """
        self.shape = tuple(learners[WEIGHTS[0]].example_shape)
        self._learners = dict(learners)
        self.signatures = {
            weights: {s.name: s for s in learner.signatures()}
            for weights, learner in learners.items()
        }
        self.endpoints = endpoints(self.signatures[WEIGHTS[0]], None)

    def answers(self, signature: str, inputs: Arrays) -> dict[str, Arrays]:
        """The answers of every learner to inputs of its own signature."""
        return {
            weights: run_eager(known[signature], inputs)
            for weights, known in self.signatures.items()
        }

    def check(self, episode: Arrays) -> None:
        """Checks that the wire's answer is that of the learner's verbs.

        Raises:
            AssertionError: If it is not.
        """
        for weights, answer in self.answers("adapt_predict", episode).items():
            adapted = self._learners[weights].adapt(
                episode["support_x"], episode["support_y"]
            )
            np.testing.assert_allclose(
                adapted.predict(episode["query_x"]),
                answer["probabilities"],
                atol=1e-5,
            )


def good_cases(teacher: Teacher, rng: np.random.Generator) -> Iterator[Case]:
    """Makes every form of request for every size of episode."""
    for size in SIZES:
        episode = make_episode(rng, teacher.shape, size)
        teacher.check(episode)
        support = {k: v for k, v in episode.items() if k != "query_x"}
        state = teacher.answers("adapt", support)[WEIGHTS[0]]
        by_base = {
            "adapt_predict": episode,
            "adapt": support,
            "predict": {"query_x": episode["query_x"], **state},
        }
        for name, endpoint in teacher.endpoints.items():
            inputs = by_base[endpoint.base]
            answers = teacher.answers(endpoint.base, inputs)
            yield from _forms(name, endpoint.to_wire(inputs), answers)
        yield from _chosen(episode, teacher.answers("adapt_predict", episode))


def _forms(
    signature: str, inputs: Arrays, answers: dict[str, Arrays]
) -> Iterator[Case]:
    for typed in (False, True):
        request = grpc_request(CHURN, signature, inputs, typed)
        yield _grpc(f"good {signature}", request, answers)
    for rows in (False, True):
        body = json_body(signature, inputs, rows)
        yield _rest(f"good {signature}", url(CHURN), body, answers)
    yield _rest(
        f"good {signature} gzip",
        url(CHURN),
        gzip.compress(body, 1),
        answers,
        {"Content-Encoding": "gzip"},
    )


def _chosen(episode: Arrays, answers: dict[str, Arrays]) -> Iterator[Case]:
    """Versions, labels and output filters."""
    even, odd = WEIGHTS
    choices: list[tuple[dict[str, Any], str, dict[str, Arrays]]] = [
        ({"version": 1}, "/versions/1", {odd: answers[odd]}),
        ({"version": 2}, "/versions/2", {even: answers[even]}),
        ({"label": FIXED}, f"/labels/{FIXED}", {even: answers[even]}),
        ({"label": MOVING}, f"/labels/{MOVING}", answers),
    ]
    body = json_body("", episode, rows=False)
    for choice, part, wanted in choices:
        request = grpc_request(PINNED, "adapt_predict", episode, **choice)
        kind = f"good {next(iter(choice))}"
        yield _grpc(kind, request, wanted)
        yield _rest(kind, url(PINNED, part), body, wanted)
    request = grpc_request(CHURN, "", episode, output_filter=["classes"])
    classes = {w: {"classes": a["classes"]} for w, a in answers.items()}
    yield _grpc("good filter", request, classes)


def _grpc(kind: str, request: Any, answers: dict[str, Arrays]) -> Case:
    payload = request.SerializeToString()
    return Case(kind, "grpc", PREDICT, payload, "OK", answers=answers)


def _rest(
    kind: str,
    path: str,
    body: bytes,
    answers: dict[str, Arrays],
    headers: dict[str, str] | None = None,
) -> Case:
    return Case(
        kind,
        "rest",
        path,
        body,
        "200",
        answers=answers,
        headers=headers or {},
    )
