"""Terms of the known data sets."""

from __future__ import annotations

from metazoo.data.licences import licence_of


def test_known_data_sets_have_terms():
    assert "MIT" in licence_of("omniglot-lake")
    for name in ("mini_imagenet", "miniImageNet/center"):
        assert "non-commercial" in licence_of(name)


def test_unknown_data_has_none():
    assert licence_of("holidays") == ""
