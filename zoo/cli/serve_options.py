"""Options of `metazoo serve`, those of TensorFlow Serving among them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metazoo.cli.options import name_and_value

if TYPE_CHECKING:
    from metazoo.serving.server_files import ServerFiles


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    _add_models(parser)
    _add_demo(parser.add_argument_group("demo page"))
    _add_addresses(parser)
    _add_files(parser.add_argument_group("files of TensorFlow Serving"))
    _add_settings(parser.add_argument_group("settings of TensorFlow Serving"))
    _add_own(parser.add_argument_group("settings of the embedded server"))


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """Collects the settings that were given, by the names of the server.

    Args:
        args: The parsed options.
    """
    micros = args.load_retry_interval_micros
    found = {
        "poll_interval": args.file_system_poll_wait_seconds,
        "config_poll_interval": args.model_config_file_poll_wait_seconds,
        "max_load_retries": args.max_num_load_retries,
        "load_retry_interval": None if micros is None else micros / 1e6,
        "allow_unavailable_labels": (
            args.allow_version_labels_for_unavailable_models
        ),
        "grpc_threads": args.grpc_max_threads,
        "rest_threads": args.rest_api_num_threads,
        "rest_timeout_ms": args.rest_api_timeout_in_ms,
        "enable_cors": args.rest_api_enable_cors_support,
        "max_request_bytes": args.max_request_bytes,
        "max_bytes_in_flight": args.max_bytes_in_flight,
        "max_connections": args.max_connections,
        "drain_timeout": args.drain_seconds,
    }
    return {name: v for name, v in found.items() if v is not None}


def server_files(args: argparse.Namespace) -> ServerFiles:
    """The files of TensorFlow Serving that were given.

    Args:
        args: The parsed options.

    Raises:
        ServingError: If they don't go together.
    """
    from metazoo.serving.server_files import ServerFiles

    return ServerFiles(
        args.model_config_file,
        bool(args.enable_batching),
        args.batching_parameters_file,
        args.monitoring_config_file,
        args.ssl_config_file,
    )


def _add_models(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument(
        "--model",
        action="append",
        type=name_and_value,
        metavar="NAME=DIR",
        help="a model and the folder that holds its versions, or "
        "NAME=preset:PRESET to export a preset first; may be repeated",
    )
    group.add_argument(
        "--model-config-file",
        type=Path,
        metavar="FILE",
        help="list of models, with version policies and labels",
    )
    group.add_argument(
        "--demo",
        action="store_true",
        help="serve a page on which you teach a model new characters and "
        "texts, and open it",
    )


def _add_demo(group: Any) -> None:
    group.add_argument(
        "--demo-images",
        metavar="PRESET",
        help="preset of the characters (protonet_conv4_omniglot); any "
        "few-shot learner of grey square images",
    )
    group.add_argument(
        "--demo-texts",
        metavar="PRESET",
        help="preset of the texts (the best of the registry); any few-shot "
        "learner of texts",
    )
    group.add_argument(
        "--no-browser",
        action="store_true",
        help="print the address of the page and open nothing",
    )


def _add_addresses(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--port", type=int, default=8500, help="gRPC port (8500)"
    )
    parser.add_argument(
        "--rest-port", type=int, default=8501, help="REST port (8501)"
    )
    parser.add_argument(
        "--no-rest", action="store_true", help="answer gRPC only"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (127.0.0.1); without --ssl-config-file "
        "nothing is authenticated",
    )
    parser.add_argument(
        "--server",
        choices=("auto", "embedded", "tensorflow_model_server"),
        default="auto",
        help="which server (auto)",
    )


def _add_files(group: Any) -> None:
    _add_switch(group, "--enable-batching", "merge concurrent requests")
    for option, text in (
        ("--batching-parameters-file", "how requests are merged"),
        ("--monitoring-config-file", "path of the Prometheus metrics, or none"),
        (
            "--ssl-config-file",
            "certificates for gRPC; the embedded server uses them for REST "
            "too, the binary needs --no-rest with them",
        ),
    ):
        group.add_argument(option, type=Path, metavar="FILE", help=text)


def _add_settings(group: Any) -> None:
    for option, text in (
        (
            "--file-system-poll-wait-seconds",
            "between looks at the model folders (1); 0 to look once",
        ),
        (
            "--model-config-file-poll-wait-seconds",
            "between looks at --model-config-file (0, none)",
        ),
        ("--max-num-load-retries", "further tries to load a version (5)"),
        ("--load-retry-interval-micros", "between these tries (60000000)"),
        ("--grpc-max-threads", "gRPC requests computed at the same time"),
        ("--rest-api-num-threads", "REST requests computed at the same time"),
        ("--rest-api-timeout-in-ms", "of a REST request (30000)"),
    ):
        group.add_argument(option, type=int, metavar="N", help=text)
    _add_switch(
        group,
        "--allow-version-labels-for-unavailable-models",
        "let a new label point to a version that is not loaded yet",
    )
    _add_switch(
        group,
        "--rest-api-enable-cors-support",
        "let pages of other sites read the answers",
        "--enable-cors-support",
    )
    _add_switch(
        group,
        "--enable-grpc-healthcheck-service",
        "has no effect: health is always answered",
    )


def _add_own(group: Any) -> None:
    group.add_argument(
        "--max-request-bytes",
        type=int,
        metavar="N",
        help="largest request (268435456)",
    )
    group.add_argument(
        "--max-bytes-in-flight",
        type=int,
        metavar="N",
        help="most bytes of all requests not yet answered (four times "
        "--max-request-bytes)",
    )
    group.add_argument(
        "--max-connections",
        type=int,
        metavar="N",
        help="most REST connections, and most gRPC calls under way (1000)",
    )
    group.add_argument(
        "--drain-seconds",
        type=float,
        metavar="S",
        help="longest wait for present requests after SIGTERM (30)",
    )


def _add_switch(group: Any, option: str, text: str, *others: str) -> None:
    # As TensorFlow Serving takes it: --flag, --flag=true and --flag=false.
    group.add_argument(
        option,
        *others,
        nargs="?",
        const=True,
        type=_boolean,
        metavar="true|false",
        help=text,
    )


def _boolean(text: str) -> bool:
    known = {"true": True, "false": False, "1": True, "0": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


_boolean.__name__ = "true or false"
