"""The end of a training: at a loss of NaN, or after a cycle that hardly helped."""

import warnings

import keras
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from stock import compiled
from stock import sequences as make

from skae._input.sequences import from_array, from_list
from skae._training.batches import Batches
from skae._training.loop import train
from skae._training.plan import TrainingPlan
from skae._training.stopping import (
    StopAfterCycles,
    StopOnNaN,
    explained_by_mean_sequence,
    explained_variance,
    require_finite,
    warn_if_few_windows,
    warn_if_nothing_learned,
)
from skae._windows.samples import RowSamples, SequenceSamples
from skae._windows.windows import sliding_windows

X = make(7)


def _breaks_at(epoch):
    """Return a callback that corrupts the weights at the beginning of an epoch."""

    class Breaks(keras.callbacks.Callback):
        def on_epoch_begin(self, now, logs=None):
            if now == epoch:
                self.model.set_weights([w * np.nan for w in self.model.get_weights()])

    return Breaks()


# ------------------------------------------------------------------- not finite


@pytest.mark.slow
def test_training_stops_at_the_first_loss_that_is_not_finite():
    batches = Batches(from_array(X), np.float32([10, 20]), 3)
    plan = TrainingPlan(epochs=9, cycle_epochs=9, batch_size=3)
    history = train(compiled(), plan, batches, callbacks=[_breaks_at(1), StopOnNaN()])
    assert len(history.history["loss"]) == 2


@pytest.mark.slow
def test_weights_that_are_not_finite_are_an_error(small):
    estimator = small(callbacks=[_breaks_at(0)], epochs=3)
    with pytest.raises(
        ValueError, match=r"Training ended with loss=nan.* optimizer__global_clipnorm"
    ):
        estimator.fit(X)
    assert not hasattr(estimator, "model_")


def test_a_value_that_stands_for_a_missing_reading_is_named(small):
    rows = np.sin(np.arange(200.0)[:, None] / [4, 5])
    rows[50, 1] = 9.96921e36  # what netCDF writes
    with pytest.raises(ValueError, match=r"Feature 1 reaches \S+ as an input .* make it NaN"):
        small(5, scale="robust").fit(rows)


def test_the_weights_of_the_best_epoch_are_kept_with_a_warning(small):
    estimator = small(callbacks=[_breaks_at(2)], epochs=5, early_stopping=True)
    with pytest.warns(ConvergenceWarning, match="nan in epoch 3. .* from epoch [12], the best"):
        estimator.fit(X)
    assert len(estimator.history_["loss"]) == 3
    assert np.isfinite(estimator.score_samples(X)).all()


@pytest.mark.parametrize("window_size", [None, 3])
@pytest.mark.slow
def test_nothing_is_said_to_be_restored_where_nothing_was(small, window_size):
    X = np.sin(np.arange(120.0)).reshape((-1, 2) if window_size else (30, 4, 1))
    with pytest.warns(ConvergenceWarning, match="epoch 1. .* epoch 1: no earlier ones were better"):
        small(window_size, loss="poisson", epochs=3, learning_rate=1e-9).fit(X)


def test_weights_that_break_after_the_last_loss_are_warned_of(small):
    class Breaks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                self.model.set_weights([w * np.nan for w in self.model.get_weights()])

    estimator = small(callbacks=[Breaks()], epochs=3)  # a set of sequences stops early
    with pytest.warns(ConvergenceWarning, match="weights became NaN in epoch 3.* the best"):
        estimator.fit(X)
    assert np.isfinite(estimator.history_["loss"]).all()
    assert np.isfinite(estimator.score_samples(X)).all()


def test_a_finite_model_passes():
    require_finite(compiled(), {"loss": [1.0]})


# ------------------------------------------------------------------- cycles


class Numbered:
    """Replaces a model; its only weight is the number of the epoch."""

    stop_training = False

    def get_weights(self):
        return [np.array(self.epoch)]

    def set_weights(self, weights):
        self.epoch = int(weights[0])


@pytest.mark.parametrize(
    "losses, last, kept",
    [
        ([9, 1, 9, 0.8, 9, 0.6, 9, 0.3], 8, 8),  # each cycle leads to another
        ([9, 1, 9, 0.8, 9, 0.75, 9, 0.3], 6, 6),  # hardly better
        ([9, 1, 9, 0.8, 9, 0.9, 9, 0.3], 6, 4),  # worse than the one before
        ([9, 1, 0.1, 1, 9, 0.3], 4, 2),  # only the ends of cycles count
        ([9, 1, np.nan, 0.1], 3, 2),  # broken off
        ([np.nan, 1], 1, 1),  # no better weights to restore
    ],
)
def test_cycles_end_with_the_weights_of_the_best(losses, last, kept):
    cycles, model = StopAfterCycles(2), Numbered()
    cycles.set_model(model)
    for _ in range(2):  # a second training starts afresh
        model.stop_training = False
        cycles.on_train_begin()
        for model.epoch, loss in enumerate(losses, 1):
            seen = model.epoch
            cycles.on_epoch_end(0, {"loss": 0.1, "val_loss": loss})
            if model.stop_training:
                break
        assert (seen, model.epoch) == (last, kept)


