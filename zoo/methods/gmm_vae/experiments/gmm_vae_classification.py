"""Few-shot classification against a prototypical network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Cell, Claim, Measurement, Scale, Training
from metazoo.methods.gmm_vae.experiments.gmm_vae_settings import (
    ADAM_STEPS,
    TEST_SEED,
    TESTS,
    control,
    mixture,
    test_data,
)

if TYPE_CHECKING:
    from metazoo.experiments import Bench

_QUERIES = 5
CLOSED, ADAM = "closed form", f"Adam {ADAM_STEPS}"


def measure(
    training: Training,
    testing: str,
    num_steps: int,
    seed: int,
    bench: Bench,
    learner: Any,
) -> list[Measurement]:
    """Accuracy among the new classes."""
    from metazoo.methods.gmm_vae.experiments import gmm_vae_scorers as scorers

    data = test_data(training, bench)
    if training.name.startswith("protonet"):
        scorer: Any = scorers.PrototypeScorer(learner, None)
    else:
        scorer = scorers.MixtureScorer(learner, num_steps, "mean")
    ways, shots = TESTS[testing]
    found = scorers.classification(
        scorer,
        data,
        ways,
        shots,
        _QUERIES,
        bench.scale.episodes,
        TEST_SEED + seed,
    )
    return [Measurement.of("accuracy", found, data)]


def cells(scale: Scale) -> list[Cell]:
    """Every model on every test, one model after another.

    Args:
        scale: how much to do.
    """
    found = []
    for seed in scale.seeds:
        full, plain = mixture(scale, seed), mixture(scale, seed, 0.0)
        rows: list[tuple[str, str, int, Training, list[str]]] = [
            ("GMM-VAE", CLOSED, 0, full, list(TESTS)),
            ("GMM-VAE", ADAM, ADAM_STEPS, full, list(TESTS)),
            ("GMM-VAE, alpha 0", CLOSED, 0, plain, list(TESTS)),
        ]
        for shots in (1, 5):
            tests = [name for name, (_, k) in TESTS.items() if k == shots]
            trained = control(scale, seed, shots)
            rows.append(("ProtoNet, same encoder", "-", 0, trained, tests))
        found += [
            Cell(
                {"model": model, "adaptation": how, "testing": testing},
                seed,
                partial(measure, trained, testing, steps, seed),
                trained,
            )
            for model, how, steps, trained, tests in rows
            for testing in tests
        ]
    return found


CLAIMS = tuple(
    Claim(
        f"{testing}: {what}",
        {"model": "GMM-VAE", "adaptation": CLOSED, "testing": testing},
        {"model": other, "testing": testing},
        least=least,
    )
    for testing in TESTS
    for what, other, least in (
        (
            "no worse than prototypes of the same encoder by 3 points",
            "ProtoNet, same encoder",
            -0.03,
        ),
        (
            "the discriminative term is essential",
            "GMM-VAE, alpha 0",
            0.05,
        ),
    )
)
