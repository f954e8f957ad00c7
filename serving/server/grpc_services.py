"""PredictionService and ModelService over gRPC."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from metazoo.serving.server.answers import signature_map, status_response
from metazoo.serving.server.config import from_proto as read_config
from metazoo.serving.server.core import (
    ModelSelector,
    PredictCore,
    check_names,
)
from metazoo.serving.server.turns import Turns, milliseconds_left, now
from metazoo.serving.signatures import SignatureInfo
from metazoo.serving.status import StatusError, invalid
from metazoo.serving.tensors import from_proto, write_content, write_values

LOG = logging.getLogger(__name__)
FAR_FUTURE = 365 * 24 * 3600.0


def selector_of(spec: Any) -> ModelSelector:
    """Reads a ModelSpec."""
    choice = spec.WhichOneof("version_choice")
    return ModelSelector(
        name=spec.name,
        version=spec.version.value if choice == "version" else None,
        label=spec.version_label if choice == "version_label" else None,
        signature=spec.signature_name,
    )


def check_spec(request: Any) -> None:
    """Checks that a request says which model it is for.

    Raises:
        StatusError: INVALID_ARGUMENT.
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec: the request names no model")


def decode_inputs(
    request: Any, signature: SignatureInfo
) -> dict[str, np.ndarray]:
    """Decodes the inputs of a PredictRequest.

    Raises:
        StatusError: INVALID_ARGUMENT that names the tensor.
    """
    check_names(signature, request.inputs)
    arrays = {}
    for name in signature.inputs:
        try:
            arrays[name] = from_proto(request.inputs[name])
        except (ValueError, TypeError) as error:
            raise invalid(f"tensor parsing error: {name}: {error}") from error
    return arrays


def seconds_left(context: grpc.ServicerContext) -> float | None:
    """Seconds until the caller's deadline; None if it set none."""
    left = context.time_remaining()
    # gRPC has a deadline in the far future where there is none.
    return None if left is None or left > FAR_FUTURE else max(0.0, left)


def answer(
    context: grpc.ServicerContext, work: Callable[[], Any]
) -> tuple[Any, str]:
    """Runs a handler and turns what it raises into a status.

    Returns:
        (response, code); the response is None unless the code is OK.
    """
    try:
        return work(), "OK"
    except StatusError as error:
        code, message = error.code, error.message
    except Exception as error:
        LOG.exception("a request failed inside the server")
        code, message = "INTERNAL", f"{type(error).__name__}: {error}"[:1024]
    context.set_code(getattr(grpc.StatusCode, code))
    context.set_details(message)
    return None, code


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers predictions and metadata."""

    def __init__(
        self, core: PredictCore, turns: Turns, tensor_content: bool
    ) -> None:
        """Stores the core, who computes when, and how outputs are encoded."""
        self._core = core
        self._turns = turns
        self._write = write_content if tensor_content else write_values

    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Runs one signature."""
        started = time.perf_counter()
        response, code = answer(
            context, lambda: self._predict(request, context)
        )
        self._core.metrics.answered(
            self._core.known_model(request.model_spec.name),
            "GRPC",
            code,
            time.perf_counter() - started,
        )
        return response or predict_pb2.PredictResponse()

    def _predict(self, request: Any, context: Any) -> Any:
        check_spec(request)
        left = seconds_left(context)
        deadline = None if left is None else now() + left
        with self._turns.turn(deadline):
            if not context.is_active():
                raise StatusError("CANCELLED", "the caller has gone")
            prediction = self._core.predict(
                selector_of(request.model_spec),
                lambda signature: decode_inputs(request, signature),
                list(request.output_filter),
                milliseconds_left(deadline),
            )
        response = predict_pb2.PredictResponse()
        response.model_spec.name = prediction.model
        response.model_spec.version.value = prediction.version
        response.model_spec.signature_name = prediction.signature
        for name, value in prediction.outputs.items():
            self._write(response.outputs[name], value)
        return response

    def GetModelMetadata(  # noqa: N802
        self, request: Any, context: Any
    ) -> Any:
        """Describes the signatures of a model."""
        response, _ = answer(context, lambda: self._metadata(request))
        return response or get_model_metadata_pb2.GetModelMetadataResponse()

    def _metadata(self, request: Any) -> Any:
        check_spec(request)
        if list(request.metadata_field) != ["signature_def"]:
            raise invalid(
                "GetModelMetadataRequest must list exactly the "
                "metadata_field signature_def; got "
                f"{list(request.metadata_field)}"
            )
        version, found = signature_map(
            self._core, selector_of(request.model_spec)
        )
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = version
        response.metadata["signature_def"].Pack(found)
        return response

    def Classify(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuses: an episode is more than one input tensor."""
        self._refuse(request.model_spec, context)
        return classification_pb2.ClassificationResponse()

    def Regress(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Refuses: an episode is more than one input tensor."""
        self._refuse(request.model_spec, context)
        return regression_pb2.RegressionResponse()

    def MultiInference(  # noqa: N802
        self, request: Any, context: Any
    ) -> Any:
        """Refuses: an episode is more than one input tensor."""
        spec = request.tasks[0].model_spec if request.tasks else None
        self._refuse(spec, context)
        return inference_pb2.MultiInferenceResponse()

    def _refuse(self, spec: Any, context: Any) -> None:
        _, code = answer(context, lambda: self._check_model(spec))
        if code == "OK":
            context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
            context.set_details("Expected one input Tensor.")

    def _check_model(self, spec: Any) -> None:
        if spec is None:
            raise invalid("Inference request must have at least one task")
        selector = selector_of(spec)
        with self._core.manager.use(
            selector.name, selector.version, selector.label
        ):
            return


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Answers status, and replaces the list of models."""

    def __init__(self, core: PredictCore) -> None:
        """Stores the core."""
        self._core = core

    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Lists versions and their states; labels are ignored."""
        response, _ = answer(context, lambda: self._status(request))
        return response or get_model_status_pb2.GetModelStatusResponse()

    def _status(self, request: Any) -> Any:
        check_spec(request)
        selector = selector_of(request.model_spec)
        return status_response(self._core, selector.name, selector.version)

    def HandleReloadConfigRequest(  # noqa: N802
        self, request: Any, context: Any
    ) -> Any:
        """Replaces the whole list of models."""
        response, _ = answer(context, lambda: self._reload(request, context))
        return response or model_management_pb2.ReloadConfigResponse()

    def _reload(self, request: Any, context: Any) -> Any:
        configs = read_config(request.config)
        self._core.manager.reload(configs, seconds_left(context))
        return model_management_pb2.ReloadConfigResponse()
