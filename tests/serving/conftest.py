"""A learner of twenty lines, exported once for all serving tests."""

from __future__ import annotations

import socket

import keras
import numpy as np
import pytest
import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.serving import export
from metazoo.wire.signature import Signature

WAYS = 3


def spec(name, *shape, dtype=tf.float32):
    return tf.TensorSpec([None, *shape], dtype, name=name)


IMAGES = (None, 4, 4, 1)
SPECS = {
    "support_x": spec("support_x", *IMAGES),
    "support_y": spec("support_y", None, dtype=tf.int64),
    "query_x": spec("query_x", *IMAGES),
    "prototypes": spec("prototypes", WAYS, 6),
    "class_mask": spec("class_mask", WAYS),
}


class LinearPrototypes:
    """Class means of a linear embedding; what a learner must offer."""

    def __init__(self, seed: int = 0) -> None:
        self.embed = keras.Sequential(
            [
                keras.layers.Conv2D(
                    6,
                    4,
                    kernel_initializer=keras.initializers.RandomNormal(
                        0.0, 0.5, seed=seed
                    ),
                ),
                keras.layers.Flatten(),
            ]
        )
        self.embed.build((None, 4, 4, 1))

    def features(self, images):
        shape = tf.shape(images)
        flat = self.embed(tf.reshape(images, [-1, 4, 4, 1]))
        return tf.reshape(flat, [shape[0], shape[1], 6])

    def adapt(self, support_x, support_y):
        one_hot = tf.one_hot(support_y, WAYS)
        total = tf.einsum("tsn,tsd->tnd", one_hot, self.features(support_x))
        count = tf.reduce_sum(one_hot, axis=1)
        return {
            "prototypes": tf.math.divide_no_nan(total, count[..., None]),
            "class_mask": tf.minimum(count, 1.0),
        }

    def predict(self, query_x, prototypes, class_mask):
        difference = self.features(query_x)[:, :, None] - prototypes[:, None]
        logits = -tf.reduce_sum(difference**2, axis=-1)
        logits -= 1e9 * (1.0 - class_mask[:, None])
        return {
            "probabilities": tf.nn.softmax(logits),
            "logits": logits,
            "classes": tf.argmax(logits, axis=-1),
        }

    def adapt_predict(self, support_x, support_y, query_x):
        return self.predict(query_x, **self.adapt(support_x, support_y))

    def signature(self, name, inputs, outputs):
        return Signature(
            name=name,
            inputs={key: SPECS[key] for key in inputs},
            fn=getattr(self, name),
            outputs=outputs,
            doc=f"{name} of a linear prototype learner.",
        )

    def signatures(self):
        answers = ("probabilities", "logits", "classes")
        support = ("support_x", "support_y")
        state = ("prototypes", "class_mask")
        return (
            self.signature("adapt_predict", (*support, "query_x"), answers),
            self.signature("adapt", support, state),
            self.signature("predict", ("query_x", *state), answers),
        )

    def example_episode(self, num_tasks, seed):
        return make_episode(num_tasks, seed)


class Slow:
    """Multiplies matrices as often as its input says."""

    def signatures(self):
        spec = tf.TensorSpec([None], tf.int64, name="steps")
        outputs = ("y", "ran")
        return (Signature("run", {"steps": spec}, self.run, outputs, "Slow."),)

    def example_inputs(self, signature_name, num_tasks):
        return {"steps": np.ones(num_tasks, np.int64)}

    def run(self, steps):
        last = tf.reduce_max(steps)
        _, matrix = tf.while_loop(
            lambda step, matrix: step < last,
            lambda step, matrix: (step + 1, tf.tanh(matrix @ matrix)),
            (tf.constant(0, tf.int64), tf.ones([256, 256]) / 256),
        )
        return {"y": tf.cast(steps, tf.float32) + matrix[0, 0], "ran": steps}


def make_episode(num_tasks=2, seed=0, support=6, query=5):
    rng = np.random.default_rng(seed)

    def images(count):
        shape = (num_tasks, count, 4, 4, 1)
        return rng.uniform(0, 2, shape).astype(np.float32)

    def labels(count):
        return np.tile(np.arange(count) % WAYS, (num_tasks, 1))

    return Episode(
        support_x=images(support),
        support_y=labels(support),
        query_x=images(query),
        query_y=labels(query),
        support_mask=np.ones((num_tasks, support), bool),
        query_mask=np.ones((num_tasks, query), bool),
    )


@pytest.fixture(scope="session")
def learner():
    return LinearPrototypes()


@pytest.fixture(scope="session")
def model_dir(learner, tmp_path_factory):
    base = tmp_path_factory.mktemp("models") / "linear"
    export(learner, base)
    return base


@pytest.fixture(scope="session")
def new_learner():
    return LinearPrototypes


@pytest.fixture(scope="session")
def new_episode():
    return make_episode


@pytest.fixture
def episode():
    return make_episode()


@pytest.fixture
def request_inputs(episode):
    names = ("support_x", "support_y", "query_x")
    return {name: getattr(episode, name) for name in names}


@pytest.fixture(scope="session")
def server(model_dir):
    from metazoo.serving import EmbeddedServer

    with EmbeddedServer({"linear": model_dir}, port=0, rest_port=0) as running:
        yield running


@pytest.fixture(params=["grpc", "rest"])
def client(request, server):
    from metazoo.serving import Client

    port = server.port if request.param == "grpc" else server.rest_port
    with Client(f"127.0.0.1:{port}", "linear", request.param) as connected:
        yield connected


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture(scope="session")
def slow_dir(tmp_path_factory):
    base = tmp_path_factory.mktemp("models") / "slow"
    export(Slow(), base)
    return base
