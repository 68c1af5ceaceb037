"""Dask collections are scored while they are read, with few partitions in memory."""

import gc
import weakref

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from distributed import Client, LocalCluster

import skae.dask

N_PARTS, N_ROWS = 80, 20
ROWS = np.random.default_rng(0).normal(size=(N_PARTS * N_ROWS, 2))

held: list[int] = []
"""Partitions that are there, by their number; a list, for appends and removals are atomic."""
most = [0]


def counted(i, part):
    held.append(i)
    most[0] = max(most[0], len(held))
    weakref.finalize(part, held.remove, i)
    return part


def frame(i):
    return counted(i, pd.DataFrame(ROWS[i * N_ROWS : (i + 1) * N_ROWS]))


def array(i):
    return counted(i, ROWS[i * N_ROWS : (i + 1) * N_ROWS].copy())


def frames():
    meta = pd.DataFrame(ROWS[:0])
    return dd.from_map(frame, range(N_PARTS), meta=meta, enforce_metadata=False)


def arrays():
    parts = [dask.delayed(array)(i) for i in range(N_PARTS)]
    return da.concatenate([da.from_delayed(part, (N_ROWS, 2), np.float64) for part in parts])


TARGETS = {
    "memory": lambda scores, folder: scores.compute(),
    "sum": lambda scores, folder: scores.sum().compute(),
    "disk": lambda scores, folder: scores.to_frame().to_parquet(folder),
}


@pytest.fixture(scope="module")
def detector(small):
    return small(4).fit(ROWS[:200])


@pytest.fixture(scope="module")
def cluster():
    """A scheduler and a worker in this process, so that partitions can be counted."""
    options = {"processes": False, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(n_workers=1, **options) as cluster, Client(cluster):
        yield


@pytest.mark.nightly(daily=["frames-memory"])
@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of pandas, in Dask's to_parquet
@pytest.mark.filterwarnings("ignore::UserWarning:distributed")  # small things are large in a graph
@pytest.mark.parametrize(
    ("collection", "target"),
    [*((frames, target) for target in TARGETS), (arrays, "memory")],
)
def test_few_partitions_are_held_at_a_time(detector, collection, target, tmp_path):
    gc.collect()
    most[0] = 0
    TARGETS[target](skae.dask.score_samples(detector, collection()), tmp_path)
    assert 0 < most[0] <= N_PARTS / 2
