"""`metazoo serve-config`: all that it takes to run servers of models."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metazoo.cli.output import say
from metazoo.cli.quiet import load_tensorflow
from metazoo.cli.serve_config_options import add_arguments
from metazoo.errors import ServingError

__all__ = ["EXAMPLE", "HELP", "add_arguments", "run"]

HELP = "write a folder of models and server configuration"
EXAMPLE = (
    "metazoo serve-config --model pn=preset:protonet_conv4_omniglot "
    "--output served"
)


def run(args: argparse.Namespace) -> Any:
    """Writes the folder, and says what it holds."""
    models = _unique("--model", args.model)
    policies = _unique("--policy", args.policy)
    if any(place.startswith("preset:") for place in models.values()):
        load_tensorflow(args.debug)
    from metazoo.serving.extras import require

    operations = require("metazoo.serving.operations")
    folder = operations.serve_config(
        models,
        args.output,
        settings=operations.Settings(**_settings(args)),
        labels=_labels(args.label),
        policies={
            name: operations.parse_policy(text)
            for name, text in policies.items()
        },
        tls=_tls(args, operations),
        force=args.force,
    )
    found = _describe(folder, models)
    _warn_of_cold_starts(found)
    if args.json:
        return found
    print(folder)
    return 0


def _unique(option: str, pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = ", ".join(name for name, _ in pairs)
        raise ServingError(f"{option} names must differ; got {names}")
    return found


def _labels(rows: Sequence[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    labels: dict[str, dict[str, int]] = {}
    for name, label, version in rows:
        if label in labels.setdefault(name, {}):
            raise ServingError(
                f"--label {name}:{label} is given twice; a label points to "
                "one version"
            )
        labels[name][label] = version
    return labels


def _settings(args: argparse.Namespace) -> dict[str, Any]:
    """Those that were given; the rest have defaults where they are defined."""
    from dataclasses import fields

    from metazoo.serving.operations.settings import Settings

    given = {
        field.name: getattr(args, field.name)
        for field in fields(Settings)
        if getattr(args, field.name) is not None
    }
    if args.scrape:
        given["scrape"] = tuple(args.scrape)
    return given


def _tls(args: argparse.Namespace, operations: Any) -> Any:
    if not (args.tls_key or args.tls_cert or args.tls_client_ca):
        return None
    if not (args.tls_key and args.tls_cert):
        raise ServingError("TLS needs both --tls-key and --tls-cert")
    return operations.TlsFiles(args.tls_key, args.tls_cert, args.tls_client_ca)


def _describe(folder: Path, models: dict[str, str]) -> dict[str, Any]:
    from metazoo.serving.publish import list_versions
    from metazoo.serving.signatures import WARMUP_FILE

    described = {}
    for name in models:
        versions = list_versions(folder / "models" / name)
        described[name] = [
            {"version": number, "warmup": (path / WARMUP_FILE).is_file()}
            for number, path in versions.items()
        ]
    files = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] != "models"
    )
    return {"path": str(folder), "models": described, "files": files}


def _warn_of_cold_starts(found: dict[str, Any]) -> None:
    for name, versions in found["models"].items():
        for row in versions:
            if not row["warmup"]:
                say(
                    f"warning: version {row['version']} of {name} holds no "
                    "warm-up requests; its first request will be slow"
                )
