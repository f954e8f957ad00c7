"""What a comparison leaves in its folder, each file whole or not at all."""

from __future__ import annotations

from pathlib import Path

from metazoo.comparison.comparing import Comparison
from metazoo.comparison.tables import flat_rows, markdown
from metazoo.experiments.summary import as_csv
from metazoo.stored_cells import json_text
from metazoo.whole_files import write_text

STEM = "comparison"


def write_comparison(
    folder: str | Path, found: Comparison, reference: str, plot: bool = True
) -> list[Path]:
    """Writes the comparison as JSON, CSV, Markdown and PNG.

    Args:
        folder: where to; it exists.
        found: the comparison.
        reference: name of the line that the others are compared with.
        plot: whether to draw.

    Returns:
        The files.

    Raises:
        ImportError: matplotlib is not installed, and `plot` is set.
    """
    base = Path(folder) / STEM
    picture = base.with_suffix(".png") if plot else None
    if picture is not None:
        from metazoo.plots import plot_comparison, save_figure

        save_figure(plot_comparison(found), picture)
    texts = {
        ".json": json_text({"reference": reference, **found.to_dict()}),
        ".csv": as_csv(flat_rows(found, reference)),
        ".md": markdown(found, reference, picture.name if picture else None),
    }
    for suffix, text in texts.items():
        write_text(base.with_suffix(suffix), text)
    files = [base.with_suffix(suffix) for suffix in texts]
    return files if picture is None else [*files, picture]
