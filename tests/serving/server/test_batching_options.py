from __future__ import annotations

import pytest

from metazoo.errors import ServingError
from metazoo.serving.config_protos import BatchingParameters, read_text
from metazoo.serving.server.batching import BatchingOptions


def read(tmp_path, text):
    path = tmp_path / "batching.txt"
    path.write_text(text)
    return BatchingOptions.from_proto(read_text(path, BatchingParameters))


def test_file_sets_what_it_names_and_the_rest_is_default(tmp_path):
    text = """
        max_batch_size { value: 32 }
        batch_timeout_micros { value: 500 }
        num_batch_threads { value: 3 }
        allowed_batch_sizes: 8
        allowed_batch_sizes: 32
    """
    assert read(tmp_path, text) == BatchingOptions(
        max_batch_size=32,
        batch_timeout_micros=500,
        max_enqueued_batches=10,
        num_batch_threads=3,
        allowed_batch_sizes=(8, 32),
    )


def test_empty_file_gives_the_defaults_of_the_real_server(tmp_path):
    options = read(tmp_path, "")
    assert options == BatchingOptions()
    assert options.max_batch_size == 1000
    assert options.max_enqueued_batches == 10
    assert options.batch_timeout_micros == 0
    assert options.num_batch_threads >= 1


def test_splitting_is_read(tmp_path):
    text = """
        max_batch_size { value: 32 }
        enable_large_batch_splitting { value: true }
        max_execution_batch_size { value: 4 }
    """
    assert read(tmp_path, text).execution_size == 4


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("pad_variable_length_inputs: true", "changes answers"),
        ("max_batch_size { value: 0 }", "max_batch_size is 0"),
        ("max_enqueued_batches { value: -1 }", "max_enqueued_batches is -1"),
        ("num_batch_threads { value: 0 }", "num_batch_threads is 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros is -1"),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [2, 4]",
            "last entry was 4; expected 8",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [4, 2, 8]",
            "monotonically increasing",
        ),
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: [0, 8]",
            "allowed_batch_sizes is 0",
        ),
        ("allowed_batch_sizes: 8", "expected 1000"),
        ("max_execution_batch_size { value: 4 }", "splitting is true"),
        (
            "max_batch_size { value: 4 } max_execution_batch_size { value: 8 }"
            "enable_large_batch_splitting { value: true }",
            "at most max_batch_size",
        ),
    ],
)
def test_unusable_setting_is_refused(tmp_path, text, part):
    with pytest.raises(ServingError, match=part):
        read(tmp_path, text)


def test_padded_size_is_the_next_allowed_one():
    options = BatchingOptions(max_batch_size=8, allowed_batch_sizes=(2, 8))
    assert [options.padded_size(n) for n in (1, 2, 3, 8)] == [2, 2, 8, 8]
    assert BatchingOptions().padded_size(3) == 3
