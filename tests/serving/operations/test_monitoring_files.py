"""Prometheus, alerts and dashboard against the metrics that are served."""

import json
import re
import shutil
import subprocess
import urllib.request

import grpc
import pytest
import tensorflow as tf
import yaml
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from metazoo.serving import EmbeddedServer
from metazoo.serving.config_protos import (
    BatchingParameters,
    MonitoringConfig,
    read_text,
)
from metazoo.serving.operations import Settings, serve_config
from metazoo.serving.operations.compose import health_script
from metazoo.serving.server.batching import BatchingOptions
from metazoo.serving.status import CODES

# In an expression, what stands before `{` is a metric, with its labels after.
SELECTOR = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^}]*)\}")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
GROUPED = re.compile(r"\bby\s*\(([^)]*)\)")
# Prometheus adds these labels and this metric by itself.
TARGET_LABELS = {"job", "instance"}
OWN_METRICS = {"up"}


@pytest.fixture(scope="module")
def served(model_dir, tmp_path_factory):
    output = tmp_path_factory.mktemp("operations") / "served"
    return serve_config(
        {"linear": model_dir}, output, Settings(scrape=("127.0.0.1:8501",))
    )


@pytest.fixture(scope="module")
def running(served, new_episode):
    """A server with batching on that has answered over both transports."""
    options = BatchingOptions.from_proto(
        read_text(served / "config" / "batching.txt", BatchingParameters)
    )
    folder = served / "models" / "linear"
    with EmbeddedServer(
        {"linear": folder}, port=0, rest_port=0, batching=options
    ) as server:
        names = ("support_x", "support_y", "query_x")
        episode = new_episode()
        inputs = {name: getattr(episode, name) for name in names}
        ask_grpc(server.port, inputs)
        ask_rest(server.rest_port, inputs)
        yield server


