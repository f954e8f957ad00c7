"""The rows that TAEML's experiments have in common."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from metazoo.experiments import (
    Cell,
    Claim,
    Measurement,
    Picture,
    Scale,
    Training,
)
from metazoo.methods.taeml.taeml_member_recipe import MemberRecipe
from metazoo.methods.taeml.taeml_recipe import STAGE, TAEMLRecipe

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from metazoo.experiments import Bench
    from metazoo.methods.taeml.experiments.taeml_answers import Answers

UNIFORM = "uniform average"
PRODUCT = "product of experts"
LEFT_OUT = "best on the support, each example left out"
BEST_ON_VAL = "best learner, by validation tasks"
MATCHED = "learner of the task's domain, told which"
BEST_OF_DOMAIN = "best learner of each domain, told by test tasks"
POOLED = "pooled ProtoNet"
# Rows that answers of one name give.
ANSWERS = {
    UNIFORM: "uniform",
    PRODUCT: "product",
    LEFT_OUT: "left_out",
    POOLED: "member_0",
}
RATIO = "least_trust_ratio"
RIVAL_RATIO = "least_trust_ratio_to_the_next"
# What weights come from, as a row says it.
SOURCES = {
    "transductive": "all queries",
    "single": "each query",
    "support": "support",
}

Variants = Mapping[str, Mapping[str, Any]]


def taeml_row(form: str, mode: str, trained: str | None = None) -> str:
    """Name of a row.

    Args:
        form: of the trust network.
        mode: what its weights come from.
        trained: what they came from in training, where that differs.
    """
    text = f"TAEML {form}, weights from {SOURCES[mode]}"
    if trained in (None, mode):
        return text
    return f"{text} (trained on {SOURCES[str(trained)]})"


def member_name(dataset: str) -> str:
    """A learner's domain.

    Args:
        dataset: of the learner, such as "mixture:omniglot".
    """
    return dataset.partition(":")[2]


def member_training(recipe: TAEMLRecipe, number: int) -> Training:
    """How a learner is trained; all trust networks of a seed share it.

    Args:
        recipe: of the ensemble.
        number: of the learner.
    """
    name = f"{STAGE}_{number}_{recipe.seed}"
    return Training(name, recipe.member_recipe(recipe.members[number]))


def trust_training(recipe: TAEMLRecipe, name: str) -> Training:
    """How a trust network is trained.

    Args:
        recipe: with the form and mode of the network.
        name: of the training, without its seed.
    """
    learners = tuple(
        (stage, member_training(recipe, number))
        for number, stage in enumerate(recipe.stages())
    )
    return Training(f"{name}_{recipe.seed}", recipe, learners)


def pooled_recipe(recipe: TAEMLRecipe) -> MemberRecipe:
    """One network on episodes of all domains, with the steps of all learners.

    Args:
        recipe: of the ensemble.
    """
    steps = len(recipe.members) * recipe.member_steps
    return recipe.member_recipe(recipe.dataset).replace(steps=steps)


def cells(
    base: TAEMLRecipe,
    variants: Variants,
    scale: Scale,
    unseen: str | None = None,
) -> list[Cell]:
    """All rows of an experiment.

    Args:
        base: recipe of the ensemble.
        variants: name of a training to the form and mode of its network;
            the first one's learners are tested by themselves too.
        scale: how much to do.
        unseen: data set of a kind that no training shows, or None.
    """
    found: list[Cell] = []
    for seed in scale.seeds:
        recipe = base.replace(**{**scale.changes, "seed": seed})
        for name, changes in variants.items():
            changed = recipe.replace(**changes)
            training = trust_training(changed, name)
            first = not found or found[-1].seed != seed
            for row, mode in _rows_of(changed, first):
                measured = partial(measure, changed, row, mode, unseen)
                found.append(Cell({"variant": row}, seed, measured, training))
        pooled = Training(f"pooled_{seed}", pooled_recipe(recipe))
        measured = partial(measure, recipe, POOLED, None, unseen)
        found.append(Cell({"variant": POOLED}, seed, measured, pooled))
    return found


def _rows_of(recipe: TAEMLRecipe, first: bool) -> list[tuple[str, str | None]]:
    """Rows and modes that one trust network gives."""
    trained = recipe.mode
    if not first:
        return [(taeml_row(recipe.form, trained), trained)]
    rows: list[tuple[str, str | None]] = [
        (f"learner {member_name(dataset)}", None) for dataset in recipe.members
    ]
    simple = (UNIFORM, PRODUCT, LEFT_OUT, BEST_ON_VAL, MATCHED, BEST_OF_DOMAIN)
    rows += [(row, None) for row in simple]
    modes = dict.fromkeys((trained, *SOURCES))
    return rows + [
        (taeml_row(recipe.form, mode, trained), mode) for mode in modes
    ]


def measure(
    recipe: TAEMLRecipe,
    row: str,
    mode: str | None,
    unseen: str | None,
    bench: Bench,
    learner: Any,
) -> list[Measurement]:
    """Accuracy over all domains, of each, and on what nobody trained for.

    Args:
        recipe: of the ensemble.
        row: name of the row.
        mode: what weights come from, in a row of TAEML.
        unseen: data set of a kind that no training shows, or None.
        bench: the place of the experiment.
        learner: a trained one.
    """
    import numpy as np

    from metazoo.methods.taeml.experiments.taeml_answers import answers_of

    tested = partial(answers_of, bench, learner, recipe)
    answers = tested("test", recipe.dataset)
    chosen = _name_of(row, mode, recipe, lambda: tested("val", recipe.dataset))
    accuracy = _accuracy(answers, chosen, recipe)
    data = answers.data
    every = np.concatenate(list(accuracy.values()))
    found = [Measurement.of("accuracy", every, data)]
    for domain, values in accuracy.items():
        found.append(Measurement.of(f"accuracy_{domain}", values, data))
    if unseen is not None and row != MATCHED:
        other = tested("test", unseen)
        for domain, values in _accuracy(other, chosen, recipe).items():
            name = f"accuracy_{domain}"
            found.append(Measurement.of(name, values, other.data))
    if mode is not None:
        return found + trust_measurements(answers, mode, recipe)
    if row == UNIFORM:
        for name in (RATIO, RIVAL_RATIO):
            found.append(_ratio(name, 1.0, len(every), answers))
    return found


def _name_of(
    row: str, mode: str | None, recipe: TAEMLRecipe, validated: Any
) -> str:
    """What `Answers` call the row."""
    if mode is not None:
        return mode
    if row == BEST_ON_VAL:
        accuracy = validated().accuracy
        names = [f"member_{i}" for i in range(len(recipe.members))]
        return max(names, key=lambda name: _mean(accuracy[name]))
    for number, dataset in enumerate(recipe.members):
        if row == f"learner {member_name(dataset)}":
            return f"member_{number}"
    return ANSWERS.get(row, row)


def _accuracy(
    answers: Answers, name: str, recipe: TAEMLRecipe
) -> dict[str, np.ndarray]:
    """Accuracies [episodes] of each domain."""
    if name in answers.accuracy:
        return dict(answers.accuracy[name])
    domains = list(answers.accuracy["uniform"])
    own = [
        [answers.accuracy[f"member_{i}"][d] for i in range(len(recipe.members))]
        for d in domains
    ]
    if name == BEST_OF_DOMAIN:
        return {
            domain: max(values, key=lambda one: one.mean())
            for domain, values in zip(domains, own, strict=True)
        }
    return {
        domain: values[matched_member(recipe, domain)]
        for domain, values in zip(domains, own, strict=True)
    }


def matched_member(recipe: TAEMLRecipe, domain: str) -> int:
    """Number of the learner that was trained on a domain.

    Args:
        recipe: of the ensemble.
        domain: its name.
    """
    return [member_name(one) for one in recipe.members].index(domain)


def trust_measurements(
    answers: Answers, mode: str, recipe: TAEMLRecipe
) -> list[Measurement]:
    """Trust in matched and other learners, and the least of their ratios.

    Args:
        answers: on the test tasks.
        mode: what weights come from.
        recipe: of the ensemble.
    """
    import numpy as np

    matched, others, ratios, rivals = [], [], [], []
    for domain, trust in answers.trust[mode].items():
        own = matched_member(recipe, domain)
        rest = np.delete(trust, own, axis=1)
        matched.append(trust[:, own])
        others.append(rest.mean(1))
        ratios.append(float(trust[:, own].mean() / rest.mean()))
        rivals.append(float(trust[:, own].mean() / rest.mean(0).max()))
    data, count = answers.data, sum(map(len, matched))
    return [
        Measurement.of("trust_matched", np.concatenate(matched), data),
        Measurement.of("trust_others", np.concatenate(others), data),
        _ratio(RATIO, min(ratios), count, answers),
        _ratio(RIVAL_RATIO, min(rivals), count, answers),
    ]


def _ratio(
    name: str, value: float, episodes: int, answers: Answers
) -> Measurement:
    """Matched by other trust, of the domain where it is least.

    `RATIO` is to the mean trust in the other learners, `RIVAL_RATIO` to that
    in the most trusted of them.
    """
    data = answers.data
    return Measurement(
        name, value, None, episodes, data.name, data.split, data.fingerprint
    )


def _mean(accuracy: Mapping[str, np.ndarray]) -> float:
    return sum(float(one.mean()) for one in accuracy.values()) / len(accuracy)


def picture_of(
    base: TAEMLRecipe, name: str, changes: Mapping[str, Any], scale: Scale
) -> Picture:
    """Which learner is trusted on which domain, by the first seed.

    Args:
        base: recipe of the ensemble.
        name: of the training.
        changes: form and mode of its network.
        scale: how much was done.
    """
    recipe = base.replace(
        **{**scale.changes, "seed": scale.seeds[0], **changes}
    )
    return Picture(
        "trust",
        "Mean trust in each learner, by the domain of the test task.",
        partial(draw_trust, recipe),
        trust_training(recipe, name),
    )


def draw_trust(recipe: TAEMLRecipe, bench: Bench, learner: Any) -> Figure:
    """Draws mean trusts.

    Args:
        recipe: of the ensemble.
        bench: the place of the experiment.
        learner: a trained one.
    """
    from metazoo.methods.taeml.experiments.taeml_answers import answers_of
    from metazoo.methods.taeml.experiments.taeml_picture import plot_trust

    answers = answers_of(bench, learner, recipe, "test", recipe.dataset)
    trust = answers.trust[recipe.mode]
    return plot_trust(
        {domain: values.mean(0) for domain, values in trust.items()},
        [member_name(dataset) for dataset in recipe.members],
    )


def claim(
    doc: str, of: str, against: str, least: float, metric: str = "accuracy"
) -> Claim:
    """A difference between two rows.

    Args:
        doc: the claim in a few words.
        of: name of a row.
        against: name of the row to compare with.
        least: the difference is to be this or more.
        metric: the measurement compared.
    """
    sides = {"variant": of}, {"variant": against}
    return Claim(doc, *sides, least=least, metric=metric)
