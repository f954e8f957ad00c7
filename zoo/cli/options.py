"""Options that several commands share, and what they load."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from metazoo.cli.images import image_shape
from metazoo.cli.quiet import load_tensorflow
from metazoo.errors import DataError

if TYPE_CHECKING:
    from metazoo.data import ClassDataset
    from metazoo.presets.progress import ProgressLine

DATASETS = (
    "glyphs, omniglot, mini_imagenet, subspace, embeddings:FOLDER, cifar10, "
    "npz:PATH (images [class, example, height, width(, channels)] uint8, "
    "0 = ink), folder:PATH, mixture:NAME,NAME (episodes stay within one of "
    "them) or tfds:NAME; of texts: phrases, clinc150, "
    "huffpost, reuters or texts:PATH (CLASS.txt, one text a line)"
)


def positive(text: str) -> int:
    """Parses a positive integer, for argparse."""
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


positive.__name__ = "positive integer"


def name_and_value(text: str) -> tuple[str, str]:
    """Parses NAME=VALUE, for argparse."""
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def add_json(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
) -> None:
    """Adds `--json`."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON value to stdout"
    )


def add_preset(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Adds `--preset`."""
    parser.add_argument(
        "--preset",
        required=required,
        metavar="NAME",
        help="registered name, local folder, or https://, hf://, kaggle:// "
        "or gs:// address",
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """Adds `--dataset`, `--data-dir`, `--split` and `--protocol`."""
    parser.add_argument(
        "--dataset", default="glyphs", metavar="SPEC", help=DATASETS
    )
    parser.add_argument(
        "--data-dir", metavar="DIR", help="folder with the data set's files"
    )
    parser.add_argument(
        "--split",
        default="test",
        help="classes to use (test); npz:, folder: and texts: are used whole",
    )
    parser.add_argument(
        "--protocol",
        choices=("lake", "vinyals"),
        help="class split of omniglot (default: lake)",
    )


def load_learner(args: argparse.Namespace) -> Any:
    """Loads the preset of `--preset`, with TensorFlow.

    Args:
        args: with `preset` and `debug`.

    Returns:
        The learner.
    """
    load_tensorflow(args.debug)
    from metazoo.presets import from_preset

    return from_preset(args.preset, progress=download_progress())


def load_data(args: argparse.Namespace, learner: Any) -> ClassDataset:
    """Loads the data set of `--dataset`, in the size the learner takes.

    Args:
        args: with `dataset`, `data_dir`, `split` and `protocol`.
        learner: an episodic learner.

    Returns:
        The data set.

    Raises:
        DataError: the options don't fit, or the reader says so.
    """
    from metazoo.data import load_dataset

    options: dict[str, Any] = {}
    if args.dataset.startswith("folder:"):
        height, width, channels = image_shape(learner.example_shape)
        options = {"image_size": (height, width), "grayscale": channels == 1}
    if args.protocol and args.dataset != "omniglot":
        raise DataError(
            f"--protocol is a split of omniglot; {args.dataset!r} has none."
        )
    if args.protocol:
        options["protocol"] = args.protocol
    split = args.split
    if args.dataset.startswith(("npz:", "folder:", "texts:")):
        split = "all"
    return load_dataset(args.dataset, args.data_dir, split, **options)


def download_progress() -> ProgressLine | None:
    """What shows downloads: a line on a terminal, nothing elsewhere."""
    from metazoo.presets.progress import ProgressLine

    return ProgressLine(sys.stderr) if sys.stderr.isatty() else None
