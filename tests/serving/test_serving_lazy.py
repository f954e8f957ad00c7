from __future__ import annotations

import subprocess
import sys

NO_TENSORFLOW = """
import sys
import metazoo.serving
from metazoo.serving import Client, serve
Client("127.0.0.1:1", "m", transport="rest")
assert "tensorflow" not in sys.modules
assert "grpc" not in sys.modules
"""

NO_EXTRA = """
import sys
sys.modules[sys.argv[1]] = None
import metazoo.serving
try:
    metazoo.serving.EmbeddedServer
except ImportError as error:
    assert 'pip install "metazoo[serving]"' in str(error), error
    assert sys.argv[1] in str(error), error
else:
    raise SystemExit("no ImportError")
"""


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
    )


def test_import_needs_no_tensorflow():
    done = run(NO_TENSORFLOW)
    assert done.returncode == 0, done.stderr


def test_missing_extra_names_remedy():
    done = run(NO_EXTRA, "prometheus_client")
    assert done.returncode == 0, done.stderr
