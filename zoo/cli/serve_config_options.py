"""Options of `metazoo serve-config`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from metazoo.cli.options import add_json, name_and_value, positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    _add_models(parser)
    _add_batching(parser)
    _add_deployment(parser)
    _add_tls(parser)
    add_json(parser)


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        action="append",
        required=True,
        type=name_and_value,
        metavar="NAME=DIR",
        help="a model and the folder that holds its versions, or "
        "NAME=preset:PRESET to export a preset; may be repeated",
    )
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        type=_label,
        metavar="NAME:LABEL=N",
        help="a label for a version; the labelled versions are served",
    )
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        type=name_and_value,
        metavar="NAME=POLICY",
        help="versions to serve: latest:N, all, or specific:N,N (latest:1, "
        "or the labelled ones)",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="DIR", help="the folder"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="add to a folder that exists and replace its configuration; "
        "versions are never replaced",
    )


def _add_batching(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("batching")
    group.add_argument(
        "--no-batching",
        dest="batching",
        action="store_false",
        help="run each request by itself",
    )
    _setting(group, "max-batch-size", int, "N", "most tasks of a batch (32)")
    _setting(
        *(group, "batch-timeout-micros", int, "N"),
        "longest wait for others in microseconds (0)",
    )
    _setting(
        *(group, "max-enqueued-batches", int, "N"),
        "batches that may wait; more are refused with UNAVAILABLE (64)",
    )
    _setting(
        *(group, "allowed-batch-sizes", _integers, "N,N"),
        "sizes to fill up to, rising to the largest (any)",
    )


def _add_deployment(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("deployment")
    options = (
        ("name", str, "NAME", "of the compose project and of what runs in "
         "Kubernetes (metazoo)"),
        ("image", str, "IMAGE", "image of TensorFlow Serving"),
        ("root", str, "PATH", "the models' folder in a container (/models)"),
        ("user", int, "ID", "user and group of the server (10001)"),
        ("config-poll-seconds", int, "N", "between looks at models.config "
         "(30)"),
        ("cpus", int, "N", "cores of a replica (2)"),
        ("memory", str, "SIZE", "memory of a replica (4Gi)"),
        ("replicas", int, "N", "replicas in Kubernetes (2)"),
        ("max-replicas", int, "N", "autoscale up to so many"),
        ("claim", str, "NAME", "volume claim with the models (NAME-models)"),
        ("storage-uri", str, "URI", "where KServe finds the models' folders "
         "(the claim)"),
    )  # fmt: skip
    for name, kind, metavar, text in options:
        _setting(group, name, kind, metavar, text)
    group.add_argument(
        "--scrape",
        action="append",
        metavar="HOST:PORT",
        help="where Prometheus finds metrics (serving:8501); may be repeated",
    )


def _add_tls(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "TLS", "PEM files for gRPC; REST is always plain"
    )
    for name, text in (
        ("key", "the server's private key"),
        ("cert", "the server's certificate, with its chain"),
        ("client-ca", "demand client certificates that lead to these"),
    ):
        group.add_argument(
            f"--tls-{name}", type=Path, metavar="FILE", help=text
        )


def _setting(group: Any, name: str, kind: Any, metavar: str, text: str) -> None:
    group.add_argument(f"--{name}", type=kind, metavar=metavar, help=text)


def _label(text: str) -> tuple[str, str, int]:
    name, colon, rest = text.partition(":")
    label, equals, number = rest.partition("=")
    if not (name and colon and label and equals and number.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME:LABEL=VERSION")
    return name, label, int(number)


def _integers(text: str) -> tuple[int, ...]:
    return tuple(positive(part) for part in text.split(","))


_integers.__name__ = "list of positive integers"
