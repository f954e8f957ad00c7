"""Writes every generated part of the documentation.

The tables between marker comments in README.md and in the methods' own
pages, and the pages in docs/methods/. The numbers come from the metadata of
the presets that ship, from the recipes, from benchmarks/results/*.csv and from
what `metazoo bench METHOD --experiment` left, stored as
benchmarks/results/experiments/METHOD_EXPERIMENT.json (and its pictures as
METHOD_EXPERIMENT.NAME.png), never from a hand:

    python docs/build_tables.py           # writes
    python docs/build_tables.py --check   # fails where something is stale
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmark_tables import (
    BENCHMARKS,
    ROOT,
    latency_table,
    serving_table,
    speed_table,
    workload_table,
)
from markdown_table import markdown

from metazoo.presets.listing import PresetInfo, list_presets
from metazoo.registry import MethodSpec, methods

FILLED = ("README.md", "docs/benchmarks.md", "docs/presets.md")
EXPERIMENTS = BENCHMARKS / "experiments"
PERCENT = "accuracy"
_NUMBERS = ("metric", "mean", "ci95", "seeds_ci95", "seeds", "episodes")
_BLOCK = re.compile(
    r"(<!-- generated: (?P<name>[\w ]+) -->\n).*?(<!-- end generated -->)",
    re.DOTALL,
)
_PAGE_HEAD = (
    "<!-- Written by docs/build_tables.py; edit "
    "zoo/methods/{name}/README.md instead. -->\n\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes, or checks, all generated text.

    Args:
        arguments: Of the command line; by default those of this process.

    Returns:
        1 if `--check` found stale text, else 0.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    stale = [path for path, text in generated().items() if _read(path) != text]
    for path in stale:
        print(f"{'stale' if check else 'wrote'} {path.relative_to(ROOT)}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(generated()[path], encoding="utf-8")
    return int(check and bool(stale))


def generated() -> dict[Path, str]:
    """Every file that holds generated text, as it should read.

    Returns:
        File -> its whole content.
    """
    filled = [ROOT / name for name in FILLED]
    found = {path: fill(_read(path)) for path in filled}
    for spec in methods().values():
        source = ROOT / "zoo" / "methods" / spec.name / "README.md"
        found[source] = fill(_read(source))
        page = ROOT / "docs" / "methods" / f"{spec.name}.md"
        found[page] = method_page(spec, found[source])
    found[ROOT / "docs" / "methods" / "README.md"] = methods_page()
    return found


def fill(text: str) -> str:
    """Puts the generated tables between their marker comments.

    Args:
        text: Markdown with markers such as `generated: accuracy`.

    Returns:
        The text with every table as it is now.

    Raises:
        KeyError: A marker names no table.
    """

    def replaced(found: re.Match[str]) -> str:
        name, *rest = found["name"].split()
        return f"{found[1]}{TABLES[name](*rest)}\n{found[3]}"

    return _BLOCK.sub(replaced, text)


def accuracy_table(method: str | None = None) -> str:
    """Accuracy of the presets that ship, beside the papers'.

    Args:
        method: Only presets of this method.

    Returns:
        A Markdown table.
    """
    rows = [
        _accuracy_row(info, row)
        for info in list_presets(method)
        for row in info.metadata.metrics
    ]
    if not rows:
        return "No preset with results ships yet."
    head = (
        "preset",
        "evaluated on",
        "setting",
        "accuracy %",
        "paper %",
        "episodes",
        "queries see each other",
    )
    return markdown(head, rows)


def _accuracy_row(info: PresetInfo, row: Mapping[str, Any]) -> list[str]:
    paper = row.get("paper_accuracy")
    return [
        f"`{info.preset}`",
        f"{row['dataset']}, {row['split']}",
        f"{row['ways']}-way {row['shots']}-shot",
        f"{100 * row['accuracy']:.2f} ± {100 * row['ci95']:.2f}",
        "–" if paper is None else f"{100 * paper:.1f}",
        str(row["episodes"]),
        "yes" if row["transductive"] else "no",
    ]


def experiment_tables(method: str) -> str:
    """What the recorded experiments of a method found.

    Args:
        method: Name of the method.

    Returns:
        A claim and a Markdown table for each experiment.
    """
    files = sorted(EXPERIMENTS.glob(f"{method}_*.json"))
    return "\n\n".join(map(_experiment_of, files)) or "Not measured yet."


def _experiment_of(path: Path) -> str:
    found = json.loads(path.read_text(encoding="utf-8"))
    metrics = list(dict.fromkeys(row["metric"] for row in found["summary"]))
    lines: dict[tuple[Any, ...], dict[str, str]] = {}
    for row in found["summary"]:
        labels = tuple((k, v) for k, v in row.items() if k not in _NUMBERS)
        lines.setdefault(labels, {})[row["metric"]] = _measured(row)
    columns = list(dict.fromkeys(k for labels in lines for k, _ in labels))
    table = markdown(
        [*columns, *(_metric_head(metric) for metric in metrics)],
        [
            [str(dict(labels).get(name, "–")) for name in columns]
            + [values.get(metric, "–") for metric in metrics]
            for labels, values in lines.items()
        ],
    )
    parts = [
        _experiment_head(found),
        table,
        _claims_of(found["claims"]),
        *_pictures_of(path, found["pictures"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _claims_of(claims: Sequence[Mapping[str, Any]]) -> str:
    """What was found of each claim: the difference and its bounds."""
    if not claims:
        return ""
    return markdown(
        ("claim", "difference", "expected", "holds"),
        [
            [
                f"{claim['claim']} ({claim['metric'].replace('_', ' ')})",
                _measured({**claim, "mean": claim["difference"]}),
                _bounds(claim),
                _verdict(claim),
            ]
            for claim in claims
        ],
    )


def _verdict(claim: Mapping[str, Any]) -> str:
    """Whether the claim holds; open where its interval crosses a bound."""
    half = claim["ci95"] or 0.0
    bounds = (claim["least"], claim["most"])
    if any(
        bound is not None and abs(claim["difference"] - bound) < half
        for bound in bounds
    ):
        return "open: interval spans the bound"
    return "yes" if claim["holds"] else "**no**"


def _pictures_of(path: Path, pictures: Mapping[str, str]) -> list[str]:
    """Markdown of the pictures, as a method's page sees their files.

    Args:
        path: of the experiment's results; `NAME.png` is stored beside them
            as `METHOD_EXPERIMENT.NAME.png`.
        pictures: name to what it shows.

    Raises:
        FileNotFoundError: a picture was not stored.
    """
    found = []
    for name, doc in pictures.items():
        file = path.with_suffix(f".{name}.png")
        if not file.exists():
            raise FileNotFoundError(f"{file}: store the picture there.")
        found.append(f"![{doc}](../../../{file.relative_to(ROOT).as_posix()})")
    return found


def _bounds(claim: Mapping[str, Any]) -> str:
    factor = 100 if claim["metric"].startswith(PERCENT) else 1
    pairs = (("at least", claim["least"]), ("at most", claim["most"]))
    return ", ".join(
        f"{word} {factor * bound:g}"
        for word, bound in pairs
        if bound is not None
    )


def _experiment_head(found: Mapping[str, Any]) -> str:
    rows = found["rows"]
    seeds = sorted({row["seed"] for row in rows})
    data = sorted({f"{row['dataset']}/{row['split']}" for row in rows})
    changed = ", ".join(f"{k}={v}" for k, v in found["changes"].items())
    changes = f" ({changed})" if changed else ""
    return (
        f"**{found['experiment']}**: {found['doc']}. Scale "
        f"`{found['scale']}`{changes}, {len(seeds)} seed(s), "
        f"{max(row['episodes'] for row in rows)} episodes or fewer of each, "
        f"on {', '.join(data)}; {rows[0]['cpu']}, {rows[0]['cores']} cores. "
        "Mean ± 95 % interval over episodes (± over the seeds' means, by "
        "Student's t)."
    )


def _metric_head(metric: str) -> str:
    name = metric.replace("_", " ")
    return f"{name} %" if metric.startswith(PERCENT) else name


def _measured(row: Mapping[str, Any]) -> str:
    factor, digits = (1, 3)
    if row["metric"].startswith(PERCENT):
        factor, digits = 100, 2
    text = f"{factor * row['mean']:.{digits}f}"
    if row["ci95"] is not None:
        text += f" ± {factor * row['ci95']:.{digits}f}"
    if row["seeds_ci95"] is not None:
        text += f" (± {factor * row['seeds_ci95']:.{digits}f})"
    return text


def preset_table() -> str:
    """The presets that ship, with size and number of parameters.

    Returns:
        A Markdown table.
    """
    rows = [
        [
            f"`{info.preset}`",
            info.dataset,
            f"{info.metadata.parameter_count:,}",
            f"{info.size_bytes / 1e6:.2f} MB",
            str(info.revision),
        ]
        for info in list_presets()
    ]
    if not rows:
        return "No preset ships yet."
    head = ("preset", "trained on", "parameters", "size", "revision")
    return markdown(head, rows)


def methods_page() -> str:
    """The index of the methods' pages.

    Returns:
        Markdown.
    """
    rows = [
        [
            f"[{spec.title}]({spec.name}.md)",
            spec.doc,
            f"[{spec.paper.title}]({spec.paper.url}), {spec.paper.year}",
        ]
        for spec in methods().values()
    ]
    table = markdown(("method", "in a line", "paper"), rows)
    return (
        f"<!-- Written by docs/build_tables.py. -->\n\n# Methods\n\n{table}\n"
    )


def method_page(spec: MethodSpec, readme: str) -> str:
    """The page of a method: what its folder says, and its recipes.

    Args:
        spec: The method.
        readme: The method's own page, filled.

    Returns:
        Markdown.
    """
    head = _PAGE_HEAD.format(name=spec.name)
    text = moved_links(readme.rstrip())
    return f"{head}{text}\n\n## Recipes\n\n{recipe_table(spec)}\n"


def moved_links(text: str) -> str:
    """Links of a method's own page as its page in docs/methods needs them.

    Args:
        text: Markdown of zoo/methods/NAME/README.md.

    Returns:
        The same with the targets of relative links changed.
    """
    text = re.sub(r"\]\(\.\./(\w+)/README\.md", r"](\1.md", text)
    return text.replace("](../../../", "](../../")


def recipe_table(spec: MethodSpec) -> str:
    """Every hyper-parameter of every recipe of a method.

    Args:
        spec: The method.

    Returns:
        A Markdown table with a column for each recipe.
    """
    recipes = spec.load_recipes()
    # Recipes of one method may be of several classes.
    fields = dict.fromkeys(
        field.name
        for recipe in recipes.values()
        for field in dataclasses.fields(recipe)
    )
    rows = [
        [
            f"`{field}`",
            *(_plain(getattr(r, field, "–")) for r in recipes.values()),
        ]
        for field in fields
    ]
    return markdown(["field", *(f"`{name}`" for name in recipes)], rows)


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_plain(part) for part in value) + ")"
    if isinstance(value, float):
        return f"{value:.6g}"
    return _stage(value) if dataclasses.is_dataclass(value) else str(value)


def _stage(recipe: Any) -> str:
    """A recipe within another: its class, and what is not its default."""
    changed = [
        f"{field.name}={_plain(getattr(recipe, field.name))}"
        for field in dataclasses.fields(recipe)
        if getattr(recipe, field.name) != field.default
    ]
    return f"{type(recipe).__name__}({', '.join(changed)})"


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


TABLES = {
    "accuracy": accuracy_table,
    "experiments": experiment_tables,
    "latency": latency_table,
    "presets": preset_table,
    "serving": serving_table,
    "speed": speed_table,
    "workloads": workload_table,
}

if __name__ == "__main__":
    sys.exit(main())
