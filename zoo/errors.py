"""Every error metazoo raises on purpose; all derive from MetazooError."""

from __future__ import annotations


class MetazooError(Exception):
    """Base of every error raised on purpose; its text names the remedy."""


class EpisodeError(MetazooError, ValueError):
    """An episode (support, query, labels or mask) is malformed."""


class DataError(MetazooError):
    """A data set is missing, damaged or not of the expected layout."""


class PresetError(MetazooError):
    """A preset is unknown, damaged, unsafe or of a newer format."""


class ExportError(MetazooError):
    """A learner can't be exported, or the export failed its check."""


class ServingError(MetazooError):
    """A server or client could not do what was asked."""


class SecondOrderError(MetazooError, ValueError):
    """A second-order gradient through this model would be wrong."""


class OptionError(MetazooError, ValueError):
    """A learner, layer or network is built with an argument of no use."""


class RecipeError(MetazooError, ValueError):
    """A training recipe has a field that can't be used."""


class TrainingError(MetazooError, ValueError):
    """A training run is set up in a way that can't work."""


class CheckpointError(MetazooError):
    """A checkpoint is damaged, or belongs to another run."""
