"""How much memory do a million rows take, and does time grow linearly?

Run: python benchmarks/bench_memory.py [rows]. Windows of 100 rows at stride 1 would be 3.2 GB if
they were copied. Each case runs in a process of its own, which prints its peak.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CASES = ("array", "memmap", "windower")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(case, n_rows):
    from skae import LSTMAutoencoder, SequenceWindower

    parameters = {"epochs": 1, "validation_fraction": 0.0, "batch_size": 256, "units": 32}
    small = np.random.default_rng(0).normal(size=(6000, 8)).astype(np.float32)
    model = LSTMAutoencoder(None if case == "windower" else 100, **parameters)

    def as_input(rows):
        return SequenceWindower(100).fit_transform(rows) if case == "windower" else rows

    # What TensorFlow, compiled functions and their compilation need is not of the data.
    model.fit(as_input(small)).score_samples(as_input(small))
    with tempfile.TemporaryDirectory() as folder:
        rows = np.random.default_rng(0).normal(size=(n_rows, 8)).astype(np.float32)
        if case == "memmap":
            np.save(Path(folder, "rows.npy"), rows)
            rows = np.load(Path(folder, "rows.npy"), mmap_mode="r")
        windows = as_input(rows)
        before, start = peak(), time.perf_counter()
        model.fit(windows)
        fitted, middle = peak(), time.perf_counter()
        model.score_samples(windows)
        scored, end = peak(), time.perf_counter()
    print(
        f"{case:9} {n_rows:9,} rows   fit {middle - start:6.1f} s +{fitted - before:4.0f} MB"
        f"   score {end - middle:6.1f} s +{scored - fitted:4.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        most = int(sys.argv[1]) if len(sys.argv) == 2 else 10**6
        for n_rows in (most // 10, most):
            for case in CASES:
                subprocess.run([sys.executable, __file__, case, str(n_rows)], check=True)
