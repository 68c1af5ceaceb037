"""Does `explain` rank the feature with an injected anomaly first?

Run: python benchmarks/bench_explain.py [--data DIR] [--only GLOB]. 200 cases: a spike, a shift, a
standstill or more noise, beginning at a normal row, in one feature of the demo machine and, with a
folder, of its multivariate series (only training parts, and only features that move). Each case has
three sizes, as multiples of the range of the feature in the training rows: features that jump in
normal operation hide small anomalies.
"""

from itertools import islice

import numpy as np
from series import folder, machine, parser, scaled

from skae import LSTMAutoencoder

N_CASES, LENGTH = 200, 20
SIZES = 0.5, 1, 2


def spoiled(rows, feature, kind, at, size, noise):
    rows, part = rows.copy(), slice(at, at + LENGTH)
    if kind == "spike":
        rows[at + LENGTH // 2, feature] += size
    elif kind == "shift":
        rows[part, feature] += size
    elif kind == "noise":
        rows[part, feature] += size / 2 * noise
    else:
        rows[part, feature] = size
    return rows


def sources(data, only):
    yield "machine", machine()[:4000]
    for name, rows, labels, n_train, official in folder(data, only):
        if rows.shape[1] > 1 and official and not labels[:n_train].any():
            yield name, rows[:n_train][:3000]


def main():
    args = parser(__doc__).parse_args()
    rng = np.random.default_rng(0)
    found = list(islice(sources(args.data, args.only), 10))
    results = []
    for name, rows in found:
        half = len(rows) // 2
        train, test = scaled(rows[:half], rows[half:])
        moving = np.flatnonzero((train.std(axis=0) > 0.5) & (test.std(axis=0) > 0.05))
        detector = LSTMAutoencoder(30, random_state=0).fit(train)
        hits = [
            [first(detector, test, *case, multiple) for multiple in SIZES]
            for case in cases(detector, train, test, moving, rng, N_CASES // len(found))
        ]
        results += hits
        print(f"{name:24} {np.mean(hits, axis=0)} ({len(moving)} features move)", flush=True)
    for multiple, share in zip(SIZES, np.mean(results, axis=0), strict=True):
        print(f"{multiple} ranges: ranked first in {share:.1%} of {len(results)}")


def cases(detector, train, test, moving, rng, n_cases):
    normal = np.flatnonzero(detector.predict(test) == 1)
    normal = normal[(normal >= 60) & (normal < len(test) - 80)]
    for _ in range(n_cases):
        kind = rng.choice(["spike", "shift", "standstill", "noise"])
        feature, at = rng.choice(moving), rng.choice(normal)
        yield feature, kind, at, np.ptp(train[:, feature]), rng.normal(size=LENGTH)


def first(detector, test, feature, kind, at, feature_range, noise, multiple):
    """Tell whether the feature has the largest error in the worst row of the anomaly."""
    part = spoiled(test, feature, kind, at, multiple * feature_range, noise)[at - 60 : at + 80]
    errors, scores = detector.explain(part), detector.score_samples(part)
    worst = 60 + scores[60 : 60 + LENGTH].argmin()
    return errors[worst].argmax() == feature


if __name__ == "__main__":
    main()
