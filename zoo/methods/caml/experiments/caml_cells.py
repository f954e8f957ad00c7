"""The rows that CAML's experiments have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import Cell, Claim, Measurement, Scale, Training
from metazoo.methods.caml.caml_recipe import STAGE, CAMLRecipe

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.experiments import Bench

TEST_SEED = 0
NEAREST = "nearest_centre"

Score = Callable[["Bench", Any], Any]


def standard_score(
    recipe: CAMLRecipe, queries: int, bench: Bench, learner: Any
) -> Any:
    """Accuracy of each test episode, in the recipe's ways and shots.

    Args:
        recipe: tells data and setting.
        queries: of each class.
        bench: the place of the experiment.
        learner: a trained learner.
    """
    from metazoo.evaluation import evaluate

    return evaluate(
        learner,
        test_data(recipe, bench),
        num_ways=recipe.num_ways,
        num_shots=recipe.fixed_shots,
        num_queries=queries,
        episodes=bench.scale.episodes,
        seed=TEST_SEED,
    ).records.accuracy


def test_data(recipe: CAMLRecipe, bench: Bench) -> ClassDataset:
    """Test classes, none of them turned.

    Args:
        recipe: tells the data.
        bench: the place of the experiment.
    """
    return recipe.replace(rotations=False).load_dataset(bench.data_dir, "test")


def measure(
    recipe: CAMLRecipe, score: Score, bench: Bench, learner: Any
) -> list[Measurement]:
    """Accuracy, and how the images are modulated.

    Args:
        recipe: tells the data.
        score: gives the accuracy of each test episode.
        bench: the place of the experiment.
        learner: a trained learner; None for that of the metric preset.
    """
    from metazoo.data import EpisodeSampler
    from metazoo.presets import from_preset

    data = test_data(recipe, bench)
    if learner is None:
        learner = from_preset(str(recipe.metric_preset))
    found = [Measurement.of("accuracy", score(bench, learner), data)]
    if not hasattr(learner, "modulation_report"):
        return found
    sampler = EpisodeSampler(
        data,
        num_ways=recipe.num_ways,
        num_shots=recipe.fixed_shots,
        num_queries=1,
        seed=TEST_SEED,
    )
    report = learner.modulation_report(sampler.tasks(0, 50))
    return [
        *found,
        Measurement.of("modulation", report["changes"].numpy(), data),
        Measurement.of("negative_scales", report["negative"].numpy(), data),
    ]


def cells(
    base: CAMLRecipe,
    score: Callable[[CAMLRecipe], Score],
    scale: Scale,
    variants: Sequence[str] = ("caml", "maml"),
) -> list[Cell]:
    """The metric space itself, then CAML's variants.

    All of a seed share one metric network.

    Args:
        base: recipe of CAML.
        score: makes the scoring function of a recipe.
        scale: how much to do.
        variants: of `CAMLRecipe.variant`.
    """
    return [
        cell
        for seed in scale.seeds
        for cell in _cells_of_seed(
            base.replace(keep_best=False, **{**scale.changes, "seed": seed}),
            score,
            variants,
        )
    ]


def _cells_of_seed(
    recipe: CAMLRecipe,
    score: Callable[[CAMLRecipe], Score],
    variants: Sequence[str],
) -> list[Cell]:
    seed = recipe.seed
    metric = {
        name: Training(f"{name}_{seed}", stage)
        for name, stage in recipe.stages().items()
    }
    row = partial(
        Cell, seed=seed, measure=partial(measure, recipe, score(recipe))
    )
    nearest = metric.get(STAGE)
    found = [
        row(
            {"variant": NEAREST},
            training=nearest,
            setting=None if nearest else recipe,
        )
    ]
    for variant in variants:
        changed = recipe.replace(variant=variant)
        used = tuple((n, metric[n]) for n in changed.stages())
        training = Training(f"{variant}_{seed}", changed, used)
        found.append(row({"variant": variant}, training=training))
    return found


def claims(ahead: float, shuffled_most: float | None = None) -> Sequence[Claim]:
    """What CAML's rows are to show.

    Args:
        ahead: least lead over MAML.
        shuffled_most: most lead of the shuffled control over MAML; None
            where that control is not run.
    """
    caml, maml = {"variant": "caml"}, {"variant": "maml"}
    shuffled = {"variant": "shuffled"}
    found = [
        Claim("CAML is ahead of MAML on the same net", caml, maml, ahead),
        Claim(
            "CAML adds to its own metric space",
            caml,
            {"variant": NEAREST},
            0.0,
        ),
    ]
    if shuffled_most is not None:
        doc = "it is the image's own place that helps"
        found.append(Claim(doc, caml, shuffled, 0.0))
        doc = "conditioning on other images' places does not help"
        found.append(Claim(doc, shuffled, maml, most=shuffled_most))
    return tuple(found)
