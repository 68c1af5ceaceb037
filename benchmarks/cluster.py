"""A Dask cluster of processes with one TensorFlow thread each."""

import time
from contextlib import contextmanager

from distributed import Client, LocalCluster

THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


@contextmanager
def workers(n, **environment):
    """Yield the client of a cluster of n processes."""
    options = {"threads_per_worker": 1, "dashboard_address": None, "env": THREADS | environment}
    with LocalCluster(n_workers=n, **options) as cluster, Client(cluster) as client:
        yield client


def cpu_seconds(client):
    """Return the CPU seconds of all workers."""
    return sum(client.run(time.process_time).values())
