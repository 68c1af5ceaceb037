"""How much does a process grow with each repeated call?

Run: python benchmarks/bench_leaks.py [case ...]. Linux only. Each case runs in a separate process:
some calls fill the caches, then enough calls follow to show a slope. The second figure is the slope
of the second half alone, without memory that only settles.
"""

import itertools
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import keras
import numpy as np
from memory import in_new_process, resident

from skae import LSTMAutoencoder

ROWS = np.sin(np.arange(400) / 4)[:, None]


class Fails(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise InterruptedError


def estimator(window_size=10, **parameters):
    options = {"units": 8, "latent_dim": 2, "epochs": 1, "random_state": 0} | parameters
    return LSTMAutoencoder(window_size, **options)


def refit():
    estimator().fit(ROWS[:100])


kept = estimator()


def partial_fit():
    kept.partial_fit(ROWS[:100])


def failing_fit():
    with suppress(InterruptedError):
        estimator(callbacks=[Fails()]).fit(ROWS[:100])


numbers = itertools.count()


def new_architecture():
    estimator(units=4 + next(numbers)).fit(ROWS[:100])


def new_window_size():
    estimator(5 + next(numbers)).fit(ROWS[:100])


def new_compiled_window_size():
    estimator(5 + next(numbers), epochs=6).fit(ROWS[:300])


def fitted_once():
    return kept if hasattr(kept, "model_") else kept.fit(ROWS[:100])


def single_row():
    start = next(numbers) % 300
    fitted_once().score_samples(ROWS[start : start + 10])


def save_and_load():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fitted.skae")
        fitted_once().save(path)
        LSTMAutoencoder.load(path).score_samples(ROWS[:100])


# Warm-up calls, measured calls, and the most MB that these may add.
CASES = {
    refit: (20, 1000, 20),
    partial_fit: (20, 10_000, 20),
    failing_fit: (20, 100, 20),
    new_architecture: (0, 100, 150),
    new_window_size: (20, 40, None),
    new_compiled_window_size: (20, 16, None),
    single_row: (300, 10_000, 10),
    save_and_load: (20, 100, None),
}


def measure(case):
    warm_up, calls, bound = CASES[case]
    refit()
    for _ in range(warm_up):
        case()
    held = [resident()]
    for _ in range(2):
        for _ in range(calls // 2):
            case()
        held.append(resident())
    start, middle, end = held
    print(
        f"{case.__name__:24} {calls:5} calls: {end - start:+6.1f} MB, "
        f"{end - middle:+6.1f} in the second half, {(end - middle) / (calls // 2):7.4f} a call "
        f"({end:5.0f} MB in all)" + (f"; at most {bound}" if bound else ""),
        flush=True,
    )


if __name__ == "__main__":
    names = {case.__name__: case for case in CASES}
    for name in sys.argv[1:] or names:
        in_new_process(measure, names[name])
