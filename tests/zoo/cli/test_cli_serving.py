"""export, serve and predict, the last two against a real process."""

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from metazoo.cli.images import read_queries, read_support
from metazoo.contracts.adapted import AdaptedModel, read_adapted
from metazoo.presets import from_preset

START_SECONDS = 120


@pytest.fixture(scope="module")
def exported(preset_folder, tmp_path_factory):
    from metazoo.serving import export

    base = tmp_path_factory.mktemp("models") / "tiny"
    export(from_preset(preset_folder), base)
    return base


@pytest.fixture(scope="module")
def served(exported):
    """Ports of `metazoo serve`; stopped by SIGTERM at the end."""
    port, rest_port = free_ports()
    process = subprocess.Popen(
        [sys.executable, "-m", "metazoo", "serve"]
        + ["--model", f"tiny={exported}"]
        + ["--port", str(port), "--rest-port", str(rest_port)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"},
    )
    try:
        assert "ready: tiny" in first_line(process)
        yield port, rest_port
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def free_ports():
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]


def first_line(process):
    lines = queue.Queue()
    reader = threading.Thread(
        target=lambda: lines.put(process.stdout.readline()), daemon=True
    )
    reader.start()
    return lines.get(timeout=START_SECONDS)


def test_export_writes_version_1_and_prints_its_path(run, preset, tmp_path):
    code, out, _ = run("export", "--preset", preset, "--output", tmp_path / "m")
    assert code == 0
    path = Path(out.strip())
    assert path == tmp_path / "m" / "1"
    assert (path / "saved_model.pb").is_file()


def test_export_json_describes_the_version(run_json, preset, exported):
    found = run_json(
        "export",
        *("--preset", preset, "--output", exported, "--no-warmup"),
        *("--model-version", "7"),
    )
    assert found["path"] == str(exported / "7")
    assert found["version"] == 7
    assert found["signatures"][0] == "adapt_predict"
    assert found["preset"] == preset
    assert found["size_bytes"] > 0


def test_export_over_a_version_fails(run, preset, exported):
    code, out, err = run(
        "export",
        *("--preset", preset, "--output", exported, "--no-warmup"),
        *("--model-version", "1"),
    )
    assert (code, out) == (1, "")
    assert err.startswith("error: ")


def test_serve_of_a_missing_folder_names_the_remedy(run, tmp_path):
    code, out, err = run("serve", "--model", f"m={tmp_path / 'none'}")
    assert (code, out) == (1, "")
    assert "metazoo export" in err


def test_serve_refuses_one_name_for_two_folders(run):
    code, out, err = run("serve", "--model", "m=a", "--model", "m=b")
    assert (code, out) == (1, "")
    assert "must differ; got m, m" in err


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_predict_agrees_with_the_python_api(
    run_json, served, characters, preset_folder, transport
):
    found = run_json(
        "predict",
        *server_options(served, transport),
        *("--support", characters / "support"),
        *("--queries", characters / "queries"),
    )
    np.testing.assert_allclose(
        probabilities(found), expected(preset_folder, characters), atol=1e-5
    )
    assert found["classes"] == ["letter_a", "letter_b", "letter_c"]


def test_a_state_adapted_on_the_server_predicts_later(
    run, run_json, served, characters, preset_folder, tmp_path
):
    state = tmp_path / "state.npz"
    code, _, err = run(
        "adapt",
        *server_options(served, "rest"),
        *("--support", characters / "support", "--output", state),
    )
    assert code == 0, err
    found = run_json(
        "predict",
        *server_options(served, "grpc"),
        *("--state", state, "--queries", characters / "queries"),
    )
    np.testing.assert_allclose(
        probabilities(found), expected(preset_folder, characters), atol=1e-5
    )


def test_a_state_of_a_preset_predicts_on_the_server(
    run, run_json, preset, served, characters, preset_folder, tmp_path
):
    state = tmp_path / "state.npz"
    code, _, err = run(
        *("adapt", "--preset", preset, "--output", state),
        *("--support", characters / "support"),
    )
    assert code == 0, err
    found = predict_with(run_json, served, "grpc", state, characters)
    np.testing.assert_allclose(
        probabilities(found), expected(preset_folder, characters), atol=1e-5
    )


@pytest.mark.parametrize(
    ("notes", "match"),
    [
        ({}, "does not name its classes"),
        ({"class_names": "abc"}, "does not name its classes"),
        ({"model": "other"}, "model 'other'.*'tiny'"),
        ({"model": "tiny", "layout": "0", "version": 9}, "of version 9"),
    ],
)
def test_a_state_of_something_else_is_refused(
    run, served, characters, tmp_path, notes, match
):
    state = tmp_path / "state.npz"
    if notes and "class_names" not in notes:
        notes = {"class_names": ["a", "b", "c"], **notes}
    AdaptedModel(None, {"prototypes": np.zeros((1, 3, 4))}, True).save(
        state, notes
    )
    code, out, err = run(
        *("predict", *server_options(served, "rest"), "--state", state),
        *("--queries", characters / "queries"),
    )
    assert (code, out) == (1, "")
    assert re.search(match, err), err


