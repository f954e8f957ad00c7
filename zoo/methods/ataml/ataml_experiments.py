"""The paper's claims about ATAML on few-shot text sets; see `metazoo bench`.

Attention and sharing the encoder are to work together: ATAML ahead of MAML
with the same network, and sharing without attention (TAML) behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import (
    Cell,
    Claim,
    Experiment,
    Measurement,
    Picture,
    Scale,
    Training,
)
from metazoo.methods.ataml.ataml_recipe import RECIPES, ATAMLRecipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from metazoo.experiments import Bench

_MAML: dict[str, Any] = {"adapts": "all"}
_MEAN: dict[str, Any] = {"attention": "mean"}
# Rows that no inner loop was trained for: chosen on the validation intents of
# CLINC150 among rates of 0.03, 0.1, 0.3 and 1 and 20, 50 and 100 steps, of
# those that diverge on no task.
_FINE_TUNING: dict[str, Any] = {
    "inner_learning_rate": 0.1,
    "predict_steps": 100,
}
PRETRAINED = "pretrained-1 TCN(A)"
RANDOM = "random TCN(A)"
# Rows of the paper's tables, in their order. What is not trained starts from
# random weights, and learns from the support set alone, all of them.
TRAINED: Mapping[str, Mapping[str, Any]] = {
    PRETRAINED: {**_MAML, **_FINE_TUNING, "inner_steps": 0},
    "MAML TCN": {**_MAML, **_MEAN},
    "TAML TCN": _MEAN,
    "MAML TCN(A)": _MAML,
    "ATAML TCN(A)": {},
    "ATAML* TCN(A)": {"train_attention": False},
}
RANDOM_CHANGES = {**_MAML, **_FINE_TUNING}
SHOTS = (1, 5)
TEST_SEED = 10_000
TEST_QUERIES = 15


@dataclass(frozen=True)
class ATAMLScale(Scale):
    """A scale that says which recipes it starts from.

    Attributes:
        prefix: of their names.
    """

    prefix: str = ""


SCALES = {
    "two_cores": ATAMLScale(episodes=600),
    "paper": ATAMLScale(episodes=1000, prefix="paper_"),
    "tiny": ATAMLScale(
        seeds=(0,),
        episodes=4,
        changes={
            "dataset": "phrases",
            "split": "train",
            "max_words": 16,
            "filters": 8,
            "embedding_size": 8,
            "num_queries": 2,
            "num_tasks": 2,
            "inner_steps": 2,
            "predict_steps": 2,
            "steps": 2,
        },
    ),
}


def recipe_of(
    base: ATAMLRecipe, changes: Mapping[str, Any], scale: Scale, seed: int
) -> ATAMLRecipe:
    """The recipe of one row at a scale.

    Args:
        base: what all rows share.
        changes: of the row; those of the scale come after.
        scale: how much to do.
        seed: of the training.
    """
    recipe = base.replace(**changes).replace(**scale.changes)
    if recipe.inner_steps and changes.get("inner_steps") == 0:
        recipe = recipe.replace(inner_steps=0)
    return recipe.replace(seed=seed, keep_best=False)


def measure(
    recipe: ATAMLRecipe, bench: Bench, learner: Any
) -> list[Measurement]:
    """Accuracy on test classes.

    Args:
        recipe: tells data, shots and, without a training, the learner.
        bench: the place of the experiment.
        learner: the trained learner; None makes an untrained one.
    """
    import keras

    from metazoo.evaluation import evaluate

    if learner is None:
        keras.utils.set_random_seed(recipe.seed)
        learner = recipe.learner_for(bench.dataset(recipe.dataset, "train"))
    data = bench.dataset(recipe.dataset, "test")
    result = evaluate(
        learner,
        data,
        num_ways=recipe.num_ways,
        num_shots=recipe.fixed_shots,
        num_queries=min(TEST_QUERIES, data.min_examples - recipe.fixed_shots),
        episodes=bench.scale.episodes,
        seed=TEST_SEED,
    )
    return [Measurement.of("accuracy", result.records.accuracy, data)]


def training_of(
    variant: str, shots: int, recipe: ATAMLRecipe, seed: int
) -> Training:
    """The training of a row.

    Args:
        variant: one of `TRAINED`.
        shots: support texts of each class.
        recipe: what to train.
        seed: of the training.
    """
    name = variant.lower().replace("*", "_frozen").replace("(a)", "_a")
    name = name.replace("-", "_").replace(" ", "_")
    return Training(f"{name}_{shots}shot_{seed}", recipe)


def base_of(dataset: str, shots: int, scale: Scale) -> ATAMLRecipe:
    """What all rows of a scale share, before its changes.

    Args:
        dataset: as for `cells_of`.
        shots: support texts of each class.
        scale: how much to do.
    """
    prefix = ATAMLScale.of(scale).prefix
    return RECIPES[f"{prefix}{dataset}_5way_{shots}shot"]


def cells_of(dataset: str, scale: Scale) -> list[Cell]:
    """All rows, 1 and 5 shots.

    Args:
        dataset: "clinc150", "huffpost" or "reuters".
        scale: how much to do.
    """
    cells = []
    for shots in SHOTS:
        base = base_of(dataset, shots, scale)
        for seed in scale.seeds:
            recipe = recipe_of(base, RANDOM_CHANGES, scale, seed)
            labels: dict[str, Any] = {"variant": RANDOM, "shots": shots}
            cells.append(
                Cell(labels, seed, partial(measure, recipe), setting=recipe)
            )
        for variant, changes in TRAINED.items():
            for seed in scale.seeds:
                recipe = recipe_of(base, changes, scale, seed)
                cells.append(
                    Cell(
                        {"variant": variant, "shots": shots},
                        seed,
                        partial(measure, recipe),
                        training_of(variant, shots, recipe, seed),
                    )
                )
    return cells


def pictures_of(dataset: str, scale: Scale) -> list[Picture]:
    """What the attention of a test task looks at, 1 and 5 shots.

    Args:
        dataset: as for `cells_of`.
        scale: as for `cells_of`.
    """
    pictures = []
    for shots in SHOTS:
        seed = scale.seeds[0]
        base = base_of(dataset, shots, scale)
        recipe = recipe_of(base, {}, scale, seed)
        pictures.append(
            Picture(
                f"attention_{shots}shot",
                f"words that the attention of a {shots}-shot task of "
                f"{dataset} looks at",
                partial(_draw, recipe),
                training_of("ATAML TCN(A)", shots, recipe, seed),
            )
        )
    return pictures


def _draw(recipe: ATAMLRecipe, bench: Bench, learner: Any) -> Figure:
    from metazoo.methods.ataml.ataml_picture import draw_attention

    data = bench.dataset(recipe.dataset, "test")
    shots = recipe.fixed_shots
    return draw_attention(learner, data, shots, seed=TEST_SEED)


def _claims() -> Sequence[Claim]:
    pairs = [
        ("MAML TCN(A)", "ATAML is ahead of MAML with the same network"),
        ("TAML TCN", "ATAML is ahead of sharing without attention"),
        (PRETRAINED, "ATAML is ahead of fine-tuning"),
        (RANDOM, "ATAML is ahead of learning from the support set alone"),
    ]
    return tuple(
        Claim(
            f"{doc}, {shots}-shot",
            {"variant": "ATAML TCN(A)", "shots": shots},
            {"variant": against, "shots": shots},
            least=0.0,
        )
        for shots in SHOTS
        for against, doc in pairs
    )


_DOCS = {
    "clinc150": "the paper's comparison on short requests (CLINC150)",
    "reuters": "the paper's comparison on news articles (Reuters, one label)",
    "huffpost": "the paper's comparison on headlines (HuffPost)",
}
# A hundred steps of fine-tuning on articles take long.
ARTICLE_SCALES = {**SCALES, "two_cores": ATAMLScale(episodes=200)}
EXPERIMENTS = {
    name: Experiment(
        doc,
        partial(cells_of, name),
        ARTICLE_SCALES if name == "reuters" else SCALES,
        _claims(),
        partial(pictures_of, name),
    )
    for name, doc in _DOCS.items()
}
