"""CACTUs against the embeddings it stands on, and against supervision."""

from __future__ import annotations

from typing import Any

from metazoo.experiments import Cell, Claim, Experiment, Scale
from metazoo.methods.cactus.cactus_recipe import (
    ACAI,
    DEEPCLUSTER,
    MINI,
    MINI_PROTONET,
    OMNIGLOT,
    ORACLE,
    PAPER_ACAI,
    PAPER_DEEPCLUSTER,
    PAPER_MINI,
    PAPER_OMNIGLOT,
    PAPER_PROTONET,
    QUICK_PROTONET,
)
from metazoo.methods.cactus.experiments.cactus_cells import (
    CACTUsScale,
    Plan,
    cells,
)

_OMNIGLOT = Plan(
    maml=OMNIGLOT,
    settings=((5, 1), (5, 5), (20, 1), (20, 5)),
    embeddings={"acai": ACAI, "deepcluster": DEEPCLUSTER["omniglot"]},
    protonet=QUICK_PROTONET,
)
_MINI = Plan(
    maml=MINI,
    settings=((5, 1), (5, 5), (5, 20), (5, 50)),
    embeddings={"acai": ACAI, "deepcluster": DEEPCLUSTER["mini_imagenet"]},
    protonet=MINI_PROTONET,
)
_PAPER_OMNIGLOT = Plan(
    maml=PAPER_OMNIGLOT,
    settings=_OMNIGLOT.settings,
    embeddings={
        "acai": PAPER_ACAI,
        "deepcluster": PAPER_DEEPCLUSTER.replace(augmentation="drawings"),
    },
    protonet=PAPER_PROTONET,
)
_PAPER_MINI = Plan(
    maml=PAPER_MINI,
    settings=_MINI.settings,
    embeddings={"acai": PAPER_ACAI, "deepcluster": PAPER_DEEPCLUSTER},
    protonet=PAPER_PROTONET,
)


def omniglot_cells(scale: Scale) -> list[Cell]:
    """All rows on Omniglot.

    Args:
        scale: how much to do.
    """
    costed = CACTUsScale.of(scale)
    return cells(costed.plan or _OMNIGLOT, costed)


def mini_imagenet_cells(scale: Scale) -> list[Cell]:
    """All rows on mini-ImageNet.

    Args:
        scale: how much to do.
    """
    costed = CACTUsScale.of(scale)
    return cells(costed.plan or _MINI, costed)


def _row(learner: str, source: str, shots: int = 1) -> dict[str, Any]:
    return {"learner": learner, "source": source, "ways": 5, "shots": shots}


def _claims(source: str, ahead: float) -> tuple[Claim, ...]:
    """What the paper says of one embedding, 5-way.

    Args:
        source: the embedding.
        ahead: least lead of prototypes over nearest neighbours, 1-shot.
    """
    own = _row("protonet", source)
    found = [
        Claim(
            f"CACTUs-ProtoNets is ahead of neighbours in {source}, 1-shot",
            own,
            _row("nearest_neighbour", source),
            ahead,
        ),
        Claim(
            f"CACTUs-ProtoNets is ahead of a linear classifier on {source}",
            own,
            _row("linear", source),
            0.0,
        ),
        Claim(
            f"clusters of {source} are better tasks than random partitions",
            own,
            _row("protonet", "random"),
            0.0,
        ),
        Claim(
            f"CACTUs-MAML is ahead of training from scratch ({source})",
            _row("maml", source),
            _row("scratch", "none"),
            0.0,
        ),
        Claim(
            f"CACTUs-MAML is ahead of neighbours in {source}, 1-shot",
            _row("maml", source),
            _row("nearest_neighbour", source),
            0.0,
        ),
    ]
    for learner in ("protonet", "maml"):
        doc = f"labels are better still than clusters of {source} ({learner})"
        supervised = _row(learner, ORACLE)
        found.append(Claim(doc, supervised, _row(learner, source), 0.0))
    return tuple(found)


_TINY: dict[str, Any] = {
    "steps": 2,
    "num_tasks": 1,
    "num_queries": 1,
    "inner_steps": 1,
    "predict_steps": 1,
    "filters": 2,
    "num_clusters": 8,
    "num_partitions": 2,
    "representation": {
        "steps": 2,
        "warmup_steps": 0,
        "depth": 2,
        "size": 16,
        "num_examples": 8,
        "rounds": 1,
        "num_clusters": 4,
        "widths": (2, 4),
        "embedding_size": 4,
    },
}


def _scales(paper: Plan, two_cores: CACTUsScale) -> dict[str, Scale]:
    return {
        "two_cores": two_cores,
        "paper": CACTUsScale(episodes=1000, plan=paper),
        "tiny": CACTUsScale(
            seeds=(0,), episodes=2, changes=_TINY, support_images=20
        ),
    }


# A net from random weights takes 200 steps on each of a task's 250 pictures.
_TWO_CORES_MINI = CACTUsScale(episodes=400, support_images=1000, least_tasks=16)

EXPERIMENTS = {
    "omniglot": Experiment(
        "tasks from clusters of unlabelled drawings teach more than the "
        "embedding that was clustered knows, and less than labels",
        omniglot_cells,
        _scales(
            _PAPER_OMNIGLOT, CACTUsScale(episodes=400, support_images=3000)
        ),
        _claims("acai", 0.05) + _claims("deepcluster", 0.0),
    ),
    "mini-imagenet": Experiment(
        "tasks from clusters of unlabelled photographs teach more than the "
        "embedding that was clustered knows, and less than labels",
        mini_imagenet_cells,
        _scales(_PAPER_MINI, _TWO_CORES_MINI),
        _claims("deepcluster", 0.0) + _claims("acai", 0.0),
    ),
}
