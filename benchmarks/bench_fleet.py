"""How many models does a Dask cluster fit in an hour, one for each machine of a fleet?

Run: python benchmarks/bench_fleet.py [machines]. Series of 2,000 rows and 4 features, a detector
each, on clusters of 1 and 2 processes with one thread each. The first model of a worker compiles
for all others and is not counted.
"""

import sys
import time

import numpy as np
from distributed import Client, LocalCluster, as_completed

from skae import LSTMAutoencoder

THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


def series_of(machine, n_rows=2000):
    steps = np.arange(n_rows)[:, None] / [5, 7, 11, 13]
    noise = np.random.default_rng(machine).normal(scale=0.3, size=steps.shape)
    return np.sin(steps + machine) + noise


def fitted(machine):
    """Return a model of a machine; the worker reads its rows."""
    return machine, LSTMAutoencoder(30, random_state=0).fit(series_of(machine))


def measure(n_machines, n_workers):
    options = {"threads_per_worker": 1, "dashboard_address": None, "env": THREADS}
    with LocalCluster(n_workers=n_workers, **options) as cluster, Client(cluster) as client:
        client.run(fitted, 0)
        busy, start, models = client.run(time.process_time), time.perf_counter(), {}
        for future in as_completed(client.map(fitted, range(n_machines), pure=False)):
            machine, model = future.result()
            models[machine] = model
            future.release()
        seconds = time.perf_counter() - start
        spent = sum(client.run(time.process_time).values()) - sum(busy.values())
    assert len(models) == n_machines
    print(
        f"{n_workers} worker(s): {n_machines} models in {seconds:.1f} s, "
        f"{3600 * n_machines / seconds:,.0f} an hour, "
        f"{spent / n_machines:.1f} s of a processor each",
        flush=True,
    )


if __name__ == "__main__":
    for n_workers in (1, 2):
        measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, n_workers)
