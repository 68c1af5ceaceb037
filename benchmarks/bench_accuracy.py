"""How well do detectors rank anomalous rows of real series, with their defaults?

Run: python benchmarks/bench_accuracy.py [--data DIR] [--only GLOB] [--detectors A,B] [--out CSV]
[--published CSV]. Prints a table for each collection: mean VUS-PR, AUC-PR, AUC-ROC, and CPU seconds
per series. For skae it also prints the events that `detect_events` finds, their intersection over
union with the labels, and false alarms. `--published` names a table of VUS-PR of other detectors,
with the columns collection, series, table, tsb_file and one per detector; the mean of each over the
common series is printed, best first. Series of a table that ends in U are scored by their first
feature, as published.
Lines that the CSV already contains are not run again. A detector sees the rows, never the labels.
Detectors of tables learn from all windows. Their second line, "smooth", smooths the scores over
time as skae does, by a Gaussian with a standard deviation of half a window.
"""

import argparse
import csv
import fnmatch
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter1d
from series import load, rows_from_windows, scaled, windows
from sklearn.metrics import average_precision_score, roc_auc_score
from spans import alarms, overlaps
from vus import dominant_period, vus_pr

SEEDS = 0, 1, 2
MOST_WINDOWS_OF_TEXTBOOK = 4000


class Answer(NamedTuple):
    """Scores; for skae also flagged rows, and the first and last rows of events."""

    scores: np.ndarray
    flagged: np.ndarray | None = None
    found: list | None = None


def skae(train, test, window, seed):
    from skae import LSTMAutoencoder, detect_events

    detector = LSTMAutoencoder(window, random_state=seed).fit(train)
    scores = -detector.score_samples(test)
    found = detect_events(detector, test)[["start", "end"]].tolist()
    return Answer(scores, detector.predict(test) == -1, found)


def textbook(train, test, window, seed):
    """The textbook network, 20 epochs of Adam, and the mean of the errors at each row."""
    import keras
    from peers import stock_keras

    train, test = scaled(train, test)
    n_features = train.shape[1]
    keras.utils.set_random_seed(seed)
    model = stock_keras(window, n_features)
    x = windows(train, window, MOST_WINDOWS_OF_TEXTBOOK)[0].reshape(-1, window, n_features)
    stop = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)
    model.fit(x, x, epochs=20, validation_split=0.2, callbacks=[stop], verbose=0)
    x = windows(test, window)[0].reshape(-1, window, n_features)
    errors = ((model.predict(x, batch_size=1024, verbose=0) - x) ** 2).mean(axis=2)
    keras.backend.clear_session()
    steps = np.arange(len(errors))[:, None] + np.arange(window)
    return np.bincount(steps.ravel(), errors.ravel()) / np.bincount(steps.ravel())


def on_windows(make):
    """Return a detector that scores flat windows and averages over the windows of a row."""

    def detect(train, test, window, seed):
        train, test = scaled(train, test)
        known = windows(train, window)[0]
        scores = make(known, seed)(windows(test, window)[0])
        return rows_from_windows(np.asarray(scores, float), window, len(test))

    return detect


def z_score(train, test, window, seed):
    """The mean absolute standardized value of a row, without windows."""
    return np.abs(scaled(train, test)[1]).mean(axis=1)


def isolation_forest(known, seed):
    from sklearn.ensemble import IsolationForest

    model = IsolationForest(random_state=seed).fit(known)
    return lambda x: -model.score_samples(x)


def pca(known, seed):
    from sklearn.decomposition import PCA

    wide = min(known.shape) > 2000
    model = PCA(60 if wide else 0.9, random_state=seed).fit(known)
    return lambda x: ((x - model.inverse_transform(model.transform(x))) ** 2).mean(axis=1)


def nearest_neighbours(known, seed):
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=10).fit(known)
    return lambda x: model.kneighbors(x)[0].mean(axis=1)


def local_outlier_factor(known, seed):
    from sklearn.neighbors import LocalOutlierFactor

    model = LocalOutlierFactor(novelty=True).fit(known)
    return lambda x: -model.score_samples(x)


