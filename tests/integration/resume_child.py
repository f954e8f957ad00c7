"""What the kill test runs and kills: a tiny recipe, deterministic."""

from __future__ import annotations

import keras

from metazoo.methods.protonet.protonet_recipe import ProtoNetRecipe

STEPS = 200


class Announce(keras.callbacks.Callback):
    """Writes the number of steps done where the parent reads it."""

    def __init__(self, done) -> None:
        super().__init__()
        self.done = done

    def on_train_batch_end(self, batch, logs=None):
        self.done.value = batch + 1


def train(data: str, output: str, done) -> None:
    """Trains to the end, or until it is killed."""
    from metazoo.trainers import deterministic, train_recipe

    recipe = ProtoNetRecipe(
        dataset=f"npz:{data}",
        rotations=False,
        num_ways=3,
        num_shots=1,
        num_queries=2,
        num_tasks=2,
        steps=STEPS,
        filters=4,
    )
    deterministic(recipe.seed)
    train_recipe(
        recipe,
        output,
        callbacks=[Announce(done)],
        checkpoint_every=2,
        validation_steps=0,
        verbose=0,
    )
