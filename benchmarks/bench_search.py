"""How long does a grid search of 24 fits take, compared with SciKeras, and does memory grow?

Run: python benchmarks/bench_search.py. The searches run in turns in one process.

Run: python benchmarks/bench_search.py workers. The same 24 fits on a Dask cluster of 1 and of 2
processes, each with one TensorFlow thread. In the first search the workers load TensorFlow and
compile; the next one uses the compiled functions.
"""

import gc
import resource
import sys
import time

import joblib
import keras
import numpy as np
from scikeras.wrappers import KerasRegressor
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skae import LSTMAutoencoder

GRID = {"learning_rate": [1e-3, 5e-3], "epochs": [5, 10]}
X = np.random.default_rng(0).normal(size=(500, 30, 5)).astype(np.float32)


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def search_ours(n_jobs=1, backend="threading"):
    grid = {**GRID, "contamination": ["auto", 0.05]}
    model = LSTMAutoencoder(batch_size=32, bidirectional=False, early_stopping=False)
    search = GridSearchCV(model, grid, cv=3, refit=False, n_jobs=n_jobs)

    with joblib.parallel_config(backend):
        search.fit(X)


def search_on_workers(n_workers):
    """Return the seconds of two searches on a new cluster."""
    from distributed import Client, LocalCluster

    threads = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    options = {"threads_per_worker": 1, "dashboard_address": None, "env": threads}
    with LocalCluster(n_workers=n_workers, **options) as cluster, Client(cluster):
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
    if sys.argv[1:] == ["workers"]:
        for n_workers in (1, 2):
            first, again = search_on_workers(n_workers)
            print(f"{n_workers} worker(s): {first:.1f} s, then {again:.1f} s", flush=True)
        sys.exit()
    from timing import report

    # First, before the peer has filled the allocator.
    print(f"50 fits grow the process by {growth():.1f} MB", flush=True)
    search_ours()
    ours = [seconds(search_ours) for _ in range(3)]
    threads = [seconds(lambda: search_ours(n_jobs=2)) for _ in range(3)]
    report("24 fits", ours, scikeras=[seconds(search_scikeras)])
    print(f"n_jobs=2 in threads: {np.median(threads):.2f} s, {np.median(ours):.2f} s alone")
