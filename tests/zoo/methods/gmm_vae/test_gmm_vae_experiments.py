"""GMM-VAE's recipes and experiments: data held out, cells, scores."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.data import EpisodeSampler, load_glyphs
from metazoo.experiments import run_experiment
from metazoo.methods.gmm_vae.experiments.gmm_vae_scorers import (
    MixtureScorer,
    PrototypeScorer,
    classification,
    integration,
)
from metazoo.methods.gmm_vae.experiments.gmm_vae_settings import (
    SCALES,
    control,
    mixture,
)
from metazoo.methods.gmm_vae.gmm_vae_experiments import EXPERIMENTS
from metazoo.methods.gmm_vae.gmm_vae_recipe import (
    RECIPES,
    EncoderProtoNetRecipe,
)

sys.path.insert(0, str(Path(__file__).parent))
from gmm_vae_cases import build, glyphs


@pytest.fixture(autouse=True)
def few_glyphs(monkeypatch):
    """All 720 characters take seconds to draw."""

    def load(spec, data_dir, split, **options):
        assert spec == "glyphs" and not options
        return load_glyphs(split, num_alphabets=1, num_characters=24)

    monkeypatch.setattr("metazoo.data.load_dataset", load)


def test_training_never_sees_held_out_images():
    recipe = RECIPES["omniglot"].tiny()
    seen, held = recipe.load_dataset(None), recipe.load_held_out(None)
    assert seen.class_names == held.class_names
    assert held.class_sizes.tolist() == [2] * held.num_classes
    whole = recipe.load_dataset(None, "train")
    assert seen.num_examples + held.num_examples == whole.num_examples == 480
    assert recipe.load_dataset(None, "test").min_examples == 20
    one = whole.images[whole.class_offsets[3] :][18]
    np.testing.assert_array_equal(held.images[6], one)


def test_learner_has_a_component_for_each_class():
    recipe = RECIPES["omniglot"].tiny()
    learner = recipe.learner_for(glyphs())
    assert learner.base_mean.shape == (6, 8)
    spread = np.exp(2 * learner.base_log_std.numpy())
    np.testing.assert_allclose(spread, recipe.variance / 20, rtol=1e-5)
    optimizer = recipe.build_optimizer()
    assert set(optimizer.scales) == {
        learner.base_mean.name,
        learner.base_log_std.name,
    }


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_cells_of_every_scale_are_distinct_and_ordered(name, scale):
    experiment = EXPERIMENTS[name]
    cells = experiment.cells(experiment.scale(scale))
    assert len({cell.key for cell in cells}) == len(cells)
    names = [cell.training.name for cell in cells]
    runs = [a for a, b in zip(names, [None, *names], strict=False) if a != b]
    # A model is loaded once: its cells lie together.
    assert len(runs) == len(set(runs))
    assert {cell.seed for cell in cells} == set(experiment.scale(scale).seeds)
    for cell in cells:
        assert cell.training.recipe.seed == cell.seed
    for claim in experiment.claims:
        for labels in (claim.of, claim.against):
            rows = [c for c in cells if labels.items() <= c.labels.items()]
            assert len(rows) == len(experiment.scale(scale).seeds)


def test_control_sees_the_data_of_the_model():
    for scale in SCALES.values():
        model, other = mixture(scale, 1).recipe, control(scale, 1, 5).recipe
        assert isinstance(other, EncoderProtoNetRecipe)
        for field in ("dataset", "split", "protocol", "network", "filters"):
            assert getattr(model, field) == getattr(other, field)
        assert other.num_shots == 5 and other.steps <= model.steps
    assert mixture(SCALES["paper"], 0).recipe.network == "pixelvae"
    plain = mixture(SCALES["two_cores"], 0, 0.0).recipe
    assert plain == dataclasses.replace(
        mixture(SCALES["two_cores"], 0).recipe, alpha=0.0
    )


@pytest.fixture(scope="module")
def learner():
    return build()


def test_scores_of_encoded_images_are_those_of_the_learner(learner):
    data = glyphs()
    scorer = MixtureScorer(learner, 0, "mean")
    found = classification(scorer, data, 3, 1, 2, episodes=3, seed=5)
    task = EpisodeSampler(
        data, num_ways=3, num_shots=1, num_queries=2, seed=5
    ).tasks(0, 3)
    adapted = learner.adapt(task.support_x.numpy(), task.support_y.numpy())
    chosen = adapted.predict(task.query_x.numpy()).argmax(-1)
    right = (chosen == task.query_y.numpy()).mean(-1)
    np.testing.assert_allclose(found, right, atol=1e-6)


def test_integration_scores_new_and_old_queries(learner):
    data = glyphs()
    seen, held = data.split_examples(2)
    for scorer in (
        MixtureScorer(learner, 3, "expected"),
        MixtureScorer(learner, 0, "predictive"),
    ):
        novel, base = integration(scorer, data, held, 3, 1, 5, seed=1)
        assert novel.shape == base.shape == (5,)
    again = integration(scorer, data, held, 3, 1, 3, seed=1)
    np.testing.assert_array_equal(again[0], novel[:3])
    np.testing.assert_array_equal(again[1], base[:3])


def test_global_prototypes_are_class_means():
    import metazoo
    from metazoo.methods.gmm_vae.gmm_vae_networks import encoder

    keras.utils.set_random_seed(0)
    network = encoder("light", (28, 28, 1), 4, filters=4, binary=False)
    learner = metazoo.ProtoNet(network)
    seen, held = glyphs().split_examples(2)
    scorer = PrototypeScorer(learner, seen)
    x = seen.images[:18].astype(np.float32)
    mean = network(x).numpy().mean(0)
    z = tf.constant(np.stack([mean, mean + 1.0])[None])
    labels = tf.constant([[0, 1]], tf.int64)
    state = scorer.adapt(z, labels, 2)
    scores = scorer.all_scores(z, state)
    assert scores.shape == (1, 2, 8)
    # The first class's own mean lies on it, and on the first prototype.
    np.testing.assert_allclose(scores.numpy()[0, 0, [0, 6]], 0.0, atol=1e-4)
    novel, base = integration(scorer, glyphs(), held, 3, 5, 4, seed=0)
    assert novel.min() >= 0 and base.max() <= 1


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_first_cells_run(name, tmp_path):
    experiment = EXPERIMENTS[name]
    scale = experiment.scale("tiny", episodes=2).with_changes(steps=2)
    first = dataclasses.replace(
        experiment, cells=lambda s: experiment.cells(s)[:1]
    )
    found = run_experiment(first, tmp_path, scale=scale)
    metrics = {row["metric"] for row in found["rows"]}
    assert (
        metrics
        == {
            "classification": {"accuracy"},
            "integration": {
                "accuracy_novel",
                "accuracy_base",
                "accuracy_both",
                "base_classes",
            },
            "generation": {
                "accuracy_drawn",
                "accuracy_expected",
                "accuracy_real",
            },
        }[name]
    )
    if name == "generation":
        for picture in ("new_classes_1shot", "imagined_classes"):
            assert (tmp_path / f"{picture}.png").stat().st_size > 5000
