import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

matplotlib = pytest.importorskip("matplotlib")

from metazoo.errors import EpisodeError, MetazooError  # noqa: E402
from metazoo.evaluation import CurvePoint  # noqa: E402
from metazoo.metrics.episodes import reliability  # noqa: E402
from metazoo.plots import (  # noqa: E402
    draw_episode,
    plot_confusion,
    plot_reliability,
    plot_shots_curve,
    plot_ways_curve,
    save_figure,
)
from metazoo.plots.confusion import most_confused  # noqa: E402
from metazoo.plots.style import RIGHT, WRONG, class_colour  # noqa: E402

POINTS = [
    CurvePoint(ways, shots, 1 - ways / 50 + shots / 100, 0.01)
    for ways in (2, 5)
    for shots in (1, 5)
]


def episode(ways=3, shots=2, queries=2, channels=1):
    rng = np.random.default_rng(0)

    def images(count):
        return rng.uniform(0, 255, (count, 8, 8, channels))

    support_y = np.repeat(np.arange(ways), shots)
    query_y = np.repeat(np.arange(ways), queries)
    return {
        "support_x": images(ways * shots),
        "support_y": support_y,
        "query_x": images(ways * queries),
        "query_y": query_y,
        "probabilities": np.eye(ways)[query_y],
    }


def pixels_of(figure, colour, tmp_path):
    path = save_figure(figure, tmp_path / "figure.png", dpi=80)
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels - wanted).max(-1) <= 2).sum())


def test_right_answers_are_ticked_green(tmp_path):
    figure = draw_episode(**episode())
    assert pixels_of(figure, RIGHT, tmp_path) > 100
    assert pixels_of(figure, WRONG, tmp_path) == 0


def test_a_wrong_answer_is_crossed_red(tmp_path):
    task = episode()
    task["probabilities"][0] = [0.0, 1.0, 0.0]
    figure = draw_episode(**task)
    assert pixels_of(figure, WRONG, tmp_path) > 30
    everything_wrong = draw_episode(
        **{**task, "probabilities": np.eye(3)[(task["query_y"] + 1) % 3]}
    )
    assert pixels_of(everything_wrong, RIGHT, tmp_path) == 0


def test_border_has_the_colour_of_the_predicted_class(tmp_path):
    task = episode(ways=2, shots=1, queries=1)
    before = pixels_of(draw_episode(**task), class_colour(1), tmp_path)
    task["probabilities"] = np.array([[0.0, 1.0], [0.0, 1.0]])
    after = pixels_of(draw_episode(**task), class_colour(1), tmp_path)
    assert after > 1.3 * before


def test_episode_of_many_ways_and_colours_draws(tmp_path):
    figure = draw_episode(
        **episode(ways=12, shots=1, queries=1, channels=3),
        class_names=[f"Alphabet/character_{i}" for i in range(12)],
        title="A title",
    )
    path = save_figure(figure, tmp_path / "many.png", dpi=50)
    assert Image.open(path).height > Image.open(path).width
    texts = {text.get_text() for text in figure.axes[0].texts}
    assert {"A title", "Alphabet\ncharacter 3"} <= texts


def test_episode_title_counts_right_answers():
    task = episode()
    task["probabilities"][0] = [0.0, 1.0, 0.0]
    texts = [t.get_text() for t in draw_episode(**task).axes[0].texts]
    assert "5 of 6 right" in texts


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("support_x", np.zeros((1, 6, 8, 8, 1)), "support_x"),
        ("support_y", [0, 1], "support_y"),
        ("query_x", np.zeros((6, 8, 8, 2)), "query_x"),
        ("probabilities", np.zeros((6, 2)), "probabilities"),
        ("probabilities", np.zeros((5, 3)), "probabilities"),
    ],
)
def test_episode_that_does_not_fit_is_refused(name, value, match):
    with pytest.raises(EpisodeError, match=match):
        draw_episode(**{**episode(), name: value})


def test_reliability_diagram_shows_each_filled_bin():
    found = reliability([0.95, 0.85, 0.85, 0.2], [1, 1, 0, 0], bins=10)
    upper, lower = plot_reliability(found).axes
    assert sorted(bar.get_height() for bar in upper.patches) == [0, 0.5, 1]
    assert sum(bar.get_height() for bar in lower.patches) == 4
    assert "0.237" in upper.get_title(loc="left")


def test_most_confused_classes_are_those_with_mistakes():
    counts = np.diag([90, 90, 90, 90])
    counts[3, 1] = 4
    np.testing.assert_array_equal(most_confused(counts, 2), [1, 3])


def test_confusion_plot_shows_the_most_confused_classes(tmp_path):
    counts = np.diag(np.full(30, 9))
    counts[28, 29] = 5
    figure = plot_confusion(counts, [f"c{i}" for i in range(30)], 3)
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()][1:] == ["c28", "c29"]
    assert sorted(t.get_text() for t in axes.texts) == ["5", "9", "9", "9"]
    assert "3 most mistaken" in axes.get_title(loc="left")
    save_figure(figure, tmp_path / "confusion.svg")


def test_confusion_plot_refuses_names_that_do_not_fit():
    with pytest.raises(MetazooError, match="class_names"):
        plot_confusion(np.eye(3), ["a", "b"])


@pytest.mark.parametrize(
    ("plot", "labels", "x"),
    [
        (plot_shots_curve, ["2-way", "5-way"], [1, 5]),
        (plot_ways_curve, ["1-shot", "5-shot"], [2, 5]),
    ],
)
def test_curve_has_a_line_and_a_band_for_each_group(plot, labels, x):
    axes = plot(POINTS).axes[0]
    assert [line.get_label() for line in axes.lines] == labels
    assert list(axes.lines[0].get_xdata()) == x
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    first = axes.lines[0].get_ydata()[0]
    assert np.isclose(band, first - 1).any()
    assert np.isclose(band, first + 1).any() or first + 1 > 100


def test_empty_curve_is_refused():
    with pytest.raises(MetazooError, match="one point"):
        plot_shots_curve([])


def test_figure_is_written_whole_or_not_at_all(tmp_path):
    class Broken:
        def savefig(self, file, **_):
            file.write(b"half")
            raise OSError("disk full")

    path = tmp_path / "figure.png"
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="disk full"):
        save_figure(Broken(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["figure.png"]
    assert path.read_bytes() == b"old"


def test_missing_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(ImportError, match=r"metazoo\[plots\]"):
        plot_shots_curve(POINTS)


def test_plots_touch_no_global_state_of_matplotlib(tmp_path):
    code = """
import sys
from types import SimpleNamespace
import matplotlib

def settings():  # To read "backend" would choose one, and import pyplot.
    rc = matplotlib.rcParams
    return {name: rc[name] for name in rc if name != "backend"}

before = settings()
from metazoo.plots import plot_shots_curve, save_figure
point = SimpleNamespace(ways=5, shots=1, accuracy=0.9, ci95=0.1)
save_figure(plot_shots_curve([point]), sys.argv[1])
assert settings() == before
assert "matplotlib.pyplot" not in sys.modules
assert "tensorflow" not in sys.modules
"""
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.png")],
        check=True,
        timeout=120,
    )
