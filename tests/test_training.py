"""The training loop compared with ``keras.Model.fit``, by batch and callback."""

import keras
import numpy as np
import pytest
from stock import SMALL, compiled, copy_weights, padded, stock_autoencoder
from stock import sequences as make

from skae import LSTMAutoencoder
from skae._compiled.training_cache import state_of
from skae._input.sequences import from_array, from_list
from skae._network.layers import NaNToZero
from skae._network.loss import ObservedLoss
from skae._training.batches import Batches
from skae._training.loop import train
from skae._training.plan import TrainingPlan

X = make(7)
FALLBACK = np.float32([10, 20])


def batches(x=X, batch_size=3, **options):
    return Batches(from_array(x), FALLBACK, batch_size, **options)


def fit(model, epochs=2, *, x=None, validation=None, callbacks=(), initial_epoch=0, verbose=0):
    n_epochs = epochs - initial_epoch
    plan = TrainingPlan(epochs=n_epochs, cycle_epochs=n_epochs, batch_size=3)
    return train(
        model,
        plan,
        x or batches(),
        validation,
        list(callbacks),
        first_epoch=initial_epoch,
        verbose=verbose,
    )


def stock_fit(model, optimizer, epochs=2, callbacks=(), validation=None):
    """Train the stock-Keras graph from the weights of `model` by ``keras.Model.fit``."""
    stock = stock_autoencoder(SMALL)
    copy_weights(model, stock)
    stock.compile(optimizer=optimizer, loss="mse")
    history = stock.fit(
        X,
        X,
        batch_size=3,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
        validation_data=None if validation is None else (validation, validation),
    )
    return stock, history


# ------------------------------------------------------------------- as Keras does

OPTIMIZERS = {
    "adam-clipnorm": lambda: keras.optimizers.Adam(0.01, clipnorm=0.05),
    "sgd-momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "schedule": lambda: keras.optimizers.RMSprop(
        keras.optimizers.schedules.ExponentialDecay(0.01, decay_steps=2, decay_rate=0.5)
    ),
    "averaged": lambda: keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.5),
}


@pytest.mark.nightly(daily=["adam-clipnorm"])
@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_equals_that_of_keras(name):
    model = compiled(optimizer=OPTIMIZERS[name]())
    stock, expected = stock_fit(model, OPTIMIZERS[name](), epochs=4)
    history = fit(model, epochs=4)
    copy_weights(model, trained := stock_autoencoder(SMALL))
    for ours, theirs in zip(trained.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], atol=1e-5)


class Recorder(keras.callbacks.Callback):
    """Records which hooks are called in which order, with what."""

    def __init__(self):
        super().__init__()
        self.calls = []


def _recording(hook):
    def record(self, *position, logs=None):
        if position and isinstance(position[-1], dict):
            *position, logs = position
        self.calls.append((hook, *position, sorted(logs or {})))

    return record


for _hook in (
    [f"on_{kind}_{edge}" for kind in ("train", "test", "epoch") for edge in ("begin", "end")]
    + [f"on_{kind}_batch_{edge}" for kind in ("train", "test") for edge in ("begin", "end")]
):  # fmt: skip
    setattr(Recorder, _hook, _recording(_hook))


@pytest.mark.slow
def test_callbacks_are_called_as_keras_calls_them():
    ours, theirs = Recorder(), Recorder()
    model = compiled()
    stock_fit(model, "adam", callbacks=[theirs], validation=X[:4])
    fit(model, callbacks=[ours], validation=batches(X[:4]))
    assert ours.calls == theirs.calls


class Scripted(keras.callbacks.Callback):
    """Replaces validation losses by given ones; records weights."""

    def __init__(self, losses):
        super().__init__()
        self.losses = losses
        self.weights, self.rates = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))

    def on_epoch_end(self, epoch, logs):
        logs["val_loss"] = self.losses[epoch]
        self.weights.append(self.model.get_weights())


