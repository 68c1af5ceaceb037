"""Validation data from the user replace a part of X."""

import contextlib
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from sklearn import config_context
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

SIZE = 5


def same_as_split(ours, theirs, X):
    """Tell whether two detectors have equal weights and thresholds."""
    np.testing.assert_array_equal(ours.history_["val_loss"], theirs.history_["val_loss"])
    np.testing.assert_array_equal(ours.score_samples(X), theirs.score_samples(X))
    assert ours.offset_ == theirs.offset_


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.slow
def test_the_end_of_a_series_given_is_the_end_held_out(small, series, pair):
    end = series[180:]
    theirs = small(SIZE, validation_fraction=0.1).fit(series)
    ours = small(SIZE).fit(series[:180], validation_data=(end, end) if pair else end)
    same_as_split(ours, theirs, series)


def test_it_is_scaled_as_x_is(small, series):
    X = 100 + 5 * series
    scaled = small(SIZE, scale="standard").fit(X[:180], validation_data=X[180:])
    by_hand = (X - scaled.center_) / scaled.spread_
    ours = small(SIZE).fit(by_hand[:180], validation_data=by_hand[180:])
    np.testing.assert_allclose(scaled.history_["val_loss"], ours.history_["val_loss"], rtol=1e-5)


def test_sequences_are_all_trained_on(small, sequences):
    model = small(validation_fraction=0.9, early_stopping=True).fit(
        sequences, validation_data=sequences[:2]
    )
    alone = small(validation_fraction=0.0).fit(sequences)
    assert len(model.history_["val_loss"]) == model.n_iter_
    np.testing.assert_allclose(model.history_["loss"], alone.history_["loss"], rtol=1e-5)


def test_it_goes_through_the_steps_before(small, series):
    with config_context(enable_metadata_routing=True):
        step = small(SIZE).set_fit_request(validation_data=True)
        model = Pipeline(
            [("scale", StandardScaler()), ("lstm", step)], transform_input=["validation_data"]
        ).fit(series[:180], validation_data=series[180:])
    scaled = model[0].transform(series)
    direct = small(SIZE).fit(scaled[:180], validation_data=scaled[180:])
    same_as_split(model[-1], direct, scaled)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda X: X[:, :1], "In validation_data: X has 1 features"),
        (lambda X: X[:3], "In validation_data: Got X with 3 sample"),
        (lambda X: X * np.nan, "In validation_data: Got X with only NaN"),
        (lambda X: (X, X + 1), "as a tuple of 2.*list"),
        (lambda X: (X, X, X), "as a tuple of 3"),
    ],
)
def test_what_does_not_fit_is_rejected(small, series, given, message):
    with pytest.raises(ValueError, match=message):
        small(SIZE).fit(series, validation_data=given(series))


class Board(keras.callbacks.Callback):
    """Records the values that TensorBoard and MLflow write at the end of an epoch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.seen.append((epoch, logs["loss"], logs["val_loss"], rate))


def test_a_callback_sees_every_epoch(small, series):
    board = Board()
    model = small(SIZE, epochs=3, callbacks=[board]).fit(series, validation_data=series[:50])
    epochs, losses, val_losses, rates = zip(*board.seen, strict=True)
    assert epochs == (0, 1, 2)
    assert list(losses) == model.history_["loss"]
    assert list(val_losses) == model.history_["val_loss"]
    assert rates[0] > rates[1] > rates[2]


@pytest.fixture
def autolog(monkeypatch):
    """Replace MLflow with autolog on; return the runs that it started, and boards."""
    runs, boards = [], []

    class MlflowCallback(Board):
        def __init__(self):
            super().__init__()
            boards.append(self)

    @contextlib.contextmanager
    def start_run():
        runs.append("running")
        try:
            yield
        except ValueError:
            runs[-1] = "failed"
            raise
        runs[-1] = "finished"

    utils = SimpleNamespace(autologging_is_disabled=lambda flavor: flavor != "keras")
    of_keras = SimpleNamespace(MlflowCallback=MlflowCallback)
    mlflow = SimpleNamespace(active_run=lambda: None, start_run=start_run, keras=of_keras)
    for name, module in {
        "mlflow": mlflow,
        "mlflow.keras": of_keras,
        "mlflow.utils.autologging_utils": utils,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    return runs, boards


@pytest.mark.slow
def test_autolog_of_mlflow_sees_every_epoch_in_a_run_of_its_own(small, series, autolog):
    runs, boards = autolog
    model = small(SIZE, epochs=3).fit(series)
    assert runs == ["finished"] and len(boards) == 1
    assert [losses[1] for losses in boards[0].seen] == model.history_["loss"]
    with pytest.raises(ValueError, match="not finite"):
        small(SIZE, epochs=3, optimizer="sgd", learning_rate=1e30).fit(series)
    assert runs == ["finished", "failed"]


def test_autolog_of_mlflow_joins_an_active_run(small, series, autolog, monkeypatch):
    runs, boards = autolog
    monkeypatch.setattr(sys.modules["mlflow"], "active_run", lambda: "mine")
    small(SIZE, epochs=1).fit(series)
    assert runs == [] and len(boards) == 1


def test_mlflow_decides_whether_autolog_is_on():
    utils = pytest.importorskip("mlflow.utils.autologging_utils")
    assert utils.autologging_is_disabled("keras") and utils.autologging_is_disabled("tensorflow")
