"""Keras layers for one's own autoencoder of sequences that are padded with NaN."""

from skae._layers import (
    MaskedMaxPooling,
    MaskedMeanPooling,
    NaNToZero,
    RepeatToLength,
    ReverseSteps,
    StepMask,
)

__all__ = [
    "MaskedMaxPooling",
    "MaskedMeanPooling",
    "NaNToZero",
    "RepeatToLength",
    "ReverseSteps",
    "StepMask",
]
