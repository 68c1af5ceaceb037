"""What does each parameter cost in training and in scoring?

Run: python benchmarks/bench_parameters.py [--rounds 3]. 2,000 rows of 5 features, windows of 50, 8
epochs, about 500 training steps; then the same rows are scored. Median CPU seconds of all threads
together, with the ratio to the defaults, which run in each round, in brackets. "Compiling" is the
first fit minus the second fit of the same network.
"""

import argparse
import time

import numpy as np
from series import periodic
from timing import seconds

from skae import LSTMAutoencoder, clear_caches

PARAMETERS = [
    {},
    {"segment_length": 1},
    {"segment_length": 4},
    {"units": 32},
    {"units": 128},
    {"units": (64, 32)},
    {"latent_dim": 4},
    {"latent_dim": 64},
    {"cell": "gru"},
    {"bidirectional": True},
    {"decoder": "state"},
    {"bottleneck": "sequence"},
    {"dropout": 0.1},
    {"window_size": 100},
    {"stride": 5},
    {"batch_size": 128},
    {"error": "scaled_rmse"},
    {"aggregation": "max"},
    {"aggregation": "last"},
]


def measured(parameters, X):
    """Return the seconds of compiling, of the next fit, and of scoring."""
    clear_caches()
    detector = LSTMAutoencoder(**{"window_size": 50, "epochs": 8, **parameters})
    first = seconds(lambda: detector.fit(X), time.process_time)
    detector.score_samples(X)
    fit = seconds(lambda: detector.fit(X), time.process_time)
    return first - fit, fit, seconds(lambda: detector.score_samples(X), time.process_time)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    X = periodic(2000)
    measured({}, X)  # TensorFlow starts
    found = np.array(
        [[measured(parameters, X) for parameters in PARAMETERS] for _ in range(args.rounds)]
    )
    medians = np.median(found, axis=0)
    print(f"{'':28} compiling          fit              scoring")
    for parameters, median in zip(PARAMETERS, medians, strict=True):
        name = ", ".join(f"{name}={value!r}" for name, value in parameters.items()) or "defaults"
        ratios = median / medians[0]
        columns = (f"{s:6.2f} s ({r:.1f}x)" for s, r in zip(median, ratios, strict=True))
        print(f"{name:28}", "  ".join(columns), flush=True)


if __name__ == "__main__":
    main()
