"""The paper's claims about GMM-VAE as experiments; see `metazoo bench`."""

from __future__ import annotations

from collections.abc import Mapping

from metazoo.experiments import Experiment
from metazoo.methods.gmm_vae.experiments import (
    gmm_vae_classification,
    gmm_vae_generation,
    gmm_vae_integration,
)
from metazoo.methods.gmm_vae.experiments.gmm_vae_settings import SCALES

EXPERIMENTS: Mapping[str, Experiment] = {
    "classification": Experiment(
        "trained without episodes, it tells new classes apart as well as "
        "prototypes do",
        gmm_vae_classification.cells,
        SCALES,
        gmm_vae_classification.CLAIMS,
    ),
    "integration": Experiment(
        "new classes join all old ones far better than prototypes do",
        gmm_vae_integration.cells,
        SCALES,
        gmm_vae_integration.CLAIMS,
    ),
    "generation": Experiment(
        "it draws images of a class from one example of it",
        gmm_vae_generation.cells,
        SCALES,
        pictures=gmm_vae_generation.pictures,
    ),
}
