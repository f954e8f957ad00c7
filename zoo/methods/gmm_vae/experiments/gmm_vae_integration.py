"""Few-shot integration against global prototypes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from metazoo.experiments import Cell, Claim, Measurement, Scale, Training
from metazoo.methods.gmm_vae.experiments.gmm_vae_classification import (
    ADAM,
    CLOSED,
)
from metazoo.methods.gmm_vae.experiments.gmm_vae_settings import (
    ADAM_STEPS,
    TEST_SEED,
    TESTS,
    control,
    mixture,
    test_data,
    training_data,
)

if TYPE_CHECKING:
    from metazoo.experiments import Bench

PROTONET = "ProtoNet, global prototypes"


def measure(
    training: Training,
    testing: str,
    num_steps: int,
    score: str,
    seed: int,
    bench: Bench,
    learner: Any,
) -> list[Measurement]:
    """Accuracy among all classes, of queries of new and of old ones."""
    from metazoo.methods.gmm_vae.experiments import gmm_vae_scorers as scorers

    data = test_data(training, bench)
    seen, held = training_data(training, bench)
    if training.name.startswith("protonet"):
        scorer: Any = scorers.PrototypeScorer(learner, seen)
    else:
        scorer = scorers.MixtureScorer(learner, num_steps, score)
    episodes = bench.scale.episodes
    novel, base = scorers.integration(
        scorer, data, held, *TESTS[testing], episodes, TEST_SEED + seed
    )
    # The number of base classes sets how hard this is.
    count = np.full(episodes, held.num_classes)
    return [
        Measurement.of("accuracy_novel", novel, data),
        Measurement.of("accuracy_base", base, held),
        Measurement.of("accuracy_both", (novel + base) / 2, data),
        Measurement.of("base_classes", count, held),
    ]


def cells(scale: Scale) -> list[Cell]:
    """Every model, adaptation and score on every test.

    Args:
        scale: how much to do.
    """
    found = []
    for seed in scale.seeds:
        full, plain = mixture(scale, seed), mixture(scale, seed, 0.0)
        every = list(TESTS)
        rows: list[tuple[str, str, str, Training, list[str]]] = [
            ("GMM-VAE", how, score, full, every)
            for how in (CLOSED, ADAM)
            for score in ("mean", "expected", "predictive")
        ]
        rows.append(("GMM-VAE, alpha 0", CLOSED, "mean", plain, every))
        for shots in (1, 5):
            tests = [name for name, (_, k) in TESTS.items() if k == shots]
            trained = control(scale, seed, shots)
            rows.append((PROTONET, "-", "-", trained, tests))
        found += [
            Cell(
                {
                    "model": model,
                    "adaptation": how,
                    "score": score,
                    "testing": testing,
                },
                seed,
                partial(
                    measure,
                    trained,
                    testing,
                    ADAM_STEPS if how == ADAM else 0,
                    score,
                    seed,
                ),
                trained,
            )
            for model, how, score, trained, tests in rows
            for testing in tests
        ]
    return found


CLAIMS = tuple(
    Claim(
        f"{testing}: ahead of global prototypes by 8 points over both halves",
        {
            "model": "GMM-VAE",
            "adaptation": CLOSED,
            "score": "mean",
            "testing": testing,
        },
        {"model": PROTONET, "testing": testing},
        least=0.08,
        metric="accuracy_both",
    )
    for testing in TESTS
)
