"""The papers' claims about BANDE as experiments; see `metazoo bench`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from metazoo.experiments import Cell, Experiment, Scale
from metazoo.methods.bande.experiments.bande_many_shot import many_shot_cells
from metazoo.methods.bande.experiments.bande_many_way import many_way_cells
from metazoo.methods.bande.experiments.bande_semi import semi_cells
from metazoo.methods.bande.experiments.bande_settings import SCALES
from metazoo.methods.bande.experiments.bande_superclass import superclass_cells
from metazoo.methods.bande.experiments.bande_unsupervised import (
    unsupervised_cells,
)


def _experiment(
    doc: str, cells: Callable[[Scale], Sequence[Cell]]
) -> Experiment:
    return Experiment(doc, cells, SCALES)


EXPERIMENTS: Mapping[str, Experiment] = {
    "superclass": _experiment(
        "clusters beat means where labels are alphabets, and equal them on "
        "characters",
        superclass_cells,
    ),
    "semi": _experiment(
        "unlabelled examples help in spite of distractors", semi_cells
    ),
    "many-way": _experiment(
        "trained 5-way, it tells all characters apart", many_way_cells
    ),
    "unsupervised": _experiment(
        "clusters of unlabelled characters agree with their classes",
        unsupervised_cells,
    ),
    "many-shot": _experiment(
        "from one to thousands of shots, clusters do not fall behind means",
        many_shot_cells,
    ),
}
