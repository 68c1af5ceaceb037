"""How many rows does the automatic threshold flag where nothing is wrong, and does it find events?

Run: python benchmarks/bench_threshold.py --data DIR [--only GLOB]. Beside `contamination="auto"`:
the mean and three standard deviations of the held-out errors, and peaks over threshold (Siffer et
al. 2017, a generalized Pareto tail, risk 1e-3). "Free" are the parts to train on without anomaly,
and series without any: fitted on the first half, predicted on the second. "Events" are found in
the parts to score, fitted before the first of them.
"""

import argparse
import fnmatch
from pathlib import Path

import numpy as np
from scipy.stats import genpareto
from series import _folder, load, scaled
from vus import dominant_period, events

from skae import LSTMAutoencoder

MOST_ROWS = 8000


def thresholds(detector, train):
    """Return the error above which each rule sees an outlier."""
    errors = -detector.score_samples(train)
    n_held_out = max(detector.window_size, round(detector.validation_fraction * len(train)))
    held_out = errors[-n_held_out:]
    return {
        "auto": -detector.offset_,
        "mean + 3 std": held_out.mean() + 3 * held_out.std(),
        "peaks": peaks_over_threshold(errors),
    }


def peaks_over_threshold(errors, level=0.98, risk=1e-3):
    start = np.quantile(errors, level)
    excess = errors[errors > start] - start
    if len(excess) < 10 or not excess.any():
        return errors.max()
    shape, _, scale = genpareto.fit(excess, floc=0)
    return start + genpareto.ppf(1 - risk / (1 - level), shape, 0, scale)


def window_for(train):
    wide = train.shape[1] > 1
    return 50 if wide else int(np.clip(dominant_period(train[:, 0]), 30, 100))


def fitted(train, test):
    train, test = scaled(train, test)
    detector = LSTMAutoencoder(window_for(train), random_state=0).fit(train)
    return thresholds(detector, train), -detector.score_samples(test)


def free_parts(root, only):
    for name, rows, labels, n_train, _ in _folder(Path(root)):
        part = (rows if not labels.any() else rows[:n_train])[:MOST_ROWS]
        if fnmatch.fnmatch(name, only) and not labels[: len(part)].any() and len(part) >= 1000:
            yield name, part


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--only", default="*")
    args = parser.parse_args()
    shares = {}
    for name, rows in free_parts(args.data, args.only):
        half = len(rows) // 2
        limits, errors = fitted(rows[:half], rows[half:])
        shares[name] = [np.mean(errors > limit) for limit in limits.values()]
        print(f"{name:58}", *(f"{share:8.2%}" for share in shares[name]), flush=True)
    values = np.array(list(shares.values()))
    print(f"\nrows flagged in {len(values)} free parts:", *limits)
    print("median", *(f"{x:.2%}" for x in np.median(values, axis=0)))
    print("parts above 3 %", *(values > 0.03).sum(axis=0))
    found, n_events, false = np.zeros(3), 0, []
    for series in load(args.data):
        if not fnmatch.fnmatch(series.name, args.only) or not series.labels.any():
            continue
        limits, errors = fitted(series.train, series.test)
        margin, runs = series.window, list(zip(*events(series.labels), strict=True))
        near = np.zeros(len(errors), bool)
        for first, last in runs:
            near[max(first - margin, 0) : last + margin + 1] = True
        for i, limit in enumerate(limits.values()):
            found[i] += sum((errors[first : last + 1] > limit).any() for first, last in runs)
        n_events += len(runs)
        false.append(
            [np.mean(errors[~near] > limit) if (~near).any() else 0 for limit in limits.values()]
        )
        print(
            f"{series.name:58} {len(runs):3}", *(f"{share:8.2%}" for share in false[-1]), flush=True
        )
    print(
        f"\nevents found of {n_events}:",
        *(f"{rule} {n:.0f}" for rule, n in zip(limits, found, strict=True)),
    )
    print("median share of other rows flagged", *(f"{x:.2%}" for x in np.median(false, axis=0)))


if __name__ == "__main__":
    main()
