import os
import subprocess
import sys

import pytest

from metazoo.cli.quiet import _chatter_dropped, load_tensorflow

CHATTER = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written
I0000 00:00:1795408955.915326   13899 port.cc:153] oneDNN custom operations
W0000 00:00:1795408955.915326   13899 some.cc:1] a warning
E0000 00:00:1795408962.950124   13899 cuda_platform.cc:52] failed call to cuInit
2026-01-01 10:00:00.123: I tensorflow/core/platform/cpu_feature_guard.cc:210]
To enable the following instructions: AVX2 AVX512F, rebuild TensorFlow
"""


def test_notes_of_the_native_log_are_dropped(capfd):
    with _chatter_dropped():
        os.write(2, CHATTER)
    assert capfd.readouterr().err == ""


def test_errors_of_the_native_log_are_passed_on(capfd):
    serious = b"F0000 00:00:1.2 1 core.cc:1] Check failed\nout of memory\n"
    with _chatter_dropped():
        os.write(2, CHATTER + serious)
    assert capfd.readouterr().err == serious.decode()


def test_what_was_held_back_is_passed_on_after_an_exception(capfd):
    with pytest.raises(ImportError), _chatter_dropped():
        os.write(2, b"libsomething.so is missing\n")
        raise ImportError("no TensorFlow")
    assert capfd.readouterr().err == "libsomething.so is missing\n"


def test_tensorflow_loads_without_a_word(capfd):
    load_tensorflow(debug=False)
    assert capfd.readouterr() == ("", "")


def test_tensorflow_loads_without_keras_which_comes_when_used():
    code = """
import sys
from metazoo.cli.quiet import load_tensorflow
load_tensorflow(debug=False, keras=False)
assert "tensorflow" in sys.modules and "keras" not in sys.modules
import metazoo.serving.server.app
assert "keras" not in sys.modules, "the server imports Keras"
assert "tensorflow_probability" not in sys.modules
import tensorflow as tf
assert tf.keras.optimizers.SGD(0.1).learning_rate == 0.1
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
