"""Leap on bowls: how short paths become, against the true minimum.

Twenty quadratic tasks in ten dimensions, condition number up to ten, whose
axes are jittered around a common frame; five have an optimum far off. Plain
gradient descent of 0.5, 60 steps, from -3 in every dimension. Deterministic.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from metazoo.methods.leap.leap_path import PathRule, sgd, walk

SEEDS, TASKS, DIMENSIONS, STEPS, RATE = 3, 20, 10, 60, 0.5
START = -3.0


class Bowls(NamedTuple):
    """Tasks: axes [tasks, d, d], curvatures and optima [tasks, d]."""

    axes: np.ndarray
    curvature: np.ndarray
    optima: np.ndarray


@functools.cache
def bowls(seed: int) -> Bowls:
    rng = np.random.default_rng(seed)

    def basis(matrix):
        return np.linalg.qr(matrix)[0]

    size = (DIMENSIONS, DIMENSIONS)
    frame = basis(rng.normal(size=size))
    axes = [basis(frame + 0.1 * rng.normal(size=size)) for _ in range(TASKS)]
    spread = np.exp(0.2 * rng.normal(size=(TASKS, DIMENSIONS)))
    curvature = np.clip(np.geomspace(0.1, 1, DIMENSIONS) * spread, 0.1, 1.0)
    optima = 0.7 * rng.normal(size=(TASKS, DIMENSIONS))
    optima[:5] += 4.0 * rng.normal(size=(5, DIMENSIONS))
    return Bowls(np.stack(axes), curvature, optima)


def distance(start, tasks: Bowls, power: int):
    """Expected length (1) or energy (2) in closed form, and its gradient."""
    error = np.einsum("tij,ti->tj", tasks.axes, start - tasks.optima)
    error, curvature = error[:, None], tasks.curvature[:, None]
    shrink = 1 - RATE * curvature
    left = shrink ** np.arange(STEPS - 1)[:, None]
    move = left * (shrink - 1)
    fall = curvature * left**2 * (shrink**2 - 1)
    change = 0.5 * np.sum(fall * error**2, -1, keepdims=True)
    squared = np.sum((move * error) ** 2, -1, keepdims=True) + change**2
    slope = 2 * move**2 * error + 2 * change * fall * error
    if power == 1:
        squared = np.sqrt(squared)
        slope = slope / (2 * squared)
    gradient = np.einsum("tij,tj->i", tasks.axes, slope.sum(1))
    return squared.sum() / TASKS, gradient / TASKS


def least(tasks: Bowls, power: int) -> float:
    """Smallest expected distance, by descent along the exact gradient."""
    start, rate = tasks.optima.mean(0), 0.1
    value, slope = distance(start, tasks, power)
    for _ in range(400):
        new = start - rate * slope
        found, new_slope = distance(new, tasks, power)
        if found > value - 0.1 * rate * slope @ slope:
            rate *= 0.5
            continue
        start, value, slope, rate = new, found, new_slope, 1.5 * rate
    return value


def test_distance_is_that_of_the_path():
    tasks = bowls(0)
    start = np.full(DIMENSIONS, START)
    for power in (1, 2):
        value, slope = distance(start, tasks, power)
        moved = start + 1e-6 * np.arange(DIMENSIONS)
        ahead, _ = distance(moved, tasks, power)
        assert (ahead - value) * 1e6 == pytest.approx(
            slope @ np.arange(DIMENSIONS), rel=1e-3
        )
    lengths = []
    for task in zip(*tasks, strict=True):
        end = walk(
            bowl(*map(tf.constant, task)),
            [tf.constant(start)],
            (),
            STEPS,
            sgd(RATE),
        )
        lengths.append(end.length)
        if len(lengths) == 2:
            break
    two = Bowls(*(part[:2] for part in tasks))
    expected, _ = distance(start, two, 1)
    assert np.mean(lengths) == pytest.approx(expected * TASKS / 2, rel=1e-9)


def bowl(axes, curvature, optimum):
    def loss(weights, buffers, step):
        error = tf.linalg.matvec(axes, weights[0] - optimum, transpose_a=True)
        return 0.5 * tf.reduce_sum(curvature * error**2), buffers

    return loss


@functools.cache
def trained(rule: PathRule, rate: float, updates: int) -> np.ndarray:
    """Initial weights of every seed after meta-training [seeds, d]."""
    parts = [
        tf.constant(np.concatenate(part))
        for part in zip(*map(bowls, range(SEEDS)), strict=True)
    ]
    owner = tf.repeat(tf.range(SEEDS), TASKS)

    @tf.function
    def train(start):
        def pull(task):
            *one, seed = task
            end = walk(
                bowl(*one),
                [tf.gather(start, seed)],
                (),
                STEPS,
                sgd(RATE),
                rule=rule,
            )
            return end.total[0]

        for _ in tf.range(updates):
            found = tf.vectorized_map(pull, (*parts, owner))
            found = tf.reshape(found, [SEEDS, TASKS, DIMENSIONS])
            start = start - rate * tf.reduce_mean(found, 1)
        return start

    return train(tf.constant(START, tf.float64, [SEEDS, DIMENSIONS])).numpy()


LENGTH = (PathRule(), 0.01, 300)
ENERGY = (PathRule(length=False), 0.005, 600)
REPTILE = (PathRule(length=False, loss=False, stabilizer=False), 0.1, 200)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_energy_is_below_reptiles_and_near_the_least(seed):
    leap, _ = distance(trained(*ENERGY)[seed], bowls(seed), 2)
    reptile, _ = distance(trained(*REPTILE)[seed], bowls(seed), 2)
    assert leap <= 0.9 * reptile
    assert leap <= 1.15 * least(bowls(seed), 2)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_length_is_near_the_least(seed):
    leap, _ = distance(trained(*LENGTH)[seed], bowls(seed), 1)
    start, _ = distance(np.full(DIMENSIONS, START), bowls(seed), 1)
    assert leap <= 1.08 * least(bowls(seed), 1)
    assert leap < 0.6 * start
