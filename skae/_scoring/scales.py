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
    unobserved = np.isnan(residuals)
    part_of_step = _parts_of_steps(np.logical_not(unobserved.all(axis=2)))
    total, count = np.zeros((2, len(residuals), N_PARTS, residuals.shape[2]))
    filled = np.where(unobserved, 0.0, residuals)
    for part in range(N_PARTS):
        inside = (part_of_step == part)[:, :, None]
        total[:, part] = np.sum(filled, axis=1, where=inside)
        count[:, part] = np.sum(~unobserved, axis=1, where=inside)
    level = total.sum(axis=1, keepdims=True) / np.maximum(count.sum(axis=1, keepdims=True), 1)
    means = (total / np.maximum(count, 1))[np.arange(len(residuals))[:, None], part_of_step]
    scales = np.stack([np.broadcast_to(level, means.shape), means - level, residuals - means])
    scales[:, unobserved] = np.nan
    return scales


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
        ratios = np.square(scales_of(residuals)) / self.typical[:, None, None]
        of_windows = observed.mean(observed.mean(ratios, axis=3), axis=2)[:, :, None, None]
        shares = np.divide(ratios, of_windows, out=1 + 0 * ratios, where=of_windows > 0)
        least = np.maximum(of_windows, LEAST_RATIO)
        return np.exp(np.log(least).mean(axis=0)) * shares.mean(axis=0)
