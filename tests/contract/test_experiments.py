"""Experiments of every method: their cells, claims and pictures."""

from __future__ import annotations

import pytest

from metazoo.registry import methods

ALL = [
    pytest.param(experiment, id=f"{spec.name}-{name}")
    for spec in methods().values()
    for name, experiment in spec.load_experiments().items()
]


def scales(experiment):
    """Every scale by its name."""
    return {name: experiment.scale(name) for name in experiment.scales}


@pytest.mark.parametrize("experiment", ALL)
def test_cells_have_names_of_their_own(experiment):
    for scale in scales(experiment).values():
        keys = [cell.key for cell in experiment.cells(scale)]
        assert keys and len(set(keys)) == len(keys)


@pytest.mark.parametrize("experiment", ALL)
def test_claims_select_one_cell_of_each_seed(experiment):
    """At every scale but "tiny", which tries code and measures nothing."""
    measured = {k: v for k, v in scales(experiment).items() if k != "tiny"}
    assert measured
    for name, scale in measured.items():
        cells = experiment.cells(scale)
        for claim in experiment.claims:
            for labels in (claim.of, claim.against):
                seeds = [
                    cell.seed
                    for cell in cells
                    if labels.items() <= cell.labels.items()
                ]
                assert seeds, (name, claim.doc, labels)
                assert len(set(seeds)) == len(seeds), (claim.doc, labels)


@pytest.mark.parametrize("experiment", ALL)
def test_pictures_show_models_of_the_cells(experiment):
    for scale in scales(experiment).values():
        cells = experiment.cells(scale)
        trained = {cell.training for cell in cells if cell.training}
        pictures = experiment.pictures(scale) if experiment.pictures else []
        assert len({one.name for one in pictures}) == len(pictures)
        for one in pictures:
            assert one.training is None or one.training in trained


def test_some_method_has_experiments():
    assert len(ALL) > 1
