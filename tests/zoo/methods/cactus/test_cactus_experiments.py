"""Comparisons on embeddings, and the cells of CACTUs's experiments."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from metazoo.experiments import run_experiment
from metazoo.experiments.experiment import Experiment
from metazoo.methods.cactus.cactus_experiments import EXPERIMENTS
from metazoo.methods.cactus.cactus_recipe import (
    ACAI,
    DEEPCLUSTER,
    OMNIGLOT,
    RECIPES,
)
from metazoo.methods.cactus.experiments import cactus_comparisons as own
from metazoo.methods.cactus.experiments.cactus_cells import (
    CACTUsScale,
    Plan,
    cells,
    training_of,
)
from metazoo.methods.cactus.experiments.cactus_mlp import mlp_accuracy
from metazoo.methods.cactus.experiments.cactus_tasks import Task

TWO_CORES = {"acai": ACAI, "deepcluster": DEEPCLUSTER["omniglot"]}


def easy_task(seed, ways=3, shots=4, queries=5, size=6, noise=0.3):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(ways, size))

    def part(each):
        y = np.repeat(np.arange(ways), each)
        z = centres[y] + noise * rng.normal(size=(len(y), size))
        return z.astype(np.float32), y

    return Task(*part(shots), *part(queries))


TASKS = [easy_task(seed) for seed in range(6)]
NOISE = [easy_task(seed, noise=50.0) for seed in range(6)]


@pytest.mark.parametrize(
    "classifier",
    [
        partial(own.nearest_neighbour, neighbours=3),
        partial(own.linear, inverse_penalty=1.0),
    ],
)
def test_classifiers_tell_classes_apart_and_noise_not(classifier):
    assert np.mean([classifier(task) for task in TASKS]) > 0.9
    assert np.mean([classifier(task) for task in NOISE]) < 0.6


def test_perceptron_learns_every_task_by_itself():
    together = mlp_accuracy(TASKS, 0)
    assert together.shape == (6,) and together.mean() > 0.9
    assert mlp_accuracy(NOISE, 0).mean() < 0.75


def test_clusters_carry_the_label_of_most_support():
    clusters = own.Clusters(np.array([[0.0], [10.0], [20.0], [30.0]]))
    task = Task(
        np.array([[0.1], [0.2], [9.0], [20.5]]),
        np.array([0, 1, 1, 0]),
        # In a cluster without a label, the nearest that has one decides.
        np.array([[0.3], [11.0], [19.0], [29.0]]),
        np.array([0, 1, 0, 0]),
    )
    assert own.cluster_matching(task, clusters) == 1.0


def test_choice_is_the_best_on_the_given_tasks():
    def classifier(task, choice):
        return {1: 0.2, 2: 0.9, 3: 0.9}[choice]

    assert own.chosen(classifier, (1, 2, 3), TASKS) == 2


def test_learners_share_partitions_and_seeds_the_embedding():
    plan, scale = Plan(OMNIGLOT, ((5, 1),), TWO_CORES), CACTUsScale()
    maml, protonet, other = (
        training_of(plan, scale, *row)
        for row in (
            ("maml", "acai", 0),
            ("protonet", "acai", 0),
            ("protonet", "acai", 1),
        )
    )
    assert maml.stages == protonet.stages != other.stages
    embeddings = {t.stages[0][1].stages[0][1] for t in (maml, other)}
    assert [one.name for one in embeddings] == ["acai"]
    assert not training_of(plan, scale, "maml", "oracle", 0).stages


@pytest.mark.parametrize(
    ("data", "source"),
    [("omniglot", "acai"), ("mini_imagenet", "deepcluster")],
)
def test_paper_scale_is_the_paper_recipe(data, source):
    experiment = EXPERIMENTS[data.replace("_", "-")]
    scale = experiment.scale("paper")
    cells = [c for c in experiment.cells(scale) if c.training and c.seed == 0]
    for learner in ("maml", "protonet"):
        found = {
            cell.training.recipe
            for cell in cells
            if cell.labels["learner"] == learner
            and cell.labels["source"] == source
        }
        assert found == {RECIPES[f"paper_{data}_{learner}"]}
    assert scale.tasks((20, 5)) == 1000


def test_random_partitions_are_one_for_a_hundred_tasks():
    experiment = EXPERIMENTS["omniglot"]
    for name, changes, many in (
        ("paper", {}, 300),
        ("two_cores", {}, 15),
        ("two_cores", {"steps": 400}, 4),
    ):
        scale = experiment.scale(name).with_changes(**changes)
        found = {
            cell.training.recipe.num_partitions
            for cell in experiment.cells(scale)
            if cell.labels["source"] == "random"
        }
        assert found == {many}


def test_large_tasks_are_fewer_for_gradient_learners():
    scale = CACTUsScale(episodes=400, support_images=1000)
    assert scale.tasks((5, 1)) == 200
    assert scale.tasks((5, 1), 200) == 50


def test_no_cell_has_a_handful_of_tasks():
    scale = CACTUsScale(episodes=400, support_images=1000)
    assert scale.tasks((5, 50)) == scale.tasks((5, 50), 200) == 40
    assert CACTUsScale(episodes=3, support_images=20).tasks((5, 50)) == 3
    fewer = CACTUsScale(episodes=400, support_images=1000, least_tasks=16)
    assert fewer.tasks((5, 50)) == 16
    assert fewer.tasks((5, 5)) == 40


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory):
    """All comparisons and one learner of each kind, on noise."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("tiny")
    base = rng.integers(0, 256, (6, 1, 16, 16))
    noisy = base + rng.integers(-20, 21, (6, 9, 16, 16))
    path = folder / "squares.npz"
    np.savez(path, images=np.clip(noisy, 0, 255).astype(np.uint8))
    tiny = EXPERIMENTS["omniglot"].scales["tiny"]
    scale = tiny.with_changes(
        dataset=f"npz:{path}", num_clusters=4, num_ways=3, num_shots=1
    )
    plan = Plan(OMNIGLOT, ((3, 1),), TWO_CORES)

    def chosen(scale):
        wanted = {("maml", "acai"), ("protonet", "random")}
        return [
            cell
            for cell in cells(plan, scale)
            if (cell.labels["learner"], cell.labels["source"]) in wanted
            or (
                cell.labels["source"] in ("acai", "none")
                and cell.labels["learner"] not in ("maml", "protonet")
            )
        ]

    experiment = Experiment("tiny", chosen, {"tiny": scale})
    return folder, run_experiment(experiment, folder / "out", scale=scale)


def test_tiny_experiment_measures_every_row(tiny_run):
    folder, found = tiny_run
    names = {row["learner"] for row in found["rows"]}
    assert names == {*own.COMPARISONS, "maml", "protonet", "scratch"}
    models = {path.name for path in (folder / "out/models").iterdir()}
    assert models == {
        "acai",
        "acai_maml_0",
        "acai_partitions_0",
        "random_partitions_0",
        "random_protonet_0",
    }
    both = [row for row in found["rows"] if row["learner"] == "maml"]
    assert {row["metric"] for row in both} == {
        "accuracy",
        "accuracy_transductive",
    }
