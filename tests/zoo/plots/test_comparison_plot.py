import pytest

pytest.importorskip("matplotlib")

from metazoo.comparison import Comparison
from metazoo.errors import MetazooError
from metazoo.plots import plot_comparison
from metazoo.plots.style import PAGE, class_colour


def comparison(*records):
    systems = ("protonet", "maml")
    return Comparison(
        systems,
        {name: name for name in systems},
        ((5, 1), (20, 1)),
        tuple(
            {
                "system": system,
                "ways": ways,
                "shots": 1,
                "accuracy": accuracy,
                "ci95": 0.01,
                "transductive": system == "maml",
            }
            for system, ways, accuracy in records
        ),
        (),
        (),
        {},
    )


@pytest.fixture
def figure():
    return plot_comparison(
        comparison(
            ("protonet", 5, 0.98), ("protonet", 20, 0.9), ("maml", 5, 0.995)
        )
    )


def marks(axes):
    """Middle of each interval, and whether its mark is hollow."""
    return [
        (
            pytest.approx(line.get_xdata()[0]),
            float(line.get_ydata()[0]),
            line.get_markerfacecolor() == PAGE,
        )
        for line in axes.lines
        if line.get_marker() == "o"
    ]


def test_each_setting_has_a_panel_and_each_system_a_line(figure):
    left, right = figure.axes
    assert left.get_title(loc="left") == "5-way 1-shot"
    assert marks(left) == [(98.0, 0, False), (99.5, 1, True)]
    assert marks(right) == [(90.0, 0, False)]
    assert [t.get_text() for t in left.get_yticklabels()] == [
        "protonet",
        "maml",
    ]


def test_what_was_not_measured_is_said(figure):
    left, right = figure.axes
    assert [text.get_text() for text in left.texts] == []
    (text,) = right.texts
    assert text.get_text() == "not measured"
    assert text.get_position()[1] == 1


def test_a_line_has_one_colour_in_all_panels(figure):
    colours = [axes.lines[0].get_color() for axes in figure.axes]
    assert colours == [class_colour(0)] * 2


def test_accuracy_axes_end_at_100(figure):
    assert figure.axes[0].get_xlim()[1] <= 100.5


def test_nothing_measured_is_refused():
    with pytest.raises(MetazooError, match="without a measurement"):
        plot_comparison(comparison())
