"""How fast, and in how much memory, does a Dask cluster score series on disk?

Run: python benchmarks/bench_scale.py [million rows] [workers ...]. Writes rows of 4 features to a
temporary folder as Parquet, 250,000 rows per file, and fits a detector on the first 20,000. Then it
scores all files with `skae.dask` on clusters of 1 and 2 processes (or other numbers), one thread
each, and writes the scores to Parquet, so that they are never all in memory. Prints rows a second,
the peak memory of the largest worker, and its growth during scoring. CPU seconds of the workers are
more reliable than the clock if other jobs run.
"""

import sys
import tempfile
import time
from pathlib import Path

import dask.dataframe as dd
import numpy as np
import pandas as pd
from cluster import cpu_seconds, workers
from distributed import progress
from memory import megabytes
from series import waves

import skae.dask

ROWS_OF_A_FILE = 250_000
WINDOW = 30


def table(first, end):
    index = pd.Index(np.arange(first, end), name="row")
    rows = waves(first, end, seed=first).astype("float32")
    return pd.DataFrame(rows, index, ["load", "heat", "flow", "speed"])


def write(folder, n_rows):
    for number, first in enumerate(range(0, n_rows, ROWS_OF_A_FILE)):
        rows = table(first, min(first + ROWS_OF_A_FILE, n_rows))
        rows.to_parquet(folder / f"part-{number:05}.parquet")


def warm_up(detector):
    detector.score_samples(table(0, 20_000))


def measure(detector, rows, target, n_workers):
    with workers(n_workers, MALLOC_ARENA_MAX="2") as client:
        client.run(warm_up, detector)
        before, busy = client.run(megabytes, "VmHWM"), cpu_seconds(client)
        start = time.perf_counter()
        scores = skae.dask.score_samples(detector, rows).to_frame()
        written = client.compute(scores.to_parquet(target, compute=False))
        progress(written, notebook=False)
        written.result()
        seconds = time.perf_counter() - start
        peaks = client.run(megabytes, "VmHWM")
        grown = [peaks[worker] - before[worker] for worker in peaks]
        spent = cpu_seconds(client) - busy
    return seconds, spent, max(peaks.values()), max(grown)


def main(n_rows, numbers_of_workers):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "rows")
        folder.mkdir()
        write(folder, n_rows)
        size = sum(file.stat().st_size for file in folder.iterdir()) / 2**20
        detector = skae.LSTMAutoencoder(WINDOW, random_state=0).fit(table(0, 20_000))
        rows = dd.read_parquet(folder)
        print(f"{n_rows:,} rows x 4 in {rows.npartitions} files, {size:.0f} MB", flush=True)
        for n_workers in numbers_of_workers:
            target = Path(name, f"scores-{n_workers}")
            seconds, spent, most, grown = measure(detector, rows, target, n_workers)
            print(
                f"\n{n_workers} worker(s): {seconds:.1f} s, {n_rows / seconds:,.0f} rows a second, "
                f"{n_rows / spent:,.0f} rows a second of a processor, "
                f"{most:.0f} MB in a worker, +{grown:.0f}",
                flush=True,
            )


if __name__ == "__main__":
    million_rows, *numbers = sys.argv[1:] or ["100"]
    main(int(float(million_rows) * 1e6), list(map(int, numbers)) or [1, 2])
