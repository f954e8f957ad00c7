"""Relative links of the documentation lead to files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path.relative_to(ROOT)
    for folder in ("docs", "zoo", "benchmarks", "serving", "trainers")
    for path in (ROOT / folder).rglob("*.md")
)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s#]+)")


@pytest.mark.parametrize("page", [Path("README.md"), *PAGES], ids=str)
def test_links_lead_to_files(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = LINK.findall(text)
    missing = [
        target
        for target in targets
        if not (ROOT / page.parent / target).resolve().is_relative_to(ROOT)
        or not (ROOT / page.parent / target).exists()
    ]
    assert missing == []
