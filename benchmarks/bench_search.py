"""How long does a grid search of 24 fits take, compared with SciKeras, and does memory grow?

Run: python benchmarks/bench_search.py. The searches run in one process: three of skae, alone and in
threads, then one of SciKeras.

Run: python benchmarks/bench_search.py workers. The same 24 fits on a Dask cluster of 1 and of 2
processes, each with one TensorFlow thread. In the first search the workers load TensorFlow and
compile; the next one uses the compiled functions.
"""

import sys

import joblib
import keras
import numpy as np
from memory import resident
from scikeras.wrappers import KerasRegressor
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from timing import in_turns, report, seconds

from skae import LSTMAutoencoder

GRID = {"learning_rate": [1e-3, 5e-3], "epochs": [5, 10]}
X = np.random.default_rng(0).normal(size=(500, 30, 5)).astype(np.float32)


def search_ours(n_jobs=1, backend="threading"):
    grid = {**GRID, "contamination": ["auto", 0.05]}
    model = LSTMAutoencoder(batch_size=32, bidirectional=False, early_stopping=False)
    search = GridSearchCV(model, grid, cv=3, refit=False, n_jobs=n_jobs)

    with joblib.parallel_config(backend):
        search.fit(X)


def search_on_workers(n_workers):
    """Return the seconds of two searches on a new cluster."""
    from cluster import workers

    with workers(n_workers):
        return [seconds(lambda: search_ours(-1, "dask")) for _ in range(2)]


class TextbookRegressor(KerasRegressor):
    """SciKeras around the textbook model; its target is flat, because SciKeras rejects 3-D."""

    def _keras_build_fn(self):
        from peers import stock_keras

        stock = stock_keras()
        return keras.Model(stock.input, keras.layers.Flatten()(stock.output))


def search_scikeras():
    grid = {"optimizer__learning_rate": [1e-3, 5e-3], "epochs": [5, 10], "batch_size": [32, 32]}
    model = TextbookRegressor(loss="mse", optimizer="adam", verbose=0)
    GridSearchCV(
        model, grid, cv=3, refit=False, scoring="neg_mean_squared_error"
    ).fit(X, X.reshape(len(X), -1))  # fmt: skip


def growth(fits=50):
    """Growth of the process in megabytes over these fits, after five others."""
    model = LSTMAutoencoder(epochs=1, bidirectional=False)
    for _ in range(5):
        clone(model).fit(X)
    before = resident()
    for _ in range(fits):
        clone(model).fit(X)
    return resident() - before


def main():
    # First, before the peer has filled the allocator.
    print(f"50 fits grow the process by {growth():.1f} MB", flush=True)
    search_ours()
    ours, threads = in_turns(3, search_ours, lambda: search_ours(n_jobs=2))
    report("24 fits", ours, scikeras=[seconds(search_scikeras)])
    print(f"n_jobs=2 in threads: {np.median(threads):.2f} s, {np.median(ours):.2f} s alone")


if __name__ == "__main__":
    if sys.argv[1:] != ["workers"]:
        main()
    else:
        for n_workers in (1, 2):
            first, again = search_on_workers(n_workers)
            print(f"{n_workers} worker(s): {first:.1f} s, then {again:.1f} s", flush=True)
