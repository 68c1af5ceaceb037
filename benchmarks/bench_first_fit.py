"""How long does the first fit of a process take, with compilation, compared with stock Keras?

Run: python benchmarks/bench_first_fit.py [rounds]. Every fit has a separate process, in turns.
Imports are not timed.
"""

import sys

from memory import in_new_process
from peers import sequences, stock_keras
from timing import report, seconds

JOBS = {"10 epochs of 8192": (10, 8192), "5 epochs of 500": (5, 500)}


def fit_skae(epochs, n):
    from skae import LSTMAutoencoder

    x = sequences(n)
    options = {"batch_size": 32, "learning_rate": 1e-3, "bidirectional": False}
    model = LSTMAutoencoder(epochs=epochs, validation_fraction=0.0, **options)
    return seconds(lambda: model.fit(x))


def fit_keras(epochs, n):
    """For the peer too, the fit includes creating the model."""
    x = sequences(n)
    return seconds(lambda: stock_keras().fit(x, x, epochs=epochs, verbose=0))


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for name, job in JOBS.items():
        pairs = [
            [in_new_process(fit, *job) for fit in (fit_skae, fit_keras)] for _ in range(rounds)
        ]
        ours, stock = zip(*pairs, strict=True)
        report(f"first fit, {name}", ours, keras=stock)
