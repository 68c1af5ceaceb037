"""Bad readings (single values far outside the range of their feature), and data without them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from skae._input import observed
from skae._input.runs import runs_of_true
from skae._input.sequences import Floats, Sequences
from skae._input.time_gaps import Flags
from skae._windows.samples import RowSamples, Samples, weights_of

Array = NDArray[np.floating]

USUAL = 0.02, 0.98
"""Quantiles that bound the usual readings of a feature."""

FAR = 2.0
"""Distance from a quantile, relative to the range between both, beyond which a reading is bad."""

MAX_RUN = 3
"""Most consecutive rows of bad readings; longer runs are episodes."""

MAX_COMPARED = 2**15
"""Most rows from which the quantiles are computed."""

MAX_ROWS = 2**20
"""Rows above which a few bad readings matter little and are not searched for."""

LEAST_LEFT = 0.1
"""Share of the samples that must remain; otherwise samples near bad readings are kept."""


def without_bad_readings(parts: Sequence[Samples]) -> list[Samples]:
    """Return samples in which rows or sequences with a bad reading have weight zero.

    A reading is bad if it lies beyond the 2 % or 98 % quantile of its feature by more than twice
    the distance between them, in at most three consecutive rows.

    Parameters
    ----------
    parts : sequence of RowSamples or SequenceSamples
        The quantiles are computed from all parts.
    """
    if sum(len(part.windows.rows) for part in parts) > MAX_ROWS:
        return list(parts)
    low, high = _limits([part.windows.rows for part in parts])
    return [_weighted(part, _are_bad(part.windows.rows, low, high)) for part in parts]


def beside_bad_readings(samples: Samples) -> Flags:
    """Tell which samples have errors affected by rows of weight zero nearby.

    No sample is, if too few others would remain.
    """
    is_out = weights_of(samples) == 0
    if isinstance(samples, RowSamples):
        # The score of a row is smoothed over the windows around it.
        is_out = maximum_filter1d(is_out, 4 * samples.window_size + 1, mode="constant")
    beside: Flags = is_out & (np.mean(~is_out) >= LEAST_LEFT)
    return beside


def _limits(rows: Sequence[Floats]) -> tuple[Array, Array]:
    """Return the limits beyond which a reading of each feature is far outside."""
    every = max(1, -(-sum(map(len, rows)) // MAX_COMPARED))
    columns = np.concatenate([part[::every] for part in rows]).T
    seen = [column[~np.isnan(column)] for column in columns]
    none = np.array([-np.inf, np.inf])
    low, high = np.array([np.quantile(c, USUAL) if len(c) else none for c in seen]).T
    usual = high - low
    # A feature that hardly ever moves has no usual range.
    far = np.where(usual > 0, FAR * usual, np.inf)
    return low - far, high + far


def _are_bad(rows: Floats, low: Array, high: Array) -> Flags:
    outside = (rows < low) | (rows > high)
    return np.asarray(np.any([_short_runs(column) for column in outside.T], axis=0))


def _short_runs(flags: Flags) -> Flags:
    """Keep only flags in short runs of rows."""
    firsts, lasts = runs_of_true(flags)
    n_rows = lasts - firsts + 1
    short = flags.copy()
    short[flags] = np.repeat(n_rows <= MAX_RUN, n_rows)
    return short


def _weighted(samples: Samples, is_bad: Flags) -> Samples:
    if not is_bad.any():
        return samples
    left_out = is_bad if isinstance(samples, RowSamples) else _hold(samples.windows, is_bad)
    return replace(samples, weights=np.where(left_out, 0, weights_of(samples)))


def _hold(sequences: Sequences, flags: Flags) -> Flags:
    """Tell which sequences contain a flagged row."""
    total = np.concatenate([[0], np.cumsum(flags)])
    hold: Flags = total[sequences.starts + sequences.lengths] > total[sequences.starts]
    return hold


def fill_values(samples: Samples) -> Floats:
    """Return the weighted mean of each feature without bad readings; 0 if it was never observed.

    Parameters
    ----------
    samples : Samples
        Training samples.

    Returns
    -------
    ndarray of shape (n_features,), float32
    """
    (part,) = without_bad_readings([samples])
    weights, rows = part.row_weights(), part.windows.rows
    if weights is None or (weights_of(part) == weights_of(part)[:1]).all():
        return observed.mean_or_zero(rows)
    total, count = np.zeros((2, rows.shape[1]))
    for start in range(0, len(rows), observed.BLOCK):
        block = rows[start : start + observed.BLOCK].astype(np.float64)
        counted = weights[start : start + observed.BLOCK, None] * ~np.isnan(block)
        total += (np.nan_to_num(block) * counted).sum(axis=0)
        count += counted.sum(axis=0)
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0).astype(np.float32)
