"""Shared backbones and layers; normalisation safe to differentiate twice."""

from __future__ import annotations

from metazoo.layers.binarize import Binarize
from metazoo.layers.conditional_batch_normalization import (
    ConditionalBatchNormalization,
)
from metazoo.layers.conv4 import conv4
from metazoo.layers.exact import (
    require_exact,
    stock_normalisation_layers,
    to_exact,
)
from metazoo.layers.exact_batch_normalization import ExactBatchNormalization
from metazoo.layers.exact_group_normalization import ExactGroupNormalization
from metazoo.layers.exact_layer_normalization import ExactLayerNormalization
from metazoo.layers.features import features
from metazoo.layers.masked_conv import MaskedConv2D
from metazoo.layers.resnet12 import resnet12
from metazoo.layers.sobel_edges import SobelEdges
from metazoo.layers.sub_pixel import SubPixel
from metazoo.layers.text_states import TextStates, tcn, text_states_of
from metazoo.layers.word_ids import WordIds

__all__ = [
    "Binarize",
    "ConditionalBatchNormalization",
    "ExactBatchNormalization",
    "ExactGroupNormalization",
    "ExactLayerNormalization",
    "MaskedConv2D",
    "SobelEdges",
    "SubPixel",
    "TextStates",
    "WordIds",
    "conv4",
    "features",
    "require_exact",
    "resnet12",
    "stock_normalisation_layers",
    "tcn",
    "text_states_of",
    "to_exact",
]
