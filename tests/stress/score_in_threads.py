"""Do threads that score one estimator get the same numbers as one thread?

Run: python tests/stress/score_in_threads.py [seconds=30] [threads=8]
"""

import pickle
import sys
import threading
import time

import numpy as np

import skae


def calls_of(model, cuts, expected, until):
    """Score until the time is over, and return the number of calls; no bit may differ."""
    rng, calls = np.random.default_rng(threading.get_ident()), 0
    while time.monotonic() < until:
        i = rng.integers(len(cuts))
        scorer = pickle.loads(pickle.dumps(model)) if calls % 50 == 49 else model
        np.testing.assert_array_equal(scorer.score_samples(cuts[i]), expected[i])
        calls += 1
        if calls % 97 == 96:
            skae.clear_caches()
    return calls


def main(seconds=30, n_threads=8):
    rows = np.sin(np.arange(400) / 4)[:, None]
    model = skae.LSTMAutoencoder(10, units=8, latent_dim=2, epochs=2, random_state=0).fit(rows)
    cuts = [rows[start : start + 10 + start % 50] for start in range(0, 300, 7)]
    expected = [model.score_samples(cut) for cut in cuts]
    until, done = time.monotonic() + seconds, []
    threads = [
        threading.Thread(target=lambda: done.append(calls_of(model, cuts, expected, until)))
        for _ in range(n_threads)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(done) < n_threads:
        sys.exit(f"{n_threads - len(done)} of {n_threads} threads saw other numbers")
    print(f"{sum(done)} calls in {n_threads} threads, all as in one thread")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
