"""Every method's page has the same plan."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "zoo" / "methods").glob("*/README.md"))
PLAN = {
    "What is reproduced": True,
    "Variants": False,
    "Deviations": True,
    "Traits": True,
    "On the wire": True,
    "Training": True,
    "Pitfalls": False,
    "Experiments": False,
    "Results": True,
    "Licence": True,
}


def test_every_method_has_a_page():
    folders = {path.parent for path in PAGES}
    methods = {
        path.parent for path in (ROOT / "zoo" / "methods").glob("*/__init__.py")
    }
    assert folders == methods != set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_page_follows_the_plan(page):
    headings = re.findall(r"(?m)^## (.+)$", page.read_text(encoding="utf-8"))
    assert headings == [name for name in PLAN if name in headings]
    assert {name for name, needed in PLAN.items() if needed} <= set(headings)
