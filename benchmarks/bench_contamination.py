"""How much does the ranking suffer from anomalies in the training part?

Run: python benchmarks/bench_contamination.py [--data DIR] [--only GLOB] [--seeds N]. Spikes,
shifts and flat stretches of half a window are put into 0, 1, 3 and 5 % of the training rows, and
others into later rows, on which VUS-PR is computed. "skae" treats the training rows as normal,
"among" gets the share of outliers; the peers are nearest neighbours and PCA on windows. In the
artificial series "turns", 5 % of the rows are rare but normal.
"""

from functools import partial

import numpy as np
from detectors import nearest_neighbours, on_windows, pca
from series import folder, machine, parser, window_of

from skae import LSTMAutoencoder
from skae.metrics import vus_pr

SHARES = 0.0, 0.01, 0.03, 0.05


def skae(train, test, window, seed, **parameters):
    detector = LSTMAutoencoder(window, random_state=seed, **parameters)
    return -detector.fit(train).score_samples(test)


DETECTORS = {
    "skae": skae,
    "among": partial(skae, contamination=0.05),
    "knn": on_windows(nearest_neighbours),
    "pca": on_windows(pca),
}


def turns(n_rows=16000, share=0.05, length=40, seed=0):
    """Return waves with rare turns of other lengths and heights, which are normal too."""
    rng = np.random.default_rng(seed)
    t = np.arange(n_rows)[:, None]
    rows = np.sin(2 * np.pi * (t / [25, 25, 50] + [0, 0.25, 0]))
    places = rng.choice(n_rows // length - 2, round(share * n_rows / length), replace=False)
    for begin in length * places + rng.integers(0, 8, len(places)):
        n, height = rng.integers(32, 48), rng.normal(1, 0.05)
        turn = height * np.pi * np.linspace(0, 1, n)
        rows[begin : begin + n] = np.c_[2 * np.sin(turn), np.sin(2 * turn), -np.sin(3 * turn)]
    return rows + 0.05 * rng.standard_normal(rows.shape)


def spoil(rows, share, length, rng):
    rows, labels = rows.copy(), np.zeros(len(rows), int)
    spread = rows.std(axis=0)
    for _ in range(round(share * len(rows) / length)):
        at, feature = rng.integers(len(rows) - length), rng.integers(rows.shape[1])
        part, kind = slice(at, at + length), rng.choice(["spike", "shift", "flat"])
        if kind == "spike":
            rows[at + length // 2, feature] += 5 * spread[feature]
        elif kind == "shift":
            rows[part, feature] += 2 * spread[feature]
        else:
            rows[part, feature] = rows[at, feature]
        labels[part] = 1
    return rows, labels


def sources(data, only):
    yield "turns", turns()
    yield "machine", machine()
    for name, rows, labels, n_train, official in folder(data, only):
        part = rows[:n_train] if official else rows[: int(np.argmax(labels)) or len(rows)]
        if not labels[: len(part)].any() and len(part) >= 1500:
            yield name, part


def main():
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=1)
    args = options.parse_args()
    found = {name: [] for name in DETECTORS}
    for name, rows in sources(args.data, args.only):
        rows = rows[: 16000 if name == "turns" else 4000]
        half = len(rows) // 2
        window = window_of(rows)
        test, labels = spoil(rows[half:], 0.05, window // 2, np.random.default_rng(1))
        for detector, detect in DETECTORS.items():
            values = []
            for share in SHARES:
                train, _ = spoil(rows[:half], share, window // 2, np.random.default_rng(0))
                seeds = range(args.seeds if detector in ("skae", "among") else 1)
                found_by = [detect(train, test, window, seed) for seed in seeds]
                values.append(np.mean([vus_pr(labels, scores, window) for scores in found_by]))
            found[detector].append(values)
            print(f"{name:40} {detector:6}", *(f"{v:.3f}" for v in values), flush=True)
    print(f"\nmean VUS-PR of {len(found['skae'])} series, at", *(f"{s:.0%}" for s in SHARES))
    for detector, values in found.items():
        print(f"{detector:6}", *(f"{v:.3f}" for v in np.mean(values, axis=0)))


if __name__ == "__main__":
    main()
