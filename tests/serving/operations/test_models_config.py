from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from metazoo.serving.operations.models_config import models_config
from metazoo.serving.server.config import ModelConfig, from_proto

CONFIGS = [
    ModelConfig("plain", Path("/models/plain")),
    ModelConfig('odd"name', Path("/a b/ü")),
    ModelConfig("two", Path("/models/two"), latest=2),
    ModelConfig("every", Path("/models/every"), latest=0),
    ModelConfig(
        "labelled",
        Path("/models/labelled"),
        specific=(3, 4),
        labels={"stable": 3, "canary": 4},
    ),
]


def parsed(text):
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())


def test_text_reads_back_as_it_was():
    assert from_proto(parsed(models_config(CONFIGS))) == CONFIGS


@pytest.mark.parametrize(
    ("name", "policy"),
    [("plain", "latest"), ("every", "all"), ("labelled", "specific")],
)
def test_policy_is_spelled_out(name, policy):
    entries = parsed(models_config(CONFIGS)).model_config_list.config
    (entry,) = [entry for entry in entries if entry.name == name]
    assert entry.model_version_policy.WhichOneof("policy_choice") == policy
    assert entry.model_platform == "tensorflow"


def test_order_of_labels_does_not_change_the_text():
    def text(labels):
        config = ModelConfig("m", Path("/m"), specific=(1, 2), labels=labels)
        return models_config([config])

    assert text({"a": 1, "b": 2}) == text({"b": 2, "a": 1})
