"""Searches on a cluster equal searches in one process, even if a worker dies."""

import itertools
import os
import signal
import threading
import time

import joblib
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import LSTMAutoencoder

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.slow,
    # Killed workers leave connections, and scattered data are large.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:distributed"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

GRID = {"lstmautoencoder__error": ["mse", "mae"], "lstmautoencoder__learning_rate": [1e-3, 1e-2]}
THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


@pytest.fixture(scope="module")
def client():
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, env=THREADS) as c,
        Client(c) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def model():
    detector = LSTMAutoencoder(5, segment_length=1, units=4, latent_dim=2, epochs=1, random_state=0)
    return make_pipeline(StandardScaler(), detector)


SEARCHES = {
    "grid": lambda model: GridSearchCV(model, GRID, cv=2),
    "halving": lambda model: HalvingGridSearchCV(
        model, GRID, cv=2, min_resources=60, random_state=0
    ),
}


def results_of(search):
    """Return the results of a search without its times."""
    table = pd.DataFrame(search.cv_results_)
    return table[[name for name in table if "time" not in name]].drop(columns="params")


@pytest.fixture(scope="module")
def serial(model, series):
    return {name: results_of(make(model).fit(series)) for name, make in SEARCHES.items()}


def assert_same(found, expected):
    pd.testing.assert_frame_equal(results_of(found), expected, rtol=1e-5)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_on_dask(client, model, series, serial, name):
    with joblib.parallel_config("dask"):
        assert_same(SEARCHES[name](model).fit(series), serial[name])


def test_a_search_on_loky(model, series, serial):
    search = SEARCHES["grid"](model).set_params(n_jobs=2)
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        assert_same(search.fit(series), serial["grid"])


def limit_of_threads():
    return os.environ["TF_NUM_INTRAOP_THREADS"]


def test_threads_of_a_worker_are_limited(client):
    """TensorFlow reads the variable when it is loaded, after the start of the worker."""
    assert set(client.run(limit_of_threads).values()) == {"1"}


class Slow(LSTMAutoencoder):
    """Takes long enough for a worker to be killed in the middle."""

    def fit(self, X, y=None, sample_weight=None):
        time.sleep(0.5)
        return super().fit(X, sample_weight=sample_weight)


def kill_when_busy(client, pids):
    """Kill a worker as soon as it has a fit to do."""
    while not any(client.processing().values()):
        time.sleep(0.05)
    busy = next(address for address, tasks in client.processing().items() if tasks)
    time.sleep(0.2)
    os.kill(pids[busy], signal.SIGKILL)


def test_a_killed_worker_does_not_lose_the_search(client, model, series, serial):
    before = client.run(os.getpid)
    slow = make_pipeline(StandardScaler(), Slow(**model[-1].get_params()))
    grid = {name.replace("lstmautoencoder", "slow"): values for name, values in GRID.items()}
    splits = list(KFold(2).split(series))
    search = GridSearchCV(slow, grid, cv=splits)
    killer = threading.Thread(target=kill_when_busy, args=(client, before))
    killer.start()
    # Data that joblib sends are on one worker, and are lost with it. Dask's memory manager
    # would remove the copies within two seconds, as long as no fit waits for them.
    client.amm.stop()
    with joblib.parallel_config("dask", scatter=[series, *itertools.chain(*splits)]):
        time.sleep(2.5)
        search.fit(series)
    killer.join()
    assert set(before.values()) - set(client.run(os.getpid).values())
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], serial["grid"]["mean_test_score"], rtol=1e-5
    )
