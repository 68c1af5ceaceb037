"""How well do detectors rank anomalous rows of real series, with their defaults?

Run: python benchmarks/bench_accuracy.py [--data DIR] [--only GLOB] [--detectors A,B] [--out CSV]
[--published CSV]. Prints a table for each collection: mean VUS-PR, AUC-PR, AUC-ROC, and CPU seconds
per series. For skae it also prints the events that `detect_events` finds, how many it would
find if the labels were shifted in time, their intersection over union with the labels, and false
alarms. `--published` names a table of VUS-PR of other detectors,
with the columns collection, series, table, tsb_file and one per detector; the mean of each over the
common series is printed, best first. Series of a table that ends in U are scored by their first
feature, as published, so such a run needs a separate `--out`.
Lines that the CSV already contains are not run again. A detector sees the rows, never the labels.
Detectors of tables learn from all windows. Their second line, "smooth", smooths the scores over
time as skae does, by a Gaussian with a standard deviation of half a window.
"""

import csv
import time
from dataclasses import replace

import numpy as np
from detectors import PEERS, on_windows
from results import Results
from scipy.ndimage import gaussian_filter1d
from series import dominant_period, load, parser, scaled, windows
from sklearn.metrics import average_precision_score, roc_auc_score
from spans import alarms, by_chance, overlaps

from skae.metrics import vus_pr

SEEDS = 0, 1, 2
MOST_WINDOWS_OF_TEXTBOOK = 4000


def skae(train, test, window, seed):
    """Return the scores, and the fitted detector, whose events are found as well."""
    from skae import LSTMAutoencoder

    detector = LSTMAutoencoder(window, random_state=seed).fit(train)
    return -detector.score_samples(test), detector


def textbook(train, test, window, seed):
    """The textbook network, 20 epochs of Adam, and the mean of the errors at each row."""
    import keras
    from peers import stock_keras

    train, test = scaled(train, test)
    n_features = train.shape[1]
    keras.utils.set_random_seed(seed)
    model = stock_keras(window, n_features)
    x = windows(train, window, MOST_WINDOWS_OF_TEXTBOOK).reshape(-1, window, n_features)
    stop = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)
    model.fit(x, x, epochs=20, validation_split=0.2, callbacks=[stop], verbose=0)
    x = windows(test, window).reshape(-1, window, n_features)
    errors = ((model.predict(x, batch_size=1024, verbose=0) - x) ** 2).mean(axis=2)
    keras.backend.clear_session()
    steps = np.arange(len(errors))[:, None] + np.arange(window)
    return np.bincount(steps.ravel(), errors.ravel()) / np.bincount(steps.ravel())


def z_score(train, test, window, seed):
    """The mean absolute standardized value of a row, without windows."""
    return np.abs(scaled(train, test)[1]).mean(axis=1)


def pyod_lstmad(train, test, window, seed):
    import torch
    from pyod.models.ts_lstm import LSTMAD

    torch.manual_seed(seed)  # it has no seed
    train, test = scaled(train, test)
    scores = LSTMAD(window_size=window).fit(train).decision_function(test)
    return np.nan_to_num(np.asarray(scores, float))


def aeon_kmeansad(train, test, window, seed):
    from aeon.anomaly_detection.series.distance_based import KMeansAD

    train, test = (x if x.shape[1] > 1 else x[:, 0] for x in scaled(train, test))
    model = KMeansAD(n_clusters=20, window_size=window, random_state=seed).fit(train, axis=0)
    return np.nan_to_num(np.asarray(model.predict(test, axis=0), float))


DETECTORS = {
    "skae": skae,
    "textbook": textbook,
    "zscore": z_score,
    **{name: on_windows(make) for name, make in PEERS.items()},
    "pyod_lstmad": pyod_lstmad,
    "aeon_kmeansad": aeon_kmeansad,
}
SEEDLESS = {"zscore", "pca", "knn", "lof"}
SMOOTHED = {"zscore", *PEERS}
LINES = [line for name in DETECTORS for line in (name, *[f"{name} smooth"] * (name in SMOOTHED))]
RANKING = ["vus_pr", "auc_pr", "auc_roc", "cpu_seconds"]
DETECTION = ["n_events", "n_found", "by_chance", "sum_iou", "n_false", "n_rows", "flagged"]
FIELDS = ["collection", "series", "detector", "seed", *RANKING, *DETECTION]


