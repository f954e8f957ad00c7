from __future__ import annotations

import pytest

from metazoo.serving.publish import LARGEST_VERSION, version_number


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("0", 0),
        ("7", 7),
        ("0007", 7),
        (f"{'0' * 5000}7", 7),
        (str(LARGEST_VERSION), LARGEST_VERSION),
        (str(LARGEST_VERSION + 1), None),
        ("9" * 5000, None),
        ("", None),
        ("-1", None),
        ("1_0", None),
        ("03x", None),
        ("²", None),
        ("٣", None),
    ],
)
def test_folder_names_are_read_as_versions(name, number):
    assert version_number(name) == number
