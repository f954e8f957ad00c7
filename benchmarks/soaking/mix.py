"""How often each case is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from soaking.case import Case

# Shares of all requests. Within a share, every kind is as frequent as any
# other, and within a kind every case.
SHARES = {"good": 0.6, "bad": 0.345, "status": 0.02, "metadata": 0.01}
RARE = {"cut": 0.02, "slow sender": 0.004, "huge": 0.0003}


def weights_of(cases: Sequence[Case]) -> list[float]:
    """Gives each case its share of the requests.

    Args:
        cases: All cases.

    Returns:
        Weights in their order.
    """
    sizes = Counter(case.kind for case in cases)
    kinds = Counter(_group(kind) for kind in sizes)
    shares = {**SHARES, **RARE}
    return [
        shares[group] / kinds[group] / sizes[case.kind]
        for case in cases
        for group in (_group(case.kind),)
    ]


def _group(kind: str) -> str:
    if kind in RARE or kind in SHARES:
        return kind
    return "good" if kind.startswith("good") else "bad"
