"""How many normal rows does the automatic threshold flag, and how many events does it find?

Run: python benchmarks/bench_threshold.py --data DIR [--only GLOB]. Compares the values of
`threshold`, and peaks over threshold (Siffer et al. 2017, a generalized Pareto tail, risk 1e-3).
"Free" parts are training parts and series without anomalies: fitted on the first half, predicted on
the second. For the labelled series: normal rows flagged, series in which they exceed 3 %, events
found, and false alarms.
"""

import numpy as np
from rules import flags, parts_of, policy_of
from scipy.stats import genpareto
from series import folder, load, parser, scaled, window_of
from spans import alarms, summary

from skae import LSTMAutoencoder

THRESHOLDS = "robust", "sensitive", "adaptive", "three_sigma"
MOST_ROWS = 8000


def peaks_over_threshold(errors, level=0.98, risk=1e-3):
    start = np.quantile(errors, level)
    excess = errors[errors > start] - start
    if len(excess) < 10 or not excess.any():
        return errors.max()
    shape, _, scale = genpareto.fit(excess, floc=0)
    return start + genpareto.ppf(1 - risk / (1 - level), shape, 0, scale)


def flagged(train, test):
    """Return the rows that each rule flags."""
    train, test = scaled(train, test)
    estimator = LSTMAutoencoder(window_of(train), random_state=0).fit(train)
    parts, policies = parts_of(estimator, train), map(policy_of, THRESHOLDS)
    found = dict(zip(THRESHOLDS, flags(estimator.detector_, parts, test, policies), strict=True))
    limit = peaks_over_threshold(-estimator.score_samples(train))
    return found | {"peaks": -estimator.score_samples(test) > limit}


def free_parts(data, only):
    for name, rows, labels, n_train, _ in folder(data, only):
        part = (rows if not labels.any() else rows[:n_train])[:MOST_ROWS]
        if not labels[: len(part)].any() and len(part) >= 1000:
            yield name, part


def main():
    args = parser(__doc__, needs_data=True).parse_args()
    shares = []
    for name, rows in free_parts(args.data, args.only):
        half = len(rows) // 2
        shares.append([np.mean(found) for found in flagged(rows[:half], rows[half:]).values()])
        print(f"{name:58}", *(f"{share:8.2%}" for share in shares[-1]), flush=True)
    if shares:
        print(f"\nrows flagged in {len(shares)} free parts:", *THRESHOLDS, "peaks")
        print("median", *(f"{x:.2%}" for x in np.median(shares, axis=0)))
        print("parts above 3 %", *(np.array(shares) > 0.03).sum(axis=0))
    rules = {}
    for series in load(args.data, args.only):
        for rule, found in flagged(series.train, series.test).items():
            rules.setdefault(rule, []).append(alarms(found, series, series.window))
        print(f"{series.name:58}", *(f"{found[-1]['flagged']:8.2%}" for found in rules.values()))
    for rule, found in rules.items():
        print(f"{rule:24} {summary(found)}")


if __name__ == "__main__":
    main()
