"""A picture of what the attention of a task looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from metazoo.data import ClassDataset

_WAYS = 5


def draw_attention(
    learner: Any,
    data: ClassDataset,
    num_shots: int = 1,
    num_texts: int = 8,
    number: int = 0,
    seed: int = 0,
) -> Figure:
    """Adapts to one test task and shades the words of its queries.

    Args:
        learner: an `ATAML`.
        data: classes it was not trained on.
        num_shots: support texts of each class.
        num_texts: queries to draw.
        number: which episode.
        seed: of the episodes.

    Returns:
        The figure.
    """
    from metazoo.data import EpisodeSampler
    from metazoo.plots.attention_picture import AttendedText, plot_attention

    queries = -(-num_texts // _WAYS)
    sampler = EpisodeSampler(
        data,
        num_ways=_WAYS,
        num_shots=num_shots,
        num_queries=queries,
        seed=seed,
    )
    task = sampler.tasks(number, 1).map(lambda part: part.numpy()[0])
    state = learner.adapt(task.support_x, task.support_y).state
    outputs = learner.predict_state(task.query_x, state)
    names = class_names(data, task)
    drawn = []
    # One query of every class first, then the second of each.
    order = np.arange(_WAYS * queries).reshape(_WAYS, queries).T.ravel()
    for row in order[:num_texts]:
        words = learner.words(task.query_x[row].decode("utf-8"))
        said, true = outputs["classes"][0, row], task.query_y[row]
        answer = (
            names[true]
            if said == true
            else (f"{names[said]}, and is {names[true]}")
        )
        shares = outputs["attention"][0, row][: len(words)].tolist()
        drawn.append(AttendedText(words, shares, answer, said == true))
    return plot_attention(
        drawn,
        f"What attention looks at after {num_shots} text"
        f"{'' if num_shots == 1 else 's'} of each of {_WAYS} classes "
        f"({data.name})",
    )


def class_names(data: ClassDataset, task: Any) -> list[str]:
    """Names of an episode's classes, found by their support texts.

    Args:
        data: what the episode was drawn from.
        task: the episode, without a tasks axis.

    Returns:
        A name for each label.
    """
    rows = {text: row for row, text in enumerate(data.images)}
    return [
        data.class_names[data.labels[rows[task.support_x[support]]]]
        for support in np.unique(task.support_y, return_index=True)[1]
    ]
