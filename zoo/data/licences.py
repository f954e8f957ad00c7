"""Under what terms the known data sets may be used."""

from __future__ import annotations

_IMAGENET = (
    "ImageNet terms of access: non-commercial research and education only; "
    "images belong to their owners"
)
# By the beginning of the data set's name, as its reader gives it.
_LICENCES = {
    "omniglot": "MIT (Omniglot, Copyright (c) 2015 Brenden Lake)",
    "mini_imagenet": _IMAGENET,
    "miniImageNet": _IMAGENET,
    "tieredImageNet": _IMAGENET,
    "glyphs": "Apache-2.0 (drawn by this library)",
    "phrases": "Apache-2.0 (made by this library)",
    "clinc150": "CC BY 3.0 (CLINC150, Larson et al. 2019)",
    "huffpost": "CC BY 4.0 (News Category Dataset, Misra 2018)",
    "reuters": "Reuters-21578: free for research purposes only",
    "subspace": "Apache-2.0 (drawn by this library)",
}


def licence_of(dataset: str) -> str:
    """The terms of a data set, for the cards of what was trained on it.

    Args:
        dataset: name of the data set, as its reader gives it.

    Returns:
        The terms, empty where they are not known.
    """
    kind, _, names = dataset.partition(":")
    if kind == "mixture":
        return "; ".join(
            f"{name}: {licence_of(name) or 'not known'}"
            for name in names.split(",")
        )
    for beginning, terms in _LICENCES.items():
        if dataset.startswith(beginning):
            return terms
    return ""
