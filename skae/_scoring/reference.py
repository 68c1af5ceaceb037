"""Residuals on which an error measure is fitted, and their weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skae._input import observed

Array = NDArray[np.floating]

LEAST_WHOLE = 0.1
"""Share of windows without zero weights that is enough to drop all others."""


@dataclass(frozen=True)
class Reference:
    """Blocks of residuals of windows, and the weight of each window.

    Parameters
    ----------
    blocks : list of ndarray of shape (n_windows, n_steps, n_features)
        NaN where nothing was observed, or the weight is zero.
    weights : list of ndarray of shape (n_windows,), float64
    """

    blocks: list[Array]
    weights: list[Array]

    @classmethod
    def of(cls, blocks: Sequence[Array], weights: Sequence[Array] | None = None) -> Self:
        """Return a reference without residuals of weight zero.

        Parameters
        ----------
        blocks : sequence of ndarray of shape (n_windows, n_steps, n_features)
            Or (n_steps, n_features), for single steps.
        weights : sequence of ndarray of shape (n_windows, n_steps), optional
            Weights of the steps, NaN in padded steps; 1 by default. Windows that contain a weight
            of zero are dropped. If less than a tenth of the windows would remain, only the steps of
            weight zero are dropped.
        """
        blocks = [block[:, None] if block.ndim == 2 else block for block in blocks]
        if weights is None:
            return cls(blocks, [np.ones(len(block)) for block in blocks])
        weights = _of_whole_windows(weights)
        left = [
            block if weight.all() else np.where(weight[:, :, None] == 0, np.nan, block)
            for block, weight in zip(blocks, weights, strict=True)
        ]
        return cls(left, [np.nan_to_num(observed.mean(weight)) for weight in weights])

    def steps(self) -> tuple[Array, Array]:
        """Return the residuals of all steps, (n, n_features), and the weight of each."""
        rows = [block.reshape(-1, block.shape[-1]) for block in self.blocks]
        weights = [
            np.repeat(weight, block.shape[1])
            for block, weight in zip(self.blocks, self.weights, strict=True)
        ]
        return np.concatenate(rows), np.concatenate(weights)


def weighted_mean(values: Array, weights: Array) -> Array:
    """Return the mean of the observed values over the first axis; 0 where nothing was observed."""
    if (weights == 1).all():
        return np.nan_to_num(observed.mean(values, axis=0))
    counted = weights.reshape(-1, *[1] * (values.ndim - 1)) * ~np.isnan(values)
    total, count = (np.nan_to_num(values) * counted).sum(axis=0), counted.sum(axis=0)
    means: Array = np.divide(total, count, out=np.zeros(values.shape[1:]), where=count > 0)
    return means


def _of_whole_windows(weights: Sequence[Array]) -> list[Array]:
    """Return weights, zero for windows that contain a zero if enough others remain."""
    whole = [~(weight == 0).any(axis=1) for weight in weights]
    if np.concatenate(whole).mean() < LEAST_WHOLE:
        return list(weights)
    return [weight * kept[:, None] for weight, kept in zip(weights, whole, strict=True)]
