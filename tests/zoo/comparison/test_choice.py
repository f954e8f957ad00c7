import dataclasses

import pytest

from metazoo.comparison import Contender, System
from metazoo.comparison.choice import method_contenders, systems_of
from metazoo.presets import PresetMetadata
from metazoo.registry import get_method


def contender(preset, ways=None, shots=1):
    """A preset that is told apart by its setting alone."""
    one = Contender(
        preset,
        PresetMetadata(
            "maml", "MAML", preset, "glyphs", episode={"num_shots": shots}
        ),
    )
    one.__dict__["most_ways"] = ways
    return one


def chosen(system, ways, shots):
    found = system.choose(ways, shots)
    return None if found is None else found.preset


@pytest.fixture
def system():
    return System(
        "maml_c_glyphs",
        tuple(
            contender(f"maml_c_glyphs_{ways}way_{shots}shot", ways, shots)
            for ways, shots in ((20, 1), (5, 8), (5, 1))
        ),
    )


@pytest.mark.parametrize(
    ("setting", "preset"),
    [
        ((5, 1), "5way_1shot"),
        ((5, 8), "5way_8shot"),
        ((20, 1), "20way_1shot"),
        ((20, 8), "20way_1shot"),
        ((3, 1), "5way_1shot"),
        ((6, 1), "20way_1shot"),
        # Ratios 2 and 4, then 4 and 2, then equally near.
        ((5, 2), "5way_1shot"),
        ((5, 4), "5way_8shot"),
        ((5, 100), "5way_8shot"),
    ],
)
def test_choose_takes_the_preset_of_the_nearest_setting(
    system, setting, preset
):
    assert chosen(system, *setting) == f"maml_c_glyphs_{preset}"


def test_choose_takes_more_shots_of_two_equally_near():
    pair = (contender("m_4shot", 5, 4), contender("m_1shot", 5, 1))
    assert chosen(System("m", pair), 5, 2) == "m_4shot"
    assert chosen(System("m", pair[::-1]), 5, 2) == "m_4shot"


def test_choose_counts_a_range_of_shots_as_no_distance():
    pair = (contender("m_5shot", 5, 5), contender("m", 5, [1, 9]))
    assert chosen(System("m", pair), 5, 3) == "m"


def test_choose_finds_none_for_too_many_ways(system):
    assert chosen(system, 21, 1) is None


def test_any_number_of_ways_leaves_no_column_to_spare(system):
    free = contender("maml_c_glyphs_1shot", None, 1)
    both = dataclasses.replace(system, contenders=(*system.contenders, free))
    assert chosen(both, 6, 1) == free.preset


def test_presets_that_differ_in_their_setting_are_one_system():
    names = (
        "m_c_glyphs_5way_1shot",
        "m_c_glyphs_20way_1shot",
        "m_c_glyphs_5way",
        "m_c_omniglot_5way",
        "m_c_glyphs_alphabets",
    )
    systems = systems_of([contender(name) for name in names])
    assert [(s.name, len(s.contenders)) for s in systems] == [
        ("m_c_glyphs", 3),
        ("m_c_omniglot_5way", 1),
        ("m_c_glyphs_alphabets", 1),
    ]


def test_ways_are_read_from_the_config(presets):
    found = method_contenders(get_method("maml"))
    ways = {one.preset: one.most_ways for one in found}
    assert ways["maml_tiny_5way_1shot"] == 5
    assert ways["maml_tiny_3way_8shot"] == 3
    (free,) = method_contenders(get_method("protonet"))
    assert free.most_ways is None


def test_identity_is_that_of_weights_and_config(presets):
    one, other, third = method_contenders(get_method("maml"))
    assert set(one.identity) == {"config.json", "model.weights.h5"}
    # Saved from weights of their own.
    assert one.identity != other.identity != third.identity
