# Two images: `train` (the library and its extras) and `serve` (TensorFlow
# Serving with one exported model). See docs/serving.md.
#
#   docker build --target train --tag metazoo .
#   docker build --target serve --build-arg MODEL=characters --tag characters .

# As new as the TensorFlow that exported, or newer: an older server may lack
# an operation of the graph.
ARG TF_SERVING_VERSION=2.19.1

FROM python:3.11-slim AS train
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY pyproject.toml setup.py README.md LICENSE ./
COPY zoo zoo
COPY trainers trainers
COPY serving serving
RUN python -m pip install ".[serving,plots,tensorboard,hub]" \
    && useradd --create-home --uid 10001 metazoo
USER metazoo
WORKDIR /home/metazoo
ENTRYPOINT ["metazoo"]
CMD ["--help"]

FROM tensorflow/serving:${TF_SERVING_VERSION} AS serve
# Name of the model, and of its folder in models/ (metazoo export --output).
ARG MODEL
RUN test -n "${MODEL}"
COPY models/${MODEL} /models/${MODEL}
ENV MODEL_NAME=${MODEL}
RUN useradd --no-create-home --uid 10001 serving
USER serving
# gRPC and REST; nothing on the wire is authenticated.
EXPOSE 8500 8501
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8501"]
