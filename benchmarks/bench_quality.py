"""How many CPU seconds do a default fit and its scores take, compared with simple peers?

Run: python benchmarks/bench_quality.py [--rows 1000,10000,100000] [--peers]. Rows of 5 features,
windows of 50; CPU seconds of all threads together. The first fit of a process compiles, the second
of the same network does not. Run it at another commit to compare. If TensorFlow and torch do not
work in one process, run the peers in another.
"""

import argparse
import time

from detectors import nearest_neighbours, on_windows, pyod_autoencoder
from series import periodic
from timing import seconds

from skae import LSTMAutoencoder

PEERS = {
    "nearest neighbours": on_windows(nearest_neighbours),
    "PyOD AutoEncoder": on_windows(pyod_autoencoder),
}
WINDOW = 50


def skae(train, test, window, seed):
    return LSTMAutoencoder(window, random_state=seed).fit(train).score_samples(test)


def cpu_seconds(detect, X):
    return seconds(lambda: detect(X, X, WINDOW, 0), time.process_time)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="1000,10000,100000")
    parser.add_argument("--peers", action="store_true")
    args = parser.parse_args()
    cpu_seconds(skae, periodic(300))  # TensorFlow starts
    for n in map(int, args.rows.split(",")):
        X = periodic(n)
        first, second = cpu_seconds(skae, X), cpu_seconds(skae, X)
        print(f"{n:8,} rows  skae {first:6.1f} s, again {second:6.1f} s", end="", flush=True)
        for name, detect in PEERS.items() if args.peers else ():
            print(f"   {name} {cpu_seconds(detect, X):6.1f} s", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
