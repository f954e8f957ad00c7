"""A learner small enough to save and load in every test."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="tiny_tests")
class TinyLearner(keras.Model):
    """Wraps any Keras model, as the real learners do."""

    def __init__(self, backbone, **kwargs):
        super().__init__(**kwargs)
        self.backbone = backbone

    def build(self, input_shape):
        self.backbone.build(input_shape)

    def call(self, x):
        return self.backbone(x)

    def get_config(self):
        backbone = keras.saving.serialize_keras_object(self.backbone)
        return {**super().get_config(), "backbone": backbone}

    @classmethod
    def from_config(cls, config):
        backbone = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**{**config, "backbone": backbone})


def make_backbone():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(3, activation="relu")(inputs)
    hidden = keras.layers.BatchNormalization()(hidden)
    return keras.Model(inputs, keras.layers.Dense(2)(hidden * 2.0))


def make_learner(backbone=None):
    learner = TinyLearner(backbone or make_backbone())
    learner.build((None, 4))
    return learner


RECIPES = {"default": {"outer_learning_rate": 0.1}}
