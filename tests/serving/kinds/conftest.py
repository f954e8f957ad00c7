"""Learners whose examples are texts, and that make what nobody sent."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from metazoo.data.episode import Episode
from metazoo.serving import Client, EmbeddedServer, export
from metazoo.wire.signature import Signature

WAYS = 3
BUCKETS = 16
WORDS = ("ab", "cd", "ef gh", "é ü", "日本", "a-rather-long-word-of-many-bytes")


def spec(name, *shape, dtype=tf.float32):
    return tf.TensorSpec([None, *shape], dtype, name=name)


SPECS = {
    "support_x": spec("support_x", None, dtype=tf.string),
    "support_y": spec("support_y", None, dtype=tf.int64),
    "query_x": spec("query_x", None, dtype=tf.string),
    "prototypes": spec("prototypes", WAYS, BUCKETS),
    "text": spec("text", dtype=tf.string),
}


class TextPrototypes:
    """Class means of counts of hashed words; an empty text is a fault."""

    def features(self, texts):
        flat = tf.strings.split(tf.reshape(texts, [-1]))
        hashed = tf.strings.to_hash_bucket_fast(flat, BUCKETS)
        counts = tf.reduce_sum(tf.one_hot(hashed, BUCKETS), axis=1)
        shape = tf.concat([tf.shape(texts), [BUCKETS]], 0)
        empty = tf.reduce_any(tf.equal(tf.strings.length(texts), 0), -1)
        nan = tf.where(empty, float("nan"), 0.0)
        return tf.reshape(counts, shape) + nan[:, None, None]

    def adapt(self, support_x, support_y, support_mask=None):
        if support_mask is not None:
            # What the mask hides may be empty or anything else.
            support_x = tf.where(support_mask, support_x, "x")
            support_y = tf.where(support_mask, support_y, -1)
        one_hot = tf.one_hot(support_y, WAYS)
        features = self.features(support_x)
        total = tf.einsum("tsn,tsd->tnd", one_hot, features)
        count = tf.reduce_sum(one_hot, axis=1)
        means = tf.math.divide_no_nan(total, count[..., None])
        return {"prototypes": means, "class_mask": tf.minimum(count, 1.0)}

    def predict(self, query_x, prototypes, class_mask):
        difference = self.features(query_x)[:, :, None] - prototypes[:, None]
        logits = -tf.reduce_sum(difference**2, axis=-1)
        logits -= 1e9 * (1.0 - class_mask[:, None])
        return {
            "probabilities": tf.nn.softmax(logits),
            "classes": tf.argmax(logits, axis=-1),
        }

    def adapt_predict(self, support_x, support_y, query_x, support_mask=None):
        state = self.adapt(support_x, support_y, support_mask)
        return self.predict(query_x, **state)

    def shout(self, text):
        return {
            "upper": tf.strings.upper(text, encoding="utf-8"),
            "raw_bytes": text,
            "size": tf.strings.length(text),
        }

    def signature(self, name, inputs, outputs, masks_support=False):
        specs = {**SPECS, "class_mask": spec("class_mask", WAYS)}
        return Signature(
            name=name,
            inputs={key: specs[key] for key in inputs},
            fn=getattr(self, name),
            outputs=outputs,
            doc=f"{name} of texts.",
            masks_support=masks_support,
        )

    def signatures(self):
        answers = ("probabilities", "classes")
        support = ("support_x", "support_y")
        state = ("prototypes", "class_mask")
        return (
            self.signature(
                "adapt_predict", (*support, "query_x"), answers, True
            ),
            self.signature("adapt", support, state, True),
            self.signature("predict", ("query_x", *state), answers),
            self.signature("shout", ("text",), ("upper", "raw_bytes", "size")),
        )

    def example_episode(self, num_tasks, seed):
        return make_texts(num_tasks, seed)

    def example_extras(self, num_tasks):
        return {"text": np.array(WORDS[:num_tasks], object)}


class Sampler:
    """Draws images from a seed: as many as the task beside it may want."""

    def generate(self, seed, num_samples):
        most = tf.reduce_max(num_samples)
        wanted = tf.range(most) < num_samples[:, None]

        def draw(one):
            return tf.map_fn(
                lambda index: tf.random.stateless_uniform(
                    [4, 4, 1], tf.stack([one, index])
                ),
                tf.range(most),
                fn_output_signature=tf.float32,
            )

        images = tf.map_fn(draw, seed, fn_output_signature=tf.float32)
        return {
            "images": tf.where(wanted[..., None, None, None], images, 0.0),
            "log_probs": tf.where(wanted, tf.reduce_mean(images, [2, 3, 4]), 0),
        }

    def signatures(self):
        inputs = {
            "seed": spec("seed", dtype=tf.int32),
            "num_samples": spec("num_samples", dtype=tf.int32),
        }
        return (
            Signature(
                "generate",
                inputs,
                self.generate,
                ("images", "log_probs"),
                "Draws images.",
                padding={"images": 0.0, "log_probs": 0.0},
            ),
        )

    def example_inputs(self, signature_name, num_tasks):
        return {
            "seed": np.arange(num_tasks, dtype=np.int32),
            # The last task has fewer than those beside it.
            "num_samples": 1 + np.arange(num_tasks, dtype=np.int32)[::-1],
        }


def make_texts(num_tasks=2, seed=0, support=6, query=4):
    rng = np.random.default_rng(seed)

    def texts(count):
        chosen = rng.choice(np.array(WORDS, object), (num_tasks, count))
        return np.vectorize(str.encode, otypes=[object])(chosen)

    def labels(count):
        return np.tile(np.arange(count) % WAYS, (num_tasks, 1))

    return Episode(
        support_x=texts(support),
        support_y=labels(support),
        query_x=texts(query),
        query_y=labels(query),
        support_mask=np.ones((num_tasks, support), bool),
        query_mask=np.ones((num_tasks, query), bool),
    )


@pytest.fixture(scope="session")
def text_learner():
    return TextPrototypes()


@pytest.fixture(scope="session")
def sampler():
    return Sampler()


@pytest.fixture(scope="session")
def kind_dirs(text_learner, sampler, tmp_path_factory):
    base = tmp_path_factory.mktemp("kinds")
    export(text_learner, base / "texts")
    export(sampler, base / "sampler")
    return {name: base / name for name in ("texts", "sampler")}


@pytest.fixture(scope="session", params=[False, True], ids=["", "batching"])
def kinds(request, kind_dirs):
    from metazoo.serving.server.batching import BatchingOptions

    batching = BatchingOptions() if request.param else None
    with EmbeddedServer(kind_dirs, 0, 0, batching=batching) as running:
        yield running


@pytest.fixture(params=["grpc", "rest"])
def connect(request, kinds):
    port = kinds.port if request.param == "grpc" else kinds.rest_port
    opened = []

    def connect_to(model, **options):
        client = Client(f"127.0.0.1:{port}", model, request.param, **options)
        opened.append(client)
        return client

    yield connect_to
    for client in opened:
        client.close()
