"""How many models does a Dask cluster fit in an hour, one for each machine of a fleet?

Run: python benchmarks/bench_fleet.py [machines]. Series of 2,000 rows and 4 features, a detector
each, on clusters of 1 and 2 processes with one thread each. The first model of a worker compiles
for all others and is not counted.
"""

import sys
import time

from cluster import cpu_seconds, workers
from distributed import as_completed
from series import waves

from skae import LSTMAutoencoder

N_ROWS = 2000


def fitted(machine):
    """Return a model of a machine; the worker reads its rows."""
    rows = waves(machine * N_ROWS, (machine + 1) * N_ROWS, seed=machine)
    return machine, LSTMAutoencoder(30, random_state=0).fit(rows)


def measure(n_machines, n_workers):
    with workers(n_workers) as client:
        client.run(fitted, 0)
        busy, start, models = cpu_seconds(client), time.perf_counter(), {}
        for future in as_completed(client.map(fitted, range(n_machines), pure=False)):
            machine, model = future.result()
            models[machine] = model
            future.release()
        seconds = time.perf_counter() - start
        spent = cpu_seconds(client) - busy
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
