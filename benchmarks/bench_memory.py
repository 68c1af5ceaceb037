"""How much memory do a million rows take, and does time grow linearly?

Run: python benchmarks/bench_memory.py [rows]. Copies of windows of 100 rows at stride 1 would take
3.2 GB. Each case runs in a separate process, which prints its peak.

Run: python benchmarks/bench_memory.py disk [rows ...]. Series of 4 features on disk, windows of 30
at every fourth row, one epoch of a small network. Memory that the kernel cannot take back counts;
cached pages of the file do not (Linux only).

Run: python benchmarks/bench_memory.py parts [rows ...]. The same fit of a Dask array in chunks of
250,000 rows, and of a generator of series of that length.
"""

import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from memory import in_new_process, megabytes
from series import waves

PART = 250_000


def held():
    return megabytes("RssAnon")


def peak():
    return megabytes("VmHWM")


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


def generator(n_rows):
    for start in range(0, n_rows, PART):
        yield waves(start, min(start + PART, n_rows), seed=start)


def mapped(n_rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.npy")
        rows = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, 4))
        for number, part in enumerate(generator(n_rows)):
            rows[number * PART : number * PART + len(part)] = part
        rows.flush()
        return np.load(path, mmap_mode="r")


def dask_array(n_rows):
    import dask
    import dask.array as da

    # Partitions are computed one by one anyway, and the threads of a pool would take memory.
    dask.config.set(scheduler="synchronous")
    empty = da.zeros((n_rows, 4), chunks=(PART, 4))
    return empty.map_blocks(
        lambda rows, block_id=(0,): waves(
            block_id[0] * PART, block_id[0] * PART + len(rows), seed=block_id[0]
        ),
        meta=np.zeros((0, 4)),
    )


INPUTS = {"disk": mapped, "dask": dask_array, "generator": generator}
KINDS = {"disk": ["disk"], "parts": ["dask", "generator"]}


def measure_held(kind, n_rows):
    from skae import LSTMAutoencoder

    parameters = {"epochs": 1, "batch_size": 256, "units": 16, "stride": 4, "random_state": 0}
    LSTMAutoencoder(30, **parameters).fit(waves(0, 40_000))
    X = INPUTS[kind](n_rows)
    before, start = held(), time.perf_counter()
    with PeakOfHeld() as memory:
        LSTMAutoencoder(30, **parameters).fit(X)
    seconds = time.perf_counter() - start
    print(
        f"{kind:9} {n_rows:12,} rows, {n_rows * 16 / 2**20:6.0f} MB   fit {seconds:7.1f} s "
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

    # The memory of TensorFlow, compiled functions and their compilation does not count.
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


def main(kind="", *numbers):
    if kind in KINDS:
        for n_rows in numbers or (10**6, 10**7):
            for which in KINDS[kind]:
                in_new_process(measure_held, which, int(n_rows))
    else:
        most = int(kind or 10**6)
        for n_rows in (most // 10, most):
            for case in ("array", "memmap", "windower"):
                in_new_process(measure, case, n_rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
