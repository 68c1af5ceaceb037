"""How long does the first fit of a process take, with compilation, compared with stock Keras?

Run: python benchmarks/bench_first_fit.py [rounds]. Every fit has a separate process, in turns.
Imports are not timed.
"""

import subprocess
import sys

from peers import sequences, stock_keras
from timing import report, seconds

JOBS = {"10 epochs of 8192": (10, 8192), "5 epochs of 500": (5, 500)}


def fit(which, epochs, n):
    from skae import LSTMAutoencoder

    x = sequences(n)
    if which == "skae":
        model = LSTMAutoencoder(
            epochs=epochs,
            batch_size=32,
            validation_fraction=0.0,
            learning_rate=1e-3,
            bidirectional=False,
        )
        return seconds(lambda: model.fit(x))
    # For the peer too, the fit includes creating the model.
    return seconds(lambda: stock_keras().fit(x, x, epochs=epochs, verbose=0))


def in_a_process(which, epochs, n):
    command = [sys.executable, __file__, which, str(epochs), str(n)]
    return float(subprocess.run(command, check=True, capture_output=True).stdout.split()[-1])


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(fit(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    else:
        rounds = int(sys.argv[1]) if len(sys.argv) == 2 else 3
        for name, job in JOBS.items():
            pairs = [
                (in_a_process("skae", *job), in_a_process("keras", *job)) for _ in range(rounds)
            ]
            ours, stock = map(list, zip(*pairs, strict=True))
            report(f"first fit, {name}", ours, keras=stock)
