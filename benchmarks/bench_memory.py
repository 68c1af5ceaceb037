"""How much memory do a million rows take, and does time grow linearly?

Run: python benchmarks/bench_memory.py [rows]. Windows of 100 rows at stride 1 would be 3.2 GB if
they were copied. Each case runs in a process of its own, which prints its peak.

Run: python benchmarks/bench_memory.py disk [rows ...]. Series of 4 features on disk, windows of 30,
one at every fourth row, one epoch of a small network. What is counted is the memory that the kernel
cannot take back; pages of the file, which it keeps as long as nobody else wants them, are not
(Linux only).
"""

import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

CASES = ("array", "memmap", "windower")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def held():
    """Megabytes of this process that are not pages of files."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


class PeakOfHeld(threading.Thread):
    """Looks every few milliseconds."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.is_over = 0.0, threading.Event()

    def run(self):
        while not self.is_over.wait(0.005):
            self.peak = max(self.peak, held())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.join()


def write(path, n_rows, block=2**18):
    rng = np.random.default_rng(0)
    rows = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, 4))
    for start in range(0, n_rows, block):
        time_of_day = np.arange(start, min(start + block, n_rows))[:, None] / [5, 7, 11, 13]
        noise = rng.normal(scale=0.3, size=time_of_day.shape)
        rows[start : start + block] = np.sin(time_of_day) + noise
    rows.flush()


def measure_disk(n_rows):
    from skae import LSTMAutoencoder

    parameters = {"epochs": 1, "batch_size": 256, "units": 16, "stride": 4, "random_state": 0}
    small = np.random.default_rng(0).normal(size=(40_000, 4)).astype(np.float32)
    LSTMAutoencoder(30, **parameters).fit(small)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.npy")
        write(path, n_rows)
        before, start = held(), time.perf_counter()
        with PeakOfHeld() as memory:
            LSTMAutoencoder(30, **parameters).fit(np.load(path, mmap_mode="r"))
        seconds = time.perf_counter() - start
        size = path.stat().st_size / 2**20
    print(
        f"disk {n_rows:12,} rows, {size:6.0f} MB   fit {seconds:7.1f} s "
        f"+{memory.peak - before:4.0f} MB",
        flush=True,
    )


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
    if sys.argv[1:2] == ["disk"]:
        for n_rows in sys.argv[2:] or ["1000000", "10000000"]:
            subprocess.run([sys.executable, __file__, "one-on-disk", n_rows], check=True)
    elif sys.argv[1:2] == ["one-on-disk"]:
        measure_disk(int(sys.argv[2]))
    elif len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        most = int(sys.argv[1]) if len(sys.argv) == 2 else 10**6
        for n_rows in (most // 10, most):
            for case in CASES:
                subprocess.run([sys.executable, __file__, case, str(n_rows)], check=True)
