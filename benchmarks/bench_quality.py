"""How many CPU seconds do a default fit and its scores take, compared with simple peers?

Run: python benchmarks/bench_quality.py [--rows 1000,10000,100000] [--peers]. Rows of 5 features,
windows of 50; CPU seconds of all threads together. The first fit of a process compiles, the second
of the same network does not. Run it at another commit to compare. If TensorFlow and torch do not
work in one process, run the peers in another.
"""

import argparse
import time

import numpy as np
from bench_accuracy import nearest_neighbours, on_windows, pyod_autoencoder, skae

PEERS = {
    "nearest neighbours": on_windows(nearest_neighbours),
    "PyOD AutoEncoder": on_windows(pyod_autoencoder),
}
WINDOW = 50


def rows(n, n_features=5):
    rng, t = np.random.default_rng(0), np.arange(n)[:, None]
    periods, phases = rng.uniform(20, 80, n_features), rng.uniform(0, 6, n_features)
    return np.sin(2 * np.pi * t / periods + phases) + 0.1 * rng.standard_normal((n, n_features))


def cpu_seconds(detect, X):
    start = time.process_time()
    detect(X, X, WINDOW, 0)
    return time.process_time() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", default="1000,10000,100000")
    parser.add_argument("--peers", action="store_true")
    args = parser.parse_args()
    skae(rows(300), rows(300), WINDOW, 0)  # TensorFlow starts
    for n in map(int, args.rows.split(",")):
        X = rows(n)
        first, second = cpu_seconds(skae, X), cpu_seconds(skae, X)
        print(f"{n:8,} rows  skae {first:6.1f} s, again {second:6.1f} s", end="", flush=True)
        for name, detect in PEERS.items() if args.peers else ():
            print(f"   {name} {cpu_seconds(detect, X):6.1f} s", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
