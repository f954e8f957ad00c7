"""Stands in for `tensorflow_model_server`: its flags, the embedded server.

With it on the PATH, everything that starts, fills, asks and stops the real
server is run, and not the real server.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2
from wire_servers import batching_options

from metazoo.serving import EmbeddedServer
from metazoo.serving.server.config import from_proto


def flags():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rest_api_port", type=int, required=True)
    parser.add_argument("--model_config_file", type=Path, required=True)
    parser.add_argument("--monitoring_config_file", type=Path, required=True)
    parser.add_argument("--batching_parameters_file", type=Path)
    parser.add_argument("--enable_batching", choices=["true", "false"])
    parser.add_argument("--enable_grpc_healthcheck_service")
    parser.add_argument("--file_system_poll_wait_seconds", type=float)
    parser.add_argument("--max_num_load_retries", type=int)
    parser.add_argument("--load_retry_interval_micros", type=int)
    return parser.parse_args()


def main():
    options = flags()
    config = text_format.Parse(
        options.model_config_file.read_text(),
        model_server_config_pb2.ModelServerConfig(),
    )
    assert 'path: "/' in options.monitoring_config_file.read_text()
    batching = None
    if options.enable_batching == "true":
        text = options.batching_parameters_file.read_text()
        batching = batching_options(text)
    EmbeddedServer(
        from_proto(config),
        options.port,
        options.rest_api_port,
        poll_interval=0.2,
        batching=batching,
        max_load_retries=options.max_num_load_retries,
        load_retry_interval=options.load_retry_interval_micros / 1e6,
    ).run_until_signalled()


if __name__ == "__main__":
    main()
