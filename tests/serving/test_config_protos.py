import pytest
from google.protobuf import descriptor_pb2

from metazoo.errors import ServingError
from metazoo.serving.config_protos import (
    BatchingParameters,
    MonitoringConfig,
    SSLConfig,
    read_text,
    write_text,
)

# As an operator of TensorFlow Serving writes it.
BATCHING = """
max_batch_size { value: 32 }
batch_timeout_micros { value: 1000 }
num_batch_threads { value: 2 }
allowed_batch_sizes: 8
allowed_batch_sizes: 32
"""


def written(folder, text):
    path = folder / "file.txt"
    path.write_text(text)
    return path


def test_batching_file_is_read(tmp_path):
    found = read_text(written(tmp_path, BATCHING), BatchingParameters)
    assert found.max_batch_size.value == 32
    assert list(found.allowed_batch_sizes) == [8, 32]
    assert not found.HasField("max_enqueued_batches")


def test_monitoring_file_is_read(tmp_path):
    text = 'prometheus_config { enable: true path: "/metrics" }'
    found = read_text(written(tmp_path, text), MonitoringConfig)
    assert found.prometheus_config.enable
    assert found.prometheus_config.path == "/metrics"


def test_tls_file_survives_writing_and_reading(tmp_path):
    message = SSLConfig(server_key="a\nb\n", client_verify=True)
    again = read_text(written(tmp_path, write_text(message)), SSLConfig)
    assert again == message


@pytest.mark.parametrize(
    "text", ["max_batch_size: 32", "no_such_field: 1", "max_batch_size {"]
)
def test_wrong_text_names_the_file_and_the_message(tmp_path, text):
    path = written(tmp_path, text)
    with pytest.raises(ServingError, match="BatchingParameters") as raised:
        read_text(path, BatchingParameters)
    assert str(path) in str(raised.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ServingError, match=r"nothing\.txt"):
        read_text(tmp_path / "nothing.txt", SSLConfig)


def test_fields_are_numbered_from_one():
    numbers = [f.number for f in BatchingParameters.DESCRIPTOR.fields]
    assert numbers == list(range(1, len(numbers) + 1))
    kinds = descriptor_pb2.FieldDescriptorProto
    field = BatchingParameters.DESCRIPTOR.fields_by_name["allowed_batch_sizes"]
    assert field.type == kinds.TYPE_INT64