@pytest.mark.slow
def test_early_stopping_restores_the_best_weights():
    script = Scripted([3.0, 1.0, 2.0, 2.5, 0.0])
    stopping = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    model = compiled()
    history = fit(model, 5, callbacks=[script, stopping])
    assert len(history.history["loss"]) == 4
    assert all(map(np.array_equal, model.get_weights(), script.weights[1]))
    assert not np.array_equal(script.weights[1][0], script.weights[3][0])


@pytest.mark.slow
def test_reduce_on_plateau_changes_the_rate_and_it_stays():
    script = Scripted([1.0] * 4)
    plateau = keras.callbacks.ReduceLROnPlateau(factor=0.1, patience=1)
    model = compiled(optimizer=keras.optimizers.SGD(0.1))
    history = fit(model, 4, callbacks=[script, plateau])
    np.testing.assert_allclose(script.rates, [0.1, 0.1, 0.01, 0.001], rtol=1e-5)
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-4)
    np.testing.assert_allclose(history.history["learning_rate"], script.rates, rtol=1e-5)


def test_a_rate_that_a_callback_sets_does_not_reach_the_next_fit():
    weights = []
    for rate in (0.1, 1e-6, 0.1):
        model = compiled(optimizer=keras.optimizers.SGD(rate))
        scheduler = keras.callbacks.LearningRateScheduler(lambda _, rate: rate / 2)
        fit(model, 1, callbacks=[scheduler])
        weights.append(model.get_weights())
    assert all(map(np.array_equal, weights[0], weights[2]))
    assert not np.array_equal(weights[0][0], weights[1][0])


class StopAt(keras.callbacks.Callback):
    def __init__(self, hook, count):
        super().__init__()
        self.left = count
        setattr(self, hook, self._stop)

    def _stop(self, *_, **__):
        self.left -= 1
        self.model.stop_training = self.left == 0


@pytest.mark.parametrize(
    "hook, count, epochs, steps",
    [("on_epoch_end", 2, 2, 6), ("on_train_batch_end", 4, 2, 4)],
)
@pytest.mark.slow
def test_a_callback_stops_training(hook, count, epochs, steps):
    model = compiled()
    history = fit(model, 5, callbacks=[StopAt(hook, count)])
    assert len(history.history["loss"]) == epochs
    assert int(model.optimizer.iterations) == steps


def test_a_callback_that_raises_leaves_the_model_as_it_was():
    def fail(epoch, logs):
        raise RuntimeError("from the callback")

    model = compiled()
    before = model.get_weights()
    with pytest.raises(RuntimeError, match="from the callback"):
        fit(model, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=fail)])
    assert all(map(np.array_equal, model.get_weights(), before))


def test_callbacks_hold_the_model_itself_when_training_is_over():
    recorder, model = Recorder(), compiled()
    history = fit(model, 1, callbacks=[recorder])
    assert recorder.model is model and history.model is model


def test_progress_is_printed_if_asked_for(capsys):
    fit(compiled(), 2, verbose=2)
    printed = capsys.readouterr().out
    assert "Epoch 2/2" in printed and "loss" in printed
    fit(compiled(), 1)
    assert not capsys.readouterr().out


# ------------------------------------------------------------------- losses


def _observed_mean(model, x, inputs, weights=1.0):
    errors = (x - np.asarray(model(inputs))) ** 2 * np.reshape(weights, (-1, 1, 1))
    return np.nansum(errors) / np.sum(~np.isnan(x) * np.reshape(weights, (-1, 1, 1)))


def test_the_validation_loss_is_the_mean_over_observed_entries():
    x = padded(make(7, seed=3), 2)
    x[2, 1:] = np.nan
    weights = np.linspace(0.1, 2, 7, dtype=np.float32)
    model = compiled()
    history = fit(model, 1, validation=batches(x, 4, weights=weights))
    expected = _observed_mean(model, x, x, weights)
    assert history.history["val_loss"] == [pytest.approx(expected, rel=1e-5)]


