"""A signature that is no episode: seeds in, images out."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from metazoo.errors import EpisodeError, ServingError
from metazoo.serving import Client, EmbeddedServer
from metazoo.serving.exporting.cases import right_calls
from metazoo.serving.exporting.variants import endpoints
from metazoo.serving.server.batching import BatchingOptions
from metazoo.serving.server.servable import Servable


@pytest.fixture
def client(connect):
    return connect("sampler")


def test_gate_asks_for_a_task_alone_without_its_neighbours_samples(sampler):
    signatures = {s.name: s for s in sampler.signatures()}
    cases = right_calls(sampler, signatures, endpoints(signatures, None))
    (alone,) = [case for case in cases if "alone" in case.what]
    assert alone.inputs["num_samples"].tolist() == [1]
    assert alone.expected["images"].shape == (1, 1, 4, 4, 1)


def test_images_come_for_seeds(client, sampler):
    found = client.call("generate", seed=[3, 4], num_samples=[2, 2])
    expected = sampler.generate(np.int32([3, 4]), np.int32([2, 2]))
    assert found["images"].shape == (2, 2, 4, 4, 1)
    np.testing.assert_allclose(found["images"], expected["images"], atol=1e-6)
    np.testing.assert_allclose(
        found["log_probs"], expected["log_probs"], atol=1e-6
    )


def test_rest_takes_rows_and_the_default_signature(kinds):
    rows = [{"seed": 3, "num_samples": 1}, {"seed": 4, "num_samples": 1}]
    url = f"http://127.0.0.1:{kinds.rest_port}/v1/models/sampler:predict"
    body = json.dumps({"instances": rows}).encode()
    with urllib.request.urlopen(url, body, timeout=60) as answer:
        found = json.load(answer)["predictions"]
    assert np.shape(found[0]["images"]) == (1, 4, 4, 1)


@pytest.mark.parametrize(
    ("arrays", "part"),
    [
        ({"seed": 3, "num_samples": 2}, "has shape"),
        ({"seed": [3], "num_samples": [1.5]}, "has dtype float64"),
        ({"seed": [3], "num_samples": [2**40]}, "can't hold"),
        ({"seed": [3]}, "takes"),
        ({"seed": [3, 4], "num_samples": [1]}, "number of tasks"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(client, arrays, part):
    with pytest.raises(EpisodeError, match=part):
        client.call("generate", **arrays)


def test_model_without_episodes_says_so(client):
    with pytest.raises(ServingError, match="takes an episode; see signatures"):
        client.adapt(np.zeros((2, 4, 4, 1)), [0, 1])


def test_merged_requests_differ_in_seeds_and_not_in_samples(
    kind_dirs, sampler, monkeypatch
):
    sizes, run = [], Servable.run

    def counted(servable, signature, inputs, *arguments):
        sizes.append(len(inputs["seed"]))
        return run(servable, signature, inputs, *arguments)

    batching = BatchingOptions(max_batch_size=2, batch_timeout_micros=2_000_000)
    with (
        EmbeddedServer(kind_dirs, 0, None, batching=batching) as server,
        Client(f"127.0.0.1:{server.port}", "sampler") as client,
        ThreadPoolExecutor(4) as pool,
    ):
        client.signatures()
        monkeypatch.setattr(Servable, "run", counted)

        def ask(asked):
            seed, number = asked
            return client.call("generate", seed=[seed], num_samples=[number])

        asked = [(1, 2), (2, 2), (3, 5), (4, 5)]
        found = list(pool.map(ask, asked))
    assert sizes == [2, 2]
    for (seed, number), answer in zip(asked, found, strict=True):
        expected = sampler.generate(np.int32([seed]), np.int32([number]))
        np.testing.assert_allclose(
            answer["images"], expected["images"], atol=1e-6
        )