@pytest.mark.slow
def test_a_training_that_breaks_in_a_later_cycle_keeps_the_cycle_before(small, monkeypatch):
    monkeypatch.setattr("skae._training.plan.MAX_CYCLE_EPOCHS", 2)
    rows = np.sin(np.arange(60.0))[:, None]
    whole = small(5, epochs=2).fit(rows)
    broken = small(5, epochs="auto", learning_rate=5e-3, callbacks=[_breaks_at(2)])
    with pytest.warns(ConvergenceWarning, match="nan in epoch 3. .* from epoch 2, the best"):
        broken.fit(rows)
    np.testing.assert_array_equal(broken.score_samples(rows), whole.score_samples(rows))


# ------------------------------------------------------------------- nothing learned


class Reconstructs:
    """A network that returns a share of each deviation from the mean of a feature."""

    def __init__(self, share, sequences):
        self.share = share
        self.fill_values = np.nanmean(sequences, axis=(0, 1)).astype(np.float32)

    def residuals(self, windows):
        yield (1 - self.share) * (windows.padded() - self.fill_values)


def explained(share, sequences):
    return explained_variance(
        Reconstructs(share, sequences), SequenceSamples(from_array(np.float32(sequences)))
    )


@pytest.mark.parametrize("share, expected", [(0, 0), (0.5, 0.75), (1, 1), (-1, -3)])
def test_explained_variance_is_that_around_the_mean(share, expected):
    gappy = np.where(X > np.nanquantile(X, 0.9), np.nan, X)
    assert explained(share, X) == pytest.approx(expected, abs=1e-5)
    assert explained(share, gappy) == pytest.approx(expected, abs=1e-5)


def test_a_feature_that_hardly_moves_explains_nothing():
    jitter = np.random.default_rng(0).normal(scale=1e-4, size=X.shape)
    assert explained(0, 5 + jitter) == 1
    assert explained(0, 5 + 0 * jitter) == 1
    assert explained(0, np.concatenate([X, 1000 + jitter], axis=2)) == pytest.approx(0, abs=1e-5)
    assert explained(0, 1e-6 * X) == pytest.approx(0, abs=1e-5)


def test_a_network_has_learned_something_if_it_did_of_one_part():
    knows, guesses = (SequenceSamples(from_array(np.float32(part))) for part in (X, X + 50))
    network = Reconstructs(0.5, X)
    network.residuals = lambda windows: iter(
        [(windows.padded() - network.fill_values) * (0.1 if windows.rows.max() < 40 else 2)]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_nothing_learned(network, [guesses, knows])
    with pytest.warns(ConvergenceWarning, match="explains -300% of the variance.*scale='robust'"):
        warn_if_nothing_learned(network, [guesses])


def beats(n=40, seed=0):
    """Return sequences of one shape, each a little different."""
    shape = np.exp(-(((np.arange(30) - 12) / 3) ** 2))[:, None]
    return (shape + np.random.default_rng(seed).normal(0, 0.1, (n, 30, 1))).astype(np.float32)


def test_the_mean_sequence_explains_what_sequences_have_in_common():
    common = SequenceSamples(from_array(beats()))
    expected = 1 - 0.01 / beats().var()
    assert explained_by_mean_sequence(common) == pytest.approx(expected, abs=0.03)
    noise = beats() - beats().mean(axis=0)
    assert explained_by_mean_sequence(SequenceSamples(from_array(noise))) < 0
    assert explained_by_mean_sequence(SequenceSamples(from_array(beats(9)))) == 0
    unequal = SequenceSamples(from_list([b[: 20 + i % 10] for i, b in enumerate(beats())]))
    assert explained_by_mean_sequence(unequal) == pytest.approx(expected, abs=0.1)
    series = RowSamples(beats()[:, :, 0].reshape(-1, 1), np.array([1200]), 30, 1)
    assert explained_by_mean_sequence(series) == 0


@pytest.mark.parametrize(
    "share, said", [(0.0, "no better than the mean"), (0.1, "plateau"), (0.95, None)]
)
def test_a_network_that_knows_less_than_the_mean_sequence_is_named(share, said):
    samples = SequenceSamples(from_array(beats()))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_nothing_learned(Reconstructs(share, beats()), [samples])
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == bool(said)
    assert all(said in message and "segment_length" in message for message in messages)


def test_data_that_are_not_scaled_are_not_learned(small, series):
    with pytest.warns(ConvergenceWarning, match="Training explains"):
        small(5).fit(1000 * series)


@pytest.mark.parametrize("n_rows, said", [(99, True), (100, False)])
def test_a_series_of_few_windows_is_named(n_rows, said):
    rows = RowSamples(np.zeros((n_rows, 1), np.float32), np.array([n_rows]), 10, 1)
    windows = sliding_windows(np.zeros((n_rows, 1)), 10)
    for samples in (rows, SequenceSamples(from_array(windows))):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warn_if_few_windows(samples)
        expected = ["Got a series of 9 windows that share no row, of 10 rows each"] * said
        assert [str(w.message).partition(", but")[0] for w in caught] == expected


def test_a_set_of_few_sequences_is_no_short_series():
    samples = SequenceSamples(from_list([np.zeros((50, 1))] * 9))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_few_windows(samples)