def ask_grpc(port, inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "linear"
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        assert "classes" in stub.Predict(request, timeout=60).outputs


def ask_rest(port, inputs):
    body = {name: value.tolist() for name, value in inputs.items()}
    address = f"http://127.0.0.1:{port}/v1/models/linear:predict"
    data = json.dumps({"inputs": body}).encode()
    with urllib.request.urlopen(address, data, timeout=60) as answer:
        assert "classes" in json.load(answer)["outputs"]


@pytest.fixture(scope="module")
def page(served, running):
    """What Prometheus reads, from the path that prometheus.yml names."""
    (job,) = prometheus(served)["scrape_configs"]
    address = f"http://127.0.0.1:{running.rest_port}{job['metrics_path']}"
    with urllib.request.urlopen(address) as answer:
        return answer.read().decode()


@pytest.fixture(scope="module")
def exposed(page):
    """Name of a sample -> the labels it has."""
    found = {}
    for line in page.splitlines():
        sample = re.match(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ", line)
        if sample and not line.startswith("#"):
            labels = re.findall(r'(\w+)="', sample[2] or "")
            found.setdefault(sample[1], set()).update(labels)
    return found


def prometheus(served):
    return yaml.safe_load((served / "prometheus/prometheus.yml").read_text())


def alerts(served):
    text = (served / "prometheus/alerts.yml").read_text()
    (group,) = yaml.safe_load(text)["groups"]
    return group["rules"]


def dashboard(served):
    return json.loads((served / "grafana/dashboard.json").read_text())


def expressions(served):
    found = {rule["alert"]: rule["expr"] for rule in alerts(served)}
    for panel in dashboard(served)["panels"]:
        for target in panel["targets"]:
            key = f"{panel['title']} {target['refId']}"
            assert key not in found
            found[key] = target["expr"]
    return found


def test_every_expression_asks_for_metrics_that_are_served(served, exposed):
    found = expressions(served)
    assert len(found) >= 15
    for title, expression in found.items():
        selectors = SELECTOR.findall(expression)
        assert selectors, title
        labels = set()
        for name, filters in selectors:
            if name in OWN_METRICS:
                assert set(LABEL.findall(filters)) <= TARGET_LABELS
                continue
            assert name in exposed, f"{title}: {name} is not served"
            labels = exposed[name] | TARGET_LABELS
            assert set(LABEL.findall(filters)) <= labels, title
        for group in GROUPED.findall(expression):
            wanted = {label.strip() for label in group.split(",")}
            assert wanted <= labels, f"{title}: {wanted - labels}"


def test_every_metric_in_an_expression_has_a_selector(served):
    for title, expression in expressions(served).items():
        metrics = re.findall(r":(?:tensorflow|metazoo):[a-z_:]+", expression)
        selected = [name for name, _ in SELECTOR.findall(expression)]
        assert set(metrics) <= set(selected), title


def test_every_metric_of_the_server_is_shown(served, page):
    kinds = re.findall(r"^# TYPE (\S+) ", page, re.MULTILINE)
    shown = " ".join(expressions(served).values())
    # The client library adds when it began to count.
    kinds = [name for name in kinds if not name.endswith("_created")]
    missing = [name for name in kinds if name not in shown]
    # Each of these follows from one that is shown.
    derived = {"input_batch_size", "padding_size", "wrapped_run_count"}
    assert {name.rpartition(":")[2] for name in missing} == derived


def test_legends_name_labels_that_survive_grouping(served):
    for panel in dashboard(served)["panels"]:
        for target in panel["targets"]:
            used = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            groups = GROUPED.findall(target["expr"])
            if groups:
                kept = {label.strip() for label in groups[-1].split(",")}
                assert used <= kept, panel["title"]


def test_statuses_in_alerts_exist(served):
    for rule in alerts(served):
        for choices in re.findall(r'status=~"([^"]*)"', rule["expr"]):
            assert set(choices.split("|")) <= set(CODES)


def test_every_alert_says_how_bad_and_what_to_do(served):
    for rule in alerts(served):
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_dashboard_has_the_shape_that_grafana_imports(served):
    found = dashboard(served)
    assert found["title"] and found["uid"]
    numbers = [panel["id"] for panel in found["panels"]]
    assert len(set(numbers)) == len(numbers)
    names = [variable["name"] for variable in found["templating"]["list"]]
    assert names == ["datasource", "job", "model"]
    text = json.dumps(found["panels"])
    assert set(re.findall(r"\$\{?(\w+)", text)) == {*names, "__rate_interval"}
    taken = set()
    for panel in found["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, f"{panel['title']} covers another panel"
        taken |= cells


def test_prometheus_asks_where_the_server_answers(served):
    (job,) = prometheus(served)["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["127.0.0.1:8501"]}]
    config = read_text(
        served / "config" / "monitoring.config", MonitoringConfig
    )
    assert job["metrics_path"] == config.prometheus_config.path
    assert prometheus(served)["rule_files"] == ["alerts.yml"]
    for rule in alerts(served):
        assert f'job="{job["job_name"]}"' in rule["expr"]


def bash(script):
    return subprocess.run(
        ["bash", "-c", script], capture_output=True
    ).returncode


def test_health_script_finds_available_models(running, free_port):
    assert bash(health_script(["linear"], running.rest_port)) == 0
    script = health_script(["linear", "other"], running.rest_port)
    assert bash(script) != 0
    assert bash(health_script(["linear"], free_port)) != 0


@pytest.fixture(scope="module")
def promtool():
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed")
    return found


def test_promtool_reads_the_configuration(served, promtool):
    path = served / "prometheus" / "prometheus.yml"
    subprocess.run([promtool, "check", "config", path], check=True)


def test_promtool_reads_the_metrics(page, promtool):
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=page,
        text=True,
        capture_output=True,
    )
    findings = [line.partition(" ")[2] for line in done.stderr.splitlines()]
    # The names are those of the real server.
    assert set(findings) <= {"metric names should not contain ':'"}
