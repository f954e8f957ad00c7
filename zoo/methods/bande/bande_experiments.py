"""The papers' claims about BANDE as experiments; see `metazoo bench`."""

from __future__ import annotations

from collections.abc import Mapping

from metazoo.experiments import Experiment
from metazoo.methods.bande.experiments.bande_many_shot import (
    MANY_SHOT_CLAIMS,
    many_shot_cells,
)
from metazoo.methods.bande.experiments.bande_many_way import (
    MANY_WAY_CLAIMS,
    many_way_cells,
)
from metazoo.methods.bande.experiments.bande_semi import SEMI_CLAIMS, semi_cells
from metazoo.methods.bande.experiments.bande_settings import SCALES
from metazoo.methods.bande.experiments.bande_superclass import (
    SUPERCLASS_CLAIMS,
    superclass_cells,
    superclass_pictures,
)
from metazoo.methods.bande.experiments.bande_unsupervised import (
    unsupervised_cells,
)

EXPERIMENTS: Mapping[str, Experiment] = {
    "superclass": Experiment(
        "clusters beat means where labels are alphabets, and equal them on "
        "characters",
        superclass_cells,
        SCALES,
        SUPERCLASS_CLAIMS,
        superclass_pictures,
    ),
    "semi": Experiment(
        "unlabelled examples help in spite of distractors",
        semi_cells,
        SCALES,
        SEMI_CLAIMS,
    ),
    "many-way": Experiment(
        "trained 5-way, it tells all characters apart",
        many_way_cells,
        SCALES,
        MANY_WAY_CLAIMS,
    ),
    "unsupervised": Experiment(
        "clusters of unlabelled characters agree with their classes",
        unsupervised_cells,
        SCALES,
    ),
    "many-shot": Experiment(
        "from one to thousands of shots, clusters do not fall behind means",
        many_shot_cells,
        SCALES,
        MANY_SHOT_CLAIMS,
    ),
}
