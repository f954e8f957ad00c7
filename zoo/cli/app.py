"""Parses the command line, runs one command, and reports its failure."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from metazoo.cli.output import write_json
from metazoo.errors import MetazooError

COMMANDS = (
    "list",
    "info",
    "fetch",
    "train",
    "evaluate",
    "compare",
    "adapt",
    "export",
    "serve",
    "serve-config",
    "predict",
    "status",
    "bench",
    "demo",
)
FAILURE = 1
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: the arguments; by default those of the process.

    Returns:
        The exit code: 0 for success, 1 for a failure, 130 for an interrupt.

    Raises:
        SystemExit: with 2 for a wrong use, with 0 after `--help`.
    """
    args = build_parser().parse_args(argv)
    if args.debug:
        return _run(args)
    try:
        return _run(args)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has gone; nothing more can be told to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except (MetazooError, ImportError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILURE
    except Exception as error:
        print(f"error: {_unexpected(error)}", file=sys.stderr)
        return FAILURE


def build_parser() -> argparse.ArgumentParser:
    """Makes the parser of all commands; imports no TensorFlow."""
    parser = argparse.ArgumentParser(
        prog="metazoo",
        description="Meta-learning models: evaluate, adapt, train and serve.",
    )
    parser.add_argument(
        "--version", action=_VersionAction, help="print the version and exit"
    )
    parser.set_defaults(debug=False, json=False)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    for name in COMMANDS:
        _add_command(commands, name)
    return parser


def _add_command(commands: Any, name: str) -> None:
    module: ModuleType = importlib.import_module(
        f"metazoo.cli.{name.replace('-', '_')}_command"
    )
    parser = commands.add_parser(
        name,
        help=module.HELP.replace("%", "%%"),
        description=f"{module.HELP[0].upper()}{module.HELP[1:]}.",
        epilog=f"example:\n  {module.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    parser.add_argument(
        "--debug", action="store_true", help="show tracebacks and native logs"
    )
    parser.set_defaults(run=module.run, command=name)


def _run(args: argparse.Namespace) -> int:
    if not args.json:
        return int(args.run(args) or 0)
    # Whatever a library prints must not mix with the JSON.
    with contextlib.redirect_stdout(sys.stderr):
        found = args.run(args)
    write_json(found)
    return 0


def _unexpected(error: Exception) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"unexpected {type(error).__name__} at {frame.filename}:"
        f"{frame.lineno}: {error} (--debug shows the traceback)"
    )


class _VersionAction(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(nargs=0, **kwargs)

    def __call__(self, parser: Any, *unused: Any) -> None:
        from importlib.metadata import version

        print(f"metazoo {version('metazoo')}")
        parser.exit()
