"""VUS-PR: the volume under the precision-recall surface over buffers around the events.

Paparrizos et al. (2022), "Volume Under the Surface", PVLDB 15(11); the details (250 thresholds,
half of the buffer in the number of positives) are those of TSB-AD (Liu and Paparrizos 2024), so
that figures compare with those published.
"""

import numpy as np

N_THRESHOLDS = 250


def events(labels):
    """Return the first and last rows of the runs of anomalous rows."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], labels > 0, [0]]).astype(int)))
    return edges[::2], edges[1::2] - 1


def vus_pr(labels, scores, buffer):
    """Return VUS-PR of anomaly scores (higher is worse) with buffers of 0 to `buffer` rows."""
    labels = np.asarray(labels, float)
    ranks = np.linspace(0, len(scores) - 1, N_THRESHOLDS).astype(int)
    thresholds = np.sort(scores)[::-1][ranks]
    # The number of the first threshold, from the highest down, that a row reaches.
    reached = np.searchsorted(-thresholds, -np.asarray(scores))
    areas = [_area(labels, reached, width) for width in range(int(buffer) + 1)]
    return float(np.mean(areas))


def _area(labels, reached, width):
    soft = _softened(labels, width)
    hits, soft_hits = _up_to(reached, labels), _up_to(reached, soft)
    positives = labels.sum() + (soft_hits - hits) / 2
    recall = np.minimum(soft_hits / positives, 1) * _events_seen(labels, reached, width)
    precision = soft_hits / _up_to(reached, np.ones_like(labels))
    return np.sum(np.diff(recall, prepend=0) * precision)


def _up_to(reached, amounts):
    return np.cumsum(np.bincount(reached, amounts, N_THRESHOLDS + 1)[:N_THRESHOLDS])


def _softened(labels, width):
    """Let labels fade out on either side of each event."""
    soft = labels.copy()
    fading = np.sqrt(1 - np.arange(1, width // 2 + 1) / max(width, 1))
    for first, last in zip(*events(labels), strict=True):
        after, before = fading[: len(soft) - 1 - last], fading[:first]
        soft[last + 1 : last + 1 + len(after)] += after
        soft[first - len(before) : first] += before[::-1]
    return np.minimum(soft, 1)


def _events_seen(labels, reached, width):
    """Return the share of events, grown by the buffer, with a flagged row, at each threshold."""
    grown = np.zeros(len(labels))
    for first, last in zip(*events(labels), strict=True):
        grown[max(first - width // 2, 0) : last + width // 2 + 1] = 1
    seen = [reached[first : last + 1].min() for first, last in zip(*events(grown), strict=True)]
    return np.searchsorted(np.sort(seen), np.arange(N_THRESHOLDS), side="right") / len(seen)


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
