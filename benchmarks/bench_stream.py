"""How long does a new row take in a stream, and how many rows per second for many series?

Run: python benchmarks/bench_stream.py [rows] [keys]. Windows of 30 rows of 8 features, the default
network. The first row counts, because creating the stream compiles everything.
"""

import pickle
import sys
import time

import numpy as np
from timing import seconds

import skae


def latencies(stream, updates):
    """Milliseconds of each update."""
    return 1e3 * np.array([seconds(lambda rows=rows: stream.update(rows)) for rows in updates])


def main(n_rows, n_keys):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n_rows, 8)).astype(np.float32)
    detector = skae.LSTMAutoencoder(30, epochs=1, random_state=0).fit(rows[:1000])
    for answer in ("now", "final"):
        start = time.perf_counter()
        stream = skae.stream(detector, answer=answer)
        made = time.perf_counter() - start
        taken = latencies(stream, rows)
        print(
            f"one row, {answer:5}: median {np.median(taken):.2f} ms, fastest {taken.min():.2f} ms, "
            f"99 % {np.quantile(taken, 0.99):.2f} ms, first {taken[0]:.2f} ms, "
            f"slowest {taken.max():.2f} ms; made in {made:.1f} s",
            flush=True,
        )
    again = [1e3 * seconds(lambda: skae.stream(detector)) for _ in range(20)]
    print(f"another stream: median {np.median(again):.1f} ms, fastest {min(again):.1f} ms")
    loaded = [pickle.loads(pickle.dumps(detector)) for _ in range(5)]
    made = [1e3 * seconds(lambda copy=copy: skae.stream(copy)) for copy in loaded]
    print(f"of an equal detector: median {np.median(made):.1f} ms, fastest {min(made):.1f} ms")
    ticks = [dict(enumerate(tick)) for tick in rng.normal(size=(80, n_keys, 8))]
    for answer in ("now", "final"):
        fleet = skae.stream(detector, answer=answer, rows_per_update=n_keys)
        # From the 30th row of each series on, windows are full.
        taken = latencies(fleet, ticks)[30:]
        rate = 1e3 * n_keys / np.median(taken)
        print(f"{n_keys} keys, {answer:5}: {rate:,.0f} rows a second, "
              f"{1e3 * n_keys / taken.min():,.0f} in the fastest tick", flush=True)  # fmt: skip


if __name__ == "__main__":
    numbers = [int(number) for number in sys.argv[1:]]
    main(*(numbers + [3000, 1000][len(numbers) :]))
