"""Trains as one worker of TF_CONFIG; prints the weights' checksum."""

from __future__ import annotations

import json
import os
import sys

import keras
import numpy as np

sys.path.insert(0, os.path.dirname(__file__))
from conftest import make_dataset, make_learner

from metazoo.data import EpisodeSampler
from metazoo.trainers import Trainer


def main() -> None:
    trainer = Trainer(
        lambda: make_learner("protonet", keras.optimizers.SGD(0.1)),
        strategy=sys.argv[1],
        checkpoint_dir=sys.argv[2],
        checkpoint_every=2,
    )
    sampler = EpisodeSampler(
        make_dataset(), num_ways=3, num_shots=2, num_queries=2, seed=7
    )
    history = trainer.fit(sampler, num_tasks=4, steps=4, verbose=0).history
    weights = np.concatenate([w.ravel() for w in trainer.learner.get_weights()])
    result = {
        "replicas": trainer.strategy.num_replicas_in_sync,
        "weights": weights.tolist(),
        "loss": history["loss"][0],
    }
    print("RESULT" + json.dumps(result))


if __name__ == "__main__":
    main()
