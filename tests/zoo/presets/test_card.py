"""The model card says what the metadata says, and what it does not say."""

from __future__ import annotations

import pytest

from metazoo.presets.card import model_card
from metazoo.presets.format import PresetMetadata

FIELDS = {
    "method": "tiny",
    "class_name": "TinyLearner",
    "preset": "tiny_x",
    "dataset": "omniglot",
}


def test_card_shows_results_beside_the_paper(tiny_spec):
    row = {
        "dataset": "omniglot",
        "split": "test",
        "ways": 5,
        "shots": 1,
        "accuracy": 0.9843,
        "ci95": 0.0012,
        "episodes": 600,
        "seeds": 3,
        "transductive": False,
        "paper_accuracy": 0.988,
    }
    card = model_card(PresetMetadata(**FIELDS, metrics=(row,)))
    assert (
        "| omniglot | test | 5-way 1-shot | 98.43 ± 0.12 | 98.80 | 600 | 3 "
        "| no |"
    ) in card
    assert "T. Iny: *Tiny*. Nowhere, 2020. <https://example.org>" in card


def test_card_shows_setting_licence_and_cost(tiny_spec):
    card = model_card(
        PresetMetadata(
            **FIELDS,
            episode={"num_ways": 5, "note": "a|b"},
            data_licence="MIT",
            parameter_count=112064,
            hardware="2 CPU cores",
            adaptation_ms=1.25,
            seed=7,
            commit="abc123",
            recipe={"outer_learning_rate": 0.001},
        )
    )
    assert "| num_ways | 5 |" in card
    assert "a\\|b" in card
    assert "licence: MIT" in card
    assert "112,064 parameters; time per adaptation: 1.25 ms" in card
    assert "hardware: 2 CPU cores" in card
    assert "seed 7; commit abc123" in card
    assert "| outer_learning_rate | 0.001 |" in card


def test_card_of_bare_metadata_states_what_is_missing(tiny_spec):
    card = model_card(PresetMetadata(**FIELDS))
    assert "Not evaluated." in card
    assert "licence: not stated" in card
    assert "data like omniglot" in card


@pytest.mark.parametrize(
    "title",
    ["Intended use", "Episode setting", "Results", "Cost", "Data", "Reference"],
)
def test_card_has_section(tiny_spec, title):
    assert f"\n## {title}\n" in model_card(PresetMetadata(**FIELDS))


def test_card_example_parses(tiny_spec):
    card = model_card(PresetMetadata(**FIELDS))
    code = card.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert 'from_preset("tiny_x")' in code