def measured(series, detector, seed):
    """Yield a line for the scores of a detector, and one for the smoothed ones of a peer."""
    window = min(series.window, len(series.train) // 2)
    start = time.process_time()
    scores = DETECTORS[detector](series.train, series.test, window, seed)
    seconds = time.process_time() - start
    found = {}
    if detector == "skae":
        scores, fitted = scores
        found = detection(series, fitted, window)
    yield measures(series, detector, seed, scores, seconds) | found
    if detector in SMOOTHED:
        smooth = gaussian_filter1d(scores, window / 2, mode="nearest")
        yield measures(series, f"{detector} smooth", seed, smooth, seconds)


def measures(series, detector, seed, scores, seconds):
    values = (
        vus_pr(series.labels, scores, dominant_period(series.test[:, 0])),
        average_precision_score(series.labels, scores),
        roc_auc_score(series.labels, scores),
        seconds,
    )
    names = (series.collection, series.name, detector, seed)
    return dict(zip(FIELDS, (*names, *(round(v, 5) for v in values)), strict=False))


def detection(series, fitted, window):
    from skae import detect_events

    found = detect_events(fitted, series.test)[["start", "end"]].tolist()
    n_fit, rows = len(series.train), np.zeros(len(series.test), bool)
    for first, last in found:
        rows[first : last + 1] = True
    seen = alarms(rows, series, window)
    shares = overlaps(found, series.labels, n_fit)
    flagged = fitted.predict(series.test) == -1
    free = flagged[n_fit:][series.labels[n_fit:] == 0]
    chance = by_chance(rows, series.labels, n_fit)
    places = seen["events"], len(shares), chance, sum(shares)
    values = *places, seen["false"], seen["rows"], free.mean()
    return dict(zip(DETECTION, values, strict=True))


def table_of_events(lines):
    lines = [line for line in lines if line.get("n_events") not in (None, "")]
    if lines:
        sums = [sum(float(x[name]) for x in lines) for name in DETECTION[:6]]
        n, found, chance, iou, false, rows = sums
        print(
            f"\nevents found {found:.0f} of {n:.0f} (by chance {chance:.0f}), "
            f"mean intersection over union {iou / max(found, 1):.2f}, "
            f"{1e4 * false / rows:.1f} false alarms in 10,000 rows, "
            f"{np.nanmean([float(x['flagged']) for x in lines]):.1%} of normal rows flagged"
        )


def table_of_published(lines, published):
    """Print the mean VUS-PR over the common series, best detector first."""
    known = {"collection", "series", "table", "tsb_file"}
    own = {}
    for line in lines:
        if line["detector"] == "skae":
            own.setdefault(line["series"], []).append(float(line["vus_pr"]))
    for name in sorted({line["table"] for line in published}):
        both = [x for x in published if x["table"] == name and path(x) in own]
        if not both:
            continue
        means = {"skae": np.mean([np.mean(own[path(x)]) for x in both])}
        for method in both[0].keys() - known:
            values = [float(x[method]) for x in both if x[method]]
            if values:
                means[method] = np.mean(values)
        best = sorted(means.items(), key=lambda item: -item[1])
        print(f"\n{name}, {len(both)} series:", ", ".join(f"{k} {v:.3f}" for k, v in best[:6]))


def path(line):
    return f"{line['collection']}/{line['series']}"


def table(lines):
    for collection in sorted({line["collection"] for line in lines}):
        print(f"\n{collection:16} series  VUS-PR  AUC-PR  AUC-ROC  CPU seconds")
        for detector in LINES:
            own = [x for x in lines if (x["collection"], x["detector"]) == (collection, detector)]
            if own:
                n = len({line["series"] for line in own})
                means = [np.mean([float(line[name]) for line in own]) for name in RANKING]
                print("{:16} {:6}  {:6.3f}  {:6.3f}  {:7.3f}  {:11.1f}".format(detector, n, *means))


def main():
    options = parser(__doc__)
    options.add_argument("--detectors", default=",".join(DETECTORS))
    options.add_argument("--out", default="accuracy.csv")
    options.add_argument("--published", help="VUS-PR of other detectors, see above")
    args = options.parse_args()
    results = Results(args.out, FIELDS)
    done = {(line["series"], line["detector"], line["seed"]) for line in results.lines}
    published = list(csv.DictReader(open(args.published))) if args.published else []
    first_feature = {path(line) for line in published if line["table"].endswith("U")}
    for series in load(args.data, args.only):
        if series.name in first_feature:
            series = replace(series, train=series.train[:, :1], test=series.test[:, :1])
        for detector in args.detectors.split(","):
            for seed in SEEDS[:1] if detector in SEEDLESS else SEEDS:
                if (series.name, detector, str(seed)) not in done:
                    results.add(list(measured(series, detector, seed)))
    table(results.lines)
    table_of_events(results.lines)
    table_of_published(results.lines, published)


if __name__ == "__main__":
    main()
