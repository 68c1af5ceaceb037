"""Is `partial_fit` over chunks as good as `fit`, after the same number of updates?

Run: python benchmarks/bench_partial_fit.py [seeds]. Prints the squared error of held-out rows after
`fit`, and the ratio to it after `partial_fit`: on chunks in order of time, in a new order in each
pass, or made of five slices from the whole series, with nothing held out. One series is stationary,
the other is a machine with changing regimes.
"""

import sys
import warnings

import numpy as np
from series import waves
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from skae import LSTMAutoencoder, datasets

WINDOW = 30


def stationary():
    rows = waves(0, 15_000)
    return rows[:12_000], rows[12_000:], np.ones(3_000, bool)


def machine():
    rows, faults = datasets.load_machine(return_X_y=True)
    rows = StandardScaler().fit(rows[:2000]).transform(rows)
    return rows[:5000], rows[5000:], np.asarray(faults[5000:]) == 0


def error(detector, rows, counted):
    return float(np.mean((rows - detector.reconstruct(rows))[counted] ** 2))


def over_chunks(rows, n_chunks, epochs, seed, shuffled):
    detector = LSTMAutoencoder(WINDOW, batch_size=32, random_state=seed)
    rng, chunks = np.random.default_rng(seed), np.array_split(rows, n_chunks)
    for _ in range(epochs):
        for i in rng.permutation(n_chunks) if shuffled else range(n_chunks):
            detector.partial_fit(chunks[i])
    return detector


def over_slices(rows, n_chunks, epochs, seed):
    options = {"batch_size": 32, "validation_fraction": 0.0, "random_state": seed}
    detector = LSTMAutoencoder(WINDOW, **options)
    rng, slices = np.random.default_rng(seed), np.array_split(rows, 5 * n_chunks)
    for _ in range(epochs):
        for chosen in rng.permutation(len(slices)).reshape(n_chunks, 5):
            detector.partial_fit([slices[i] for i in chosen])
    return detector


def compare(name, rows, held_out, counted, epochs, n_chunks, seed):
    whole = LSTMAutoencoder(WINDOW, batch_size=32, epochs=epochs, random_state=seed).fit(rows)
    base = error(whole, held_out, counted)
    others = [
        over_chunks(rows, n_chunks, epochs, seed, shuffled=False),
        over_chunks(rows, n_chunks, epochs, seed, shuffled=True),
        over_slices(rows, n_chunks, epochs, seed),
    ]
    ratios = [error(detector, held_out, counted) / base for detector in others]
    print(
        f"{name:10} seed {seed}, {epochs} passes over {n_chunks} chunks of "
        f"{len(rows) // n_chunks:,} rows: fit {base:.4f}, partial_fit in order "
        f"{ratios[0]:.2f}x, in new orders {ratios[1]:.2f}x, slices {ratios[2]:.2f}x",
        flush=True,
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 2):
        compare("stationary", *stationary(), epochs=4, n_chunks=8, seed=seed)
        compare("machine", *machine(), epochs=8, n_chunks=2, seed=seed)
        compare("machine", *machine(), epochs=8, n_chunks=5, seed=seed)
