"""Training, threshold and explanations of the default detector."""

import keras
import naive
import numpy as np
import pytest

from skae import LSTMAutoencoder, SequenceWindower
from skae._network.architecture import DataSize
from skae._scoring.thresholds import OF_ROWS, OF_SENSITIVE_ROWS
from skae._training.adapter import KerasAdapter
from skae._training.plan import TrainingPlan

# ------------------------------------------------------------------- training by default


class Rates(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.rates = []

    def on_epoch_end(self, epoch, logs=None):
        self.rates.append(float(self.model.optimizer.learning_rate))


def test_the_rate_falls_along_half_a_cosine_and_is_set_back(small, series):
    watch = Rates()
    model = small(5, epochs=4, learning_rate=0.1, batch_size=200, callbacks=[watch]).fit(series)
    expected = 0.1 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2
    np.testing.assert_allclose(watch.rates, expected, rtol=1e-5)
    assert float(model.model_.optimizer.learning_rate) == pytest.approx(0.1)
    watch.rates.clear()
    model.partial_fit(series)
    assert watch.rates == [pytest.approx(0.1)]


def test_a_constant_rate_stays(small, series):
    watch = Rates()
    small(5, optimizer__learning_rate=5e-3, callbacks=[watch]).fit(series)
    assert watch.rates == [pytest.approx(5e-3)] * 2


def dense_network(meta):
    frames = keras.layers.Dense(meta["n_features_in_"])
    return keras.Sequential([keras.Input((None, meta["n_features_in_"])), frames])


def first_rate(model, X):
    """Return the rate of the only batch of an epoch; `fit` resets it afterwards."""
    watch = Rates()
    model.set_params(batch_size=2000, callbacks=[watch]).fit(X)
    after = {"auto": 5e-3}.get(model.learning_rate, model.learning_rate)
    assert float(model.model_.optimizer.learning_rate) == pytest.approx(after)
    return watch.rates[0]


@pytest.mark.usefixtures("plain_steps")
@pytest.mark.slow
def test_the_cosine_of_long_series_begins_at_twice_the_rate(small, sequences):
    rows = np.sin(np.arange(1001.0) / 4)[:, None]
    for X in rows, [rows[:500], rows[500:]]:
        assert first_rate(small(4), X) == pytest.approx(1e-2)
    assert first_rate(small(4), rows[:1000]) == pytest.approx(5e-3)
    assert first_rate(small(), sequences) == pytest.approx(5e-3)
    assert first_rate(small(4, learning_rate=0.1), rows) == pytest.approx(0.1)


@pytest.mark.slow
@pytest.mark.usefixtures("plain_steps")
def test_a_model_of_the_user_begins_at_the_common_rate(small):
    rows = np.sin(np.arange(1001.0) / 4)[:, None]
    of_model = LSTMAutoencoder(4, model=dense_network, random_state=0)
    assert first_rate(of_model, rows) == pytest.approx(5e-3)


def compiled_network(meta):
    model = dense_network(meta)
    model.compile(keras.optimizers.Adam(0.03), "mse")
    return model


@pytest.mark.slow
@pytest.mark.usefixtures("plain_steps")
@pytest.mark.parametrize(
    "given",
    [
        {"optimizer__learning_rate": 0.03},
        {"optimizer": keras.optimizers.Adam(0.03)},
        {"model": compiled_network, "units": "auto", "latent_dim": 16},
    ],
    ids=["option", "instance", "compiled"],
)
def test_a_rate_given_to_keras_stays_constant(small, series, given, tmp_path):
    model = small(5, callbacks=[watch := Rates()], warm_start=True, **given).fit(series)
    if "model" not in given:
        model.set_params(callbacks=None).save(tmp_path / "model")
        model = LSTMAutoencoder.load(tmp_path / "model").set_params(callbacks=[watch])
    model.fit(series)
    np.testing.assert_allclose(watch.rates, [0.03] * 4, rtol=1e-6)


@pytest.mark.usefixtures("plain_steps")
@pytest.mark.slow
def test_partial_fit_keeps_the_rate_of_the_optimizer(small):
    rows, watch = np.sin(np.arange(1001.0) / 4)[:, None], Rates()
    model = small(4, epochs=1, callbacks=[watch]).partial_fit(rows).fit(rows).partial_fit(rows)
    assert [watch.rates[0], watch.rates[2]] == [pytest.approx(5e-3)] * 2
    assert float(model.model_.optimizer.learning_rate) == pytest.approx(5e-3)


@pytest.mark.parametrize(
    "parameters, expected",
    [
        ({}, 0.1),
        ({"optimizer__global_clipnorm": 2.0}, 2.0),
        ({"optimizer__global_clipnorm": None}, None),
        ({"optimizer__clipnorm": 1.0}, None),
        ({"optimizer": keras.optimizers.Adam(1e-3)}, None),
    ],
)
def test_gradients_are_clipped_unless_told_otherwise(small, parameters, expected):
    adapter = KerasAdapter.of(small(5, **parameters).get_params(), DataSize(2, 5, False), seed=0)
    assert adapter.build_compiled(0).optimizer.global_clipnorm == expected


def plan(n_training, **parameters):
    known = {"holds_out": True, "is_set": False, "can_be_sharded": True}
    return TrainingPlan.resolve(n_training, **(known | parameters))


@pytest.mark.parametrize(
    "asked, holds_out, is_set, monitor",
    [
        ("auto", True, True, "val_loss"),
        ("auto", True, False, None),
        ("auto", False, True, None),
        (True, False, False, "loss"),
        (True, True, False, "val_loss"),
        (False, True, True, None),
    ],
)
def test_what_stops_training_early(asked, holds_out, is_set, monitor):
    found = plan(90, early_stopping=asked, holds_out=holds_out, is_set=is_set)
    assert found.monitor == monitor
    assert found.restarts == (holds_out and monitor is None)
    assert found.epochs == found.cycle_epochs * (3 if found.restarts else 1)


@pytest.mark.parametrize(
    "n, epochs, compiled", [(1024, 1, True), (1023, 1, False), (103, 10, True)]
)
def test_large_trainings_are_compiled_for_their_batches(n, epochs, compiled):
    assert plan(n, epochs=epochs).compiled == compiled
    assert not plan(n, epochs=epochs, can_be_sharded=False).compiled
    assert (plan(n, epochs=epochs).n_shards(n) > 0) == compiled


@pytest.mark.parametrize(
    "n_held_out, one_by_one, compiled",
    [(1_000, False, False), (1_000, True, True), (10_000, False, True)],
)
def test_batches_of_few_held_out_sequences_are_large_and_not_compiled_for(
    n_held_out, one_by_one, compiled
):
    found = plan(9_000, epochs=6)
    size, n_shards = found.to_test(n_held_out, one_by_one=one_by_one)
    assert (n_shards > 0) == compiled
    assert size == (found.batch_size if compiled else 1024)


@pytest.mark.parametrize(
    "is_set, n_batches, expected",
    [
        (False, 1, 100),
        (False, 9, 56),
        (False, 40, 12),
        (False, 700, 1),
        (True, 9, 100),
        (True, 40, 25),
        (True, 5000, 1),
    ],
)
def test_a_cycle_makes_500_steps_or_1000_of_a_set(is_set, n_batches, expected):
    def planned(epochs):
        return plan(n_batches * 7, batch_size=7, epochs=epochs, is_set=is_set)

    assert planned("auto").cycle_epochs == expected
    assert planned(3).cycle_epochs == planned(3).epochs == 3


@pytest.mark.parametrize(
    "n, expected",
    [(1, 32), (16_000, 32), (16_001, 64), (32_000, 64), (10**6, 256)],
)
def test_batches_grow_with_the_data(n, expected):
    assert plan(n).batch_size == plan(2 * n, is_set=True).batch_size == expected
    assert plan(n, batch_size=7).batch_size == 7


@pytest.mark.slow
@pytest.mark.parametrize(
    "window_size, asked, expected",
    [(None, "auto", True), (5, "auto", False), (None, False, False), (5, True, True)],
)
def test_sequences_are_read_in_both_directions(small, window_size, asked, expected):
    X = np.ones((12, 5, 1), np.float32) if window_size is None else np.ones((12, 1), np.float32)
    model = small(window_size, bidirectional=asked, epochs=1).fit(X)
    first_layer = model.encoder_.get_layer("encoder_0")
    assert isinstance(first_layer, keras.layers.Bidirectional) == expected


@pytest.mark.nightly
@pytest.mark.slow
def test_training_stops_early_only_where_a_random_part_is_held_out(small):
    sequences = np.random.default_rng(0).normal(size=(40, 5, 1)).astype(np.float32)
    windows = SequenceWindower(5).fit_transform(sequences.ravel()[:, None])
    hardly = {"epochs": 9, "patience": 2, "learning_rate": 1e-12}
    stops = [(sequences, True), (windows, False), (sequences.reshape(-1, 1), False)]
    for X, expected in stops:
        model = small(5 if X.ndim == 2 else None, **hardly)
        assert (len(model.fit(X).history_["loss"]) < 9) == expected
    assert len(small(validation_fraction=0.0, **hardly).fit(sequences).history_["loss"]) == 9


@pytest.mark.slow
@pytest.mark.usefixtures("plain_steps")
def test_cycles_follow_while_they_pay(small, series, monkeypatch):
    monkeypatch.setattr("skae._training.plan.MAX_CYCLE_EPOCHS", 4)
    length = 4
    hardly = {"epochs": "auto", "learning_rate": 1e-12}
    assert len(small(5, **hardly).fit(series).history_["loss"]) == 2 * length
    learns = small(5, epochs="auto", learning_rate=0.02, callbacks=[watch := Rates()])
    history = learns.fit(series).history_
    assert len(history["loss"]) == 3 * length
    ends = np.array(history["val_loss"][length - 1 :: length])
    assert (ends[1:] < 0.9 * ends[:-1]).all()
    assert watch.rates[:length] == watch.rates[length : 2 * length] == watch.rates[-length:]


@pytest.mark.parametrize(
    "parameters",
    [{"validation_fraction": 0}, {"early_stopping": True}, {"epochs": 4}],
)
def test_one_cycle_is_all_without_a_loss_to_judge_it(small, series, parameters, monkeypatch):
    monkeypatch.setattr("skae._training.plan.MAX_CYCLE_EPOCHS", 4)
    model = small(5, **({"epochs": "auto", "learning_rate": 0.02} | parameters)).fit(series)
    assert len(model.history_["loss"]) == 4


# ------------------------------------------------------------------- thresholds


@pytest.mark.parametrize("spoiled", [slice(0, 0), slice(40, 60), slice(150, 190)])
@pytest.mark.slow
def test_the_automatic_threshold_knows_what_was_held_out_and_trained_on(small, series, spoiled):
    rows = series.copy()
    rows[spoiled] *= 4
    model = small(5, validation_fraction=0.25).fit(rows)
    held_out, training = (-model.score_samples(part) for part in (rows[150:], rows[:150]))
    expected = naive.automatic_limit(held_out, training, *OF_ROWS)
    assert -model.offset_ == pytest.approx(expected, rel=1e-4)
    model.set_params(threshold="sensitive").fit(rows)
    expected = naive.automatic_limit(held_out, training, *OF_SENSITIVE_ROWS)
    assert -model.offset_ == pytest.approx(expected, rel=1e-4)


def test_the_threshold_of_a_set_of_sequences_allows_no_drift(small):
    X = np.random.default_rng(0).lognormal(0, 0.8, (200, 6, 1))
    model = small(validation_fraction=0).fit(X)
    errors = -model.score_samples(X)
    limits = [naive.automatic_limit(errors[:0], errors, 4.0, ratio, 1.75) for ratio in (1, 2)]
    assert -model.offset_ == pytest.approx(limits[0], rel=1e-4)
    assert limits[0] < limits[1]


def test_another_error_takes_effect_in_the_next_fit(small, series):
    model = small(5).fit(series)
    before = model.score_samples(series), model.score_timesteps(series), model.explain(series)
    model.set_params(error="mae")
    after = model.score_samples(series), model.score_timesteps(series), model.explain(series)
    assert all(map(np.array_equal, before, after))
    assert not np.allclose(model.fit(series).score_samples(series), before[0])


def test_three_sigma_is_taken_from_what_was_held_out(small, series):
    model = small(5, threshold="three_sigma", validation_fraction=0.5).fit(series)
    scores = model.score_samples(series[100:])
    assert model.offset_ == pytest.approx(scores.mean() - 3 * scores.std(), rel=1e-4)


@pytest.fixture(scope="module")
def fitted(small, series):
    """Fitted once; tests may change only its threshold."""
    return small(5).fit(series)


@pytest.mark.parametrize("labels", [lambda y: y, lambda y: y.astype(bool), lambda y: 1 - 2 * y])
def test_the_tuned_threshold_is_the_best(fitted, series, labels):
    y = np.zeros(200, int)
    y[60:70] = 1
    spoiled = series + 5 * y[:, None]
    fitted.offset_ = 0.0
    assert fitted.tune_threshold(spoiled, labels(y), beta=0.5) is fitted
    scores = fitted.score_samples(spoiled)
    best = max(naive.fbeta(y, scores <= score, 0.5) for score in scores)
    assert naive.fbeta(y, fitted.predict(spoiled) == -1, 0.5) == pytest.approx(best)


@pytest.mark.parametrize(
    "y, beta, message",
    [
        (np.zeros(200), 1.0, "Got y with 0 outliers"),
        (np.arange(200) < 3, 0.0, "Got beta=0.0, but expected a finite number above 0"),
        (np.arange(200) < 3, np.inf, "Got beta=inf, but expected a finite number above 0"),
        (np.arange(199) < 3, 1.0, "inconsistent numbers of samples"),
    ],
)
def test_a_threshold_that_cannot_be_tuned_stays(fitted, series, y, beta, message):
    before = fitted.offset_
    with pytest.raises(ValueError, match=message):
        fitted.tune_threshold(series, y, beta=beta)
    assert fitted.offset_ == before


# ------------------------------------------------------------------- explanations


@pytest.mark.nightly
@pytest.mark.slow
def test_the_injected_feature_is_to_blame():
    rng = np.random.default_rng(0)
    time = np.arange(600)[:, None]
    rows = np.sin(time / [5, 7, 9, 11]) + rng.normal(size=(600, 4)) * [0.02, 0.1, 0.3, 0.5]
    rows = np.concatenate([rows, np.zeros((600, 1))], axis=1)
    model = LSTMAutoencoder(10, units=8, epochs=5, random_state=0).fit(rows[:500])
    for feature, size in enumerate([1, 1, 2, 3, 0.5]):
        spoiled = rows[500:].copy()
        spoiled[45:55, feature] += size
        assert model.explain(spoiled)[50].argmax() == feature
