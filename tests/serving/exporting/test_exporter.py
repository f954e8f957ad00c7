from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.errors import ExportError
from metazoo.serving import export
from metazoo.serving.exporting import exporter, guards
from metazoo.serving.session import SavedModelSession
from metazoo.serving.warmup import read_warmup
from metazoo.wire.signature import Signature


class OneSignature:
    """Offers one signature `run`; `y` is a function of `x` [T,?,2]."""

    def __init__(self, fn):
        spec = tf.TensorSpec([None, None, 2], tf.float32, name="x")

        def both(x):
            return {"same": x, **fn(x)}

        outputs = ("y", "same")
        self.signature = Signature("run", {"x": spec}, both, outputs, "A test.")

    def signatures(self):
        return (self.signature,)

    def example_inputs(self, signature_name, num_tasks):
        x = np.arange(num_tasks * 8.0).reshape(num_tasks, 4, 2)
        return {"x": x.astype(np.float32)}


def assert_nothing_left(base):
    assert list(base.iterdir()) == []


def test_export_writes_next_version(learner, tmp_path):
    first = export(learner, tmp_path / "m")
    second = export(learner, tmp_path / "m", warmup=False)
    assert [first.name, second.name] == ["1", "2"]
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == ["1", "2"]


def test_export_refuses_existing_version(learner, model_dir):
    with pytest.raises(ExportError, match="never replaced"):
        export(learner, model_dir, version=1)


def test_export_version_zero_is_refused(learner, tmp_path):
    with pytest.raises(ExportError, match="at least 1"):
        export(learner, tmp_path, version=0)
    assert_nothing_left(tmp_path)


def test_export_stores_each_variable_once(learner, model_dir):
    stored = [
        shape
        for name, shape in tf.train.list_variables(
            str(model_dir / "1" / "variables" / "variables")
        )
        if "OBJECT_GRAPH" not in name
    ]
    assert sorted(stored) == sorted(
        list(v.shape) for v in learner.embed.variables
    )


def test_export_info_names_signatures_and_packages(model_dir):
    info = json.loads(
        (model_dir / "1" / "assets.extra" / "metazoo.json").read_text()
    )
    assert [s["name"] for s in info["signatures"]] == [
        *("adapt_predict", "adapt", "predict"),
        "adapt_predict_bytes",
    ]
    assert info["packages"]["tensorflow"] == tf.__version__
    assert info["packages"]["keras"] == keras.__version__


def test_export_warmup_has_one_record_per_signature(model_dir):
    names = [r.model_spec.signature_name for r in read_warmup(model_dir / "1")]
    assert names == [
        *("serving_default", "adapt_predict", "adapt", "predict"),
        "adapt_predict_bytes",
    ]


def test_session_matches_python(learner, model_dir, request_inputs):
    with SavedModelSession(model_dir / "1") as session:
        served = session.run("serving_default", request_inputs)
    expected = learner.adapt_predict(**request_inputs)
    for name, value in served.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5)


def test_gate_refuses_random_output(tmp_path):
    noisy = OneSignature(lambda x: {"y": x + tf.random.normal(tf.shape(x))})
    with pytest.raises(ExportError, match="'y' differs by"):
        export(noisy, tmp_path)
    assert_nothing_left(tmp_path)


def test_gate_refuses_untracked_table(tmp_path):
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant([0, 1], tf.int64), tf.constant([5.0, 6.0])
        ),
        default_value=0.0,
    )
    learner = OneSignature(lambda x: {"y": table.lookup(tf.cast(x, tf.int64))})
    with pytest.raises(ExportError, match="untracked"):
        export(learner, tmp_path)
    assert_nothing_left(tmp_path)


def test_gate_refuses_missing_guard(tmp_path, monkeypatch):
    def unguarded(signature):
        return lambda inputs: signature.fn(**inputs)

    monkeypatch.setattr(exporter, "guarded", unguarded)
    flat = OneSignature(lambda x: {"y": tf.reshape(x, [tf.shape(x)[0], -1])})
    with pytest.raises(ExportError, match="request of no tasks is not refused"):
        export(flat, tmp_path)
    assert_nothing_left(tmp_path)


def test_gate_refuses_one_task_beside_several(learner, tmp_path, monkeypatch):
    nothing = tf.no_op
    monkeypatch.setattr(guards, "_as_many_tasks", lambda inputs: nothing())
    with pytest.raises(ExportError, match="number of tasks .* not refused"):
        export(learner, tmp_path)
    assert_nothing_left(tmp_path)


def test_gate_refuses_nan(tmp_path):
    learner = OneSignature(lambda x: {"y": x / (x - x)})
    with pytest.raises(ExportError, match="NaN"):
        export(learner, tmp_path)


def test_gate_refuses_output_without_tasks_axis(tmp_path):
    learner = OneSignature(lambda x: {"y": tf.reduce_sum(x)})
    with pytest.raises(ExportError, match="first axis"):
        export(learner, tmp_path)


def test_gate_refuses_tasks_that_mix(tmp_path):
    mixing = OneSignature(lambda x: {"y": x - tf.reduce_mean(x)})
    with pytest.raises(ExportError, match="a task among others.*'y' differs"):
        export(mixing, tmp_path)
    assert_nothing_left(tmp_path)


def test_gate_refuses_two_calls_that_differ(new_learner, tmp_path):
    class Differing(new_learner):
        """`predict` disagrees with the same step inside adapt_predict."""

        def adapt_predict(self, support_x, support_y, query_x):
            answers = super().adapt_predict(support_x, support_y, query_x)
            return {**answers, "logits": answers["logits"] + 0.01}

    with pytest.raises(ExportError, match="adapt then predict.*logits"):
        export(Differing(), tmp_path)
    assert_nothing_left(tmp_path)


def test_export_refuses_undeclared_output(tmp_path):
    learner = OneSignature(lambda x: {"y": x, "z": x})
    with pytest.raises(ExportError, match="declares"):
        export(learner, tmp_path)


def test_export_without_example_names_remedy(tmp_path):
    learner = OneSignature(lambda x: {"y": x})
    bare = type("Bare", (), {"signatures": learner.signatures})()
    with pytest.raises(ExportError, match="example_episode"):
        export(bare, tmp_path)


def test_relative_folder_is_exported(learner, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = export(learner, "models/linear")
    assert path == tmp_path / "models" / "linear" / "1"
    assert (path / "saved_model.pb").is_file()
