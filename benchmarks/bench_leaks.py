"""How much does a process grow with each repeated call?

Run: python benchmarks/bench_leaks.py [case ...]. Linux only. Each case runs in a separate process:
some calls fill the caches, then enough calls follow to show a slope. The second figure is the slope
of the second half alone, without memory that only settles.
"""

import gc
import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from skae import LSTMAutoencoder

ROWS = np.sin(np.arange(400) / 4)[:, None]


class Fails(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise RuntimeError("of a callback")


def estimator(window_size=10, **parameters):
    options = {"units": 8, "latent_dim": 2, "epochs": 1, "random_state": 0} | parameters
    return LSTMAutoencoder(window_size, **options)


def refit():
    estimator().fit(ROWS[:100])


fitted = estimator()


def partial_fit():
    fitted.partial_fit(ROWS[:100])


def failing_fit():
    try:
        estimator(callbacks=[Fails()]).fit(ROWS[:100])
    except RuntimeError:
        pass


numbers = itertools.count()


def new_architecture():
    estimator(units=4 + next(numbers)).fit(ROWS[:100])


def new_window_size():
    estimator(5 + next(numbers)).fit(ROWS[:100])


def new_compiled_window_size():
    estimator(5 + next(numbers), epochs=6).fit(ROWS[:300])


def single_row():
    if not hasattr(fitted, "model_"):
        fitted.fit(ROWS[:100])
    start = next(numbers) % 300
    fitted.score_samples(ROWS[start : start + 10])


def save_and_load():
    if not hasattr(fitted, "model_"):
        fitted.fit(ROWS[:100])
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(Path(folder, "fitted.skae"))
        LSTMAutoencoder.load(Path(folder, "fitted.skae")).score_samples(ROWS[:100])


# Warm-up calls, measured calls, and the bound: MB in a number of calls.
CASES = {
    refit: (20, 1000, 20, 1000),
    partial_fit: (20, 10_000, 20, 10_000),
    failing_fit: (20, 100, 20, 100),
    new_architecture: (0, 100, 150, 100),
    new_window_size: (20, 40, None, None),
    new_compiled_window_size: (20, 16, None, None),
    single_row: (300, 10_000, 10, 10_000),
    save_and_load: (20, 100, None, None),
}


def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(case):
    warm_up, calls, bound, of_calls = CASES[case]
    refit()
    for _ in range(warm_up):
        case()
    start = resident()
    for _ in range(calls // 2):
        case()
    middle = resident()
    for _ in range(calls // 2):
        case()
    end = resident()
    print(
        f"{case.__name__:24} {calls:5} calls: {end - start:+6.1f} MB, "
        f"{end - middle:+6.1f} in the second half, {(end - middle) / (calls // 2):7.4f} a call "
        f"({end:5.0f} MB in all)" + (f"; at most {bound} in {of_calls}" if bound else ""),
        flush=True,
    )


if __name__ == "__main__":
    names = {case.__name__: case for case in CASES}
    if sys.argv[1:2] == ["--here"]:
        measure(names[sys.argv[2]])
    else:
        for name in sys.argv[1:] or names:
            subprocess.run([sys.executable, __file__, "--here", name], check=True)
