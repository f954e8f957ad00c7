import pytest

from metazoo.comparison import gather
from metazoo.comparison.field import Field
from metazoo.data import from_arrays, load_glyphs
from metazoo.errors import MetazooError, PresetError
from metazoo.registry import MethodSpec

pytestmark = pytest.mark.usefixtures("presets")


def names(field: Field):
    return [system.name for system in field.systems]


def test_methods_stand_for_their_systems_in_the_order_asked(drawings):
    field = gather(["protonet", "maml"], drawings, [3])
    assert names(field) == ["protonet", "maml"]
    assert len(field.systems[1].contenders) == 3
    assert field.left_out == {}


def test_a_control_keeps_the_name_of_its_preset(drawings, monkeypatch):
    monkeypatch.setattr(MethodSpec, "class_name", "Other")
    assert names(gather(["protonet"], drawings, [3])) == ["protonet_tiny"]


def test_no_name_takes_every_method_that_fits_and_says_of_the_rest(
    drawings, phrases
):
    field = gather([], drawings, [3])
    assert names(field) == ["maml", "protonet"]
    assert "no preset trained on 'glyphs'" in field.left_out["ataml"]
    assert "no preset yet" in field.left_out["bande"]
    assert names(gather([], phrases, [3])) == ["ataml"]


def test_a_preset_stands_for_itself(drawings, preset_root):
    folder = str(preset_root / "maml" / "maml_tiny_3way_8shot")
    field = gather([folder, "maml_tiny_5way_1shot"], drawings, [3])
    assert names(field) == ["maml_tiny_3way_8shot", "maml_tiny_5way_1shot"]
    assert field.systems[0].choose(3, 1).handle == folder


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        (["protonett"], "did you mean protonet"),
        (["maml_tiny_5way_1sho"], "did you mean maml_tiny_5way_1shot"),
        (["caml"], "caml has no preset yet"),
        (["ataml"], "ataml has no preset trained on 'glyphs'"),
        (["ataml_tiny"], "takes texts; 'glyphs' holds images"),
        (["maml", "maml"], "maml_tiny would have two lines"),
        (["protonet", "protonet_tiny"], "protonet_tiny would have two lines"),
        (["./nowhere"], "nowhere"),
    ],
)
def test_names_that_can_not_be_compared_are_refused(drawings, asked, match):
    with pytest.raises(MetazooError, match=match):
        gather(asked, drawings, [3])


def test_images_of_a_text_data_set_are_told(phrases):
    with pytest.raises(PresetError, match="takes images .* holds texts"):
        gather(["protonet_tiny"], phrases, [3])


def test_examples_of_another_shape_are_refused():
    small = load_glyphs("test", num_alphabets=1, image_size=14)
    with pytest.raises(PresetError, match=r"\(28, 28, 1\).*\(14, 14, 1\)"):
        gather(["protonet"], small, [3])


def test_more_ways_than_any_preset_tells_apart_are_refused(drawings):
    with pytest.raises(PresetError, match="6-way can't be done.*at most 5"):
        gather(["maml"], drawings, [6])
    with pytest.raises(PresetError, match="4-way can't be done.*at most 3"):
        gather(["maml_tiny_3way_1shot"], drawings, [4])
    assert names(gather(["maml"], drawings, [6, 5])) == ["maml"]


def test_data_of_ones_own_take_presets_of_any_training_set(drawings):
    own = from_arrays(drawings.images, drawings.labels, name="own")
    with pytest.raises(PresetError, match="no method has a preset"):
        gather([], own, [3])
    field = gather([], own, [3], any_training_set=True)
    assert names(field) == ["maml", "protonet"]
    assert "takes texts" in field.left_out["ataml"]
