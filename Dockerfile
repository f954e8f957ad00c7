# Three images; docs/operations.md says how to use them.
#
#   docker build --target train --tag metazoo-train .
#   docker build --target embedded --tag metazoo-embedded .
#   docker build --target serve --tag characters .   # needs served/
#
# `serve` holds what `metazoo serve-config --output served` wrote.

ARG PYTHON_VERSION=3.11
# The newest release of TensorFlow Serving that was known when this was
# written; whether a newer one exists could not be checked. A server that is
# older than the TensorFlow that exported may lack an operation of the graph.
ARG TF_SERVING_VERSION=2.20.0

FROM python:${PYTHON_VERSION}-slim AS wheel
WORKDIR /src
COPY pyproject.toml setup.py README.md LICENSE ./
COPY zoo zoo
COPY trainers trainers
COPY serving serving
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

# The library for training, evaluation and export.
FROM python:${PYTHON_VERSION}-slim AS train
ENV PYTHONUNBUFFERED=1
# Dependencies are as new as pyproject.toml allows, to meet new releases
# early; for the same ones every time, add a constraints file here.
# hadolint ignore=DL3013
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    wheel=$(echo /wheels/metazoo-*.whl) \
    && python -m pip install --no-cache-dir "${wheel}[all]" \
    && useradd --create-home --uid 10001 metazoo
USER 10001:10001
WORKDIR /home/metazoo
ENTRYPOINT ["metazoo"]
CMD ["--help"]

# The embedded server. What follows the image's name are models and flags:
#   docker run --read-only --tmpfs /tmp --volume ./models:/models:ro \
#       --publish 127.0.0.1:8500:8500 --publish 127.0.0.1:8501:8501 \
#       metazoo-embedded --model characters=/models/characters
FROM python:${PYTHON_VERSION}-slim AS embedded
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# hadolint ignore=DL3013
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    wheel=$(echo /wheels/metazoo-*.whl) \
    && python -m pip install --no-cache-dir "${wheel}[serving]" \
    && useradd --create-home --uid 10001 metazoo
USER 10001:10001
WORKDIR /home/metazoo
# Nothing on the wire is authenticated: publish the ports with care.
EXPOSE 8500 8501
# The ports open when every model is loaded.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8501"]
ENTRYPOINT ["metazoo", "serve", "--server", "embedded", "--host", "0.0.0.0"]

# TensorFlow Serving with models and configuration inside. Flags that follow
# the image's name are passed to the server in place of those of batching.
FROM tensorflow/serving:${TF_SERVING_VERSION} AS serve
COPY --chown=10001:10001 served/models /models
COPY --chown=10001:10001 served/config /config
USER 10001:10001
EXPOSE 8500 8501
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8501"]
# The server by itself, in place of the image's script, so that signals reach
# it; it ends on SIGTERM only below an init process (docker run --init).
ENTRYPOINT ["/usr/bin/tensorflow_model_server", \
    "--port=8500", \
    "--rest_api_port=8501", \
    "--model_config_file=/config/models.config", \
    "--model_config_file_poll_wait_seconds=30", \
    "--allow_version_labels_for_unavailable_models=true", \
    "--enable_grpc_healthcheck_service=true", \
    "--monitoring_config_file=/config/monitoring.config", \
    "--num_load_threads=1"]
CMD ["--enable_batching=true", "--batching_parameters_file=/config/batching.txt"]