def test_the_history_is_complete_and_goes_on():
    model, validation = compiled(), batches(X[:2])
    first = fit(model, 2, validation=validation)
    second = fit(model, 5, validation=validation, initial_epoch=2)
    assert {key: len(values) for key, values in first.history.items()} == {"loss": 2, "val_loss": 2}
    assert second.epoch == [2, 3, 4]
    assert second.history["loss"][0] < first.history["loss"][0]


def test_interrupted_training_equals_training_at_once():
    at_once, in_parts = compiled(), compiled()
    fit(at_once, 3)
    fit(in_parts, 1)
    fit(in_parts, 3, initial_epoch=1)
    for one, other in zip(state_of(at_once), state_of(in_parts), strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_batch_without_weight_changes_nothing_and_is_not_nan():
    model = compiled(optimizer=keras.optimizers.SGD(0.1))
    before = model.get_weights()
    history = fit(model, 1, x=batches(weights=np.zeros(7, np.float32)))
    assert history.history["loss"] == [0.0]
    assert all(map(np.array_equal, model.get_weights(), before))


def test_padding_does_not_change_training():
    weights = []
    for longest in (4, 9):
        lists = [*X, make(1, longest)[0]]
        weight = np.float32([1] * len(X) + [0])
        model = compiled(optimizer=keras.optimizers.SGD(0.1))
        fit(model, 2, x=Batches(from_list(lists), FALLBACK, 3, weights=weight))
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


# ------------------------------------------------------------------- compiled once


@keras.saving.register_keras_serializable(package="tests")
class CountsTraces(keras.layers.Layer):
    """Counts tracings of a training step, because Python runs only then."""

    traces = 0

    def call(self, inputs, training=None):
        type(self).traces += training is True
        return inputs


def test_one_trace_serves_all_lengths_batch_sizes_and_rates():
    def fit_new(n_steps, batch_size, rate):
        inputs = keras.Input((None, 2))
        outputs = keras.layers.Dense(2)(CountsTraces()(NaNToZero()(inputs)))
        model = keras.Model(inputs, outputs)
        model.compile(optimizer=keras.optimizers.Adam(rate), loss=ObservedLoss("mse"))
        fit(model, 1, x=batches(make(7, n_steps), batch_size))

    CountsTraces.traces = 0
    fit_new(4, 3, 0.01)
    first = CountsTraces.traces
    for n_steps, batch_size, rate in [(4, 3, 0.01), (6, 2, 0.1), (2, 7, 1e-4)]:
        fit_new(n_steps, batch_size, rate)
    assert CountsTraces.traces == first >= 1


@pytest.mark.slow
def test_the_rate_of_each_fit_is_its_own():
    change = {}
    for rate in (1e-5, 1e-1, 1e-5):
        estimator = LSTMAutoencoder(
            units=4, latent_dim=3, epochs=1, learning_rate=rate, random_state=0
        )
        change.setdefault(rate, []).append(estimator.fit(X).model_.get_weights()[0])
    np.testing.assert_array_equal(*change[1e-5])
    assert np.abs(change[1e-1][0] - change[1e-5][0]).max() > 0.01


@pytest.mark.nightly
@pytest.mark.slow
def test_chunks_come_as_far_as_the_whole_after_as_many_updates():
    """For a stationary series; benchmarks/bench_partial_fit.py has others."""
    steps = np.arange(3600)[:, None] / [5, 7]
    rows = np.sin(steps) + np.random.default_rng(0).normal(scale=0.3, size=steps.shape)
    rows, held_out = rows[:3200], rows[3200:]
    whole = LSTMAutoencoder(20, units=16, batch_size=32, epochs=4, random_state=0).fit(rows)
    chunked = LSTMAutoencoder(20, units=16, batch_size=32, random_state=0)
    for _ in range(4):
        for chunk in np.array_split(rows, 4):
            chunked.partial_fit(chunk)
    errors = [np.mean((held_out - each.reconstruct(held_out)) ** 2) for each in (whole, chunked)]
    assert errors[1] < 1.1 * errors[0] < 0.2