def test_a_state_of_another_version_is_told(run, served, characters, tmp_path):
    state = tmp_path / "state.npz"
    rest = server_options(served, "rest")
    support = ("--support", characters / "support")
    assert run("adapt", *rest, *support, "--output", state)[0] == 0
    stored = read_adapted(state)
    AdaptedModel(None, stored.state, True).save(
        state, {**stored.notes, "version": 99}
    )
    code, out, err = run(
        *("predict", *rest, "--state", state),
        *("--queries", characters / "queries"),
    )
    assert code == 0
    assert len(out.splitlines()) == 4
    assert "is of version 99, the server answers with version" in err


def test_parts_of_a_folder_are_predicted_alike(
    run, run_json, served, characters
):
    arguments = (
        *("predict", *server_options(served, "rest")),
        *("--support", characters / "support"),
        *("--queries", characters / "queries"),
    )
    whole = run_json(*arguments)
    code, out, err = run(*arguments, "--json", "--chunk", "2")
    assert code == 0
    assert "3 images in 2 requests" in err
    parts = json.loads(out)
    assert files(parts) == files(whole)
    np.testing.assert_allclose(
        probabilities(parts), probabilities(whole), atol=1e-6
    )


def test_rest_commands_do_without_tensorflow(served, characters, tmp_path):
    rest = [str(part) for part in server_options(served, "rest")]
    state = str(tmp_path / "state.npz")
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        absent = ("tensorflow", "keras", "tensorflow_serving", "grpc", "orjson")
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
from metazoo.cli import main
support = ["--support", {str(characters / "support")!r}]
queries = ["--queries", {str(characters / "queries")!r}]
rest = {rest!r}
assert main(["adapt", *rest, *support, "--output", {state!r}]) == 0
assert main(["predict", *rest, *queries, "--state", {state!r}]) == 0
assert main(["status", *rest]) == 0
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split()[0] == "FILE"


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_status_lists_versions_and_signatures(run_json, served, transport):
    found = run_json("status", *server_options(served, transport))
    assert found["model"] == "tiny"
    assert len(found["versions"]) == 1
    assert found["versions"][0]["state"] == "AVAILABLE"
    labels = found["signatures"]["adapt"]["inputs"]["support_y"]
    assert labels == {"dtype": "int64", "shape": [None, None]}


def test_a_version_or_label_that_is_not_there_fails(run, served):
    for option in (("--version", "99"), ("--label", "stable")):
        code, out, err = run("status", *server_options(served, "rest"), *option)
        assert (code, out) == (1, "")
        assert err.startswith("error: ")


def test_an_unknown_model_says_how_to_see(run, served):
    _, rest_port = served
    code, _, err = run(
        *("status", "--server", f"127.0.0.1:{rest_port}"),
        *("--transport", "rest", "--model", "nope"),
    )
    assert code == 1
    assert "NOT_FOUND" in err
    assert "'nope'" in err


def test_a_missing_certificate_is_named(run, characters):
    code, _, err = run(
        *("status", "--server", "127.0.0.1:1", "--model", "m"),
        *("--transport", "rest", "--tls-ca", "nowhere.pem"),
    )
    assert code == 1
    assert "nowhere.pem" in err


def test_predict_without_a_server_fails_in_one_line(run, characters):
    port, _ = free_ports()
    code, out, err = run(
        "predict",
        *("--server", f"127.0.0.1:{port}", "--model", "m", "--timeout", "1"),
        *("--support", characters / "support"),
        *("--queries", characters / "queries"),
    )
    assert (code, out) == (1, "")
    assert err.startswith("error: UNAVAILABLE")


def server_options(ports, transport):
    port = ports[transport == "rest"]
    options = ("--server", f"127.0.0.1:{port}", "--model", "tiny")
    return (*options, "--transport", transport)


def predict_with(run_json, served, transport, state, characters):
    return run_json(
        *("predict", *server_options(served, transport), "--state", state),
        *("--queries", characters / "queries"),
    )


def files(found):
    return [row["file"] for row in found["predictions"]]


def probabilities(found):
    return [list(row["probabilities"].values()) for row in found["predictions"]]


def expected(preset_folder, characters):
    support = read_support(characters / "support", (28, 28, 1))
    queries = read_queries(characters / "queries", (28, 28, 1))
    adapted = from_preset(preset_folder).adapt(support.x, support.y)
    return adapted.predict(queries.x)