def pyod_autoencoder(known, seed):
    from pyod.models.auto_encoder import AutoEncoder

    return AutoEncoder(random_state=seed, verbose=0).fit(known).decision_function


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
    "iforest": on_windows(isolation_forest),
    "pca": on_windows(pca),
    "knn": on_windows(nearest_neighbours),
    "lof": on_windows(local_outlier_factor),
    "pyod_ae": on_windows(pyod_autoencoder),
    "pyod_lstmad": pyod_lstmad,
    "aeon_kmeansad": aeon_kmeansad,
}
SEEDLESS = {"zscore", "pca", "knn", "lof"}
SMOOTHED = {"zscore", "iforest", "pca", "knn", "lof", "pyod_ae"}
LINES = [line for name in DETECTORS for line in (name, *[f"{name} smooth"] * (name in SMOOTHED))]
RANKING = ["vus_pr", "auc_pr", "auc_roc", "cpu_seconds"]
DETECTION = ["n_events", "n_found", "sum_iou", "n_false", "n_rows", "flagged"]
FIELDS = ["collection", "series", "detector", "seed", *RANKING, *DETECTION]


def measured(series, detector, seed):
    """Yield a line for the scores of a detector, and one for the smoothed ones of a peer."""
    window = min(series.window, len(series.train) // 2)
    start = time.process_time()
    answer = DETECTORS[detector](series.train, series.test, window, seed)
    seconds = time.process_time() - start
    answer = answer if isinstance(answer, Answer) else Answer(answer)
    line = measures(series, detector, seed, answer.scores, seconds)
    if answer.found is not None:
        line |= detection(series, answer, window)
    yield line
    if detector in SMOOTHED:
        smooth = gaussian_filter1d(answer.scores, window / 2, mode="nearest")
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


def detection(series, answer, window):
    n_fit, rows = len(series.train), np.zeros(len(series.test), bool)
    for first, last in answer.found:
        rows[first : last + 1] = True
    seen = alarms(rows, series, window)
    shares = overlaps(answer.found, series.labels, n_fit)
    free = answer.flagged[n_fit:][series.labels[n_fit:] == 0]
    values = seen["events"], len(shares), sum(shares), seen["false"], seen["rows"], free.mean()
    return dict(zip(DETECTION, values, strict=True))


def table_of_events(lines):
    lines = [line for line in lines if line.get("n_events") not in (None, "")]
    if lines:
        n, found, iou, false, rows = (sum(float(x[k]) for x in lines) for k in DETECTION[:5])
        print(
            f"\nevents found {found:.0f} of {n:.0f}, mean intersection over union "
            f"{iou / max(found, 1):.2f}, {1e4 * false / rows:.1f} false alarms in 10,000 rows, "
            f"{np.nanmean([float(x['flagged']) for x in lines]):.1%} of normal rows flagged"
        )


def table_of_published(lines, published):
    """Print the mean VUS-PR over the common series, best detector first."""
    known = {"collection", "series", "table", "tsb_file"}
    for name in sorted({line["table"] for line in published}):
        own = {x["series"]: float(x["vus_pr"]) for x in lines if x["detector"] == "skae"}
        both = [x for x in published if x["table"] == name and path(x) in own]
        means = {"skae": np.mean([own[path(x)] for x in both])} if both else {}
        for method in both[0].keys() - known if both else ():
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="a folder of collections, see series.py")
    parser.add_argument("--only", default="*", help="names of series, as a glob")
    parser.add_argument("--detectors", default=",".join(DETECTORS))
    parser.add_argument("--out", default="accuracy.csv")
    parser.add_argument("--published", help="VUS-PR of other detectors, see above")
    args = parser.parse_args()
    out = Path(args.out)
    lines = list(csv.DictReader(out.open())) if out.exists() else []
    done = {(line["series"], line["detector"], line["seed"]) for line in lines}
    published = list(csv.DictReader(open(args.published))) if args.published else []
    first_feature = {path(line) for line in published if line["table"].endswith("U")}
    with out.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not lines:
            writer.writeheader()
        for series in load(args.data):
            if not fnmatch.fnmatch(series.name, args.only) or not series.labels.any():
                continue
            if series.name in first_feature:
                series = replace(series, train=series.train[:, :1], test=series.test[:, :1])
            for detector in args.detectors.split(","):
                for seed in SEEDS[:1] if detector in SEEDLESS else SEEDS:
                    if (series.name, detector, str(seed)) not in done:
                        added = list(measured(series, detector, seed))
                        writer.writerows(added)
                        file.flush()
                        lines += added
    table(lines)
    table_of_events(lines)
    table_of_published(lines, published)


if __name__ == "__main__":
    main()
