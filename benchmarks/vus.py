"""Labelled events for the benchmarks; VUS-PR comes from skae."""

import numpy as np

from skae._input.runs import runs_of_true
from skae._scoring.vus import vus_pr

__all__ = ["dominant_period", "events", "vus_pr"]


def events(labels):
    """Return the first and last rows of the labelled events."""
    return runs_of_true(np.asarray(labels) > 0)


def dominant_period(values, shortest=3, longest=303, otherwise=125):
    """Return the lag with the highest peak of the autocorrelation, the usual buffer."""
    values = np.asarray(values, float)[:20000]
    values = values - values.mean()
    if not values.any() or len(values) <= longest + 100:
        return otherwise
    spectrum = np.abs(np.fft.rfft(values, 2 * len(values))) ** 2
    correlation = np.fft.irfft(spectrum)[shortest : longest + 98]
    middle = correlation[1:-1]
    peaks = 1 + np.flatnonzero((middle > correlation[:-2]) & (middle > correlation[2:]))
    if not len(peaks):
        return otherwise
    best = peaks[np.argmax(correlation[peaks])]
    return int(best + shortest) if 3 <= best <= longest - shortest else otherwise
