"""How well do detectors rank anomalous rows of real series, with their defaults?

Run: python benchmarks/bench_accuracy.py [--data DIR] [--only GLOB] [--detectors A,B] [--out CSV].
Prints a table for each collection: mean VUS-PR, AUC-PR, AUC-ROC, and the CPU seconds of a series.
Lines that the CSV holds already are not run again. A detector sees the rows, never the labels.
Those of tables learn from all windows, and have a second line, "smooth": the same scores smoothed
over time as those of skae are, by a Gaussian with a standard deviation of half a window.
"""

import argparse
import csv
import fnmatch
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from series import load, rows_from_windows, scaled, windows
from sklearn.metrics import average_precision_score, roc_auc_score
from vus import dominant_period, vus_pr

SEEDS = 0, 1, 2
MOST_WINDOWS_OF_TEXTBOOK = 4000


def skae(train, test, window, seed):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from skae import LSTMAutoencoder

    detector = make_pipeline(StandardScaler(), LSTMAutoencoder(window, random_state=seed))
    return -detector.fit(train).score_samples(test)


def textbook(train, test, window, seed):
    """The network of the textbooks, 20 epochs of Adam, and the mean of the errors at each row."""
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
    """Return a detector that scores flat windows and averages over those that cover a row."""

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

    torch.manual_seed(seed)  # it has no seed of its own
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
FIELDS = ["collection", "series", "detector", "seed", "vus_pr", "auc_pr", "auc_roc", "cpu_seconds"]


def measured(series, detector, seed):
    """Yield a line for the scores of a detector, and one for the smoothed ones of a peer."""
    window = min(series.window, len(series.train) // 2)
    start = time.process_time()
    scores = DETECTORS[detector](series.train, series.test, window, seed)
    seconds = time.process_time() - start
    yield measures(series, detector, seed, scores, seconds)
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
    return dict(zip(FIELDS, (*names, *(round(v, 5) for v in values)), strict=True))


def table(lines):
    for collection in sorted({line["collection"] for line in lines}):
        print(f"\n{collection:16} series  VUS-PR  AUC-PR  AUC-ROC  CPU seconds")
        for detector in LINES:
            own = [x for x in lines if (x["collection"], x["detector"]) == (collection, detector)]
            if own:
                n = len({line["series"] for line in own})
                means = [np.mean([float(line[name]) for line in own]) for name in FIELDS[4:]]
                print("{:16} {:6}  {:6.3f}  {:6.3f}  {:7.3f}  {:11.1f}".format(detector, n, *means))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="a folder of collections, see series.py")
    parser.add_argument("--only", default="*", help="names of series, as a glob")
    parser.add_argument("--detectors", default=",".join(DETECTORS))
    parser.add_argument("--out", default="accuracy.csv")
    args = parser.parse_args()
    out = Path(args.out)
    lines = list(csv.DictReader(out.open())) if out.exists() else []
    done = {(line["series"], line["detector"], line["seed"]) for line in lines}
    with out.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not lines:
            writer.writeheader()
        for series in load(args.data):
            if not fnmatch.fnmatch(series.name, args.only) or not series.labels.any():
                continue
            for detector in args.detectors.split(","):
                for seed in SEEDS[:1] if detector in SEEDLESS else SEEDS:
                    if (series.name, detector, str(seed)) not in done:
                        added = list(measured(series, detector, seed))
                        writer.writerows(added)
                        file.flush()
                        lines += added
    table(lines)


if __name__ == "__main__":
    main()
