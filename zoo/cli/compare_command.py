"""`metazoo compare`: few-shot methods side by side on the same episodes."""

from __future__ import annotations

import argparse
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.cli.evaluate_command import default_queries
from metazoo.cli.options import add_data, add_json, load_data, positive
from metazoo.cli.output import ProgressBar, say, table
from metazoo.cli.quiet import load_tensorflow
from metazoo.errors import DataError, MetazooError

if TYPE_CHECKING:
    from metazoo.comparison import Comparison, Field
    from metazoo.data import ClassDataset

HELP = "measure few-shot methods side by side on the same episodes"
EXAMPLE = (
    "metazoo compare --methods protonet maml bande --dataset omniglot "
    "--data-dir data --ways 5 20 --shots 1 5 --output comparison"
)
OWN_DATA = ("npz:", "folder:", "texts:", "tfds:", "embeddings:")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "--methods",
        nargs="+",
        default=[],
        metavar="NAME",
        help="methods, or presets by name, folder or address (all methods "
        "with a preset that fits)",
    )
    parser.add_argument(
        "--list", action="store_true", help="list what can be compared"
    )
    add_data(parser)
    parser.set_defaults(dataset=None)
    _add_setting(parser)
    parser.add_argument(
        "--reference",
        metavar="NAME",
        help="line that the others are compared with (the first)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for JSON, CSV, Markdown and PNG; a comparison that was "
        "stopped goes on there",
    )
    parser.add_argument(
        "--no-plot", action="store_true", help="draw nothing in --output"
    )
    add_json(parser)


def _add_setting(parser: argparse.ArgumentParser) -> None:
    for name, default, text in (
        ("ways", 5, "classes an episode"),
        ("shots", 1, "support examples a class"),
    ):
        parser.add_argument(
            f"--{name}",
            type=positive,
            nargs="+",
            default=[default],
            help=f"{text}; several are measured one by one ({default})",
        )
    parser.add_argument(
        "--queries",
        type=positive,
        help="query examples a class (15, or what a class has left)",
    )
    parser.add_argument(
        "--episodes", type=positive, default=600, help="per seed (600)"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0],
        help="seeds of the episodes (0)",
    )


def run(args: argparse.Namespace) -> Any:
    """Lists what can be compared, or compares it."""
    if args.list:
        return _list(args)
    if args.dataset is None:
        raise MetazooError(
            "compare needs --dataset; `metazoo compare --list` shows what "
            "the presets were trained on."
        )
    if args.output is not None and not args.no_plot:
        from metazoo.plots.style import check_matplotlib

        check_matplotlib()
    from metazoo.comparison.listing import contenders_of

    contenders_of(args.methods)  # Wrong names end before anything is loaded.
    load_tensorflow(args.debug)
    data = _data(args)
    field = _field(args, data)
    reference = _reference(args, field)
    found = _compare(args, field, data)
    return _report(args, found, reference)


def _data(args: argparse.Namespace) -> ClassDataset:
    """The data set, in the size that the presets take."""
    shape: tuple[int, ...] = ()
    if args.dataset.startswith("folder:"):
        from metazoo.comparison.listing import image_shapes

        shapes = sorted(image_shapes(args.methods))
        if len(shapes) != 1:
            raise DataError(
                f"{args.dataset}: the presets take images of the shapes "
                f"{shapes}; name --methods that take images of one."
            )
        shape = shapes[0]
    return load_data(args, types.SimpleNamespace(example_shape=shape))


def _field(args: argparse.Namespace, data: ClassDataset) -> Field:
    from metazoo.comparison import UnseenCheck, gather

    field = gather(
        args.methods,
        data,
        args.ways,
        any_training_set=args.dataset.startswith(OWN_DATA),
    )
    unseen = UnseenCheck(args.dataset, data, args.data_dir)
    for system in field.systems:
        for one in system.contenders:
            unseen.check(one)
    return field


def _reference(args: argparse.Namespace, field: Field) -> str:
    from metazoo.comparison.tables import check_reference

    names = [system.name for system in field.systems]
    if args.reference is None:
        return names[0]
    check_reference(names, args.reference)
    return args.reference


def _compare(
    args: argparse.Namespace, field: Field, data: ClassDataset
) -> Comparison:
    from metazoo.comparison import Task, compare

    queries = args.queries or default_queries(data, max(args.shots))
    task = Task(
        tuple(args.ways),
        tuple(args.shots),
        queries,
        args.episodes,
        tuple(args.seeds),
    )
    return compare(
        field,
        data,
        task,
        output=args.output,
        progress=_say_cell,
        episode_progress=ProgressBar("episodes"),
    )


def _say_cell(done: int, total: int, key: str) -> None:
    say(f"{done}/{total} {key}" if key else f"{done}/{total} done")


def _report(args: argparse.Namespace, found: Comparison, reference: str) -> Any:
    from metazoo.comparison import write_comparison
    from metazoo.comparison.tables import described, notes, tables

    files = []
    if args.output is not None:
        files = write_comparison(
            args.output, found, reference, plot=not args.no_plot
        )
    if args.json:
        return {
            "reference": reference,
            **found.to_dict(),
            "files": [str(path) for path in files],
        }
    print(described(found))
    for one in tables(found, reference):
        head = [name.upper() for name in one.head]
        print(f"\n{one.title}:\n{table(one.rows, head)}")
    print("", *notes(found), sep="\n")
    for path in files:
        print(path)
    return 0


def _list(args: argparse.Namespace) -> Any:
    """Lists from JSON files alone; TensorFlow is not imported."""
    from metazoo.comparison.listing import listing

    found = listing(args.methods)
    if args.json:
        return found
    rows = [
        tuple("-" if value is None else str(value) for value in row.values())
        for row in found
    ]
    header = ("METHOD", "PRESET", "TRAINED ON", "MOST WAYS", "SHOTS", "EXAMPLE")
    print(table(rows, header))
    return 0
