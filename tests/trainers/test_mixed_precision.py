from __future__ import annotations

import keras
import numpy as np
import pytest

from metazoo.errors import MetazooError
from metazoo.trainers import Trainer


@pytest.fixture
def policy(request):
    keras.mixed_precision.set_dtype_policy(request.param)
    yield request.param
    keras.mixed_precision.set_dtype_policy("float32")


def policies(*names):
    return pytest.mark.parametrize("policy", names, indirect=True)


def losses(learner, sampler, steps=60):
    history = Trainer(learner).fit(
        sampler, num_tasks=4, steps=steps, steps_per_epoch=20, verbose=0
    )
    return history.history["loss"]


@policies("mixed_bfloat16")
@pytest.mark.parametrize("method", ["protonet", "maml"])
def test_bfloat16_training_lowers_the_loss(method, policy, build, sampler):
    learner = build(method)
    assert learner.backbone.layers[-1].compute_dtype == "bfloat16"
    found = losses(learner, sampler)
    assert np.isfinite(found).all()
    assert found[-1] < 0.95 * found[0]
    assert {w.dtype for w in learner.get_weights()} == {np.dtype("float32")}


@policies("mixed_float16")
@pytest.mark.parametrize("method", ["maml", "reptile"])
def test_float16_inner_gradients_are_refused(method, policy, build):
    with pytest.raises(MetazooError, match="float16"):
        build(method)


@policies("mixed_float16")
def test_float16_training_scales_the_loss(policy, build, sampler):
    learner = build()
    assert isinstance(learner.optimizer, keras.optimizers.LossScaleOptimizer)
    found = losses(learner, sampler)
    assert np.isfinite(found).all()
    assert found[-1] < 0.8 * found[0]


def test_loss_scale_changes_no_update(build, sampler):
    plain = build(optimizer=keras.optimizers.SGD(0.1))
    inner = keras.optimizers.SGD(0.1)
    scaled = build(optimizer=keras.optimizers.LossScaleOptimizer(inner))
    for learner in (plain, scaled):
        losses(learner, sampler, steps=3)
    for a, b in zip(plain.get_weights(), scaled.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@policies("mixed_float16")
def test_overflow_skips_the_step_and_halves_the_scale(policy, build, sampler):
    inner = keras.optimizers.SGD(0.1)
    learner = build(
        optimizer=keras.optimizers.LossScaleOptimizer(
            inner, initial_scale=2.0**60
        )
    )
    before = learner.get_weights()
    losses(learner, sampler, steps=1)
    assert float(learner.optimizer.dynamic_scale) == 2.0**59
    for a, b in zip(before, learner.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
