"""Forks, threads and strategies in a process, and global state that must not change."""

import json
import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from skae._compat.keras import is_forked_after_use, seeds_from

PROCESS = """
import json, logging, os, random, sys, warnings
import keras, numpy as np, tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import config

def state():
    loggers = [logging.getLogger(name) for name in (None, "tensorflow", "absl")]
    return {
        "random": random.getstate(), "numpy": repr(np.random.get_state()),
        "tensorflow": context.global_seed(), "determinism": config.is_op_determinism_enabled(),
        "floatx": keras.config.floatx(), "policy": keras.config.dtype_policy().name,
        "environment": dict(os.environ), "filters": list(warnings.filters),
        "loggers": [(logger.level, list(logger.handlers)) for logger in loggers],
        "inter-op threads": tf.config.threading.get_inter_op_parallelism_threads(),
        "intra-op threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "files": sorted(os.listdir(".")),
    }

def changed():
    return [name for name, value in state().items() if value != before[name]]

before = state()
# As if another were installed: what Keras can do without its packages ends before we are asked.
backend = keras.backend.backend
keras.backend.backend = lambda: "torch"
try:
    import skae.layers
    message = "nothing"
except ImportError as error:
    message = str(error)
keras.backend.backend = backend
for name in [name for name in sys.modules if name.partition(".")[0] == "skae"]:
    del sys.modules[name]

import skae
X = np.sin(np.arange(200.0) / 4)[:, None]
parameters = dict(units=4, latent_dim=2, epochs=1, random_state=0)
model = skae.LSTMAutoencoder(20, **parameters)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model.fit(X)
model.score_samples(X)
model.save(sys.argv[1])
skae.LSTMAutoencoder.load(sys.argv[1]).predict(X)
after = changed()
warnings.simplefilter("ignore")
X[20:30] = np.nan
skae.LSTMAutoencoder(20, **parameters).fit(X).score_samples(X)
skae.LSTMAutoencoder(**parameters).fit([X[:50], X[50:80]] * 10).score_samples([X[:9], X[:7]])
print(json.dumps({"message": message, "changed": after}))
"""
KNOWN_AT_THE_START = ("port.cc", "cudart_stub.cc", "cuda_platform.cc", "before absl::InitializeLog")


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """Output of a process that trains and scores networks, with and without masks."""
    folder = tmp_path_factory.mktemp("process")
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, str(folder / "kept.skae")],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr.splitlines()


@pytest.mark.nightly
@pytest.mark.slow
def test_networks_provoke_no_line_of_tensorflow_but_those_of_its_start(process):
    _, lines = process
    assert not [line for line in lines if not any(word in line for word in KNOWN_AT_THE_START)]


@pytest.mark.slow
def test_import_fit_score_save_and_load_leave_the_process_as_it_was(process):
    found, _ = process
    assert found["changed"] == []


@pytest.mark.slow
def test_another_backend_is_rejected_in_a_line(process):
    found, _ = process
    assert found["message"].startswith("Got Keras with the backend 'torch'")


@pytest.mark.nightly
@pytest.mark.slow
def test_the_command_prints_no_line_of_tensorflow(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("flow\n" + "\n".join(map(str, np.sin(np.arange(400) / 4))))
    arguments = ["detect", file, "--epochs", "1", "--out", tmp_path / "scores.csv"]
    done = subprocess.run(
        [sys.executable, "-m", "skae", *map(str, arguments)],
        env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("skae: ") for line in done.stderr.splitlines()), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
@pytest.mark.parametrize("call", ["fit", "partial_fit", "predict", "transform"])
@pytest.mark.slow
def test_a_fork_after_tensorflow_ran_is_rejected(small, series, call):
    model = small(5, epochs=1).fit(series)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            getattr(model, call)(series)
            said = "nothing"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        assert pipe.read().startswith("RuntimeError: Got a call in a process that was forked")
    os.waitpid(child, 0)
    assert not is_forked_after_use()


def test_half_precision_is_rejected(small, series):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        with pytest.raises(ValueError, match="computes in float16, but expected float32"):
            small(5).fit(series)
    finally:
        keras.config.set_dtype_policy(policy)


def test_seeds_of_layers_come_from_the_thread_and_leave_random_alone():
    def seeds(seed):
        with seeds_from(seed):
            barrier.wait(timeout=60)
            return [keras.initializers.GlorotUniform().seed for _ in range(50)]

    before, barrier = random.getstate(), threading.Barrier(2)
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(seeds, [1, 2]))
    barrier = threading.Barrier(1)
    assert together == [seeds(1), seeds(2)]
    assert together[0] != together[1]
    assert random.getstate() == before


def test_outside_of_our_seeds_keras_draws_from_random():
    state = random.getstate()
    try:
        random.seed(3)
        first = keras.initializers.GlorotUniform().seed
        random.seed(3)
        assert keras.initializers.GlorotUniform().seed == first
    finally:
        random.setstate(state)


def test_who_scores_during_a_refit_sees_the_earlier_network(small, series):
    model = small(5, epochs=1).fit(series)
    before, seen = model.score_samples(series), []

    class Scores(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(model.score_samples(series))

    model.set_params(callbacks=[Scores()], random_state=1).fit(series)
    np.testing.assert_array_equal(seen[0], before)
    assert not np.array_equal(model.score_samples(series), before)


def test_threads_score_what_one_thread_scores(small, series):
    model = small(5, epochs=1).fit(series)
    cuts = [series[start : start + 5 + start] for start in range(0, 60, 4)]
    expected = [model.score_samples(cut) for cut in cuts]
    with ThreadPoolExecutor(8) as threads:
        for _ in range(4):
            for found, right in zip(threads.map(model.score_samples, cuts), expected, strict=True):
                np.testing.assert_array_equal(found, right)
