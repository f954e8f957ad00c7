"""Small GMM-VAEs that tests share."""

from __future__ import annotations

import functools

import keras
import numpy as np

from metazoo.data import EpisodeSampler, load_glyphs
from metazoo.methods.gmm_vae import gmm_vae_networks as networks
from metazoo.methods.gmm_vae.gmm_vae_model import GMMVAE

SHAPE = (28, 28, 1)
CLASSES = 6
LATENT = 4


@functools.cache
def glyphs():
    """Six characters of twenty drawings."""
    return load_glyphs("train", num_alphabets=1, num_characters=CLASSES)


def build(network: str = "light", **options):
    """A fresh, seeded learner with centres far apart."""
    keras.utils.set_random_seed(0)
    options = {"alpha": 3.0, **options}
    learner = GMMVAE(
        networks.encoder(network, SHAPE, 2 * LATENT, filters=4, std=0.2),
        networks.decoder(network, SHAPE, LATENT, width=32),
        num_classes=CLASSES,
        num_examples=20 * CLASSES,
        pixels=networks.pixel_stack(network, SHAPE),
        **options,
    )
    rng = np.random.default_rng(0)
    learner.base_mean.assign(0.3 * rng.standard_normal((CLASSES, LATENT)))
    return learner


def task(num_tasks: int = 2, ways: int = 3, shots: int = 2):
    """Episodes as arrays."""
    sampler = EpisodeSampler(
        glyphs(), num_ways=ways, num_shots=shots, num_queries=2, seed=3
    )
    return sampler.tasks(0, num_tasks).map(lambda part: part.numpy())
