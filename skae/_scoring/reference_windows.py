"""Windows on which an error measure is fitted: their residuals and weights."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skae._input import observed

Array = NDArray[np.floating]

LEAST_WHOLE = 0.1
"""Share of windows without zero weights that is enough to drop all others."""


def reference_of(
    blocks: Sequence[Array], weights: Sequence[Array] | None = None
) -> tuple[list[Array], list[Array]]:
    """Return blocks of residuals of windows, NaN where the weight is zero, and weights of windows.

    Parameters
    ----------
    blocks : sequence of ndarray of shape (n_windows, n_steps, n_features)
        NaN where nothing was observed. Or (n_steps, n_features), for single steps.
    weights : sequence of ndarray of shape (n_windows, n_steps), optional
        Weights of the steps, NaN in padded steps; 1 by default. Windows that contain a weight
        of zero are dropped. If less than a tenth of the windows would remain, only the steps of
        weight zero are dropped.

    Returns
    -------
    blocks : list of ndarray of shape (n_windows, n_steps, n_features)
    weights : list of ndarray of shape (n_windows,), float64
    """
    blocks = [block[:, None] if block.ndim == 2 else block for block in blocks]
    if weights is None:
        return blocks, [np.ones(len(block)) for block in blocks]
    weights = _of_whole_windows(weights)
    left = [
        block if weight.all() else np.where(weight[:, :, None] == 0, np.nan, block)
        for block, weight in zip(blocks, weights, strict=True)
    ]
    return left, [np.nan_to_num(observed.mean(weight)) for weight in weights]


def steps_of(blocks: list[Array], weights: list[Array]) -> tuple[Array, Array]:
    """Return the residuals of all steps, (n, n_features), and the weight of each."""
    rows = [block.reshape(-1, block.shape[-1]) for block in blocks]
    n_steps = [np.full(len(block), block.shape[1]) for block in blocks]
    return np.concatenate(rows), np.repeat(np.concatenate(weights), np.concatenate(n_steps))


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
