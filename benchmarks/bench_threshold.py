"""How many normal rows does the automatic threshold flag, and how many events does it find?

Run: python benchmarks/bench_threshold.py --data DIR [--only GLOB]. Compared with
`contamination="auto"`: the mean plus three standard deviations of the held-out errors, peaks over
threshold (Siffer et al. 2017, a generalized Pareto tail, risk 1e-3), and the adaptive threshold.
"Free" parts are training parts and series without anomalies: fitted on the first half, predicted on
the second. For the labelled series: normal rows flagged, series in which they exceed 3 %, events
found, and false alarms.
"""

import argparse
import fnmatch
from pathlib import Path

import numpy as np
from scipy.stats import genpareto
from series import _folder, load, scaled
from spans import alarms
from vus import dominant_period

from skae import LSTMAutoencoder
from skae._scoring.adaptive import MEMORY_IN_WINDOWS, AdaptiveOffset

MOST_ROWS = 8000


def thresholds(detector, train):
    """Return the threshold of each rule."""
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
    rules = {}
    for series in load(args.data):
        if not fnmatch.fnmatch(series.name, args.only) or not series.labels.any():
            continue
        window = window_for(series.train)
        limits, errors = fitted(series.train, series.test)
        flags = {rule: errors > limit for rule, limit in limits.items()}
        adaptive = AdaptiveOffset(-limits["auto"], MEMORY_IN_WINDOWS * window)
        flags["auto, adaptive"] = -errors < adaptive.update(-errors)
        for rule, flagged in flags.items():
            rules.setdefault(rule, []).append(alarms(flagged, series, window))
        print(f"{series.name:58}", *(f"{found[-1]['flagged']:8.2%}" for found in rules.values()))
    for rule, found in rules.items():
        print(f"{rule:24} {summary(found)}")


def summary(found):
    """Return the median share of rows flagged, series above 3 %, events and false alarms."""
    flagged = np.array([float(line["flagged"]) for line in found])
    hits, n_events, false, rows = (
        sum(float(line[name]) for line in found) for name in ("found", "events", "false", "rows")
    )
    return (
        f"{np.nanmedian(flagged):7.1%} {np.sum(flagged > 0.03):5} of {len(found):3} "
        f"{hits:5.0f} of {n_events:.0f}; {1e4 * false / rows:.1f} false alarms in 10,000 rows"
    )


if __name__ == "__main__":
    main()
