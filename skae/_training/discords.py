"""Discords: windows of a series that resemble no other window. Training leaves them out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from skae._input.sequences import Floats, Indices, Sequences
from skae._scoring.thresholds import MAD_TO_STD
from skae._windows.samples import RowSamples, Samples

N_NEIGHBOURS = 3
"""Rank of the neighbour that gives the distance; the same anomaly may occur twice."""

DEVIATIONS = 3.0
"""Robust standard deviations above the median beyond which a window is isolated."""

LEAST_SPREAD = 0.1
"""Smallest robust standard deviation of the logarithms of distances."""

LEAST_DISTANCE = 1e-3
"""Smallest distance, in standard deviations of the reference windows."""

MAX_SHARE = 0.15
"""Share of windows above which isolated windows are a state, not exceptions."""

MIN_DISJOINT = 5
"""Number of disjoint windows below which comparisons are too few."""

RECURRING = 0.8
"""Ratio of the distances to other isolated runs and to the rest below which a run is kept."""

MAX_WINDOWS = 2**18
"""Number of windows above which most are trained on only once, so none is memorised."""

COMPARED_OF_LENGTH, MIN_COMPARED, MAX_COMPARED = 4, 2**11, 2**12
"""Windows that are compared: number per window length, minimum and maximum."""

MAX_OTHERS, MAX_VALUES = 2**11, 2**24
"""Most reference windows, and most values in them."""

N_STRETCHES = 64
"""Stretches from which reference windows are taken if there are more windows."""

BLOCK = 256
"""Windows that are compared at a time."""


def leaves_out(asked: bool | str, has_outliers: bool, contamination: float | str) -> bool:
    """Tell whether discords are left out of training.

    Parameters
    ----------
    asked : bool or "auto"
    has_outliers : bool
        Whether outliers are expected in the training data.
    contamination : float or "auto"
        The share of outliers, if known.
    """
    if isinstance(asked, str):
        return has_outliers or not isinstance(contamination, str)
    return asked


def without_discords(samples: Samples, fallback: Floats) -> Samples:
    """Return the samples with their discords left out of training.

    Parameters
    ----------
    samples : Samples
        Training samples. A set of sequences does not change.
    fallback : ndarray of shape (n_features,), float32
        Value of a feature that is missing throughout a window.
    """
    if samples.is_set:
        return samples
    found = discords(samples.windows, fallback)
    if isinstance(samples, RowSamples):
        return replace(samples, left_out=found)
    return samples.select(np.flatnonzero(~found))


def discords(windows: Sequences, fallback: Floats) -> NDArray[np.bool_]:
    """Tell which windows of series are discords.

    The distance of a window is the root mean square difference from its third nearest neighbour
    among the windows that share no row with it. A window is isolated if the logarithm of its
    distance is more than three robust standard deviations (1.4826 times the median absolute
    deviation) above the median. No window is isolated if more than 15 % of them would be, or if the
    series is too short or too long. If there are many windows, 2,048 to 4,096 evenly spread ones
    are compared with 2,048 from 64 stretches, and each other window is treated like the nearest
    compared one.

    Isolated windows may be rare but normal; then their pattern occurs again. A run of isolated
    windows, each sharing rows with the next, contains no discord if the distance of most of them to
    the third nearest other run is less than 0.8 times the distance to the windows that are not
    isolated.

    Parameters
    ----------
    windows : Sequences
        Overlapping windows, in order. Windows without observations, and windows shorter than the
        longest, are never discords.
    fallback : ndarray of shape (n_features,), float32

    Returns
    -------
    ndarray of shape (n_windows,), bool

    References
    ----------
    E. Keogh, J. Lin, A. Fu (2005), "HOT SAX: Efficiently Finding the Most Unusual Time Series
    Subsequence", ICDM, section 2: a discord has the largest distance to its nearest non-self match.

    Examples
    --------
    >>> import numpy as np
    >>> from skae._windows.windows import covering_windows
    >>> from skae._training.discords import discords
    >>> rows = np.tile(np.float32([0, 1, 2, 1]), 20)[:, None]
    >>> rows[41] = 9
    >>> windows = covering_windows(rows, np.array([80]), 4, 1)
    >>> np.flatnonzero(discords(windows, np.zeros(1, np.float32))).tolist()
    [38, 39, 40, 41]
    """
    found = np.zeros(len(windows), bool)
    if len(windows) > MAX_WINDOWS:
        return found
    full = np.flatnonzero((windows.lengths == windows.max_length) & windows.are_observed)
    comparable = windows.select(full)
    n_disjoint = len(np.unique(comparable.starts // windows.max_length))
    if n_disjoint < MIN_DISJOINT:
        return found
    wanted = np.clip(COMPARED_OF_LENGTH * n_disjoint, MIN_COMPARED, MAX_COMPARED)
    n_compared = min(len(full), int(wanted))
    compared = comparable.select(_spread(len(full), n_compared))
    apart = _lie_apart(_distances(compared, _to_compare_with(comparable), fallback))
    apart = apart[_spread(n_compared, len(full))]
    if apart.any():
        apart[apart] = ~_recur(comparable.select(apart), comparable.select(~apart), fallback)
    found[full] = apart
    return found


def _recur(apart: Sequences, others: Sequences, fallback: Floats) -> NDArray[np.bool_]:
    """Tell which isolated windows belong to a run that resembles three other such runs."""
    chosen = _spread(len(apart), min(len(apart), MAX_OTHERS))
    some = apart.select(chosen)
    begins = np.diff(apart.starts, prepend=apart.starts[:1]) >= apart.max_length
    runs = np.cumsum(begins, dtype=np.intp)
    to_alike = _distances(some, some, fallback, runs[chosen])
    to_others = _distances(some, _to_compare_with(others), fallback)
    recurs = np.isfinite(to_alike) & (to_alike < RECURRING * to_others)
    shares = np.bincount(runs[chosen], recurs) / np.bincount(runs[chosen])
    return shares[runs] > 0.5


def _spread(n: int, n_chosen: int) -> NDArray[np.intp]:
    """Return evenly spread positions among n."""
    return np.round(np.linspace(0, n - 1, n_chosen)).astype(np.intp)


def _to_compare_with(windows: Sequences) -> Sequences:
    """Return the reference windows: all, or evenly spread stretches."""
    n_most = min(MAX_OTHERS, MAX_VALUES // (windows.max_length * windows.n_features))
    if len(windows) <= n_most:
        return windows
    size = max(1, n_most // N_STRETCHES)
    begins = _spread(len(windows) - size + 1, N_STRETCHES)
    return windows.select(np.unique(begins[:, None] + np.arange(size)))


def _lie_apart(distances: Floats) -> NDArray[np.bool_]:
    # A window that is compared with fewer than three others is not a discord.
    logarithms = np.log(np.where(np.isfinite(distances), distances, distances.min()))
    median = np.median(logarithms)
    spread = max(MAD_TO_STD * np.median(np.abs(logarithms - median)), LEAST_SPREAD)
    apart = logarithms > median + DEVIATIONS * spread
    discords: NDArray[np.bool_] = apart & (apart.mean() <= MAX_SHARE)
    return discords


def _distances(
    windows: Sequences, others: Sequences, fallback: Floats, runs: Indices | None = None
) -> Floats:
    """Return the distance of each window to the third nearest disjoint other.

    Infinite if there are fewer than three. With `runs` of the others, the distance to the third
    nearest run.
    """
    n_values = windows.max_length * windows.n_features
    known = _flat(others, fallback)
    centre = known.mean(axis=0)
    known -= centre
    squares = np.einsum("ij,ij->i", known, known)
    begins = None if runs is None else np.flatnonzero(np.diff(runs, prepend=-1))
    found = []
    for block in windows.blocks(BLOCK):
        flat = _flat(block, fallback) - centre
        apart = np.einsum("ij,ij->i", flat, flat)[:, None] + squares - 2 * flat @ known.T
        apart[np.abs(block.starts[:, None] - others.starts) < windows.max_length] = np.inf
        found.append(_third_smallest(apart, begins))
    nearest = np.concatenate(found)
    least = max(LEAST_DISTANCE * float(known.std()), float(np.finfo(np.float32).tiny))
    return np.maximum(np.sqrt(np.maximum(nearest, 0) / n_values), least)


def _third_smallest(values: Floats, begins: Indices | None) -> Floats:
    """Return the third smallest value of each row, or of the minima of its parts."""
    if begins is not None:
        values = np.minimum.reduceat(values, begins, axis=1)
    if values.shape[1] < N_NEIGHBOURS:
        return np.full(len(values), np.inf)
    return np.partition(values, N_NEIGHBOURS - 1)[:, N_NEIGHBOURS - 1]


def _flat(windows: Sequences, fallback: Floats) -> Floats:
    return windows.imputed(windows.padded(), fallback).reshape(len(windows), -1)
