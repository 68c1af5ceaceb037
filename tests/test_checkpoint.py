"""A killed training continues and ends with the weights of an undisturbed one."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from strategies import examples

from skae import LSTMAutoencoder
from skae._files import SUFFIX
from skae._training import checkpoint, plan
from skae._training.checkpoint import Checkpoint, is_plain, read_snapshot, write_snapshot


@pytest.fixture(scope="module", autouse=True)
def written_at_every_batch():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "INTERVAL", 0.0)
        yield


class Dies(keras.callbacks.Callback):
    """Simulates a kill: raises at the end of a batch; never for 0."""

    def __init__(self, at=0):
        super().__init__()
        self.left = at

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("killed")

    def __getattribute__(self, name):
        # The rest of this life is not part of the state of the training.
        return {} if name == "__dict__" else super().__getattribute__(name)


def killed_every(n_batches, estimator, X, path):
    """Fit in lives of `n_batches`; return the number of kills."""
    estimator.set_params(checkpoint=str(path))
    for kills in range(100):
        try:
            estimator.set_params(callbacks=[Dies(n_batches), *estimator.callbacks[1:]]).fit(X)
        except RuntimeError:
            assert path.exists()
            continue
        return kills
    raise AssertionError("The training makes no progress.")


def assert_same(one, other):
    for a, b in zip(one.model_.get_weights(), other.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.history_ == other.history_
    assert (one.n_iter_, one.offset_) == (other.n_iter_, other.offset_)
    for a, b in zip(one.model_.optimizer.variables, other.model_.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a, b)


TRAININGS = {
    "rows": {"window_size": 10, "epochs": 3},
    "cycles": {"window_size": 10, "epochs": "auto"},
    "early stopping": {
        "window_size": 10,
        "epochs": 9,
        "early_stopping": True,
        "patience": 1,
        "learning_rate": 0.1,
    },
    "seeds of layers": {"window_size": 10, "epochs": 3, "dropout": 0.2, "noise": 0.1},
    "another optimizer": {"window_size": 10, "epochs": 3, "optimizer": "rmsprop"},
}


@pytest.mark.nightly(daily=["another optimizer"])
@pytest.mark.slow
@pytest.mark.parametrize("parameters", TRAININGS.values(), ids=TRAININGS)
def test_a_killed_training_ends_as_if_it_had_not_been(
    small, series, tmp_path, parameters, monkeypatch
):
    monkeypatch.setattr(plan, "MAX_CYCLE_EPOCHS", 2)
    undisturbed = small(**parameters, callbacks=[Dies()]).fit(series)
    killed = small(**parameters, callbacks=[Dies()])
    assert killed_every(8, killed, series, tmp_path / "state") >= 2  # an epoch has 6 batches
    assert_same(killed, undisturbed)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_set_of_sequences_goes_on_too(small, sequences, tmp_path):
    settings = {"batch_size": 8, "epochs": 4, "validation_fraction": 0}
    undisturbed = small(callbacks=[Dies()], **settings).fit(sequences)
    killed = small(callbacks=[Dies()], **settings)
    assert killed_every(5, killed, sequences, tmp_path / "state") == 3
    assert_same(killed, undisturbed)


@pytest.mark.slow
def test_without_a_random_state_the_seed_goes_along(small, series, tmp_path):
    seeds = []
    original = Checkpoint.seed

    def noted(self, random_state):
        seeds.append(original(self, random_state))
        return seeds[-1]

    killed = small(10, random_state=None, callbacks=[Dies()])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "seed", noted)
        killed_every(8, killed, series, tmp_path / "state")
        assert len(seeds) == 2 and seeds[0] == seeds[1]
        killed.set_params(callbacks=None).fit(series)
    assert seeds[2] != seeds[0]


@pytest.mark.slow
def test_attributes_of_callbacks_go_along(small, series, tmp_path):
    def make():
        plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=1)
        return small(10, epochs=4, callbacks=[Dies(), plateau])

    undisturbed, killed = make().fit(series), make()
    killed_every(8, killed, series, tmp_path / "state")
    assert_same(killed, undisturbed)


@pytest.mark.slow
def test_a_warm_start_goes_on_from_its_own_beginning(small, series, tmp_path):
    undisturbed = small(10, warm_start=True, callbacks=[Dies()]).fit(series)
    killed = small(10, warm_start=True, callbacks=[Dies()]).fit(series)
    killed_every(8, killed, series, tmp_path / "state")
    assert_same(killed, undisturbed.fit(series))


def test_an_estimator_with_a_path_can_be_saved(small, tmp_path):
    small(10, checkpoint=tmp_path / "state").save(tmp_path / "model")
    assert LSTMAutoencoder.load(tmp_path / "model").checkpoint == str(tmp_path / "state")


# ------------------------------------------------------------------- what it rejects


@pytest.fixture(scope="module")
def left_behind(small, series, tmp_path_factory):
    """Return the checkpoint of a killed training."""
    path = tmp_path_factory.mktemp("left") / "state"
    with pytest.raises(RuntimeError, match="killed"):
        small(10, callbacks=[Dies(8)], checkpoint=str(path)).fit(series)
    return path.read_bytes()


@pytest.mark.parametrize(
    "parameters, change, other",
    [
        ({}, lambda X: X + 1, "data"),
        ({}, lambda X: X[:-1], "data"),
        ({"units": 3}, None, "network"),
        ({"cell": "gru"}, None, "network"),
        ({"random_state": 1}, None, "random_state"),
        ({"loss": "mae"}, None, "loss"),
        ({"learning_rate": 0.1}, None, "optimizer"),
        ({"optimizer": "sgd"}, None, "optimizer"),
        ({"epochs": 9}, None, "training parameters"),
        ({"batch_size": 9}, None, "training parameters"),
        ({"callbacks": []}, None, "callbacks"),
    ],
)
def test_a_checkpoint_of_another_training_is_rejected(
    small, series, tmp_path, left_behind, parameters, change, other
):
    path = tmp_path / "state"
    path.write_bytes(left_behind)
    estimator = small(10, **{"callbacks": [Dies()], "checkpoint": path} | parameters)
    with pytest.raises(ValueError, match=f"of a training with other .*{other}.* Delete the file"):
        estimator.fit(change(series) if change else series)
    assert not hasattr(estimator, "model_")
    assert path.read_bytes() == left_behind


def test_what_does_not_bear_on_training_does_not_count(small, series, tmp_path, left_behind):
    path = tmp_path / "state"
    path.write_bytes(left_behind)
    other = {"error": "mae", "contamination": 0.1}
    assert small(10, callbacks=[Dies()], checkpoint=path, **other).fit(series).n_iter_ == 2
    assert not path.exists()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"time,load\n1,2\n", "expected a file that a fit .* wrote. The file was not changed"),
        (b"", "expected a complete checkpoint"),
        (b"skae checkpoint 1\n", "of format 1, but expected"),
        (b"skae checkpoint 4\n", "it is damaged"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_rejected(small, series, tmp_path, content, message):
    path = tmp_path / "state"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        small(10, checkpoint=path).fit(series)
    assert path.read_bytes() == content


def test_a_place_where_no_file_can_be_is_rejected_before_training(small, series, tmp_path):
    with pytest.raises(ValueError, match="expected a file in an existing folder"):
        small(10, checkpoint=tmp_path / "none" / "state").fit(series)
    with pytest.raises(ValueError, match="but expected a file, or none yet"):
        small(10, checkpoint=tmp_path).fit(series)


def test_partial_fit_leaves_the_file_alone(small, series, tmp_path, left_behind):
    path = tmp_path / "state"
    path.write_bytes(left_behind)
    small(10, checkpoint=path).partial_fit(series)
    assert path.read_bytes() == left_behind


def test_it_is_written_once_a_minute(small, series, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "INTERVAL", 60.0)
    written = []

    class Looks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            written.extend(tmp_path.iterdir())

    small(10, checkpoint=tmp_path / "state", callbacks=[Looks()]).fit(series)
    assert written == []


# ------------------------------------------------------------------- the file

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | arrays_of.arrays(
        st.sampled_from([np.float32, np.int64, np.bool_]), arrays_of.array_shapes(min_dims=0)
    ),
    lambda item: st.lists(item) | st.dictionaries(st.text(), item) | st.tuples(item),
    max_leaves=8,
)


def equal(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    if isinstance(one, list | tuple):
        return type(one) is type(other) and all(map(equal, one, other)) and len(one) == len(other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    return type(one) is type(other) and one == other


@examples(30)
@given(values=st.dictionaries(st.text(), values))
@pytest.mark.slow
def test_a_snapshot_gives_back_what_it_was_given(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "round"
    write_snapshot(path, values)
    assert equal(read_snapshot(path), values)


@examples(100)
@given(data=st.data())
def test_a_damaged_snapshot_is_rejected(tmp_path_factory, left_behind, data):
    path = tmp_path_factory.getbasetemp() / "damaged"
    at = data.draw(st.integers(0, len(left_behind) - 1))
    cut, flip = left_behind[:at], bytes([left_behind[at] ^ data.draw(st.integers(1, 255))])
    path.write_bytes(cut if data.draw(st.booleans()) else cut + flip + left_behind[at + 1 :])
    with pytest.raises(ValueError, match="Got checkpoint="):
        read_snapshot(path)


def test_only_plain_values_are_kept():
    assert is_plain({"a": [np.float32(1), (2, None)], "b": np.zeros(2)})
    assert not any(map(is_plain, [object(), [print], np.array([None]), {1: 2}, {"a": {3}}]))


@pytest.fixture
def left_of_the_dead(tmp_path):
    """The temporary file of a process that was killed while it wrote `state`."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    part = tmp_path / f".state.{done.pid}-1{SUFFIX}"
    part.write_bytes(b"half")
    return part


