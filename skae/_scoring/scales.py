"""The error of a window at several time scales: numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from skae._sequences import observed

Array = NDArray[np.floating]

N_PARTS = 6
"""Parts that a window is cut into for its middle scale."""

LEAST_SHARE = 1e-4
"""Typical error of a feature, as a share of that of all, below which it counts as constant."""

LEAST_RATIO = 1 / 3
"""Ratio to the typical error, below which no scale makes up for the error at the others."""


def scales_of(residuals: Array) -> Array:
    """Split residuals into the level of the window, the levels of its parts, and the rest.

    The level is the mean over the window, the middle scale what the means over its sixths
    differ from it, the rest what single steps differ from these: the three add up to the
    residuals, and their squares on average too where the sixths are equally long.

    Parameters
    ----------
    residuals : ndarray of shape (n_windows, n_steps, n_features)
        NaN where nothing was observed.

    Returns
    -------
    ndarray of shape (3, n_windows, n_steps, n_features), float64

    Examples
    --------
    >>> import numpy as np
    >>> from skae._scoring.scales import scales_of
    >>> window = np.array([0.0, 2.0, 4.0, 4.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 6.0])
    >>> level, parts, rest = scales_of(window[None, :, None])[:, 0, :, 0]
    >>> level[:6].tolist(), parts[:6].tolist(), rest[:6].tolist()
    ([2.0, 2.0, 2.0, 2.0, 2.0, 2.0], [-1.0, -1.0, 2.0, 2.0, -1.0, -1.0], \
[-1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    """
    residuals = residuals.astype(np.float64)
    seen = ~np.isnan(residuals)
    part_of_step = _parts_of_steps(np.asarray(seen.any(axis=2)))
    if seen.all():
        # All windows are as long, and cut alike.
        filled: Array = residuals
        count: NDArray = np.bincount(part_of_step[:1].ravel(), minlength=N_PARTS)[None, :, None]
    else:
        filled, count = np.where(seen, residuals, 0.0), _sums_of_parts(seen, part_of_step)
    total = _sums_of_parts(filled, part_of_step)
    level = total.sum(axis=1, keepdims=True) / np.maximum(count.sum(axis=1, keepdims=True), 1)
    means = (total / np.maximum(count, 1))[np.arange(len(residuals))[:, None], part_of_step]
    scales = np.empty((3, *residuals.shape))
    scales[0] = level
    np.subtract(means, level, out=scales[1])
    np.subtract(residuals, means, out=scales[2])
    if filled is not residuals:
        scales[:, ~seen] = np.nan
    return scales


def _sums_of_parts(values: Array | NDArray[np.bool_], part_of_step: NDArray[np.intp]) -> Array:
    """Sum over the steps of each part: (n_windows, N_PARTS, n_features)."""
    n_windows, _, n_features = values.shape
    sums = np.zeros((n_windows, N_PARTS, n_features))
    if (part_of_step == part_of_step[:1]).all():
        for step, part in enumerate(part_of_step[0] if n_windows else ()):
            sums[:, part] += values[:, step]
        return sums
    for part in range(N_PARTS):
        sums[:, part] = values.sum(axis=1, where=(part_of_step == part)[:, :, None])
    return sums


def _parts_of_steps(exists: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the sixth in which each step lies; of a shorter window, a sixth of its own."""
    n_steps = exists.shape[1]
    lengths = np.maximum(n_steps - exists[:, ::-1].argmax(axis=1), 1)
    return np.minimum(np.arange(n_steps) * N_PARTS // lengths[:, None], N_PARTS - 1)


@dataclass(frozen=True)
class MultiscaleError:
    r"""Geometric mean of a window's errors at three time scales.

    With :math:`s_{ktf}` what `scales_of` makes of a residual, and :math:`\tau_{kf}` the mean of
    :math:`s^2` on reference windows (plus :math:`10^{-4}` of its mean over the features, so that
    one which never moved does not make it zero), scale :math:`k` has the error :math:`E_k`, the
    mean of :math:`s_{ktf}^2 / \tau_{kf}` over steps and features, and the window :math:`\prod_k
    \max(E_k, 1/3)^{1/3}`. Where a series settles at another level, the level is far off for good;
    the two other scales go on telling what happens there.

    Step :math:`t` and feature :math:`f` are given their share of it, the mean over the scales of
    :math:`s_{ktf}^2 / \tau_{kf} / E_k`, times the error of the window: the *mean* over the steps
    and features is that error.

    Parameters
    ----------
    typical : ndarray of shape (3, n_features)
        The divisors.
    """

    typical: Array

    @classmethod
    def fit(cls, blocks: Sequence[Array]) -> Self:
        """Take what is typical from blocks (n_windows, n_steps, n_features) of residuals."""
        squares = [np.square(scales_of(block)) for block in blocks]
        of_windows = np.concatenate([observed.mean(block, axis=2) for block in squares], axis=1)
        means = np.nan_to_num(observed.mean(of_windows, axis=1))
        typical = means + LEAST_SHARE * means.mean(axis=1, keepdims=True)
        # Without any error there is nothing to compare with: the errors are left as they are.
        return cls(np.where(typical > 0, typical, 1.0))

    def __call__(self, residuals: Array) -> Array:
        """Return errors of the shape of `residuals`, (n_windows, n_steps, n_features)."""
        ratios = scales_of(residuals)
        np.square(ratios, out=ratios)
        _divide_features(ratios, self.typical)
        of_windows = observed.mean(observed.mean(ratios, axis=3), axis=2)[:, :, None, None]
        least = np.maximum(of_windows, LEAST_RATIO)
        return np.exp(np.log(least).mean(axis=0)) * _shares(ratios, of_windows).mean(axis=0)


def _shares(ratios: Array, of_windows: Array) -> Array:
    """Return ratios, in place, to those of their windows: 1 where all are zero."""
    all_zero = of_windows == 0
    ratios /= np.where(all_zero, 1.0, of_windows)
    if all_zero.any():
        ratios += all_zero
    return ratios


def _divide_features(values: Array, divisors: Array) -> None:
    """Divide (n, n_windows, n_steps, n_features) in place, by one divisor a feature of each."""
    n, n_windows, n_steps, n_features = values.shape
    # NumPy is slow where the last axis is short.
    long = values.reshape(n, n_windows, n_steps * n_features)
    long /= np.tile(divisors, n_steps)[:, None]
