"""How long does a grid search of 24 fits take beside SciKeras, and does memory stay flat?

Run: python benchmarks/bench_search.py. The searches go in turns in one process.
"""

import gc
import resource
import sys

import joblib
import keras
import numpy as np
from peers import report, seconds, sequences, stock_keras
from scikeras.wrappers import KerasRegressor
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skae import LSTMAutoencoder

GRID = {"learning_rate": [1e-3, 5e-3], "epochs": [5, 10]}
X = sequences(500)


def search_ours(n_jobs=1):
    grid = {**GRID, "contamination": ["auto", 0.05]}
    model = LSTMAutoencoder(batch_size=32, bidirectional=False, early_stopping=False)
    search = GridSearchCV(model, grid, cv=3, refit=False, n_jobs=n_jobs)

    with joblib.parallel_config("threading"):
        search.fit(X)


class TextbookRegressor(KerasRegressor):
    """SciKeras around the textbook model; its target is flat, for SciKeras refuses 3-D."""

    def _keras_build_fn(self):
        stock = stock_keras()
        return keras.Model(stock.input, keras.layers.Flatten()(stock.output))


def search_scikeras():
    grid = {"optimizer__learning_rate": [1e-3, 5e-3], "epochs": [5, 10], "batch_size": [32, 32]}
    model = TextbookRegressor(loss="mse", optimizer="adam", verbose=0)
    GridSearchCV(
        model, grid, cv=3, refit=False, scoring="neg_mean_squared_error"
    ).fit(X, X.reshape(len(X), -1))  # fmt: skip


def growth(fits=50):
    """Megabytes that the process grows by in so many fits after the first five."""
    model = LSTMAutoencoder(epochs=1, bidirectional=False)
    for _ in range(5):
        clone(model).fit(X)
    gc.collect()
    before = resident()
    for _ in range(fits):
        clone(model).fit(X)
    gc.collect()
    return resident() - before


def resident():
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    # First, before the peer has filled the allocator.
    print(f"50 fits grow the process by {growth():.1f} MB", flush=True)
    search_ours()
    ours = [seconds(search_ours) for _ in range(3)]
    threads = [seconds(lambda: search_ours(n_jobs=2)) for _ in range(3)]
    report("24 fits", ours, scikeras=[seconds(search_scikeras)])
    print(f"n_jobs=2 in threads: {np.median(threads):.2f} s, {np.median(ours):.2f} s alone")