def test_a_writing_that_was_cut_short_is_cleared_away_by_the_next(tmp_path, left_of_the_dead):
    write_snapshot(tmp_path / "state", {"a": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_a_training_that_is_over_leaves_no_file(tmp_path, left_of_the_dead, small, series):
    small(10, checkpoint=tmp_path / "state").fit(series)
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------- signals


@pytest.mark.nightly
@pytest.mark.slow
def test_sigkill_in_a_process_of_its_own():
    """One kill; tests/stress/kill_training.py runs any number."""
    script = Path(__file__).parent / "stress" / "kill_training.py"
    command = [sys.executable, str(script), "--kills", "1", "--epochs", "400"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert "1 kills; equal to the last bit: True" in done.stdout, done.stdout + done.stderr


@pytest.fixture
def interruptible():
    """Let SIGINT raise, even in a background process, which ignores it by default."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.nightly
@pytest.mark.skipif(not hasattr(signal, "SIGINT") or os.name == "nt", reason="POSIX signals")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_a_training_at_the_next_batch(small, series):
    class Presses(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                self.timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
                self.timer.start()
                self.pressed = time.monotonic() + 0.2

    estimator = small(10).fit(series)
    before = estimator.score_samples(series)
    presses = Presses()
    with pytest.raises(KeyboardInterrupt):
        estimator.set_params(epochs=100_000, callbacks=[presses]).fit(series)
    assert time.monotonic() - presses.pressed < 2
    np.testing.assert_array_equal(estimator.score_samples(series), before)
    assert estimator.set_params(epochs=1, callbacks=None).fit(series).n_iter_ == 1
